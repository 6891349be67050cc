package docker

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/docker/docker/api/types/system"
	"github.com/docker/docker/client"
	"google.golang.org/protobuf/proto"

	"github.com/cronium/cronium/agent/executor"
	"github.com/cronium/cronium/agent/executor/docker/policy"
	"github.com/cronium/cronium/agent/executor/local"
	"github.com/cronium/cronium/agent/journal"
	"github.com/cronium/cronium/agent/runner"
	runnerv1 "github.com/cronium/cronium/proto/runner/v1"
)

const (
	callLimit  = 30 * time.Second // every question to the engine
	pullLimit  = 10 * time.Minute
	startLimit = 60 * time.Second // from the start of a container to the runner's claim
)

// Config is what the executor needs. Runner, AgentID, Now and Log are required.
type Config struct {
	Host    string // of the engine: unix:///var/run/docker.sock; the environment's if empty
	Runner  string // path of cronium-runner, which must be static
	AgentID string // names the containers
	// Policy is what jobs may have; [policy.Open] if nil.
	Policy *policy.Policy
	// Images are those of jobs that name none, by language. A language that is not
	// here has its entry of [DefaultImages], which is never pulled.
	Images map[string]string
	Now    func() time.Time
	Log    *slog.Logger
}

// Executor implements [executor.Executor].
type Executor struct {
	cfg      Config
	engine   *client.Client
	watch    *local.Watcher
	cgroups2 bool
	version  string

	work sync.WaitGroup // removals

	mu   sync.Mutex
	live map[string]bool // containers of attempts that are attended, by name
}

// New asks the engine who it is. It returns [ErrEngine] without one.
func New(ctx context.Context, cfg Config) (*Executor, error) {
	path, err := filepath.Abs(cfg.Runner)
	if err == nil {
		_, err = exec.LookPath(path)
	}
	if err != nil {
		return nil, fmt.Errorf("find cronium-runner: %w", err)
	}
	cfg.Runner = path
	options := []client.Opt{client.FromEnv, client.WithAPIVersionNegotiation()}
	if cfg.Host != "" {
		options = append(options, client.WithHost(cfg.Host))
	}
	engine, err := client.NewClientWithOpts(options...)
	if err != nil {
		return nil, ErrEngine.With("%v", err)
	}
	if cfg.Policy == nil {
		cfg.Policy = policy.Open()
	}
	ctx, stop := context.WithTimeout(ctx, callLimit)
	defer stop()
	info, err := engine.Info(ctx)
	if err != nil {
		err = ErrEngine.With("%v", err)
	} else if err = usable(info); err == nil {
		err = cfg.Policy.Forbid(strings.TrimPrefix(engine.DaemonHost(), "unix://"), info.DockerRootDir)
	}
	if err != nil {
		_ = engine.Close()
		return nil, err
	}
	watch, err := local.NewWatcher()
	if err != nil {
		cfg.Log.WarnContext(ctx, "inotify is not available", "err", err)
	}
	return &Executor{cfg: cfg, engine: engine, watch: watch, cgroups2: info.CgroupVersion == "2",
		version: info.ServerVersion, live: map[string]bool{}}, nil
}

func usable(info system.Info) error {
	for _, option := range info.SecurityOptions {
		if strings.HasPrefix(option, "name=userns") {
			return ErrUserNS.With("its security options have %q", option)
		}
	}
	if info.OSType != "linux" {
		return ErrEngine.With("it runs %s containers", info.OSType)
	}
	return nil
}

// Version is the engine's.
func (x *Executor) Version() string { return x.version }

// Kind implements [executor.Executor].
func (x *Executor) Kind() string { return "docker" }

// Run implements [executor.Executor].
func (x *Executor) Run(ctx context.Context) error {
	defer x.work.Wait()
	done := make(chan struct{})
	go func() {
		defer close(done)
		x.reconcile(ctx)
	}()
	err := x.watch.Run(ctx)
	<-done
	return err
}

