package runner

import (
	"bytes"
	"fmt"
	"sync"
	"time"

	"github.com/cronium/cronium/agent/mask"
	"github.com/cronium/cronium/agent/segment"
	"github.com/cronium/cronium/proto/frame"
)

const (
	defaultLogLimit = 256 << 20
	maxTail         = 1 << 20
	openLineDelay   = 100 * time.Millisecond
	syncEvery       = time.Second
	syncBytes       = 1 << 20
	maxBatch        = 64 << 10
)

// outputLog is the masked, framed and bounded log of one script. Its methods may
// be called concurrently.
type outputLog struct {
	now func() time.Time

	mu     sync.Mutex
	w      *segment.Writer
	head   int64 // framed bytes that are written at once; the rest goes to the tail
	tail   tail
	cut    bool  // the limit was reached
	lost   int64 // bytes that a full disk took since the last frame
	total  int64 // all that was lost to a full disk
	broken bool  // the last data written did not end a line
	dirty  int64 // written since the last sync
	batch  []byte
	grew   chan struct{} // closed and replaced when the log grows
	flush  chan struct{} // a sync is due
	lines  [4]lines      // by stream; System's is what installers say
}

// lines is one stream on its way into the log.
type lines struct {
	stream  frame.Stream
	mask    *mask.Stream
	pending []byte // masked, the beginning of a line
	open    bool   // what was written last did not end a line
	since   time.Time
	timer   *time.Timer
}

func newLog(dir string, limit int64, set *mask.Set, now func() time.Time) *outputLog {
	if limit <= 0 {
		limit = defaultLogLimit
	}
	l := &outputLog{now: now, w: segment.Create(dir), grew: make(chan struct{}), flush: make(chan struct{}, 1)}
	l.tail.max = min(maxTail, limit/4)
	l.head = limit - l.tail.max
	for _, s := range []frame.Stream{frame.Stdout, frame.Stderr, frame.System} {
		l.lines[s] = lines{stream: s, mask: set.Stream()}
	}
	return l
}

// Write takes what was read from a stream.
func (l *outputLog) Write(stream frame.Stream, p []byte) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.write(&l.lines[stream], p)
}

func (l *outputLog) write(s *lines, p []byte) {
	if len(s.pending) == 0 {
		s.since = l.now()
	}
	s.pending = s.mask.Write(s.pending, p)
	l.complete(s)
}

// complete writes the complete lines of s and sees to it that the rest follows.
func (l *outputLog) complete(s *lines) {
	n := bytes.LastIndexByte(s.pending, '\n') + 1
	if len(s.pending)-n >= frame.MaxData {
		n = len(s.pending)
	}
	l.take(s, n)
	if len(s.pending) > 0 && s.timer == nil {
		s.timer = time.AfterFunc(openLineDelay, func() { l.openLine(s) })
	}
}

// openLine writes the beginning of a line, whose rest is late.
func (l *outputLog) openLine(s *lines) {
	l.mu.Lock()
	defer l.mu.Unlock()
	s.timer = nil
	if wait := openLineDelay - l.now().Sub(s.since); wait > 0 && wait <= openLineDelay && len(s.pending) > 0 {
		s.timer = time.AfterFunc(wait, func() { l.openLine(s) })
		return
	}
	l.take(s, len(s.pending))
}

// take writes the first n pending bytes of s.
func (l *outputLog) take(s *lines, n int) {
	if n == 0 {
		return
	}
	s.open = s.pending[n-1] != '\n'
	l.emit(s.stream, s.since, s.pending[:n])
	s.pending = s.pending[:copy(s.pending, s.pending[n:])]
	s.since = l.now()
}

// emit cuts data into frames, at ends of lines where it can, and stores them.
func (l *outputLog) emit(stream frame.Stream, at time.Time, data []byte) {
	for len(data) > 0 {
		n := min(len(data), frame.MaxData)
		if n < len(data) {
			if i := bytes.LastIndexByte(data[:n], '\n'); i >= 0 {
				n = i + 1
			}
		}
		l.add(frame.Append(l.batch[:0], stream, at, data[:n]))
		data = data[n:]
	}
	l.ring()
}

// add stores one frame in the head or in the tail.
func (l *outputLog) add(f []byte) {
	l.batch = f
	if l.cut || l.w.Size()+int64(len(f)) > l.head {
		if !l.cut {
			l.cut = true
			l.system("the log limit of %s is reached; of what follows only the last %s is kept, and shown when the script has ended",
				bytesText(l.head+l.tail.max), bytesText(l.tail.max))
		}
		l.tail.push(f)
		return
	}
	l.store(f)
}

