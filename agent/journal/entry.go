package journal

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// Entry is the directory of one attempt.
type Entry struct {
	Ref Ref
	Dir string

	journal *Journal // nil in a runner
}

// OpenEntry returns the entry in dir, for a runner.
func OpenEntry(dir string) (*Entry, error) {
	e := &Entry{Dir: dir}
	intent, ok, err := e.Intent()
	if err != nil {
		return nil, err
	}
	if !ok {
		return nil, fmt.Errorf("%s has no intent", dir)
	}
	e.Ref = intent.Ref
	return e, nil
}

// Path is the path of a file in the directory.
func (e *Entry) Path(name string) string { return filepath.Join(e.Dir, name) }

// Work is the script's workspace.
func (e *Entry) Work() string { return e.Path("work") }

// Spec returns the payload.
func (e *Entry) Spec() ([]byte, error) { return readFile(e.Path("spec.bin")) }

// Intent returns the intent, if it was written.
func (e *Entry) Intent() (Intent, bool, error) { return read[Intent](e.Path("intent")) }

// Started returns who has claimed the attempt, if anybody has.
func (e *Entry) Started() (Started, bool, error) { return read[Started](e.Path("started")) }

// Exit returns the result and its bytes, if it is there.
func (e *Entry) Exit() (Exit, []byte, bool, error) {
	raw, err := readFile(e.Path("exit"))
	if errors.Is(err, fs.ErrNotExist) {
		return Exit{}, nil, false, nil
	}
	var exit Exit
	if err == nil {
		err = json.Unmarshal(raw, &exit)
	}
	return exit, raw, err == nil, err
}

// Claim decides that the attempt starts, or, with Abandoned, that it never does.
// It returns [ErrClaimed] if that was decided before.
func (e *Entry) Claim(s Started) error {
	b, err := json.Marshal(s)
	if err != nil {
		return err
	}
	err = e.retry(func() error { return createOnce(e.Path("started"), b) })
	if errors.Is(err, fs.ErrExist) {
		return ErrClaimed
	}
	return err
}

// ReserveExit takes the space of the result before a script can take it.
func (e *Entry) ReserveExit() error {
	f, err := os.OpenFile(e.Path("exit.tmp"), os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	err = unix.Fallocate(int(f.Fd()), 0, 0, maxRecord)
	if errors.Is(err, unix.ENOTSUP) {
		err = nil
	}
	return errors.Join(err, f.Close())
}

// Finish writes the result, into the reserved space if there is some. From then on
// it can be delivered; see [Entry.Sync].
func (e *Entry) Finish(exit Exit) error {
	b, err := encodeExit(exit)
	if err != nil {
		return err
	}
	return e.retry(func() error {
		if err := writeFile(e.Path("exit.tmp"), 0, b); err != nil {
			return err
		}
		if err := os.Truncate(e.Path("exit.tmp"), int64(len(b))); err != nil {
			return err
		}
		return os.Rename(e.Path("exit.tmp"), e.Path("exit"))
	})
}

// Sync puts what is in the directory on disk, the log excepted. Whoever runs the
// attempt calls it soon after [Entry.Claim] and after [Entry.Finish]; nobody has
// to wait for it. Files that are gone are none of its business.
func (e *Entry) Sync() error {
	for _, name := range []string{"spec.bin", "intent", "launch", "started", "exit", "."} {
		if err := syncPath(e.Path(name)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return nil
}

// Delivered notes that the hub has the result.
func (e *Entry) Delivered() error {
	return e.retry(func() error { return writeFile(e.Path("delivered"), 0, nil) })
}

// WasDelivered reports whether [Entry.Delivered] was called.
func (e *Entry) WasDelivered() bool {
	_, err := os.Stat(e.Path("delivered"))
	return err == nil
}

// Remove removes the directory. What cannot be removed at once is hidden from
// recovery first, and tried again when the journal is opened.
func (e *Entry) Remove() error {
	gone := hidden(e.Dir)
	if err := os.Rename(e.Dir, gone); err != nil {
		return err
	}
	return removeAll(gone)
}

// removeAll removes a tree in which a script may have taken away permissions.
func removeAll(dir string) error {
	if os.RemoveAll(dir) == nil {
		return nil
	}
	_ = filepath.WalkDir(dir, func(path string, d fs.DirEntry, _ error) error {
		if d != nil && d.IsDir() {
			_ = os.Chmod(path, 0o700) //nolint:gosec // ours, about to be removed
		}
		return nil
	})
	return os.RemoveAll(dir)
}

// retry is [Journal.retry], for an agent; a runner has no reserve to spend.
func (e *Entry) retry(write func() error) error {
	if e.journal == nil {
		return write()
	}
	return e.journal.retry(write)
}

func read[T any](path string) (T, bool, error) {
	var v T
	b, err := readFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return v, false, nil
	}
	if err == nil {
		err = json.Unmarshal(b, &v)
	}
	if err != nil {
		return v, false, fmt.Errorf("read %s: %w", path, err)
	}
	return v, true, nil
}
