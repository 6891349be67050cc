package runner

import (
	"errors"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/cronium/cronium/agent/boot"
	"github.com/cronium/cronium/agent/cgroup"
	"github.com/cronium/cronium/agent/journal"
	"github.com/cronium/cronium/proto/frame"
	"github.com/cronium/cronium/proto/payload"
	runnerv1 "github.com/cronium/cronium/proto/runner/v1"
	"github.com/cronium/cronium/sdk/dependency"
	"github.com/cronium/cronium/sdk/problem"
)

const (
	leftoverGrace = 2 * time.Second       // for what a script leaves running
	overfullGrace = time.Second           // for a script that fills the disk
	killAgain     = 20 * time.Millisecond // between rounds of SIGKILL
	giveUp        = 10 * time.Second      // on what does not die of SIGKILL
	drain         = 2 * time.Second       // for pipes that outlive the tree
)

// reason is why a script is being ended.
type reason string

const (
	byItself  reason = ""
	timedOut  reason = "timeout"
	cancelled reason = "cancel"
	stopped   reason = "stop"
	overfull  reason = "workspace"
)

type order struct {
	why   reason
	grace time.Duration
}

// child is the running script.
type child struct {
	pid   int
	ended chan syscall.WaitStatus // capacity 1: its main process has ended
	gone  chan struct{}           // closed: no descendant is left
	out   output
}

// execute runs the command to its end.
func (r *run) execute(cmd command, h *runnerv1.Handover) journal.Exit {
	over, err := deadline(timeout(r.payload))
	if err != nil {
		return refused(ErrExec.With("%v", err))
	}
	synced := make(chan struct{})
	defer close(synced)
	go func() {
		_ = r.entry.Sync() // see package journal: nobody waits for it
		r.log.sync(synced)
	}()
	limits := newLimits(h, r.payload, cmd.dir)
	c, err := r.start(cmd, h, limits, r.log.Write)
	if err != nil {
		return refused(execProblem(cmd, err))
	}
	began := boot.Now()
	preferAsVictim(c.pid)
	r.pid.Store(int32(c.pid))
	r.out.Store(&c.out)
	go c.reap()
	measured := make(chan struct{})
	defer close(measured)
	v := r.watch(c, over, limits.overfull(h.GetUser(), measured), cgroup.Group{Dirs: h.GetScriptCgroups()})
	c.out.end()
	if v.left > 0 {
		r.log.Note("%d processes of the script could not be ended", v.left)
	}
	exit := ending(v.status, v.why, r.payload)
	limits.explain(&exit, v)
	exit.Duration, exit.EndedAt = v.at-began, v.at
	return exit
}

func timeout(p *runnerv1.Payload) time.Duration {
	if d := p.GetTimeout().AsDuration(); d > 0 {
		return d
	}
	return time.Hour
}

// start forks and executes the script in a session of its own; sink gets its output.
// The calling thread must live as long as the process.
func (r *run) start(cmd command, h *runnerv1.Handover, l limits, sink func(frame.Stream, []byte)) (*child, error) {
	null, err := os.Open(os.DevNull)
	if err != nil {
		return nil, err
	}
	defer func() { _ = null.Close() }()
	c := &child{ended: make(chan syscall.WaitStatus, 1), gone: make(chan struct{})}
	var write [2]*os.File
	for i := range write {
		if c.out.pipes[i], write[i], err = os.Pipe(); err != nil {
			return nil, err
		}
		defer func() { _ = write[i].Close() }()
	}
	files := []uintptr{null.Fd(), write[0].Fd(), write[1].Fd()}
	if err := c.out.begin(r.log, sink); err != nil {
		return nil, err
	}
	attr := &syscall.ProcAttr{Dir: cmd.dir, Env: cmd.env, Files: files,
		Sys: &syscall.SysProcAttr{Setsid: true, Pdeathsig: syscall.SIGKILL}}
	if user := h.GetUser(); user != nil {
		attr.Sys.Credential = &syscall.Credential{Uid: user.GetUid(), Gid: user.GetGid(), Groups: user.GetGroups()}
	}
	c.pid, err = fork(h, l, cmd, attr)
	return c, err
}

// reap waits for all descendants: orphans become our children. Without a child
// nothing of the script is left.
func (c *child) reap() {
	defer close(c.gone)
	for {
		var status syscall.WaitStatus
		pid, err := syscall.Wait4(-1, &status, 0, nil)
		switch {
		case errors.Is(err, syscall.EINTR):
		case err != nil:
			return
		case pid == c.pid:
			if _, err := syscall.Wait4(-1, nil, syscall.WNOHANG, nil); errors.Is(err, syscall.ECHILD) {
				c.ended <- status // before gone is closed: nobody need look for more
				return
			}
			c.ended <- status
		}
	}
}

