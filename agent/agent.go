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

	"github.com/cronium/cronium/agent/cgroup"
	"github.com/cronium/cronium/agent/console"
	"github.com/cronium/cronium/agent/executor"
	"github.com/cronium/cronium/agent/executor/docker"
	"github.com/cronium/cronium/agent/executor/docker/policy"
	"github.com/cronium/cronium/agent/executor/ssh"
	"github.com/cronium/cronium/agent/journal"
	"github.com/cronium/cronium/agent/logstream"
	"github.com/cronium/cronium/agent/supervisor"
	"github.com/cronium/cronium/agent/upgrade"
	"github.com/cronium/cronium/agent/uplink"
	agentv1 "github.com/cronium/cronium/proto/agent/v1"
	"github.com/cronium/cronium/proto/image"
	runnerv1 "github.com/cronium/cronium/proto/runner/v1"
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
	// RunAs is the user whom scripts run as. If empty, that is the agent's own user; or,
	// when that is root, a user for each attempt, out of ScriptUsers.
	RunAs string
	// HTTPClient is the program that makes the requests of HTTP jobs, as
	// `PROGRAM http-request FILE`; without one the agent refuses them.
	HTTPClient string
	// Dependencies says whether packages that scripts depend on are installed: "on",
	// "off", or "auto", which is the default: of the languages that have a source below.
	// "on" takes pip and npm as they are configured where no source is given.
	Dependencies string
	// PipIndex and NPMRegistry are addresses of indexes of packages.
	PipIndex, NPMRegistry string
	// Wheelhouse is a directory of packages, instead of any index.
	Wheelhouse string
	// DependencyBuilds lets packages run code of their own when they are installed.
	DependencyBuilds bool
	// DependencyLimits are time (10m) and size (2GiB) of one installation, and total
	// (10GiB) and unused (720h) of what is kept.
	DependencyLimits map[string]string
	// Installer is the program that installs packages, as `PROGRAM install-dependencies
	// …`; without one there are none.
	Installer string
	// AllowRootScripts lets RunAs be root.
	AllowRootScripts bool
	// ScriptUsers is a range of user ids; 61184-65519 if empty.
	ScriptUsers string
	// DefaultLimits and MaxLimits are what scripts that are processes may use if their
	// job does not say, and at most: memory, cpus, processes, file_size, workspace, as
	// jobs write them.
	DefaultLimits, MaxLimits map[string]string
	// Executor starts attempts that are processes of this host; cronium-runner if nil.
	Executor executor.Executor
	// Docker is the address of the Docker engine for attempts in containers, "auto"
	// for the usual one if it is there, or "off", which is the default.
	Docker string
	// DockerPolicy is the file that says what jobs in containers may have on this
	// host; docker.yaml in the data directory if empty, and if there is one.
	DockerPolicy string
	// Images are those of jobs in containers that name none, by language.
	Images map[string]string
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
	// Upgrades obeys the hub's orders to become another version; nil if none shall be.
	Upgrades *upgrade.Upgrades
	// Pause is how long to wait before the nth dial in a row; full jitter if nil.
	Pause func(n int) time.Duration
	Now   func() time.Time // time.Now if nil
	Log   *slog.Logger     // nothing is logged if nil
}

