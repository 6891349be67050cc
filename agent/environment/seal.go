package environment

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

const (
	maxEntries = 500_000 // files and directories of an environment
	maxDepth   = 128     // of directories in each other
	listAtOnce = 256
)

// seal makes a tree readable for everybody and writable for nobody; with own it
// becomes ours, too. It follows no links, keeps only files, directories and links,
// and returns what they take on disk. Whoever owned the tree may still have files in
// it open: that is why all of its processes must have ended.
func seal(dir string, own bool) (int64, error) {
	fd, err := unix.Open(dir, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
	if err != nil {
		return 0, err
	}
	s := sealing{own: own}
	err = s.directory(fd, 0)
	return s.bytes, err
}

type sealing struct {
	own     bool
	entries int
	bytes   int64
}

// directory closes fd. It is taken first, so that nothing in it is replaced while we
// look.
func (s *sealing) directory(fd, depth int) error {
	f := os.NewFile(uintptr(fd), "")
	defer func() { _ = f.Close() }()
	if depth > maxDepth {
		return fmt.Errorf("directories are more than %d deep", maxDepth)
	}
	if err := s.take(fd, 0o755); err != nil {
		return err
	}
	for {
		names, err := f.Readdirnames(listAtOnce)
		for _, name := range names {
			if err := s.entry(fd, name, depth); err != nil {
				return err
			}
		}
		if errors.Is(err, io.EOF) {
			return unix.Fchmod(fd, 0o555)
		}
		if err != nil {
			return err
		}
	}
}

func (s *sealing) entry(dir int, name string, depth int) error {
	var st unix.Stat_t
	if err := unix.Fstatat(dir, name, &st, unix.AT_SYMLINK_NOFOLLOW); err != nil {
		return err
	}
	if s.entries++; s.entries > maxEntries {
		return fmt.Errorf("there are more than %d files", maxEntries)
	}
	s.bytes += st.Blocks * 512
	switch st.Mode & unix.S_IFMT {
	case unix.S_IFLNK:
		if !s.own {
			return nil
		}
		return unix.Fchownat(dir, name, os.Geteuid(), os.Getegid(), unix.AT_SYMLINK_NOFOLLOW)
	case unix.S_IFREG, unix.S_IFDIR:
	default:
		return unix.Unlinkat(dir, name, 0)
	}
	fd, err := unix.Openat(dir, name, unix.O_RDONLY|unix.O_NOFOLLOW|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
	if err != nil {
		return err
	}
	if st.Mode&unix.S_IFMT == unix.S_IFDIR {
		return s.directory(fd, depth+1)
	}
	mode := uint32(0o444)
	if st.Mode&0o111 != 0 {
		mode = 0o555
	}
	return errors.Join(s.take(fd, mode), unix.Close(fd))
}

// take makes a file ours first, so that nobody else can change its mode afterwards;
// that also takes away what would give its rights to others.
func (s *sealing) take(fd int, mode uint32) error {
	if s.own {
		if err := unix.Fchown(fd, os.Geteuid(), os.Getegid()); err != nil {
			return err
		}
	}
	return unix.Fchmod(fd, mode)
}

// removeAll removes a tree whose directories nobody may write to.
func removeAll(dir string) error {
	if err := os.RemoveAll(dir); err == nil || os.Geteuid() == 0 {
		return err // nothing is closed to root, and others may play with what is theirs
	}
	_ = filepath.WalkDir(dir, func(path string, d fs.DirEntry, _ error) error {
		if d != nil && d.IsDir() {
			_ = os.Chmod(path, 0o700) //nolint:gosec // ours, about to be removed
		}
		return nil
	})
	return os.RemoveAll(dir)
}
