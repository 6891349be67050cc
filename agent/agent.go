package agent

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/cronium/cronium/agent/console"
	"github.com/cronium/cronium/agent/executor"
	"github.com/cronium/cronium/agent/executor/docker"
	"github.com/cronium/cronium/agent/executor/process"
	"github.com/cronium/cronium/agent/journal"
	"github.com/cronium/cronium/agent/logstream"
	"github.com/cronium/cronium/agent/supervisor"
	"github.com/cronium/cronium/agent/uplink"
)

const (
	defaultSlots = 16
	maxSlots     = 10_000
)

// Config is how an agent runs. DataDir is required.
type Config struct {
	DataDir string
	// Slots is how many attempts run at once; 16 if zero.
	Slots int
	// Labels are added to those of the enrolment, and win over them.
	Labels map[string]string
	// RunnerPath is cronium-runner; the one beside this program if empty.
	RunnerPath string
	// RunAs is the user whom scripts run as; the agent's own if empty.
	RunAs string
	// Executor starts attempts that are processes of this host; cronium-runner if nil.
	Executor executor.Executor
	// Docker is the address of the Docker engine for attempts in containers, "auto"
	// for the usual one if it is there, or "off", which is the default.
	Docker string
	// Console lets people open shells on this host, through the hub; off by default.
	Console bool
	// ConsoleAs is the user whom those shells run as; the one whom scripts run as if
	// empty.
	ConsoleAs string
	// Shells opens them; login shells of that user if nil.
	Shells console.Shells
	// MinFree is the free space on the data directory's disk below which nothing new
	// is taken; 128 MiB if zero.
	MinFree int64
	Version string // "dev" if empty
	// Pause is how long to wait before the nth dial in a row; full jitter if nil.
	Pause func(n int) time.Duration
	Now   func() time.Time // time.Now if nil
	Log   *slog.Logger     // nothing is logged if nil
}

// Agent runs attempts for a hub.
type Agent struct {
	cfg      Config
	identity *uplink.Identity
	process  executor.Executor
	console  *console.Console
	started  time.Time
	kinds    []string // of executors, once it runs
}

// Enrolment says how a host becomes an agent.
type Enrolment struct {
	Hub     string // address of the hub's listener for agents, HOST:PORT
	Token   string // join token
	DataDir string
	Name    string // wished for; the token's or the host's name if empty
	Labels  map[string]string
}

// Enrol makes the data directory an agent's, by a join token. It returns the name
// that the hub gave.
func Enrol(ctx context.Context, e Enrolment) (name string, err error) {
	id, err := uplink.Enrol(ctx, uplink.EnrolConfig{Dir: e.DataDir, Hub: e.Hub, Token: e.Token, Name: e.Name, Labels: e.Labels})
	if err != nil {
		return "", err
	}
	return id.Name, nil
}

// New returns the agent of an enrolled data directory. It changes nothing.
func New(cfg Config) (*Agent, error) {
	if err := cfg.validate(); err != nil {
		return nil, err
	}
	identity, err := uplink.LoadIdentity(cfg.DataDir)
	if err != nil {
		return nil, err
	}
	a := &Agent{cfg: cfg, identity: identity, process: cfg.Executor}
	identity.AddLabels(cfg.Labels)
	if a.console, err = consoleOf(cfg, identity); err != nil {
		return nil, err
	}
	if a.process == nil {
		user, err := process.LookUp(cfg.RunAs)
		if err != nil {
			return nil, err
		}
		a.process, err = process.New(process.Config{Runner: cfg.runner(), User: user, Now: cfg.Now, Log: cfg.Log})
		if err != nil {
			return nil, err
		}
	}
	return a, nil
}

