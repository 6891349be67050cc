package journal

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// writeFile creates path with data, on disk before it returns.
func writeFile(path string, flag int, data []byte) error {
	f, err := os.OpenFile(path, flag|os.O_WRONLY|os.O_CREATE, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	if err == nil {
		err = f.Sync()
	}
	return errors.Join(err, f.Close())
}

// createOnce makes path appear with data, whole, if it does not exist: exactly
// one of several callers succeeds, the others get fs.ErrExist.
func createOnce(path string, data []byte) error {
	tmp := fmt.Sprintf("%s.%d", path, os.Getpid())
	if err := writeFile(tmp, os.O_TRUNC, data); err != nil {
		return errors.Join(err, removeIfThere(tmp))
	}
	err := os.Link(tmp, path)
	if errors.Is(err, unix.EPERM) || errors.Is(err, unix.ENOTSUP) {
		err = writeFile(path, os.O_EXCL, data) // a file system without links
	}
	return errors.Join(err, removeIfThere(tmp), syncDir(filepath.Dir(path)))
}

// replace makes path hold data, whole.
func replace(path string, data []byte) error {
	tmp := path + ".tmp"
	if err := writeFile(tmp, os.O_TRUNC, data); err != nil {
		return err
	}
	if err := os.Rename(tmp, path); err != nil {
		return err
	}
	return syncDir(filepath.Dir(path))
}

func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

func removeIfThere(path string) error {
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}
