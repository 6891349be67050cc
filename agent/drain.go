package agent

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

const (
	drainFile = "drain.json"
	drainPoll = time.Second
)

// drainWord is what drain.json holds: whether this host takes new attempts, and
// whether the hub has yet to hear that it was decided here.
type drainWord struct {
	Draining bool `json:"draining"`
	Untold   bool `json:"untold"`
}

// changeDrain replaces the word in a data directory by what change makes of it.
// Several processes may do this at once.
func changeDrain(dir string, change func(drainWord) drainWord) (drainWord, error) {
	d, err := os.Open(dir)
	if err != nil {
		return drainWord{}, ErrDataDir.With("%v", err)
	}
	defer func() { _ = d.Close() }()
	if err := unix.Flock(int(d.Fd()), unix.LOCK_EX); err != nil {
		return drainWord{}, ErrDataDir.With("lock %s: %v", dir, err)
	}
	before, err := readDrain(dir)
	if err != nil {
		return before, err
	}
	after := change(before)
	if after == before {
		return after, nil
	}
	text, err := json.Marshal(after)
	if err != nil {
		return before, fmt.Errorf("encode %s: %w", drainFile, err)
	}
	// Readable for an agent that is not root when root has written it.
	path := filepath.Join(dir, drainFile)
	if err := os.WriteFile(path+".tmp", append(text, '\n'), 0o644); err != nil { //nolint:gosec // no secret
		return before, ErrDataDir.With("%v", err)
	}
	if err := os.Rename(path+".tmp", path); err != nil {
		return before, ErrDataDir.With("%v", err)
	}
	return after, nil
}

func readDrain(dir string) (drainWord, error) {
	text, err := os.ReadFile(filepath.Join(dir, drainFile))
	if errors.Is(err, fs.ErrNotExist) {
		return drainWord{}, nil
	}
	var w drainWord
	if err == nil {
		err = json.Unmarshal(text, &w)
	}
	if err != nil {
		return w, ErrDataDir.With("%s: %v", drainFile, err).Hinted("Remove the file; then the agent takes work.")
	}
	return w, nil
}

// SetDraining decides whether the agent of a data directory takes new attempts. It
// is kept until the contrary is said, here or in the hub, and holds for an agent
// that does not run when it is started.
func SetDraining(ctx context.Context, dir string, on bool) (Status, error) {
	if _, err := changeDrain(dir, func(drainWord) drainWord { return drainWord{Draining: on, Untold: true} }); err != nil {
		return Status{}, err
	}
	return Ask(ctx, dir) // an agent that is asked how it is reads the file again
}

// AwaitIdle returns when the agent of a data directory has nothing in hand, or ctx
// ends. One that does not run has scripts that it will find again: it is not idle.
func AwaitIdle(ctx context.Context, dir string) error {
	tick := time.NewTicker(drainPoll)
	defer tick.Stop()
	for {
		s, err := Ask(ctx, dir)
		if err == nil && len(s.Held) == 0 {
			return nil
		}
		select {
		case <-ctx.Done():
			if err != nil {
				return err
			}
			return ErrBusy.With("%d attempts are in hand", len(s.Held))
		case <-tick.C:
		}
	}
}

// drain is the word in memory.
type drain struct {
	dir  string
	bell chan struct{}

	mu   sync.Mutex
	word drainWord
}

// openDrain reads the word.
func openDrain(dir string) (*drain, error) {
	d := &drain{dir: dir, bell: make(chan struct{}, 1)}
	return d, d.reload()
}

// reload reads the word again, which another process may have written.
func (d *drain) reload() error {
	w, err := readDrain(d.dir)
	if err != nil {
		return err
	}
	d.keep(w)
	return nil
}

func (d *drain) keep(w drainWord) {
	d.mu.Lock()
	d.word = w
	d.mu.Unlock()
	if w.Untold {
		select {
		case d.bell <- struct{}{}:
		default:
		}
	}
}

// Draining reports whether nothing new is taken.
func (d *drain) Draining() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.word.Draining
}

// Untold is what was decided here and the hub has not heard, or nil.
func (d *drain) Untold() *bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	if !d.word.Untold {
		return nil
	}
	on := d.word.Draining
	return &on
}

// Told says that the hub has heard it.
func (d *drain) Told(on bool) error {
	return d.change(func(w drainWord) drainWord {
		if w.Draining == on {
			w.Untold = false
		}
		return w
	})
}

// Ordered takes the hub's word, unless ours is newer.
func (d *drain) Ordered(on bool) error {
	if w := d.current(); w.Untold || w.Draining == on {
		return nil
	}
	return d.change(func(w drainWord) drainWord {
		if !w.Untold {
			w.Draining = on
		}
		return w
	})
}

// Bell rings when there is something to tell.
func (d *drain) Bell() <-chan struct{} { return d.bell }

func (d *drain) current() drainWord {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.word
}

func (d *drain) change(f func(drainWord) drainWord) error {
	w, err := changeDrain(d.dir, f)
	if err != nil {
		return err
	}
	d.keep(w)
	return nil
}
