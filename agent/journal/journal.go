package journal

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/google/uuid"
	"golang.org/x/sys/unix"

	"github.com/cronium/cronium/agent/boot"
)

// format is the number of the layout on disk.
const format = 1

// writers bounds how many attempts are written at once: each costs a thread.
const writers = 32

// Config is how a journal is kept.
type Config struct {
	// Reserve is the space kept free for results; 64 MiB if zero.
	Reserve int64
	// Shared lets other users reach workspaces inside the journal, whose own files
	// stay private: needed when scripts run as somebody else.
	Shared bool
}

// Journal is a directory of attempts, used by one agent.
type Journal struct {
	dir     string
	cfg     Config
	id      string
	fence   atomic.Int64
	saved   int64 // the fence on disk; only SaveFence touches it
	slots   chan struct{}
	reserve sync.Mutex
}

type header struct {
	Format int    `json:"format"`
	ID     string `json:"id"`
}

// Open returns the journal in dir, which it makes if needed.
func Open(dir string, cfg Config) (*Journal, error) {
	if cfg.Reserve == 0 {
		cfg.Reserve = 64 << 20
	}
	j := &Journal{dir: dir, cfg: cfg, slots: make(chan struct{}, writers)}
	if err := j.prepare(); err != nil {
		return nil, fmt.Errorf("open the journal: %w", err)
	}
	if err := j.readHeader(); err != nil {
		return nil, err
	}
	fence, err := readFence(j.path("fence"))
	if err != nil {
		return nil, ErrBroken.With("%v", err)
	}
	j.saved = fence
	j.fence.Store(fence)
	j.Refill()
	return j, nil
}

func (j *Journal) path(name string) string { return filepath.Join(j.dir, name) }

func (j *Journal) mode() fs.FileMode {
	if j.cfg.Shared {
		return 0o711
	}
	return 0o700
}

func (j *Journal) prepare() error {
	for _, dir := range []string{j.dir, j.path("runs")} {
		if err := os.MkdirAll(dir, j.mode()); err != nil {
			return err
		}
		if err := os.Chmod(dir, j.mode()); err != nil {
			return err
		}
	}
	return nil
}

func (j *Journal) readHeader() error {
	h, ok, err := read[header](j.path("journal.json"))
	switch {
	case err != nil:
		return ErrBroken.With("%v", err)
	case !ok:
		h = header{Format: format, ID: uuid.NewString()}
		b, err := json.Marshal(h)
		if err != nil {
			return err
		}
		if err := replace(j.path("journal.json"), b); err != nil {
			return fmt.Errorf("begin a journal: %w", err)
		}
	case h.Format != format:
		return ErrFormat.With("%s has format %d, this agent knows %d", j.dir, h.Format, format)
	}
	j.id = h.ID
	return nil
}

func readFence(path string) (int64, error) {
	b, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	n, err := strconv.ParseInt(strings.TrimSpace(string(b)), 10, 64)
	if err != nil {
		return 0, fmt.Errorf("read %s: %w", path, err)
	}
	return n, nil
}

// ID identifies the journal: as long as it stays, nothing was forgotten.
func (j *Journal) ID() string { return j.id }

// MaxFence is the highest fence seen.
func (j *Journal) MaxFence() int64 { return j.fence.Load() }

// SaveFence writes [Journal.MaxFence] to disk if it has advanced.
func (j *Journal) SaveFence() error {
	n := j.MaxFence()
	if n == j.saved {
		return nil
	}
	err := j.retry(func() error { return replace(j.path("fence"), []byte(strconv.FormatInt(n, 10)+"\n")) })
	if err != nil {
		return fmt.Errorf("save the fence: %w", err)
	}
	j.saved = n
	return nil
}

func (j *Journal) saw(fence int64) {
	for {
		old := j.fence.Load()
		if fence <= old || j.fence.CompareAndSwap(old, fence) {
			return
		}
	}
}