// Start implements [executor.Executor].
func (x *Executor) Start(ctx context.Context, a executor.Attempt) (executor.Running, error) {
	name := x.name(a.Entry.Ref)
	x.attend(name)
	r, err := x.start(ctx, a, name)
	if err != nil {
		x.discard(ctx, name)
		return nil, err
	}
	return r, nil
}

func (x *Executor) start(ctx context.Context, a executor.Attempt, name string) (executor.Running, error) {
	o, err := x.order(a)
	if err != nil {
		return nil, executor.Refuse(a.Entry, err)
	}
	image, err := x.resolve(ctx, a.Entry, o)
	if err != nil {
		return nil, executor.Refuse(a.Entry, err)
	}
	c, err := x.launch(ctx, a, o, image, name)
	if err != nil {
		return nil, executor.Refuse(a.Entry, err)
	}
	r := x.attach(a.Entry, c)
	if err := r.Begin(ctx, startLimit, c.kill); err != nil {
		r.Close()
		return nil, err
	}
	return r, nil
}

// launch creates and starts the container, and gives its runner the secrets.
func (x *Executor) launch(ctx context.Context, a executor.Attempt, o *order, image found, name string) (*containerRunner, error) {
	var secrets bytes.Buffer
	if err := runner.WriteHandover(&secrets, x.handover(a.Handover)); err != nil {
		return nil, err
	}
	ctx, stop := context.WithTimeout(ctx, callLimit)
	defer stop()
	id, err := x.create(ctx, a.Entry, o, image, name)
	if err != nil {
		return nil, err
	}
	return x.startWith(ctx, a.Entry, id, secrets.Bytes())
}

// handover tells the runner whom to become and where its limits are counted.
func (x *Executor) handover(given *runnerv1.Handover) *runnerv1.Handover {
	h := proto.CloneOf(given)
	if h == nil {
		h = &runnerv1.Handover{}
	}
	h.User = scriptUser()
	h.MemoryCgroup, h.PidsCgroup = "/sys/fs/cgroup/memory", "/sys/fs/cgroup/pids"
	if x.cgroups2 {
		h.MemoryCgroup, h.PidsCgroup = "/sys/fs/cgroup", "/sys/fs/cgroup"
	}
	return h
}

// Reattach implements [executor.Executor].
func (x *Executor) Reattach(ctx context.Context, e *journal.Entry) (executor.Running, error) {
	started, ok, err := e.Started()
	if err != nil {
		return nil, err
	}
	if !ok || started.Abandoned {
		return nil, fmt.Errorf("attempt %s was never started", e.Ref)
	}
	name := x.name(e.Ref)
	x.attend(name)
	return x.attach(e, x.follow(ctx, name)), nil
}

func (x *Executor) attach(e *journal.Entry, c *containerRunner) *running {
	r, err := x.watch.Attach(e, c, x.cfg.Now)
	if err != nil {
		x.cfg.Log.Warn("inotify is not available", "err", err)
	}
	return &running{Running: r, container: c}
}

// running removes its container when the result is there.
type running struct {
	*local.Running
	container *containerRunner
}

// Wait implements [executor.Running].
func (r *running) Wait(ctx context.Context) error {
	err := r.Running.Wait(ctx)
	if err == nil {
		r.container.over(ctx)
	}
	return err
}

// Close implements [executor.Running].
func (r *running) Close() {
	r.Running.Close()
	r.container.leave()
}

// name is the container's, the same for every agent process.
func (x *Executor) name(ref journal.Ref) string {
	return fmt.Sprintf("cronium-%.8s-%s-%d", x.cfg.AgentID, ref.RunID, ref.Attempt)
}

func (x *Executor) attend(name string) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.live[name] = true
}

func (x *Executor) forget(name string) {
	x.mu.Lock()
	defer x.mu.Unlock()
	delete(x.live, name)
}

func (x *Executor) attended(name string) bool {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.live[name]
}

// discard removes a container that was not started, or not for long.
func (x *Executor) discard(ctx context.Context, name string) {
	if errors.Is(context.Cause(ctx), context.Canceled) {
		return // the agent ends; the journal tells the next one
	}
	x.work.Go(func() {
		x.remove(context.WithoutCancel(ctx), name)
		x.forget(name)
	})
}
