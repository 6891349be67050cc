package process

import (
	"context"
	"os"
	"os/exec"
	"syscall"
	"time"

	"github.com/cronium/cronium/agent/journal"
	"github.com/cronium/cronium/agent/runner"
	runnerv1 "github.com/cronium/cronium/proto/runner/v1"
)

// refill is the pause between taking the spare runner and starting the next one,
// which must not compete with the script that is just being started.
const refill = 100 * time.Millisecond

// waiting is a runner that has not been told yet what to run. It ends when its
// stdin does, so none survives us. One of them is kept: starting a program of its
// size takes three times as long as starting bash.
type waiting struct {
	process *os.Process
	stdin   *os.File
	ended   chan struct{}
}

// spawn starts a runner.
func (x *Executor) spawn() (*waiting, error) {
	read, write, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	defer func() { _ = read.Close() }()
	cmd := exec.Command(x.cfg.Runner, runner.Later) //nolint:gosec,noctx // the operator's path; must outlive us
	cmd.Dir, cmd.Env = "/", []string{"PATH=" + os.Getenv("PATH"), "USER=" + os.Getenv("USER")}
	cmd.Stdin = read
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if err := cmd.Start(); err != nil {
		_ = write.Close()
		return nil, err
	}
	w := &waiting{process: cmd.Process, stdin: write, ended: make(chan struct{})}
	go func() {
		defer close(w.ended)
		if err := cmd.Wait(); err != nil {
			x.cfg.Log.Debug("runner ended", "pid", cmd.Process.Pid, "err", err)
		}
	}()
	return w, nil
}

// begin makes it the runner of an attempt. One that is dead, or dies before it has
// read everything, ends without a claim.
func (w *waiting) begin(e *journal.Entry, h *runnerv1.Handover, until time.Time) *child {
	_ = w.stdin.SetWriteDeadline(until)
	_ = runner.WriteHandover(w.stdin, h)
	_ = w.stdin.Close()
	return &child{entry: e, ended: w.ended}
}

func (w *waiting) kill(context.Context) { _ = w.process.Kill() }

// dismiss lets a runner end that is not needed.
func (w *waiting) dismiss() {
	_ = w.stdin.Close()
	<-w.ended
}

// takeSpare returns the runner that waits, nil without one.
func (x *Executor) takeSpare() *waiting {
	select {
	case x.taken <- struct{}{}:
	default:
	}
	select {
	case w := <-x.spare:
		return w
	default:
		return nil
	}
}

// keepSpare keeps one runner waiting until ctx ends.
func (x *Executor) keepSpare(ctx context.Context) {
	defer func() {
		if w := x.takeSpare(); w != nil {
			w.dismiss()
		}
	}()
	for {
		if len(x.spare) == 0 { // nobody else puts one there
			w, err := x.spawn()
			if err == nil {
				x.spare <- w
			} else {
				x.cfg.Log.WarnContext(ctx, "start a spare runner", "err", err)
			}
		}
		select {
		case <-ctx.Done():
			return
		case <-x.taken:
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(refill):
		}
	}
}