// Agent runs attempts for a hub.
type Agent struct {
	cfg      Config
	identity *uplink.Identity
	scripts  scripts
	groups   *cgroup.Host // once it runs
	ssh      *ssh.Executor
	line     *uplink.Uplink // once it runs
	console  *console.Console
	started  time.Time
	kinds    []string // of executors, once it runs
	drain    *drain   // once it runs

	dependencies *dependencies
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
	a := &Agent{cfg: cfg, identity: identity}
	identity.AddLabels(cfg.Labels)
	if a.console, err = consoleOf(cfg, identity); err != nil {
		return nil, err
	}
	if a.dependencies, err = cfg.planDependencies(); err != nil {
		return nil, err
	}
	if cfg.Executor == nil {
		if a.scripts, err = cfg.planScripts(); err != nil {
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
	for language, text := range c.Images {
		if _, ok := image.Parse(text); !ok || docker.DefaultImages()[language] == "" {
			return ErrImage.With("%s=%s", language, text)
		}
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
// run on. It returns an *[upgrade.Switch] when another version is to take over. It
// may be called once.
func (a *Agent) Run(ctx context.Context) error {
	mode := os.FileMode(0o700)
	if a.scripts.shared() {
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
	j, err := journal.Open(a.cfg.DataDir, journal.Config{Shared: a.scripts.shared()})
	if err != nil {
		return err
	}
	if a.drain, err = openDrain(a.cfg.DataDir); err != nil {
		return err
	}
	a.started = a.cfg.Now()
	executors, err := a.executors(ctx, j)
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
	// sshLabel is how jobs on servers find the hosts that can reach some.
	sshLabel = "executor.ssh"
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
		if cfg.ConsoleAs == "" && cfg.RunAs == "" && os.Geteuid() == 0 {
			return nil, ErrConsoleUser.With("Every script has a user of its own, and the agent is root")
		}
		account, err := console.LookUp(cmp.Or(cfg.ConsoleAs, cfg.RunAs))
		if err != nil {
			return nil, err
		}
		c.Shells = console.Local{Account: account, AgentID: identity.AgentID}
	}
	return console.New(c), nil
}

// executors are the ways to start an attempt that this host has.
func (a *Agent) executors(ctx context.Context, j *journal.Journal) (map[string]executor.Executor, error) {
	all := map[string]executor.Executor{"process": a.cfg.Executor}
	if a.cfg.Executor == nil {
		x, err := a.processes(ctx, j)
		if err != nil {
			return nil, err
		}
		all["process"] = x
	}
	var err error
	a.ssh, err = ssh.New(ssh.Config{Runner: a.cfg.runner(), AgentID: a.identity.AgentID, Keys: a.identity.Keys,
		Credentials: a.credentials, Holds: j.Holds, Now: a.cfg.Now, Log: a.cfg.Log})
	if err != nil {
		return nil, err
	}
	a.identity.AddLabels(map[string]string{sshLabel: "true"})
	all[ssh.Kind] = a.ssh
	if a.cfg.Docker == dockerOff {
		return all, nil
	}
	host := a.cfg.Docker
	if host == dockerAuto {
		host = ""
	}
	rules, err := a.policy()
	if err != nil {
		return nil, err
	}
	x, err := docker.New(ctx, docker.Config{Host: host, Runner: a.cfg.runner(), AgentID: a.identity.AgentID, Policy: rules, Images: a.cfg.Images,
		Now: a.cfg.Now, Log: a.cfg.Log})
	switch {
	case err == nil:
		all["docker"] = x
		a.identity.AddLabels(map[string]string{dockerLabel: "true"})
	case a.cfg.Docker != dockerAuto, errors.Is(err, policy.ErrInvalid):
		return nil, err
	default:
		a.cfg.Log.InfoContext(ctx, "no Docker engine, so no jobs in containers", "err", err)
	}
	return all, nil
}

// policy reads what jobs in containers may have here. A file that cannot be used
// stops the agent: without it, jobs would have more.
func (a *Agent) policy() (*policy.Policy, error) {
	path := a.cfg.DockerPolicy
	if path == "" {
		if path = filepath.Join(a.cfg.DataDir, "docker.yaml"); !policy.Exists(path) {
			rules := policy.Open()
			return rules, rules.Forbid(a.cfg.DataDir)
		}
	}
	return policy.Load(path, a.cfg.DataDir)
}

// credentials asks the hub for what opens the servers of an attempt.
func (a *Agent) credentials(ctx context.Context, ref journal.Ref) ([]*agentv1.Credential, error) {
	return a.line.Credentials(ctx, ref)
}

// work assembles the rooms and runs them.
func (a *Agent) work(ctx context.Context, j *journal.Journal, executors map[string]executor.Executor) error {
	logs := logstream.New(logstream.Config{
		Open:   func(ctx context.Context) (logstream.Stream, error) { return a.line.OpenLog(ctx) },
		Jitter: rand.N[time.Duration],
		Log:    a.cfg.Log,
	})
	attempts := supervisor.New(supervisor.Config{Journal: j, Executors: executors, Logs: logs,
		Calls: func(ctx context.Context, ref journal.Ref, c *runnerv1.Call) *runnerv1.Answer {
			return a.line.RuntimeCall(ctx, ref, c)
		},
		Slots: a.cfg.Slots, MinFree: a.cfg.MinFree, Draining: a.drain.Draining, Now: a.cfg.Now, Log: a.cfg.Log})
	config := uplink.Config{Identity: a.identity, Attempts: attempts, Journal: j, Consoles: a.console, Slots: a.cfg.Slots, Drain: a.drain,
		Version: a.cfg.Version, Probe: a.ssh.Probe, Pause: a.cfg.Pause, Now: a.cfg.Now, Log: a.cfg.Log}
	loops := []func(context.Context) error{attempts.Run, logs.Run}
	if up := a.cfg.Upgrades; up != nil {
		config.Upgrades = up
		loops = append(loops, func(ctx context.Context) error { return up.Run(ctx, a.source(a.line)) })
	}
	a.line = uplink.New(config)
	loops = append(loops, a.line.Run, a.console.Run, a.answer(a.line, attempts), a.keepEnvironments)
	if err := attempts.Recover(); err != nil {
		return err
	}
	group, ctx := errgroup.WithContext(ctx)
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

// source is whose orders to upgrade count, and where programs come from.
func (a *Agent) source(line *uplink.Uplink) upgrade.Source {
	return upgrade.Source{Keys: a.identity.Keys, Instance: a.identity.Instance, AgentID: a.identity.AgentID, Fetch: line.Fetch}
}
