package local

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"sync"
	"time"

	"github.com/containerd/ttrpc"
	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/cronium/cronium/agent/boot"
	"github.com/cronium/cronium/agent/executor"
	"github.com/cronium/cronium/agent/journal"
	"github.com/cronium/cronium/agent/runner"
	"github.com/cronium/cronium/agent/segment"
	runnerv1 "github.com/cronium/cronium/proto/runner/v1"
	"github.com/cronium/cronium/sdk/problem"
)

// Runner is what an executor knows of the runner of an attempt.
type Runner interface {
	// Ended is closed when it has ended. Nil means that nobody is told; then Gone is
	// asked whenever something may have changed.
	Ended() <-chan struct{}
	Gone() bool
	// Bury makes sure that nothing is left of an attempt whose runner ended without a
	// result, and says what became of it.
	Bury(ctx context.Context, started journal.Started) *problem.Problem
}

// Running is an attempt whose runner works in a directory of this host.
type Running struct {
	entry   *journal.Entry
	runner  Runner
	now     func() time.Time
	grew    chan struct{}
	moved   chan struct{}
	unwatch func()
	closed  sync.Once
}

// Attach returns the attempt of an entry. An error of the watcher is no reason not
// to use it: it only looks less often.
func (w *Watcher) Attach(e *journal.Entry, runner Runner, now func() time.Time) (*Running, error) {
	r := &Running{entry: e, runner: runner, now: now, grew: make(chan struct{}, 1), moved: make(chan struct{}, 1)}
	var err error
	r.unwatch, err = w.add(e.Dir, r.ring)
	return r, err
}

func (r *Running) ring() {
	for _, bell := range []chan struct{}{r.grew, r.moved} {
		select {
		case bell <- struct{}{}:
		default:
		}
	}
}

// Grew implements [executor.Running].
func (r *Running) Grew() <-chan struct{} { return r.grew }

// Close implements [executor.Running].
func (r *Running) Close() { r.closed.Do(r.unwatch) }

// Begin returns when the runner has claimed the attempt. Otherwise it is decided
// that it never runs, unless ctx has ended: then the journal will tell. A runner
// that takes longer than limit is killed.
func (r *Running) Begin(ctx context.Context, limit time.Duration, kill func(context.Context)) error {
	timed, stop := context.WithTimeout(ctx, limit)
	defer stop()
	runs, err := r.Decided(timed)
	if runs {
		return nil
	}
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if err != nil {
		kill(ctx)
	}
	err = executor.Abandon(r.entry, lastWords(r.entry))
	if errors.Is(err, journal.ErrClaimed) { // by the runner after all, or long ago
		if won, _ := r.Decided(ctx); won {
			return nil
		}
	}
	return err
}

func lastWords(e *journal.Entry) string {
	b, err := os.ReadFile(e.Path(runner.Words))
	b = bytes.TrimSpace(b)
	if err != nil || len(b) == 0 {
		return "it ended without a word"
	}
	return string(b[max(0, len(b)-1000):])
}

// Decided waits until the attempt was claimed, or its runner has ended, and
// reports whether it runs.
func (r *Running) Decided(ctx context.Context) (bool, error) {
	for {
		gone := r.runner.Gone()
		s, ok, err := r.entry.Started()
		if err != nil {
			return false, err
		}
		if ok && !s.Abandoned {
			return true, nil
		}
		if gone {
			return false, nil
		}
		select {
		case <-r.moved:
		case <-r.runner.Ended():
		case <-ctx.Done():
			return false, context.Cause(ctx)
		}
	}
}

// Wait implements [executor.Running].
func (r *Running) Wait(ctx context.Context) error {
	for {
		gone := r.runner.Gone() // before looking: its last act is to write the result
		_, _, ok, err := r.entry.Exit()
		if err != nil {
			return fmt.Errorf("read the result of %s: %w", r.entry.Ref, err)
		}
		if ok {
			r.ring()
			return nil
		}
		if gone {
			return r.died(ctx)
		}
		select {
		case <-r.moved:
		case <-r.runner.Ended():
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// died clears up after a runner that left no result, and writes one.
func (r *Running) died(ctx context.Context) error {
	started, _, err := r.entry.Started()
	if err != nil {
		return err
	}
	p := r.runner.Bury(ctx, started)
	size, err := segment.Whole(r.entry.Dir)
	if err != nil {
		return err
	}
	exit := journal.Exit{Outcome: journal.Infrastructure, LogBytes: size, BootID: boot.ID(), EndedAt: boot.Now(),
		WallTime: r.now().UTC(), Duration: boot.Now() - started.At}
	if started.Runner.BootID != boot.ID() {
		p, exit.Duration = executor.ErrRebooted.With("the host has another boot id now"), 0
	}
	exit.Problem = &journal.Problem{Code: p.Code, Title: p.Title, Detail: p.Detail, Hint: p.Hint}
	runner.ForgetSocket(r.entry)
	return r.entry.Finish(exit)
}

// Cancel implements [executor.Running].
func (r *Running) Cancel(ctx context.Context, grace time.Duration) error {
	err := r.call(ctx, func(c runnerv1.RunnerServiceClient) error {
		_, err := c.Cancel(ctx, &runnerv1.CancelRequest{Fence: r.entry.Ref.Fence, Grace: durationpb.New(grace)})
		return err
	})
	if _, _, over, exitErr := r.entry.Exit(); err != nil && (over || exitErr != nil || r.runner.Gone()) {
		return errors.Join(exitErr)
	}
	if err != nil {
		return fmt.Errorf("cancel %s: %w", r.entry.Ref, err)
	}
	return nil
}

// over reports whether there is nothing to talk to any more.
func (r *Running) over() bool {
	_, _, over, err := r.entry.Exit()
	return over || err != nil || r.runner.Gone()
}

// Dial connects to the socket of the runner that works in dir. The socket's path may
// be too long for an address, so it is reached through the open directory.
func Dial(ctx context.Context, path string) (net.Conn, error) {
	dir, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer func() { _ = dir.Close() }()
	return (&net.Dialer{Timeout: 5 * time.Second}).DialContext(ctx, "unix", fmt.Sprintf("/proc/self/fd/%d/sock", dir.Fd()))
}

// call talks to the runner.
func (r *Running) call(ctx context.Context, do func(runnerv1.RunnerServiceClient) error) error {
	conn, err := Dial(ctx, r.entry.Dir)
	if err != nil {
		return err
	}
	client := ttrpc.NewClient(conn)
	defer func() { _ = client.Close() }()
	return do(runnerv1.NewRunnerServiceClient(client))
}
