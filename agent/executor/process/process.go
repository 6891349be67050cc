package process

import (
	"context"
	"fmt"
	"log/slog"
	"os/exec"
	"path/filepath"
	"sync"
	"time"

	"github.com/cronium/cronium/agent/boot"
	"github.com/cronium/cronium/agent/cgroup"
	"github.com/cronium/cronium/agent/executor"
	"github.com/cronium/cronium/agent/executor/local"
	"github.com/cronium/cronium/agent/journal"
	runnerv1 "github.com/cronium/cronium/proto/runner/v1"
	"github.com/cronium/cronium/sdk/problem"
)

// startLimit is how long a runner may take to claim its attempt.
const startLimit = 30 * time.Second

// Config is what the executor needs.
type Config struct {
	Runner string         // path of cronium-runner
	User   *runnerv1.User // whom scripts run as; the agent's own user if nil
	Users  *Users         // gives every attempt a user of its own, instead of User
	Groups *cgroup.Host   // for control groups; without it only files and workspaces are limited
	Limits Bounds         // what attempts may use if their job does not say, and at most
	// HTTPClient is the program that runners start for HTTP requests, as
	// `PROGRAM http-request FILE`; without one they are refused.
	HTTPClient string
	// Dependencies say how packages that scripts depend on are installed; without it
	// such scripts are refused.
	Dependencies *runnerv1.Dependencies
	Now          func() time.Time
	Log          *slog.Logger
}

// Executor implements [executor.Executor].
type Executor struct {
	cfg   Config
	watch *local.Watcher

	spare chan *waiting // one runner at most
	taken chan struct{} // rings when it was taken

	work sync.WaitGroup // clearing up

	mu       sync.Mutex
	attended map[string]bool // attempts, by the names of their control groups
}

// New returns an executor. It returns [ErrRunnerMissing] without a runner.
func New(cfg Config) (*Executor, error) {
	path, err := filepath.Abs(cfg.Runner)
	if err == nil {
		_, err = exec.LookPath(path)
	}
	if err != nil {
		return nil, ErrRunnerMissing.With("%v", err)
	}
	cfg.Runner = path
	if err := cfg.Limits.supported(cfg.Groups); err != nil {
		return nil, err
	}
	watch, err := local.NewWatcher()
	if err != nil {
		cfg.Log.Warn("inotify is not available", "err", err)
	}
	return &Executor{cfg: cfg, watch: watch, spare: make(chan *waiting, 1), taken: make(chan struct{}, 1), attended: map[string]bool{}}, nil
}

// Kind implements [executor.Executor].
func (x *Executor) Kind() string { return "process" }

// Run implements [executor.Executor].
func (x *Executor) Run(ctx context.Context) error {
	defer x.work.Wait()
	var loops sync.WaitGroup
	defer loops.Wait()
	loops.Go(func() { x.keepSpare(ctx) })
	loops.Go(func() { x.keepGroups(ctx) })
	return x.watch.Run(ctx)
}

// Start implements [executor.Executor].
func (x *Executor) Start(ctx context.Context, a executor.Attempt) (executor.Running, error) {
	x.attend(a.Entry.Ref)
	h, err := x.handover(a)
	if err != nil {
		x.forget(a.Entry.Ref)
		return nil, executor.Refuse(a.Entry, err)
	}
	r, err := x.start(ctx, a, h)
	if err != nil {
		if ctx.Err() != nil {
			return nil, err // it may run: the next agent sees
		}
		x.clearUp(ctx, a.Entry, h.GetScriptCgroups(), func() bool { return true })
		return nil, err
	}
	return r, nil
}

// start gives the attempt to the runner that waits for one: it was started before
// there was work. Should it be dead, it has claimed nothing, and another is started.
func (x *Executor) start(ctx context.Context, a executor.Attempt, h *runnerv1.Handover) (executor.Running, error) {
	until := x.cfg.Now().Add(startLimit)
	if w := x.takeSpare(); w != nil {
		r := x.attach(a.Entry, w.begin(a.Entry, h, until))
		timed, stop := context.WithTimeout(ctx, startLimit)
		defer stop()
		if runs, err := r.Decided(timed); runs || err != nil {
			return begun(ctx, r, w)
		}
		r.Close()
	}
	w, err := x.spawn()
	if err != nil {
		return nil, executor.Abandon(a.Entry, err.Error())
	}
	return begun(ctx, x.attach(a.Entry, w.begin(a.Entry, h, until)), w)
}

// begun returns the attempt when its runner has claimed it.
func begun(ctx context.Context, r *running, w *waiting) (executor.Running, error) {
	if err := r.Begin(ctx, startLimit, w.kill); err != nil {
		r.Close()
		return nil, err
	}
	return r, nil
}

// Reattach implements [executor.Executor].
func (x *Executor) Reattach(_ context.Context, e *journal.Entry) (executor.Running, error) {
	started, ok, err := e.Started()
	if err != nil {
		return nil, err
	}
	if !ok || started.Abandoned {
		return nil, fmt.Errorf("attempt %s was never started", e.Ref)
	}
	x.attend(e.Ref)
	return x.attach(e, &found{process: started.Runner, entry: e}), nil
}

func (x *Executor) attach(e *journal.Entry, r local.Runner) *running {
	attached, err := x.watch.Attach(e, r, x.cfg.Now)
	if err != nil {
		x.cfg.Log.Warn("inotify is not available", "err", err)
	}
	return &running{Running: attached, x: x, entry: e, runner: r}
}

// running clears up when the result is there.
type running struct {
	*local.Running
	x      *Executor
	entry  *journal.Entry
	runner local.Runner
	over   sync.Once
}

// Wait implements [executor.Running].
func (r *running) Wait(ctx context.Context) error {
	err := r.Running.Wait(ctx)
	if err != nil {
		return err
	}
	r.over.Do(func() {
		started, _, _ := r.entry.Started() // without it there are no groups
		r.x.clearUp(ctx, r.entry, started.Cgroups, r.runner.Gone)
	})
	return nil
}

// child is a runner that this process has started.
type child struct {
	entry *journal.Entry
	ended chan struct{}
}

func (c *child) Ended() <-chan struct{} { return c.ended }

func (c *child) Gone() bool {
	select {
	case <-c.ended:
		return true
	default:
		return false
	}
}

func (c *child) Bury(_ context.Context, started journal.Started) *problem.Problem {
	return bury(c.entry, started)
}

// found is a runner that an earlier agent has started.
type found struct {
	process boot.Process
	entry   *journal.Entry
}

func (f *found) Ended() <-chan struct{} { return nil }

func (f *found) Gone() bool { return !f.process.Alive() }

func (f *found) Bury(_ context.Context, started journal.Started) *problem.Problem {
	return bury(f.entry, started)
}

func bury(e *journal.Entry, started journal.Started) *problem.Problem {
	_ = cgroup.Group{Dirs: started.Cgroups}.End() // what it leaves is hunted next
	killLeftovers(e)
	return ErrRunnerDied.With("cronium-runner with pid %d ended without a result", started.Runner.PID)
}
