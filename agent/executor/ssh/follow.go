package ssh

import (
	"context"
	"encoding/json"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/cronium/cronium/agent/boot"
	"github.com/cronium/cronium/agent/executor"
	"github.com/cronium/cronium/agent/executor/ssh/resident"
	"github.com/cronium/cronium/agent/journal"
	"github.com/cronium/cronium/agent/segment"
	"github.com/cronium/cronium/proto/frame"
	runnerv1 "github.com/cronium/cronium/proto/runner/v1"
)

const (
	defaultLogLimit = 256 << 20
	logSlack        = 1 << 20 // what a runner may add about what it left out
	maxAge          = 30 * 24 * time.Hour
)

func logLimit(p *runnerv1.Payload) int64 {
	if n := p.GetLogLimitBytes(); n > 0 {
		return n + logSlack
	}
	return defaultLogLimit + logSlack
}

// follow copies the log over one connection from where it is, and returns the
// result when it comes.
func (r *running) follow(ctx context.Context) (journal.Exit, error) {
	s, err := r.session(ctx)
	if err != nil {
		return journal.Exit{}, err
	}
	proof, ok, err := r.proof()
	if err != nil || !ok {
		if err := r.settle(ctx); err != nil {
			return journal.Exit{}, err
		}
	}
	w, err := segment.Continue(r.entry.Dir)
	if err != nil {
		return journal.Exit{}, err
	}
	exit, err := r.copy(ctx, s, w)
	if closeErr := w.Close(); err == nil {
		err = closeErr // the log must be on disk before the result is
	}
	if status.Code(err) == codes.NotFound {
		if proof.BootID != "" && proof.BootID != s.bootID {
			return exit, executor.ErrRebooted.With("the server has another boot id now, and the attempt's directory there is gone")
		}
		return exit, ErrLost.With("the attempt's directory on the server is gone")
	}
	return exit, err
}

// copy appends to w what the resident sends.
func (r *running) copy(ctx context.Context, s *session, w *segment.Writer) (journal.Exit, error) {
	stream, err := s.hands.Follow(context.WithoutCancel(ctx)) // ended in an orderly way instead
	if err != nil {
		return journal.Exit{}, err
	}
	f := &follower{stream: stream}
	defer f.leave(s)
	defer context.AfterFunc(ctx, f.hangUp)()
	if err := f.send(&runnerv1.FollowRequest{Ref: r.ref, Offset: w.Size()}); err != nil {
		return journal.Exit{}, err
	}
	for {
		m, err := f.receive()
		if err != nil {
			return journal.Exit{}, err
		}
		r.touch()
		if m.GetOffset() != w.Size() {
			return journal.Exit{}, ErrNonsense.With("it sends the log from byte %d, the next is %d", m.GetOffset(), w.Size())
		}
		if len(m.GetExit()) > 0 {
			f.closed.Store(true) // by the resident, which has said everything
			return r.received(m, w.Size())
		}
		if err := r.keep(w, m.GetFrames()); err != nil {
			return journal.Exit{}, err
		}
		if err := f.send(&runnerv1.FollowRequest{Offset: w.Size()}); err != nil {
			return journal.Exit{}, err
		}
	}
}

func (r *running) keep(w *segment.Writer, frames []byte) error {
	if whole, err := frame.Whole(frames, len(frames)); err != nil || whole != len(frames) || whole == 0 {
		return ErrNonsense.With("it sends what is no log")
	}
	if w.Size()+int64(len(frames)) > r.limit {
		return ErrNonsense.With("it sends more than the %d bytes of log that the attempt may have", r.limit)
	}
	err := w.Append(frames)
	r.ring()
	return err
}

var outcomes = map[journal.Outcome]bool{journal.Succeeded: true, journal.Failed: true, journal.TimedOut: true,
	journal.Cancelled: true, journal.NotStarted: true, journal.Infrastructure: true, journal.Rejected: true}

// received makes the server's result ours: its clocks mean nothing here.
func (r *running) received(m *runnerv1.FollowResponse, size int64) (journal.Exit, error) {
	var exit journal.Exit
	if err := json.Unmarshal(m.GetExit(), &exit); err != nil || !outcomes[exit.Outcome] {
		return exit, ErrNonsense.With("its result cannot be read")
	}
	if exit.LogBytes > size {
		r.x.cfg.Log.Warn("a log is incomplete on its server", "run", r.entry.Ref.RunID, "have", size, "want", exit.LogBytes)
	}
	age := min(max(m.GetAge().AsDuration(), 0), maxAge)
	exit.LogBytes, exit.Dropped = size, max(exit.Dropped, 0)
	exit.Signal = clean(exit.Signal, 20)
	exit.Duration = max(exit.Duration, 0)
	exit.BootID, exit.EndedAt, exit.WallTime = boot.ID(), boot.Now()-age, r.x.cfg.Now().UTC().Add(-age)
	if p := exit.Problem; p != nil {
		exit.Problem = &journal.Problem{Code: clean(p.Code, 64), Title: clean(p.Title, 200), Detail: clean(p.Detail, 2000), Hint: clean(p.Hint, 500)}
	}
	return exit, nil
}

// follower is our side of a stream, which may be ended while it is used.
type follower struct {
	stream runnerv1.ResidentService_FollowClient
	broken bool // only its reader touches it

	mu     sync.Mutex // one writes
	closed atomic.Bool
}

func (f *follower) send(m *runnerv1.FollowRequest) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.closed.Load() {
		return fmt.Errorf("follow a log: %w", errClosed)
	}
	return f.stream.Send(m)
}

func (f *follower) receive() (*runnerv1.FollowResponse, error) {
	m, err := f.stream.Recv()
	f.broken = err != nil
	return m, err
}

// hangUp tells the resident that nobody listens any more.
func (f *follower) hangUp() {
	f.mu.Lock()
	defer f.mu.Unlock()
	if !f.closed.Swap(true) {
		_ = f.stream.CloseSend()
	}
}

// leave ends the stream, if it has not ended, and takes what was on its way. Who
// sends more than that has its connection closed.
func (f *follower) leave(s *session) {
	if f.broken {
		return
	}
	f.hangUp()
	late := time.AfterFunc(pingLimit, s.end)
	defer late.Stop()
	for range 2 * resident.Window {
		if _, err := f.receive(); err != nil {
			return
		}
	}
	s.end()
}
