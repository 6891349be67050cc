package process

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/cronium/cronium/agent/boot"
	"github.com/cronium/cronium/agent/executor"
	"github.com/cronium/cronium/agent/journal"
	"github.com/cronium/cronium/agent/runner"
	runnerv1 "github.com/cronium/cronium/proto/runner/v1"
)

// startLimit is how long a runner may take to claim its attempt.
const startLimit = 30 * time.Second

// Config is what the executor needs.
type Config struct {
	Runner string         // path of cronium-runner
	User   *runnerv1.User // whom scripts run as; the agent's own user if nil
	Now    func() time.Time
	Log    *slog.Logger
}

// Executor implements [executor.Executor].
type Executor struct {
	cfg   Config
	watch *watcher
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
	watch, err := newWatcher()
	if err != nil {
		cfg.Log.Warn("inotify is not available", "err", err)
	}
	return &Executor{cfg: cfg, watch: watch}, nil
}

// Kind implements [executor.Executor].
func (x *Executor) Kind() string { return "process" }

// Run implements [executor.Executor].
func (x *Executor) Run(ctx context.Context) error { return x.watch.run(ctx) }

// Start implements [executor.Executor].
func (x *Executor) Start(ctx context.Context, a executor.Attempt) (executor.Running, error) {
	r := x.attach(a.Entry)
	cmd, err := x.launch(a, r)
	if err != nil {
		r.Close()
		return nil, x.abandon(a.Entry, err.Error())
	}
	limit, stop := context.WithTimeout(ctx, startLimit)
	defer stop()
	decided, err := r.decided(limit)
	if decided {
		return r, nil
	}
	if ctx.Err() != nil {
		r.Close()
		return nil, context.Cause(ctx)
	}
	if err != nil {
		_ = cmd.Process.Kill()
	}
	err = x.abandon(a.Entry, lastWords(a.Entry))
	if errors.Is(err, journal.ErrClaimed) { // by the runner after all, or long ago
		if won, _ := r.decided(ctx); won {
			return r, nil
		}
	}
	r.Close()
	return nil, err
}

// launch starts the runner and gives it the secrets.
func (x *Executor) launch(a executor.Attempt, r *running) (*exec.Cmd, error) {
	words, err := os.OpenFile(a.Entry.Path("runner.log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, err
	}
	defer func() { _ = words.Close() }()
	h := &runnerv1.Handover{}
	if a.Handover != nil {
		h = proto.CloneOf(a.Handover)
	}
	h.User = x.cfg.User
	var secrets bytes.Buffer
	if err := runner.WriteHandover(&secrets, h); err != nil {
		return nil, err
	}
	cmd := exec.Command(x.cfg.Runner, a.Entry.Dir) //nolint:gosec,noctx // the operator's path; must outlive us
	cmd.Dir, cmd.Env = a.Entry.Dir, []string{"PATH=" + os.Getenv("PATH"), "USER=" + os.Getenv("USER")}
	cmd.Stdin, cmd.Stdout, cmd.Stderr = &secrets, words, words
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	r.child = make(chan struct{})
	go func() {
		defer close(r.child)
		if err := cmd.Wait(); err != nil {
			x.cfg.Log.Debug("runner ended", "run", a.Entry.Ref.RunID, "err", err)
		}
	}()
	return cmd, nil
}

// abandon decides that the attempt never runs, because of why.
func (x *Executor) abandon(e *journal.Entry, why string) error {
	err := e.Claim(journal.Started{Abandoned: true, At: boot.Now()})
	if err != nil {
		return err
	}
	return ErrRunnerFailed.With("%s", why)
}

func lastWords(e *journal.Entry) string {
	b, err := os.ReadFile(e.Path("runner.log"))
	b = bytes.TrimSpace(b)
	if err != nil || len(b) == 0 {
		return "it ended without a word"
	}
	return string(b[max(0, len(b)-1000):])
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
	r := x.attach(e)
	r.runner = started.Runner
	return r, nil
}

func (x *Executor) attach(e *journal.Entry) *running {
	r := &running{executor: x, entry: e, grew: make(chan struct{}, 1), moved: make(chan struct{}, 1)}
	var err error
	if r.unwatch, err = x.watch.add(e.Dir, r.ring); err != nil {
		x.cfg.Log.Warn("inotify is not available", "err", err)
	}
	return r
}
