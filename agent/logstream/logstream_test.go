package logstream_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"go.uber.org/goleak"

	"github.com/cronium/cronium/agent/journal"
	"github.com/cronium/cronium/agent/logstream"
	"github.com/cronium/cronium/agent/segment"
	agentv1 "github.com/cronium/cronium/proto/agent/v1"
	"github.com/cronium/cronium/proto/frame"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var errBroken = errors.New("connection lost")

// hub is the other end: it keeps what it was sent at the right offset.
type hub struct {
	mu      sync.Mutex
	logs    map[string][]byte
	refuse  map[string]bool
	breaks  func(n int) bool // whether the nth message breaks the stream
	n       int
	opened  int
	largest int // most bytes on the way at once
	order   []string
	deaf    bool // confirms nothing
}

func newHub() *hub { return &hub{logs: map[string][]byte{}, refuse: map[string]bool{}} }

func (h *hub) open(ctx context.Context) (logstream.Stream, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.opened++
	return &stream{hub: h, ctx: ctx, requests: make(chan *agentv1.UploadRequest, 1000), broken: make(chan struct{})}, nil
}

type stream struct {
	hub      *hub
	ctx      context.Context //nolint:containedctx // as gRPC's streams have it
	requests chan *agentv1.UploadRequest
	broken   chan struct{}
	once     sync.Once
	mu       sync.Mutex
	flying   int
}

func (s *stream) Send(r *agentv1.UploadRequest) error {
	s.mu.Lock()
	s.flying += len(r.GetFrames())
	flying := s.flying
	s.mu.Unlock()
	s.hub.mu.Lock()
	s.hub.n++
	s.hub.largest = max(s.hub.largest, flying)
	if s.hub.breaks != nil && s.hub.breaks(s.hub.n) {
		s.once.Do(func() { close(s.broken) })
	}
	s.hub.mu.Unlock()
	select {
	case <-s.broken:
		return errBroken
	default:
	}
	c := &agentv1.UploadRequest{Ref: r.GetRef(), Offset: r.GetOffset(), Frames: bytes.Clone(r.GetFrames())}
	s.requests <- c
	return nil
}

func (s *stream) Recv() (*agentv1.UploadResponse, error) {
	select {
	case <-s.ctx.Done():
		return nil, s.ctx.Err()
	case <-s.broken:
		if rand.N(2) == 0 {
			return nil, errBroken
		}
		select { // some of what was sent still arrives, but its answer does not
		case r := <-s.requests:
			s.hub.take(r)
		default:
		}
		return nil, errBroken
	case r := <-s.requests:
		s.mu.Lock()
		s.flying -= len(r.GetFrames())
		s.mu.Unlock()
		return s.hub.take(r), nil
	}
}

func (h *hub) take(r *agentv1.UploadRequest) *agentv1.UploadResponse {
	h.mu.Lock()
	defer h.mu.Unlock()
	id := r.GetRef().GetRunId()
	if h.refuse[id] {
		return &agentv1.UploadResponse{Ref: r.GetRef(), Answer: agentv1.Answer_ANSWER_NOT_YOURS}
	}
	answer := agentv1.Answer_ANSWER_DUPLICATE
	if r.GetOffset() == int64(len(h.logs[id])) && !h.deaf {
		h.logs[id] = append(h.logs[id], r.GetFrames()...)
		h.order = append(h.order, id)
		answer = agentv1.Answer_ANSWER_ACCEPTED
	}
	return &agentv1.UploadResponse{Ref: r.GetRef(), Durable: int64(len(h.logs[id])), Answer: answer}
}

func (h *hub) log(id string) []byte {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.logs[id]
}

type writer struct {
	log   logstream.Log
	w     *segment.Writer
	grew  chan struct{}
	ended chan int64
	want  []byte
	done  chan error
}

func run(t *testing.T, h *hub) *logstream.Streamer {
	t.Helper()
	s := waiting(h)
	start(t, s)
	return s
}

func waiting(h *hub) *logstream.Streamer {
	return logstream.New(logstream.Config{Open: h.open, Log: slog.New(slog.DiscardHandler),
		Jitter: func(d time.Duration) time.Duration { return rand.N(d) / 50 }})
}

func start(t *testing.T, s *logstream.Streamer) {
	t.Helper()
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { defer close(done); _ = s.Run(ctx) }()
	t.Cleanup(func() { stop(); <-done })
}

func follow(t *testing.T, s *logstream.Streamer) *writer {
	t.Helper()
	w := &writer{grew: make(chan struct{}, 1), ended: make(chan int64, 1), done: make(chan error, 1)}
	dir := t.TempDir()
	w.w = segment.Create(dir)
	w.log = logstream.Log{Ref: journal.Ref{RunID: uuid.NewString(), Attempt: 1, Fence: 5}, Dir: dir, Grew: w.grew, Ended: w.ended}
	ctx, stop := context.WithTimeout(context.Background(), time.Minute)
	done := make(chan struct{})
	go func() { defer close(done); w.done <- s.Follow(ctx, w.log) }()
	t.Cleanup(func() { stop(); <-done })
	return w
}

