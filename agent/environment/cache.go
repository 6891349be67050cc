package environment

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"
)

const (
	aboutFile  = "about.json"
	lockSuffix = ".lock"
	building   = ".build-"
	removing   = ".gone-"
	askAgain   = 100 * time.Millisecond // whether a lock is free
)

// Cache is a directory of environments. Any number of processes may use it at once.
type Cache struct{ dir string }

// Open returns the environments in dir, which it makes if needed: open to everybody
// who knows a name in it, writable for the owner.
func Open(dir string) (Cache, error) {
	err := os.MkdirAll(dir, 0o711)
	if err == nil {
		err = os.Chmod(dir, 0o711) //nolint:gosec // scripts of other users pass through
	}
	if err != nil {
		return Cache{}, ErrUnusable.With("%v", err)
	}
	return Cache{dir}, nil
}

// Hold is an environment that is in use, or about to be built. It ends with
// [Hold.Release] or with the process.
type Hold struct {
	Path  string // of the environment
	Ready bool   // it is whole; otherwise the caller alone may build it now

	cache Cache
	about About
	lock  *os.File
}

// Use returns the environment, when it is whole or nobody else builds it. While
// somebody does, it waits until ctx ends, and calls waiting once if it is not nil.
func (c Cache) Use(ctx context.Context, a About, waiting func()) (*Hold, error) {
	h := &Hold{Path: filepath.Join(c.dir, a.Key()), cache: c, about: a}
	for {
		ready, err := h.try()
		if err != nil {
			return nil, ErrUnusable.With("%v", err)
		}
		if h.lock != nil {
			h.Ready = ready
			return h, nil
		}
		if waiting != nil {
			waiting()
			waiting = nil
		}
		select {
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		case <-time.After(askAgain):
		}
	}
}

// try takes the lock in one way or the other, if that is possible now.
func (h *Hold) try() (ready bool, err error) {
	f, err := lock(h.Path+lockSuffix, unix.LOCK_SH)
	if err != nil || f == nil {
		return false, err
	}
	if exists(h.Path) {
		h.lock = f
		return true, touch(f)
	}
	_ = f.Close()
	f, err = lock(h.Path+lockSuffix, unix.LOCK_EX)
	if err != nil || f == nil {
		return false, err
	}
	if exists(h.Path) { // somebody was faster: share it, next time
		return false, f.Close()
	}
	h.lock = f
	return false, nil
}

// lock takes a lock without waiting: nil when somebody else has it. Lock files are
// removed with what they lock, so one that has lost its name meanwhile counts for
// nothing.
func lock(path string, how int) (*os.File, error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	err = unix.Flock(int(f.Fd()), how|unix.LOCK_NB)
	if errors.Is(err, unix.EWOULDBLOCK) || errors.Is(err, unix.EINTR) {
		return nil, f.Close()
	}
	if err == nil {
		var now, ours os.FileInfo
		if ours, err = f.Stat(); err == nil {
			now, err = os.Stat(path)
		}
		if errors.Is(err, fs.ErrNotExist) || (err == nil && !os.SameFile(now, ours)) {
			return nil, f.Close()
		}
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("lock %s: %w", filepath.Base(path), err), f.Close())
	}
	return f, nil
}

// touch notes that an environment is used now.
func touch(f *os.File) error {
	return unix.Futimes(int(f.Fd()), nil)
}

func exists(path string) bool {
	_, err := os.Lstat(path)
	return err == nil
}

// Site makes an empty directory to build in, for the user with these ids: what is
// named `env` there becomes the environment.
func (h *Hold) Site(uid, gid int) (string, error) {
	dir, err := os.MkdirTemp(h.cache.dir, building+filepath.Base(h.Path)+"-")
	if err == nil && os.Geteuid() == 0 {
		err = os.Chown(dir, uid, gid)
	}
	if err != nil {
		return "", ErrUnusable.With("%v", err)
	}
	return dir, nil
}

// Keep makes what was built in site the environment, lets go of it and goes on as
// [Cache.Use] does. All processes that could write into it must have ended.
func (h *Hold) Keep(ctx context.Context, site string, now time.Time) (*Hold, error) {
	err := h.keep(site, now)
	h.Abandon(site)
	if err != nil {
		return nil, ErrUnusable.With("%v", err)
	}
	return h.cache.Use(ctx, h.about, nil)
}

func (h *Hold) keep(site string, now time.Time) error {
	if err := shut(site); err != nil {
		return err
	}
	built := filepath.Join(site, "env")
	size, err := seal(built, os.Geteuid() == 0)
	if err != nil {
		return fmt.Errorf("close the environment to changes: %w", err)
	}
	about := h.about
	about.Bytes, about.BuiltAt = size, now.UTC()
	text, err := json.Marshal(about)
	if err != nil {
		return err
	}
	// Writable for as long as our own file takes.
	if err := os.Chmod(built, 0o755); err != nil { //nolint:gosec // everybody may read it
		return err
	}
	file := filepath.Join(built, aboutFile)
	if err := os.RemoveAll(file); err != nil {
		return err
	}
	if err := os.WriteFile(file, text, 0o444); err != nil { //nolint:gosec // as above
		return err
	}
	// A directory must be writable to be moved; and on disk before it has its name:
	// after a loss of power, too, what has the name is whole.
	if err := syncTree(built); err != nil {
		return err
	}
	if err := os.Rename(built, h.Path); err != nil {
		return err
	}
	return os.Chmod(h.Path, 0o555) //nolint:gosec // as above
}

// shut makes the site ours, so that nobody else replaces anything in it from now on.
func shut(site string) error {
	if os.Geteuid() != 0 {
		return nil
	}
	return errors.Join(os.Chmod(site, 0o700), os.Chown(site, 0, 0)) //nolint:gosec // a directory
}

// Abandon removes what is in site, and lets go of the environment.
func (h *Hold) Abandon(site string) {
	_ = removeAll(site) // what is left is cleaned away later
	h.Release()
}

// Release lets go of the environment.
func (h *Hold) Release() {
	if h.lock != nil {
		_ = h.lock.Close()
		h.lock = nil
	}
}

// syncTree puts a directory's file system on disk.
func syncTree(dir string) error {
	f, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(unix.Syncfs(int(f.Fd())), f.Close())
}
