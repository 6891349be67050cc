package resident

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/cronium/cronium/agent/boot"
	"github.com/cronium/cronium/agent/journal"
)

// BinaryPrefix is how the names of uploaded runners begin. They lie in the
// directory above an agent's.
const BinaryPrefix = "cronium-runner-"

// unused is how long nobody may have begun to use a binary before it counts as old.
const unused = time.Hour

// home is the directory of one agent on this host. Whoever uses it holds a shared
// lock on it; whoever makes or removes it holds a lock on the directory above.
type home struct {
	dir     string
	lock    *os.File
	journal *journal.Journal
}

// enter makes the directory if needed.
func enter(dir string) (*home, error) {
	base, err := lockDir(filepath.Dir(dir), unix.LOCK_EX)
	if err != nil {
		return nil, err
	}
	defer func() { _ = base.Close() }()
	j, err := journal.Open(dir, journal.Config{Reserve: 1}) // runners keep the space of their results themselves
	if err != nil {
		return nil, err
	}
	lock, err := lockDir(dir, unix.LOCK_SH)
	if err != nil {
		return nil, err
	}
	h := &home{dir: dir, lock: lock, journal: j}
	return h, h.clear()
}

// leave removes the directory if nobody needs it, and old binaries.
func (h *home) leave(own string, now time.Time) error {
	defer func() { _ = h.lock.Close() }()
	base, err := lockDir(filepath.Dir(h.dir), unix.LOCK_EX)
	if err != nil {
		return err
	}
	defer func() { _ = base.Close() }()
	err = h.clear()
	if unix.Flock(int(h.lock.Fd()), unix.LOCK_EX|unix.LOCK_NB) == nil && len(attempts(h.dir)) == 0 {
		err = errors.Join(err, os.RemoveAll(h.dir))
	}
	return errors.Join(err, removeOld(base.Name(), own, now))
}

// removeOld removes the binaries that nobody has begun to use for a while, once no
// attempt of anybody is left that might.
func removeOld(base, own string, now time.Time) error {
	homes, err := os.ReadDir(base)
	if err != nil {
		return err
	}
	var old []string
	for _, d := range homes {
		path := filepath.Join(base, d.Name())
		switch info, err := d.Info(); {
		case err != nil || path == own:
		case d.IsDir() && len(attempts(path)) > 0:
			return nil
		case strings.HasPrefix(d.Name(), BinaryPrefix) && now.Sub(info.ModTime()) > unused:
			old = append(old, path)
		}
	}
	for _, path := range old {
		err = errors.Join(err, os.Remove(path))
	}
	return err
}

// mourning is how long it is remembered that an attempt never starts. An order to
// start it may still be on its way, in a connection that was given up.
const mourning = 10 * time.Minute

// clear removes what is not remembered any more.
func (h *home) clear() error {
	var err error
	for _, e := range h.entries() {
		if neverRuns(e, mourning) {
			err = errors.Join(err, e.Remove())
		}
	}
	return err
}

// neverRuns reports whether an attempt was abandoned, and that long ago.
func neverRuns(e *journal.Entry, ago time.Duration) bool {
	s, ok, err := e.Started()
	if err != nil || !ok || !s.Abandoned {
		return false
	}
	age := boot.Now() - s.At
	return age >= ago || age < 0 // in an earlier boot
}

// ended reports whether an attempt has a result, or what should be one.
func ended(e *journal.Entry) bool {
	_, _, over, err := e.Exit()
	return over || err != nil
}

// entries are the attempts that are whole: not being made, or removed.
func (h *home) entries() []*journal.Entry {
	var list []*journal.Entry
	for _, name := range attempts(h.dir) {
		if e, err := journal.OpenEntry(filepath.Join(h.dir, "runs", name)); err == nil {
			list = append(list, e)
		}
	}
	return list
}

// attempts are the names of the attempts in the home dir.
func attempts(dir string) []string {
	list, _ := os.ReadDir(filepath.Join(dir, "runs"))
	var names []string
	for _, d := range list {
		if !strings.HasPrefix(d.Name(), ".") { // what could not be removed at once
			names = append(names, d.Name())
		}
	}
	return names
}

func (h *home) path(ref journal.Ref) string { return filepath.Join(h.dir, "runs", ref.String()) }

// errElsewhere means that there is another fence's attempt under the same name.
var errElsewhere = errors.New("the attempt is here with another fence")

// entry returns an attempt that is here; fs.ErrNotExist if it is not.
func (h *home) entry(ref journal.Ref) (*journal.Entry, error) {
	if _, err := os.Stat(h.path(ref)); err != nil {
		return nil, err
	}
	e, err := journal.OpenEntry(h.path(ref))
	if err == nil && e.Ref != ref {
		return nil, fmt.Errorf("%w: %d, not %d", errElsewhere, e.Ref.Fence, ref.Fence)
	}
	return e, err
}

// take returns the entry of an attempt, and whether it was made just now.
func (h *home) take(ref journal.Ref, kind string, spec []byte) (e *journal.Entry, fresh bool, err error) {
	lock, err := lockDir(filepath.Join(h.dir, "runs"), unix.LOCK_EX)
	if err != nil {
		return nil, false, err
	}
	defer func() { _ = lock.Close() }()
	intent := journal.Intent{Ref: ref, Kind: kind}
	e, err = h.journal.Create(intent, spec)
	if !errors.Is(err, journal.ErrExists) {
		return e, err == nil, err
	}
	if _, err := os.Stat(filepath.Join(h.path(ref), "intent")); errors.Is(err, fs.ErrNotExist) {
		// Somebody died in the middle of this. Nothing is launched without an intent.
		if err := os.RemoveAll(h.path(ref)); err != nil {
			return nil, false, err
		}
		e, err = h.journal.Create(intent, spec)
		return e, err == nil, err
	}
	e, err = h.entry(ref)
	return e, false, err
}

// lockDir opens a directory and locks it until the file is closed.
func lockDir(dir string, how int) (*os.File, error) {
	f, err := os.Open(dir)
	if err != nil {
		return nil, err
	}
	for {
		err = unix.Flock(int(f.Fd()), how)
		if !errors.Is(err, unix.EINTR) {
			break
		}
	}
	if err != nil {
		_ = f.Close()
		return nil, fmt.Errorf("lock %s: %w", dir, err)
	}
	return f, nil
}
