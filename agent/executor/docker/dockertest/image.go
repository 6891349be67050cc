package dockertest

import (
	"archive/tar"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// programs are what the test image has besides the three interpreters.
var programs = []string{"bash", "python3", "node", "base64", "cat", "cut", "dd", "env", "grep", "head", "id", "ls", "mkdir", "ps", "rm", "seq", "setsid",
	"sh", "sleep", "stat", "tail", "touch", "tr", "wc", "yes"}

// writeRootFS writes a root file system of the host's own files, as a tar archive:
// there is no registry to pull from. Debian's own python3 is taken, whose library
// is in one place.
func writeRootFS(w io.Writer) error {
	return writeFiles(w, programs, []string{"/usr/lib/python3", "/usr/lib/python3.11", "/usr/lib/python3.12", "/usr/lib/python3.13"})
}

// writeSmallRootFS is the same with bash alone, in a tenth of the time.
func writeSmallRootFS(w io.Writer) error {
	return writeFiles(w, []string{"bash", "cat", "head", "id", "ls", "sleep", "touch"}, nil)
}

func writeFiles(w io.Writer, programs, trees []string) error {
	tw := tar.NewWriter(w)
	r := rootFS{tw: tw, seen: map[string]bool{}}
	for _, name := range programs {
		if err := r.program(name); err != nil {
			return err
		}
	}
	for _, dir := range trees {
		if err := r.tree(dir); err != nil {
			return err
		}
	}
	for name, body := range map[string]string{
		"etc/passwd": "root:x:0:0::/root:/bin/bash\nnonroot:x:65532:65532::/tmp:/bin/bash\n", "etc/group": "root:x:0:\nnonroot:x:65532:\n",
	} {
		if err := r.text(name, body); err != nil {
			return err
		}
	}
	return tw.Close()
}

type rootFS struct {
	tw   *tar.Writer
	seen map[string]bool
}

func (r *rootFS) program(name string) error {
	path, err := exec.LookPath(filepath.Join("/usr/bin", name))
	if err != nil {
		if path, err = exec.LookPath(name); err != nil {
			return fmt.Errorf("the test image needs %s: %w", name, err)
		}
	}
	real, err := filepath.EvalSymlinks(path)
	if err != nil {
		return err
	}
	if err := r.file(real, "usr/bin/"+name); err != nil {
		return err
	}
	if name == "sh" || name == "bash" {
		if err := r.file(real, "bin/"+name); err != nil {
			return err
		}
	}
	out, err := exec.Command("ldd", real).Output() //nolint:noctx // as short as the test's start
	if err != nil {
		return nil //nolint:nilerr // a static program
	}
	for line := range strings.Lines(string(out)) {
		for _, word := range strings.Fields(line) {
			if strings.HasPrefix(word, "/") {
				if err := r.file(word, strings.TrimPrefix(word, "/")); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// file adds one file of the host under a name, following links.
func (r *rootFS) file(path, name string) error {
	if r.seen[name] {
		return nil
	}
	r.seen[name] = true
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }()
	info, err := f.Stat()
	if err != nil {
		return err
	}
	if err := r.tw.WriteHeader(&tar.Header{Name: name, Mode: int64(info.Mode().Perm()), Size: info.Size(), Typeflag: tar.TypeReg}); err != nil {
		return err
	}
	_, err = io.CopyN(r.tw, f, info.Size())
	return err
}

// tree adds a directory of Python's, without what no test needs.
func (r *rootFS) tree(dir string) error {
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		switch {
		case errors.Is(err, fs.ErrNotExist):
			return nil
		case err != nil:
			return err
		case d.IsDir() && strings.Contains(" __pycache__ test idlelib lib2to3 ensurepip dist-packages config-3.11-x86_64-linux-gnu ", " "+d.Name()+" "):
			return fs.SkipDir
		case d.Type().IsRegular():
			return r.file(path, strings.TrimPrefix(path, "/"))
		}
		return nil
	})
	return err
}

func (r *rootFS) text(name, body string) error {
	if err := r.tw.WriteHeader(&tar.Header{Name: name, Mode: 0o644, Size: int64(len(body)), Typeflag: tar.TypeReg}); err != nil {
		return err
	}
	_, err := io.WriteString(r.tw, body)
	return err
}
