package process

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"sync"
	"syscall"
	"time"

	"github.com/containerd/ttrpc"
	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/cronium/cronium/agent/boot"
	"github.com/cronium/cronium/agent/journal"
	"github.com/cronium/cronium/agent/segment"
	runnerv1 "github.com/cronium/cronium/proto/runner/v1"
	"github.com/cronium/cronium/sdk/problem"
)

// killRounds bounds the hunt for what a dead runner has left behind.
const killRounds = 50

// running is an attempt of this host.
type running struct {
	executor *Executor
	entry    *journal.Entry
	runner   boot.Process  // who claimed it, if this process did not start it
	child    chan struct{} // closed when the runner that we started has ended
	grew     chan struct{}
	moved    chan struct{}
	unwatch  func()
	closed   sync.Once
}

func (r *running) ring() {
	for _, bell := range []chan struct{}{r.grew, r.moved} {
		select {
		case bell <- struct{}{}:
		default:
		}
	}
}

// Grew implements [executor.Running].
func (r *running) Grew() <-chan struct{} { return r.grew }

// Close implements [executor.Running].
func (r *running) Close() { r.closed.Do(r.unwatch) }

// decided waits until the attempt was claimed, or its runner has ended.
func (r *running) decided(ctx context.Context) (bool, error) {
	for {
		gone := r.gone()
		s, ok, err := r.entry.Started()
		if err != nil {
			return false, err
		}
		if ok && !s.Abandoned {
			r.runner = s.Runner
			return true, nil
		}
		if gone {
			return false, nil
		}
		select {
		case <-r.moved:
		case <-r.child:
		case <-ctx.Done():
			return false, context.Cause(ctx)
		}
	}
}

// gone reports whether the runner has ended.
func (r *running) gone() bool {
	if r.child == nil {
		return !r.runner.Alive()
	}
	select {
	case <-r.child:
		return true
	default:
		return false
	}
}

// Wait implements [executor.Running].
func (r *running) Wait(ctx context.Context) error {
	for {
		gone := r.gone() // before looking: its last act is to write the result
		_, _, ok, err := r.entry.Exit()
		if err != nil {
			return fmt.Errorf("read the result of %s: %w", r.entry.Ref, err)
		}
		if ok {
			r.ring()
			return nil
		}
		if gone {
			return r.died()
		}
		select {
		case <-r.moved:
		case <-r.child:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// died clears up after a runner that left no result, and writes one.
func (r *running) died() error {
	for range killRounds {
		pids := leftovers(r.entry.Work())
		if len(pids) == 0 {
			break
		}
		for _, pid := range pids {
			_ = syscall.Kill(pid, syscall.SIGKILL)
		}
		time.Sleep(10 * time.Millisecond)
	}
	size, err := segment.Whole(r.entry.Dir)
	if err != nil {
		return err
	}
	started, _, err := r.entry.Started()
	if err != nil {
		return err
	}
	p := ErrRunnerDied.With("cronium-runner with pid %d ended without a result", r.runner.PID)
	exit := journal.Exit{Outcome: journal.Infrastructure, LogBytes: size, BootID: boot.ID(), EndedAt: boot.Now(),
		WallTime: r.executor.cfg.Now().UTC(), Duration: boot.Now() - started.At}
	if r.runner.BootID != boot.ID() {
		p, exit.Duration = ErrRebooted.With("the host has another boot id now"), 0
	}
	exit.Problem = record(p)
	return r.entry.Finish(exit)
}

func record(p *problem.Problem) *journal.Problem {
	return &journal.Problem{Code: p.Code, Title: p.Title, Detail: p.Detail, Hint: p.Hint}
}

// Cancel implements [executor.Running].
func (r *running) Cancel(ctx context.Context, grace time.Duration) error {
	err := r.call(ctx, func(c runnerv1.RunnerServiceClient) error {
		_, err := c.Cancel(ctx, &runnerv1.CancelRequest{Fence: r.entry.Ref.Fence, Grace: durationpb.New(grace)})
		return err
	})
	if _, _, over, exitErr := r.entry.Exit(); err != nil && (over || exitErr != nil || r.gone()) {
		return errors.Join(exitErr)
	}
	if err != nil {
		return fmt.Errorf("cancel %s: %w", r.entry.Ref, err)
	}
	return nil
}

// call talks to the runner. The socket's path may be too long for an address, so
// it is reached through the open directory.
func (r *running) call(ctx context.Context, do func(runnerv1.RunnerServiceClient) error) error {
	dir, err := os.Open(r.entry.Dir)
	if err != nil {
		return err
	}
	defer func() { _ = dir.Close() }()
	conn, err := (&net.Dialer{Timeout: 5 * time.Second}).DialContext(ctx, "unix", fmt.Sprintf("/proc/self/fd/%d/sock", dir.Fd()))
	if err != nil {
		return err
	}
	client := ttrpc.NewClient(conn)
	defer func() { _ = client.Close() }()
	return do(runnerv1.NewRunnerServiceClient(client))
}