func (c *Config) validate() error {
	if c.Slots == 0 {
		c.Slots = defaultSlots
	}
	if c.Slots < 1 || c.Slots > maxSlots {
		return ErrSlots.With("%d", c.Slots)
	}
	if c.Docker == "" {
		c.Docker = dockerOff
	}
	if c.Version == "" {
		c.Version = "dev"
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	return nil
}

// runner is where cronium-runner is.
func (c *Config) runner() string {
	if c.RunnerPath != "" {
		return c.RunnerPath
	}
	self, err := os.Executable()
	if err != nil {
		return "cronium-runner"
	}
	return filepath.Join(filepath.Dir(self), "cronium-runner")
}

// Run works until ctx ends, and returns nil then. Scripts that run at that moment
// run on. It may be called once.
func (a *Agent) Run(ctx context.Context) error {
	mode := os.FileMode(0o700)
	if a.cfg.RunAs != "" {
		mode = 0o711 // for the way to the workspaces
	}
	if err := os.Chmod(a.cfg.DataDir, mode); err != nil {
		return ErrDataDir.With("%v", err)
	}
	unlock, err := lock(a.cfg.DataDir)
	if err != nil {
		return err
	}
	defer unlock()
	j, err := journal.Open(a.cfg.DataDir, journal.Config{Shared: a.cfg.RunAs != ""})
	if err != nil {
		return err
	}
	a.started = a.cfg.Now()
	executors, err := a.executors(ctx)
	if err != nil {
		return err
	}
	a.kinds = slices.Sorted(maps.Keys(executors))
	if err := a.work(ctx, j, executors); ctx.Err() == nil {
		return err
	}
	return nil
}

const (
	dockerAuto = "auto"
	dockerOff  = "off"
	// dockerLabel is how jobs in containers find the hosts that can run them.
	dockerLabel = "executor.docker"
)

// consoleLabel is how the hub knows that shells can be opened on this host.
const consoleLabel = "console"

// consoleOf is the console, on or off. Its shells have no more rights than scripts
// have, unless the operator names a user for them.
func consoleOf(cfg Config, identity *uplink.Identity) (*console.Console, error) {
	c := console.Config{AgentID: identity.AgentID, Log: cfg.Log}
	if !cfg.Console {
		return console.New(c), nil
	}
	identity.AddLabels(map[string]string{consoleLabel: "true"})
	if c.Shells = cfg.Shells; c.Shells == nil {
		account, err := console.LookUp(cmp.Or(cfg.ConsoleAs, cfg.RunAs))
		if err != nil {
			return nil, err
		}
		c.Shells = console.Local{Account: account, AgentID: identity.AgentID}
	}
	return console.New(c), nil
}

// executors are the ways to start an attempt that this host has.
func (a *Agent) executors(ctx context.Context) (map[string]executor.Executor, error) {
	all := map[string]executor.Executor{"process": a.process}
	if a.cfg.Docker == dockerOff {
		return all, nil
	}
	host := a.cfg.Docker
	if host == dockerAuto {
		host = ""
	}
	x, err := docker.New(ctx, docker.Config{Host: host, Runner: a.cfg.runner(), AgentID: a.identity.AgentID, Now: a.cfg.Now, Log: a.cfg.Log})
	switch {
	case err == nil:
		all["docker"] = x
		a.identity.AddLabels(map[string]string{dockerLabel: "true"})
	case a.cfg.Docker != dockerAuto:
		return nil, err
	default:
		a.cfg.Log.InfoContext(ctx, "no Docker engine, so no jobs in containers", "err", err)
	}
	return all, nil
}

// work assembles the rooms and runs them.
func (a *Agent) work(ctx context.Context, j *journal.Journal, executors map[string]executor.Executor) error {
	var line *uplink.Uplink
	logs := logstream.New(logstream.Config{
		Open:   func(ctx context.Context) (logstream.Stream, error) { return line.OpenLog(ctx) },
		Jitter: rand.N[time.Duration],
		Log:    a.cfg.Log,
	})
	attempts := supervisor.New(supervisor.Config{Journal: j, Executors: executors, Logs: logs,
		Slots: a.cfg.Slots, MinFree: a.cfg.MinFree, Now: a.cfg.Now, Log: a.cfg.Log})
	line = uplink.New(uplink.Config{Identity: a.identity, Attempts: attempts, Journal: j, Consoles: a.console, Slots: a.cfg.Slots,
		Version: a.cfg.Version, Pause: a.cfg.Pause, Now: a.cfg.Now, Log: a.cfg.Log})
	if err := attempts.Recover(); err != nil {
		return err
	}
	group, ctx := errgroup.WithContext(ctx)
	loops := []func(context.Context) error{attempts.Run, logs.Run, line.Run, a.console.Run, a.answer(line, attempts)}
	for _, x := range executors {
		loops = append(loops, x.Run)
	}
	for _, run := range loops {
		group.Go(func() error {
			if err := run(ctx); !errors.Is(err, context.Canceled) {
				return err
			}
			return context.Canceled
		})
	}
	return group.Wait()
}