// store appends one frame to the segments. A frame that the disk has no room for
// is counted, and the count is told as soon as there is room.
func (l *outputLog) store(f []byte) {
	data := f[frame.HeaderSize:]
	if l.lost > 0 {
		note := l.note("%d bytes of output were lost here: the disk was full", l.lost)
		if err := l.w.Append(note); err != nil {
			l.lose(f, data)
			return
		}
		l.lost, l.broken = 0, false
	}
	if err := l.w.Append(f); err != nil {
		l.lose(f, data)
		return
	}
	l.broken = data[len(data)-1] != '\n'
	if l.dirty += int64(len(f)); l.dirty >= syncBytes {
		select {
		case l.flush <- struct{}{}:
		default:
		}
	}
}

func (l *outputLog) lose(f, data []byte) {
	if frame.Stream(f[0]) != frame.System {
		l.lost += int64(len(data))
		l.total += int64(len(data))
	}
}

// note is a system frame with one line of text, on a line of its own.
func (l *outputLog) note(format string, args ...any) []byte {
	text := fmt.Sprintf("cronium: "+format+"\n", args...)
	if l.broken {
		text = "\n" + text
	}
	return frame.Append(nil, frame.System, l.now(), []byte(text))
}

func (l *outputLog) system(format string, args ...any) { l.store(l.note(format, args...)) }

// Note adds a line of our own to the log.
func (l *outputLog) Note(format string, args ...any) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.system(format, args...)
	l.ring()
}

func (l *outputLog) ring() {
	close(l.grew)
	l.grew = make(chan struct{})
}

// Grew is the length of the log and a channel that is closed when it has grown.
func (l *outputLog) Grew() (int64, <-chan struct{}) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.w.Size(), l.grew
}

// Close writes what is left. It returns the length of the log and how much of the
// script's output is not in it.
func (l *outputLog) Close() (size, dropped int64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for i := range l.lines {
		if s := &l.lines[i]; s.mask != nil {
			if s.timer != nil {
				s.timer.Stop()
			}
			s.pending = s.mask.Close(s.pending)
			l.take(s, len(s.pending))
		}
	}
	l.closeTail()
	if l.lost > 0 {
		l.system("the log ends early: the disk was full")
	}
	_ = l.w.Close() // an error here is a full disk, told above
	l.ring()
	return l.w.Size(), l.tail.dropped + l.total
}

func (l *outputLog) closeTail() {
	if !l.cut {
		return
	}
	if l.tail.dropped > 0 {
		l.system("%d bytes with %d line ends were left out here", l.tail.dropped, l.tail.droppedLines)
	}
	for rest := l.tail.frames(); len(rest) > 0; {
		_, next, err := frame.Next(rest)
		if err != nil {
			return
		}
		l.store(rest[: len(rest)-len(next) : len(rest)-len(next)])
		rest = next
	}
}

// sync keeps the log's way to the disk short until done is closed.
func (l *outputLog) sync(done <-chan struct{}) {
	tick := time.NewTicker(syncEvery)
	defer tick.Stop()
	for {
		select {
		case <-done:
			return
		case <-tick.C:
		case <-l.flush:
		}
		l.mu.Lock()
		f, dirty := l.w.File(), l.dirty
		l.dirty = 0
		l.mu.Unlock()
		if dirty > 0 && f != nil {
			_ = f.Sync() // outside the lock; a file closed meanwhile was synced
		}
	}
}

// tail is the last frames of a log, in memory.
type tail struct {
	max          int64
	buf          []byte
	start        int
	dropped      int64
	droppedLines int64
}

func (t *tail) push(f []byte) {
	t.buf = append(t.buf, f...)
	for int64(len(t.buf)-t.start) > t.max {
		first, rest, err := frame.Next(t.buf[t.start:])
		if err != nil {
			panic(fmt.Sprintf("our own frame: %v", err))
		}
		t.dropped += int64(len(first.Data))
		t.droppedLines += int64(bytes.Count(first.Data, []byte("\n")))
		t.start = len(t.buf) - len(rest)
	}
	if int64(t.start) > t.max {
		t.buf = t.buf[:copy(t.buf, t.buf[t.start:])]
		t.start = 0
	}
}

func (t *tail) frames() []byte { return t.buf[t.start:] }

func bytesText(n int64) string {
	if n >= 1<<20 && n%(1<<20) == 0 {
		return fmt.Sprintf("%d MiB", n>>20)
	}
	if n >= 1<<10 && n%(1<<10) == 0 {
		return fmt.Sprintf("%d KiB", n>>10)
	}
	return fmt.Sprintf("%d bytes", n)
}