// Create writes the payload and the intent of an attempt. It returns [ErrExists]
// if the journal has it.
func (j *Journal) Create(intent Intent, spec []byte) (*Entry, error) {
	j.slots <- struct{}{}
	defer func() { <-j.slots }()
	e := &Entry{Ref: intent.Ref, Dir: filepath.Join(j.path("runs"), intent.String()), journal: j}
	err := os.Mkdir(e.Dir, j.mode())
	if errors.Is(err, fs.ErrExist) {
		return nil, ErrExists
	}
	if err == nil {
		err = e.writeIntent(intent, spec)
	}
	if err != nil {
		return nil, fmt.Errorf("write the intent: %w", errors.Join(err, removeAll(e.Dir)))
	}
	j.saw(intent.Fence)
	return e, nil
}

func (e *Entry) writeIntent(intent Intent, spec []byte) error {
	intent.BootID, intent.At = boot.ID(), boot.Now()
	b, err := json.Marshal(intent)
	if err != nil {
		return err
	}
	if err := writeFile(e.Path("spec.bin"), unix.O_EXCL, spec); err != nil {
		return err
	}
	return writeFile(e.Path("intent"), unix.O_EXCL, b)
}

// Holds reports whether an attempt is here that has no result yet.
func (j *Journal) Holds(ref Ref) bool {
	dir := filepath.Join(j.path("runs"), ref.String())
	if _, err := os.Stat(dir); errors.Is(err, fs.ErrNotExist) {
		return false
	}
	_, err := os.Stat(filepath.Join(dir, "exit"))
	return err != nil
}

// Entries returns the attempts that have an intent, and clears away what has
// none and what was being removed.
func (j *Journal) Entries() ([]*Entry, error) {
	list, err := os.ReadDir(j.path("runs"))
	if err != nil {
		return nil, fmt.Errorf("read the journal: %w", err)
	}
	var entries []*Entry
	for _, d := range list {
		e := &Entry{Dir: filepath.Join(j.path("runs"), d.Name()), journal: j}
		if e.Ref, err = j.recover(e); err != nil {
			return nil, err
		}
		if e.Ref.Valid() {
			j.saw(e.Ref.Fence)
			entries = append(entries, e)
		}
	}
	return entries, nil
}

func (j *Journal) recover(e *Entry) (Ref, error) {
	intent, ok, err := e.Intent()
	if dirRef, named := refOfDir(e.Dir); err == nil && ok && named && dirRef.String() == intent.String() {
		return intent.Ref, nil
	}
	// Without an intent nothing was launched. One that cannot be read is what a loss
	// of power has left: the hub knows of the attempt, and that we do not have it.
	return Ref{}, removeAll(e.Dir)
}

// Free is the space left on the journal's file system.
func (j *Journal) Free() (int64, error) {
	var fs unix.Statfs_t
	if err := unix.Statfs(j.dir, &fs); err != nil {
		return 0, fmt.Errorf("look at the disk: %w", err)
	}
	return int64(fs.Bavail) * fs.Bsize, nil
}

// retry gives the reserve free when the disk is full, and tries once more.
func (j *Journal) retry(write func() error) error {
	err := write()
	if errors.Is(err, unix.ENOSPC) {
		j.spend()
		err = write()
	}
	return err
}

// spend gives the reserve free.
func (j *Journal) spend() {
	j.reserve.Lock()
	defer j.reserve.Unlock()
	_ = os.Truncate(j.path("reserve"), 0)
}

// Refill takes the reserve again, if it was spent and the space is there.
func (j *Journal) Refill() {
	j.reserve.Lock()
	defer j.reserve.Unlock()
	if info, err := os.Stat(j.path("reserve")); err == nil && info.Size() >= j.cfg.Reserve {
		return
	}
	if free, err := j.Free(); err != nil || free < 2*j.cfg.Reserve {
		return
	}
	f, err := os.OpenFile(j.path("reserve"), os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return
	}
	if unix.Fallocate(int(f.Fd()), 0, 0, j.cfg.Reserve) != nil {
		_ = f.Truncate(0)
	}
	_ = f.Close()
}