// left reports whether the script has left something running. Most leave nothing,
// and that is known the moment they end; to look for it costs more than they do.
func (c *child) left() bool {
	select {
	case <-c.gone:
		return false
	case <-time.After(time.Millisecond):
		return true
	}
}

// verdict is what came of a script.
type verdict struct {
	status syscall.WaitStatus
	at     time.Duration // on the boot clock
	why    reason
	left   int    // processes that could not be killed
	full   string // what the workspace holds, of a script that was ended for it
}

// watch waits until nothing of the script is left, and ends it when it must.
func (r *run) watch(c *child, over <-chan struct{}, full <-chan string, group cgroup.Group) verdict {
	var v verdict
	term := make(chan os.Signal, 1)
	signal.Notify(term, syscall.SIGTERM)
	defer signal.Stop(term)
	e := ender{now: r.now, group: group}
	for running := true; ; {
		select {
		case <-c.gone:
			if running {
				v.status, v.at = <-c.ended, boot.Now()
			}
			return v
		case v.status = <-c.ended:
			running, v.at, over = false, boot.Now(), nil
			if c.left() {
				e.end(leftoverGrace)
			}
		case <-over:
			over, v.why = nil, timedOut
			e.end(r.grace)
		case v.full = <-full:
			if running && v.why == byItself {
				over, v.why = nil, overfull
				e.end(min(r.grace, overfullGrace))
			}
		case <-term:
			if running && v.why == byItself {
				over, v.why = nil, stopped
				e.end(r.grace)
			}
		case o := <-r.orders:
			if running && v.why == byItself {
				over, v.why = nil, o.why
			}
			if running {
				e.end(o.grace)
			}
		case <-e.kill:
			e.again()
		case <-e.giveUp:
			if running {
				v.status, v.at = syscall.WaitStatus(syscall.SIGKILL), boot.Now()
			}
			v.left = len(descendants(os.Getpid()))
			return v
		}
	}
}

// ender ends a tree of processes: SIGTERM once, then SIGKILL until none is left.
type ender struct {
	now    func() time.Time
	group  cgroup.Group // the tree's own, if it has one
	killAt time.Time
	kill   <-chan time.Time
	giveUp <-chan time.Time
}

// end asks the tree to end, and sets or shortens the time it has for that. Hubs
// repeat their orders, so asking again must not prolong it.
func (e *ender) end(grace time.Duration) {
	if e.giveUp != nil {
		return
	}
	at := e.now().Add(grace)
	if e.kill == nil {
		terminate(os.Getpid())
	} else if !at.Before(e.killAt) {
		return
	}
	e.killAt, e.kill = at, time.After(grace)
}

func (e *ender) again() {
	e.group.Kill(os.Getpid())
	kill(os.Getpid())
	e.kill = time.After(killAgain)
	if e.giveUp == nil {
		e.giveUp = time.After(giveUp)
	}
}

// ending says how the script ended.
func ending(status syscall.WaitStatus, why reason, p *runnerv1.Payload) journal.Exit {
	exit := journal.Exit{Code: status.ExitStatus()}
	if status.Signaled() {
		exit.Code = 128 + int(status.Signal())
		exit.Signal = strings.TrimPrefix(unix.SignalName(status.Signal()), "SIG")
	}
	switch {
	case why == timedOut:
		exit.Outcome = journal.TimedOut
		exit.Problem = asRecord(ErrTimeout.With("it was ended after %s", timeout(p)))
	case why == cancelled:
		exit.Outcome = journal.Cancelled
		exit.Problem = asRecord(ErrCancelled.With("the script was ended"))
	case why == overfull:
		exit.Outcome = journal.Failed
	case why == stopped:
		exit.Outcome = journal.Infrastructure
		exit.Problem = asRecord(ErrStopped.With("SIGTERM came while the script ran"))
	case status.Signaled():
		exit.Outcome = journal.Failed
		exit.Problem = asRecord(ErrSignal.With("SIG%s", exit.Signal))
	case exit.Code != 0:
		exit.Outcome = journal.Failed
		exit.Problem = asRecord(ErrExitCode.With("exit code %d", exit.Code))
	default:
		exit.Outcome = journal.Succeeded
	}
	return exit
}

// refused is the result of a script that could not be started.
func refused(p *problem.Problem) journal.Exit {
	outcome := journal.Infrastructure
	for _, own := range []*problem.Problem{ErrLanguage, ErrDigest, ErrPayload, payload.ErrRejected, ErrEnvironment, ErrDependenciesOff, dependency.ErrInvalid} {
		if errors.Is(p, own) {
			outcome = journal.Rejected
		}
	}
	return journal.Exit{Outcome: outcome, Problem: asRecord(p)}
}
