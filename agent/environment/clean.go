package environment

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// Bounds are how much is kept.
type Bounds struct {
	Bytes int64         // of all environments together
	Age   time.Duration // since an environment was used last
}

// Usage is what is kept.
type Usage struct {
	Environments int
	Bytes        int64
}

// kept is an environment on disk.
type kept struct {
	key   string
	bytes int64
	used  time.Time
}

// Usage says what is there.
func (c Cache) Usage() (Usage, error) {
	var u Usage
	all, _, err := c.list()
	for _, k := range all {
		u.Environments++
		u.Bytes += k.bytes
	}
	return u, err
}

// Clean removes what killed runners have left, and environments that nobody uses: all
// that are too old, and those that were not used for longest while together they are
// too large. It returns how many environments it has removed.
func (c Cache) Clean(now time.Time, b Bounds) (removed int, err error) {
	all, rest, err := c.list()
	if err != nil {
		return 0, err
	}
	var errs []error
	for _, name := range rest {
		errs = append(errs, c.tidy(name))
	}
	slices.SortFunc(all, func(a, b kept) int { return a.used.Compare(b.used) })
	var total int64
	for _, k := range all {
		total += k.bytes
	}
	for _, k := range all {
		if now.Sub(k.used) <= b.Age && total <= b.Bytes {
			continue
		}
		gone, err := c.remove(k.key)
		if errs = append(errs, err); gone {
			total -= k.bytes
			removed++
		}
	}
	return removed, errors.Join(errs...)
}

// list returns the environments, and the names of everything else.
func (c Cache) list() (all []kept, rest []string, err error) {
	entries, err := os.ReadDir(c.dir)
	if err != nil {
		return nil, nil, ErrUnusable.With("%v", err)
	}
	for _, e := range entries {
		name := e.Name()
		if strings.HasPrefix(name, ".") || strings.HasSuffix(name, lockSuffix) {
			rest = append(rest, name)
			continue
		}
		k := kept{key: name}
		var about About
		text, err := os.ReadFile(filepath.Join(c.dir, name, aboutFile))
		if err == nil && json.Unmarshal(text, &about) == nil {
			k.bytes, k.used = about.Bytes, about.BuiltAt
		}
		if info, err := os.Stat(filepath.Join(c.dir, name+lockSuffix)); err == nil {
			k.used = info.ModTime()
		}
		all = append(all, k)
	}
	return all, rest, nil
}

// remove removes an environment that nobody uses.
func (c Cache) remove(key string) (bool, error) {
	path := filepath.Join(c.dir, key)
	f, err := lock(path+lockSuffix, unix.LOCK_EX)
	if err != nil || f == nil {
		return false, err
	}
	defer func() { _ = f.Close() }()
	gone, err := os.MkdirTemp(c.dir, removing+key+"-")
	if err != nil {
		return false, err
	}
	if err := os.Chmod(path, 0o755); err != nil { //nolint:gosec // must be writable to be moved
		return false, err
	}
	if err := os.Rename(path, filepath.Join(gone, key)); err != nil {
		return false, err
	}
	return true, errors.Join(removeAll(gone), os.Remove(path+lockSuffix))
}

// tidy removes what is not an environment and belongs to none that is being built.
func (c Cache) tidy(name string) error {
	key, _, _ := strings.Cut(strings.TrimPrefix(name, building), "-")
	switch {
	case strings.HasPrefix(name, removing):
		return removeAll(filepath.Join(c.dir, name))
	case strings.HasPrefix(name, building):
	case strings.HasSuffix(name, lockSuffix):
		if key = strings.TrimSuffix(name, lockSuffix); exists(filepath.Join(c.dir, key)) {
			return nil
		}
	default:
		return nil
	}
	path := filepath.Join(c.dir, key)
	f, err := lock(path+lockSuffix, unix.LOCK_EX)
	if err != nil || f == nil {
		return err
	}
	defer func() { _ = f.Close() }()
	if strings.HasPrefix(name, building) {
		err = removeAll(filepath.Join(c.dir, name))
	}
	if !exists(path) {
		err = errors.Join(err, os.Remove(path+lockSuffix))
	}
	return err
}
