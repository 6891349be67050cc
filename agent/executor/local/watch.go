package local

import (
	"context"
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// lookAnyway is how often every directory is taken for changed, in case inotify
// has none to give or lost an event.
const lookAnyway = time.Second

// Watcher calls a function when something in a directory has changed.
type Watcher struct {
	f *os.File // nil without inotify: then the tick must do

	mu   sync.Mutex
	dirs map[int32]func()
}

// NewWatcher returns a watcher. With an error it works too, but looks once a second.
func NewWatcher() (*Watcher, error) {
	w := &Watcher{dirs: map[int32]func(){}}
	fd, err := unix.InotifyInit1(unix.IN_CLOEXEC | unix.IN_NONBLOCK)
	if err != nil {
		return w, fmt.Errorf("watch directories, looking once a second instead: %w", err)
	}
	w.f = os.NewFile(uintptr(fd), "inotify")
	return w, nil
}

// add calls ring, which must not block, whenever a file in dir appears or grows.
func (w *Watcher) add(dir string, ring func()) (remove func(), err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	wd := int32(-1 - len(w.dirs)) // ours, when inotify gives none
	for w.dirs[wd] != nil {
		wd--
	}
	if w.f != nil {
		n, watchErr := unix.InotifyAddWatch(int(w.f.Fd()), dir, unix.IN_MODIFY|unix.IN_CREATE|unix.IN_MOVED_TO|unix.IN_ONLYDIR)
		if watchErr == nil {
			wd = int32(n)
		} else {
			err = fmt.Errorf("watch %s, looking once a second instead: %w", filepath.Base(dir), watchErr)
		}
	}
	w.dirs[wd] = ring
	return func() { w.remove(wd) }, err
}

func (w *Watcher) remove(wd int32) {
	w.mu.Lock()
	defer w.mu.Unlock()
	delete(w.dirs, wd)
	if wd >= 0 {
		_, _ = unix.InotifyRmWatch(int(w.f.Fd()), uint32(wd)) // the directory may be gone
	}
}

// Run watches until ctx ends.
func (w *Watcher) Run(ctx context.Context) error {
	done := make(chan struct{})
	go func() {
		defer close(done)
		w.read()
	}()
	tick := time.NewTicker(lookAnyway)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			if w.f != nil {
				_ = w.f.SetReadDeadline(time.Unix(1, 0))
			}
			<-done
			return context.Cause(ctx)
		case <-tick.C:
			w.ringAll()
		}
	}
}

func (w *Watcher) read() {
	if w.f == nil {
		return
	}
	buf := make([]byte, 16<<10)
	for {
		n, err := w.f.Read(buf)
		if err != nil {
			return
		}
		for b := buf[:n]; len(b) >= unix.SizeofInotifyEvent; {
			w.event(int32(binary.NativeEndian.Uint32(b[0:4])), binary.NativeEndian.Uint32(b[4:8]))
			b = b[unix.SizeofInotifyEvent+binary.NativeEndian.Uint32(b[12:16]):]
		}
	}
}

func (w *Watcher) event(wd int32, mask uint32) {
	if mask&unix.IN_Q_OVERFLOW != 0 {
		w.ringAll()
		return
	}
	w.mu.Lock()
	ring := w.dirs[wd]
	w.mu.Unlock()
	if ring != nil {
		ring()
	}
}

func (w *Watcher) ringAll() {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, ring := range w.dirs {
		ring()
	}
}
