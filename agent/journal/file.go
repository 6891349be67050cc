package journal

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"golang.org/x/sys/unix"
)

// writeFile creates path with data, in the page cache. It goes around package os,
// which would offer every file to the poller first.
func writeFile(path string, flag int, data []byte) error {
	fd, err := unix.Open(path, flag|unix.O_WRONLY|unix.O_CREAT|unix.O_CLOEXEC, 0o600)
	if err != nil {
		return &fs.PathError{Op: "open", Path: path, Err: err}
	}
	for len(data) > 0 && err == nil {
		var n int
		n, err = unix.Write(fd, data)
		data = data[max(n, 0):]
		if errors.Is(err, unix.EINTR) {
			err = nil
		}
	}
	if err != nil {
		err = &fs.PathError{Op: "write", Path: path, Err: err}
	}
	return errors.Join(err, unix.Close(fd))
}

// syncPath puts a file or directory on disk.
func syncPath(path string) error {
	fd, err := unix.Open(path, unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return &fs.PathError{Op: "open", Path: path, Err: err}
	}
	return errors.Join(unix.Fsync(fd), unix.Close(fd))
}

// createOnce makes path appear with data, whole, if it does not exist: exactly
// one of several callers succeeds, the others get fs.ErrExist.
func createOnce(path string, data []byte) error {
	tmp := fmt.Sprintf("%s.%d", path, os.Getpid())
	if err := writeFile(tmp, unix.O_TRUNC, data); err != nil {
		return errors.Join(err, removeIfThere(tmp))
	}
	err := os.Link(tmp, path)
	if errors.Is(err, unix.EPERM) || errors.Is(err, unix.ENOTSUP) {
		err = writeFile(path, unix.O_EXCL, data) // a file system without links
	}
	return errors.Join(err, removeIfThere(tmp))
}

// replace makes path hold data, whole and on disk.
func replace(path string, data []byte) error {
	tmp := path + ".tmp"
	if err := writeFile(tmp, unix.O_TRUNC, data); err != nil {
		return err
	}
	if err := syncPath(tmp); err != nil {
		return err
	}
	if err := os.Rename(tmp, path); err != nil {
		return err
	}
	return syncPath(filepath.Dir(path))
}

func removeIfThere(path string) error {
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// readFile is os.ReadFile without the poller.
func readFile(path string) ([]byte, error) {
	fd, err := unix.Open(path, unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, &fs.PathError{Op: "open", Path: path, Err: err}
	}
	defer func() { _ = unix.Close(fd) }()
	b := make([]byte, 0, 1024)
	for {
		n, err := unix.Read(fd, b[len(b):cap(b)])
		switch {
		case errors.Is(err, unix.EINTR):
		case err != nil:
			return nil, &fs.PathError{Op: "read", Path: path, Err: err}
		case n == 0:
			return b, nil
		default:
			b = slices.Grow(b[:len(b)+n], 512)
		}
	}
}
