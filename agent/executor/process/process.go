package process

import (
	"context"
	"fmt"
	"log/slog"
	"os/exec"
	"path/filepath"
	"sync"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/cronium/cronium/agent/boot"
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
	// HTTPClient is the program that runners start for HTTP requests, as
	// `PROGRAM http-request FILE`; without one they are refused.
	HTTPClient string
	Now        func() time.Time
	Log        *slog.Logger
}

// Executor implements [executor.Executor].
type Executor struct {
	cfg   Config
	watch *local.Watcher

	spare chan *waiting // one runner at most
	taken chan struct{} // rings when it was taken
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
	watch, err := local.NewWatcher()
	if err != nil {
		cfg.Log.Warn("inotify is not available", "err", err)
	}
	return &Executor{cfg: cfg, watch: watch, spare: make(chan *waiting, 1), taken: make(chan struct{}, 1)}, nil
}

// Kind implements [executor.Executor].
func (x *Executor) Kind() string { return "process" }

// Run implements [executor.Executor].
func (x *Executor) Run(ctx context.Context) error {
	var spares sync.WaitGroup
	defer spares.Wait()
	spares.Go(func() { x.keepSpare(ctx) })
	return x.watch.Run(ctx)
}

// Start implements [executor.Executor]. A runner that waits for work is there before
// the first script; should it be dead, it has claimed nothing, and another is
// started.
func (x *Executor) Start(ctx context.Context, a executor.Attempt) (executor.Running, error) {
	h := proto.CloneOf(a.Handover)
	if h == nil {
		h = &runnerv1.Handover{}
	}
	h.User, h.Dir, h.HttpClient = x.cfg.User, a.Entry.Dir, x.cfg.HTTPClient
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
func begun(ctx context.Context, r *local.Running, w *waiting) (executor.Running, error) {
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
	return x.attach(e, &found{process: started.Runner, work: e.Work()}), nil
}

func (x *Executor) attach(e *journal.Entry, r local.Runner) *local.Running {
	running, err := x.watch.Attach(e, r, x.cfg.Now)
	if err != nil {
		x.cfg.Log.Warn("inotify is not available", "err", err)
	}
	return running
}

// child is a runner that this process has started.
type child struct {
	work  string
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
	return bury(c.work, started)
}

// found is a runner that an earlier agent has started.
type found struct {
	process boot.Process
	work    string
}

func (f *found) Ended() <-chan struct{} { return nil }

func (f *found) Gone() bool { return !f.process.Alive() }

func (f *found) Bury(_ context.Context, started journal.Started) *problem.Problem {
	return bury(f.work, started)
}

func bury(work string, started journal.Started) *problem.Problem {
	killLeftovers(work)
	return ErrRunnerDied.With("cronium-runner with pid %d ended without a result", started.Runner.PID)
}
