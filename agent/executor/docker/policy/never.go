package policy

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// never is what no container sees of the host, whatever a policy says. Each name
// counts for what is in it and for what has it in it; a runtime's directory may
// not exist yet.
var never = []string{
	"/proc", "/sys", "/dev", "/etc", "/root", "/boot",
	"/run/docker.sock", "/var/run/docker.sock", "/run/docker", "/run/containerd", "/run/podman", "/run/crio", "/run/k3s", "/run/systemd", "/run/dbus",
	"/var/lib/docker", "/var/lib/containerd", "/var/lib/containers", "/var/lib/kubelet", "/var/lib/rancher",
}

// Forbid keeps further paths of the host from containers. It returns [ErrInvalid]
// if the policy has a mount of one.
func (p *Policy) Forbid(paths ...string) error {
	for _, path := range paths {
		abs, err := filepath.Abs(path)
		if err != nil {
			return ErrInvalid.With("%v", err)
		}
		p.never = append(p.never, abs)
	}
	for name, m := range p.mounts {
		if _, err := p.resolve(m.Source); err != nil {
			return ErrInvalid.With("%s: mounts.%s.source: %v", p.path, name, err)
		}
	}
	return nil
}

// resolve follows symbolic links to where a mount's source really is.
func (p *Policy) resolve(source string) (string, error) {
	real, err := filepath.EvalSymlinks(source)
	if err != nil {
		return "", err
	}
	info, err := os.Lstat(real)
	if err != nil {
		return "", err
	}
	if !info.IsDir() && !info.Mode().IsRegular() {
		return "", fmt.Errorf("%s is neither a directory nor a file", real)
	}
	for _, path := range append(never[:len(never):len(never)], p.never...) {
		for _, at := range []string{path, realPath(path)} {
			if within(real, at) || within(at, real) {
				return "", fmt.Errorf("%s may not be mounted, because of %s", real, path)
			}
		}
	}
	if socket, err := engineSocket(real, info); err != nil || socket != "" {
		if err != nil {
			return "", err
		}
		return "", fmt.Errorf("%s may not be mounted, because of %s", real, socket)
	}
	return real, nil
}

// realPath follows symbolic links as far as there is something.
func realPath(path string) string {
	for rest := ""; ; {
		if real, err := filepath.EvalSymlinks(path); err == nil {
			return filepath.Join(real, rest)
		}
		if path == "/" || path == "." {
			return filepath.Join(path, rest)
		}
		path, rest = filepath.Dir(path), filepath.Join(filepath.Base(path), rest)
	}
}

// within reports whether path is root or in it.
func within(path, root string) bool {
	return path == root || root == "/" || strings.HasPrefix(path, root+"/")
}

// engineSocket finds the socket of an engine directly in a directory, wherever the
// operator has put it.
func engineSocket(dir string, info fs.FileInfo) (string, error) {
	if !info.IsDir() {
		return "", nil
	}
	for _, name := range []string{"docker.sock", "containerd.sock", "podman.sock", "crio.sock", "dockershim.sock"} {
		path := filepath.Join(dir, name)
		_, err := os.Stat(path)
		switch {
		case err == nil:
			return path, nil
		case !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, fs.ErrPermission):
			return "", err
		}
	}
	return "", nil
}