func (w *writer) write(t *testing.T, n int) {
	t.Helper()
	f := frame.Append(nil, frame.Stdout, time.UnixMicro(int64(len(w.want))), bytes.Repeat([]byte{byte('a' + len(w.want)%26)}, n))
	if err := w.w.Append(f); err != nil {
		t.Fatal(err)
	}
	w.want = append(w.want, f...)
	select {
	case w.grew <- struct{}{}:
	default:
	}
}

func (w *writer) finish(t *testing.T, h *hub) {
	t.Helper()
	w.ended <- w.w.Size()
	if err := <-w.done; err != nil {
		t.Fatalf("Follow: %v", err)
	}
	if got := h.log(w.log.Ref.RunID); !bytes.Equal(got, w.want) {
		t.Fatalf("the hub has %d bytes, %d were written", len(got), len(w.want))
	}
}

func TestEveryByteArrivesOnceHoweverOftenTheStreamBreaks(t *testing.T) {
	h := newHub()
	h.breaks = func(int) bool { return rand.N(20) == 0 }
	s := run(t, h)
	var writers []*writer
	for range 4 {
		writers = append(writers, follow(t, s))
	}
	for range 300 {
		writers[rand.N(4)].write(t, 1+rand.N(frame.MaxData))
	}
	for _, w := range writers {
		w.finish(t, h)
	}
	if h.largest > 256<<10+64<<10 {
		t.Errorf("%d bytes were on the way at once", h.largest)
	}
}

func TestANewAgentGoesOnWhereTheHubIs(t *testing.T) {
	h := newHub()
	first := run(t, h)
	w := follow(t, first)
	for range 20 {
		w.write(t, 20_000)
	}
	for len(h.log(w.log.Ref.RunID)) != len(w.want) {
		time.Sleep(time.Millisecond)
	}
	second := run(t, h)
	done := make(chan error, 1)
	ended := make(chan int64, 1)
	go func() {
		done <- second.Follow(context.Background(), logstream.Log{Ref: w.log.Ref, Dir: w.log.Dir, Ended: ended})
	}()
	w.write(t, 10)
	ended <- w.w.Size()
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	w.finish(t, h)
}

func TestAHubThatForgotIsSentTheLogAgain(t *testing.T) {
	h := newHub()
	w := follow(t, run(t, h))
	w.write(t, 100)
	w.write(t, 100)
	for len(h.log(w.log.Ref.RunID)) != len(w.want) {
		time.Sleep(time.Millisecond)
	}
	h.mu.Lock()
	h.logs[w.log.Ref.RunID] = w.want[:116:116] // restored from a backup
	h.mu.Unlock()
	w.write(t, 100)
	w.finish(t, h)
}

func TestAFloodDelaysOthersLittle(t *testing.T) {
	h := newHub()
	s := waiting(h)
	flood, quiet := follow(t, s), follow(t, s)
	for range 1000 {
		flood.write(t, frame.MaxData)
	}
	quiet.write(t, 10)
	start(t, s)
	quiet.finish(t, h)
	flood.finish(t, h)
	seen := 0
	for i, id := range h.order {
		if id == quiet.log.Ref.RunID {
			seen = i
		}
	}
	if seen > 10 {
		t.Errorf("the quiet log came as chunk %d of %d", seen, len(h.order))
	}
}

func TestARefusedLogEnds(t *testing.T) {
	h := newHub()
	w := follow(t, run(t, h))
	h.mu.Lock()
	h.refuse[w.log.Ref.RunID] = true
	h.mu.Unlock()
	w.write(t, 10)
	if err := <-w.done; !errors.Is(err, logstream.ErrRefused) {
		t.Fatalf("Follow = %v, want ErrRefused", err)
	}
}

func TestALogShorterThanItsResultIsGivenUp(t *testing.T) {
	h := newHub()
	w := follow(t, run(t, h))
	w.write(t, 10)
	w.ended <- w.w.Size() + 1
	if err := <-w.done; !errors.Is(err, logstream.ErrIncomplete) {
		t.Fatalf("Follow = %v, want ErrIncomplete", err)
	}
}

func TestAnEmptyLogNeedsNoBytes(t *testing.T) {
	h := newHub()
	follow(t, run(t, h)).finish(t, h)
}

func TestAHubThatConfirmsNothingIsNotAskedForEver(t *testing.T) {
	h := newHub()
	w := follow(t, run(t, h))
	h.mu.Lock()
	h.deaf = true
	h.breaks = func(n int) bool {
		if n > 2000 {
			panic("busy loop")
		}
		return false
	}
	h.mu.Unlock()
	w.write(t, 10)
	for h.count() < 2 {
		time.Sleep(50 * time.Millisecond)
	}
}

func (h *hub) count() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.opened
}
