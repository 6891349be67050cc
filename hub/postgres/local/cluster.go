package local

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
)

const role = "cronium" // the one role and the one database

// clusterMajor returns the major version that made the cluster, 0 without one.
func clusterMajor(data string) (int, error) {
	text, err := os.ReadFile(filepath.Join(data, "PG_VERSION"))
	if errors.Is(err, fs.ErrNotExist) {
		return 0, nil
	}
	if err != nil {
		return 0, ErrDirectory.With("%v", err)
	}
	major, err := strconv.Atoi(strings.TrimSpace(string(text)))
	if err != nil {
		return 0, ErrVersion.With("%s says version %q", data, bytes.TrimSpace(text))
	}
	return major, nil
}

// makeCluster runs initdb beside the final place and renames the result, so that
// it is either whole or absent. The caller holds the lock.
func (s *Server) makeCluster(ctx context.Context) error {
	tmp := s.data + ".tmp"
	if err := os.RemoveAll(tmp); err != nil {
		return ErrDirectory.With("%v", err)
	}
	if err := s.account.makeDir(tmp); err != nil {
		return err
	}
	cmd := exec.CommandContext(ctx, filepath.Join(s.binaries.Dir, "initdb"), "-D", tmp, "-U", role,
		"--auth-local=peer", "--auth-host=reject", "-E", "UTF8", "--locale=C.UTF-8", "--data-checksums", "--no-instructions")
	cmd.SysProcAttr, cmd.Env, cmd.Dir = s.account.Process(), childEnv(), "/"
	cmd.SysProcAttr.Pdeathsig = syscall.SIGTERM
	if out, err := onOwnThread(cmd.CombinedOutput); err != nil {
		return ErrInit.With("initdb: %v: %s", err, lastLines(string(out), 5))
	}
	if err := s.writeAccess(tmp); err != nil {
		return ErrInit.With("%v", err)
	}
	if err := os.Rename(tmp, s.data); err != nil {
		return ErrInit.With("%v", err)
	}
	return syncDir(s.dir)
}

// writeAccess lets in exactly our own system user, as the one role.
func (s *Server) writeAccess(data string) error {
	me, err := user.Current()
	if err != nil {
		return fmt.Errorf("who am I: %w", err)
	}
	files := map[string]string{
		"pg_hba.conf":   fmt.Sprintf("local all %s peer map=hub\n", role),
		"pg_ident.conf": fmt.Sprintf("hub %q %s\n", me.Username, role),
	}
	for name, text := range files {
		path := filepath.Join(data, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			return err
		}
		if err := s.account.Own(path); err != nil {
			return err
		}
	}
	return nil
}

// makeDir makes a directory that only the account may enter.
func (a Account) makeDir(path string) error {
	if err := os.Mkdir(path, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
		return ErrDirectory.With("%v", err)
	}
	info, err := os.Lstat(path)
	if err != nil {
		return ErrDirectory.With("%v", err)
	}
	owner, ok := info.Sys().(*syscall.Stat_t)
	if !info.IsDir() || !ok || (int(owner.Uid) != os.Geteuid() && int(owner.Uid) != a.UID) {
		return ErrDirectory.With("%s exists and is not a directory of ours", path)
	}
	if err := a.Own(path); err != nil {
		return ErrDirectory.With("%v", err)
	}
	if err := os.Chmod(path, 0o700); err != nil {
		return ErrDirectory.With("%v", err)
	}
	return nil
}

// makeRoot makes dir and its missing parents so that the account can walk through.
func makeRoot(dir string) error {
	if _, err := os.Stat(dir); err == nil {
		return nil
	}
	if parent := filepath.Dir(dir); parent != dir {
		if err := makeRoot(parent); err != nil {
			return err
		}
	}
	if err := os.Mkdir(dir, 0o711); err != nil && !errors.Is(err, fs.ErrExist) {
		return ErrDirectory.With("%v", err)
	}
	if err := os.Chmod(dir, 0o711); err != nil { // whatever the umask took away
		return ErrDirectory.With("%v", err)
	}
	return nil
}

// reachable tries whether the account can walk into dir, by doing it.
func (s *Server) reachable(ctx context.Context, dir string) error {
	cmd := exec.CommandContext(ctx, filepath.Join(s.binaries.Dir, "postgres"), "--version")
	cmd.SysProcAttr, cmd.Env, cmd.Dir = s.account.Process(), childEnv(), dir
	if err := cmd.Run(); err != nil {
		return ErrDirectory.With("the user %s, who runs PostgreSQL for a root hub, cannot enter %s: %v", s.account.Name, dir, err)
	}
	return nil
}

func childEnv() []string {
	return []string{"PATH=/usr/local/bin:/usr/bin:/bin", "LC_ALL=C.UTF-8", "TZ=UTC"}
}

func lastLines(text string, n int) string {
	lines := strings.Split(strings.TrimSpace(text), "\n")
	return strings.Join(lines[max(0, len(lines)-n):], " / ")
}

func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return ErrDirectory.With("%v", err)
	}
	defer d.Close()
	if err := d.Sync(); err != nil {
		return ErrDirectory.With("%v", err)
	}
	return nil
}
