package logstream

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"github.com/cronium/cronium/agent/journal"
	"github.com/cronium/cronium/agent/segment"
	agentv1 "github.com/cronium/cronium/proto/agent/v1"
)

const (
	maxUnacknowledged = 256 << 10
	maxChunks         = 64 // on the way
	defaultIdle       = time.Minute
	minPause          = 100 * time.Millisecond
	maxPause          = 5 * time.Second
)

// ErrRefused means that the hub does not want this log.
var ErrRefused = errors.New("the hub does not accept the log")

// ErrIncomplete means that the log on disk is shorter than its result says.
var ErrIncomplete = errors.New("the log on disk is incomplete")

// Stream is one call of HubDataService.Upload.
type Stream interface {
	Send(*agentv1.UploadRequest) error
	Recv() (*agentv1.UploadResponse, error)
}

// Config is what a streamer needs.
type Config struct {
	// Open waits until the hub can be reached and opens a stream to it. The stream
	// ends with the context.
	Open func(ctx context.Context) (Stream, error)
	// Idle is how long an unused stream stays open; a minute if zero.
	Idle time.Duration
	// Jitter returns a random duration below its argument, for pauses.
	Jitter func(time.Duration) time.Duration
	Log    *slog.Logger
}

// Log is what is to be followed.
type Log struct {
	Ref   journal.Ref
	Dir   string
	Grew  <-chan struct{} // rings when there may be more
	Ended <-chan int64    // receives the final length, once
}

// Streamer uploads logs.
type Streamer struct {
	cfg Config
	buf []byte        // of all readers; only Run's goroutine reads
	any chan struct{} // rings when some source became ready

	mu    sync.Mutex
	queue []*source // those that may have something to send, in turn
}

// source is a log on its way. The first part is guarded by the streamer's lock,
// the rest belongs to the goroutine of Run.
type source struct {
	log    Log
	ended  bool
	size   int64 // final, when ended
	queued bool
	closed bool // nobody follows any more
	done   chan error

	reader  *segment.Reader
	stream  int   // the number of the stream that the following is about
	sent    int64 // offset of the next byte to send
	known   bool  // the hub has told its offset
	resent  int   // counts rewinds, to recognise answers from before
	flying  int   // chunks on the way
	durable int64
	stuck   int // answers without progress
}

// New returns a streamer.
func New(cfg Config) *Streamer {
	if cfg.Idle == 0 {
		cfg.Idle = defaultIdle
	}
	return &Streamer{cfg: cfg, buf: make([]byte, segment.MaxChunk), any: make(chan struct{}, 1)}
}

// Follow uploads a log until the hub has all of it for good. It returns
// [ErrRefused] or [ErrIncomplete] if that can never be, or the end of ctx.
func (s *Streamer) Follow(ctx context.Context, log Log) error {
	src := &source{log: log, reader: segment.OpenWith(log.Dir, s.buf), done: make(chan error, 1)}
	defer s.forget(src)
	s.wake(src)
	for {
		select {
		case <-log.Grew:
			s.wake(src)
		case size := <-log.Ended:
			s.end(src, size)
		case err := <-src.done:
			return err
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

func (s *Streamer) wake(src *source) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.enqueue(src)
}

func (s *Streamer) end(src *source, size int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	src.ended, src.size = true, size
	s.enqueue(src)
}

func (s *Streamer) forget(src *source) {
	s.mu.Lock()
	defer s.mu.Unlock()
	src.closed = true
	s.enqueue(src) // Run closes its files
}

func (s *Streamer) enqueue(src *source) {
	if !src.queued {
		src.queued = true
		s.queue = append(s.queue, src)
	}
	select {
	case s.any <- struct{}{}:
	default:
	}
}

// next takes the next source whose turn it is, nil if there is none.
func (s *Streamer) next() *source {
	s.mu.Lock()
	defer s.mu.Unlock()
	for len(s.queue) > 0 {
		src := s.queue[0]
		s.queue = s.queue[1:]
		src.queued = false
		if !src.closed {
			return src
		}
		src.reader.Close()
	}
	s.queue = nil
	return nil
}

// state is the guarded part of a source.
func (s *Streamer) state(src *source) (ended bool, size int64, closed bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return src.ended, src.size, src.closed
}

// settle tells the follower what became of its log, once.
func (src *source) settle(err error) {
	select {
	case src.done <- err:
	default:
	}
}

// Run uploads until ctx ends.
func (s *Streamer) Run(ctx context.Context) error {
	for number, pause := 1, minPause; ; number++ {
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-s.any:
		}
		began, err := s.session(ctx, number)
		if err == nil {
			pause = minPause
			continue
		}
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if began {
			pause = minPause
		}
		s.cfg.Log.DebugContext(ctx, "log upload interrupted", "err", err)
		s.ring()
		if err := s.sleep(ctx, pause); err != nil {
			return err
		}
		pause = min(2*pause, maxPause)
	}
}

func (s *Streamer) ring() {
	select {
	case s.any <- struct{}{}:
	default:
	}
}

func (s *Streamer) sleep(ctx context.Context, pause time.Duration) error {
	timer := time.NewTimer(pause/2 + s.cfg.Jitter(pause/2+1))
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-timer.C:
		return nil
	}
}
