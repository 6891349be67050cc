// Command cronium-agent runs jobs on this host for a hub.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"time"

	"github.com/alecthomas/kong"

	"github.com/cronium/cronium/agent"
	"github.com/cronium/cronium/agent/service"
	"github.com/cronium/cronium/agent/upgrade"
	"github.com/cronium/cronium/sdk/problem"
)

var version = "dev"

const description = `Runs jobs on this host for a Cronium hub.

Examples:
  cronium-agent enrol --hub hub.example.com:8421 --token-file - --data-dir /var/lib/cronium-agent
  cronium-agent run --data-dir /var/lib/cronium-agent
  cronium-agent run --data-dir /var/lib/cronium-agent --run-as cronium --console
  cronium-agent status --data-dir /var/lib/cronium-agent
  cronium-agent drain --wait --data-dir /var/lib/cronium-agent`

type commands struct {
	Enrol   enrolCommand     `cmd:"" help:"Make this host an agent of a hub, with a join token from 'cronium hosts add'."`
	Run     runCommand       `cmd:"" help:"Run jobs until SIGTERM or Ctrl-C. Scripts that run then run on, and the next agent finds them."`
	Status  statusCommand    `cmd:"" help:"Tell how the agent of a data directory is. Ends with 0 if it is connected, else with 1."`
	Request requestCommand   `cmd:"" hidden:"" name:"http-request" help:"Make the HTTP request of a job. Runners call this."`
	Install installCommand   `cmd:"" hidden:"" name:"install-dependencies" help:"Install what the script of a job depends on. Runners call this."`
	Drain   drainCommand     `cmd:"" help:"Take nothing new; what runs goes on. It holds over restarts, until 'resume' here or in the hub."`
	Resume  resumeCommand    `cmd:"" help:"Take work again."`
	Service serviceCommand   `cmd:"" help:"Make the agent a service of systemd."`
	Version kong.VersionFlag `help:"Print the version."`
}

type enrolCommand struct {
	Hub     string            `required:"" placeholder:"HOST:PORT" help:"The hub's address for agents (port 8421 by default)." env:"CRONIUM_HUB"`
	Token   string            `placeholder:"aj1_…" help:"The join token. It is used up. Others on this host can read it in the list of processes; the environment and --token-file keep it to you." env:"CRONIUM_JOIN_TOKEN"`
	File    string            `name:"token-file" placeholder:"FILE" help:"Read the join token from FILE; - is standard input."`
	DataDir string            `required:"" placeholder:"DIR" help:"Where identity and journal are kept." env:"CRONIUM_DATA_DIR"`
	Name    string            `placeholder:"NAME" help:"The name to ask for; by default the token's or this host's."`
	Label   map[string]string `placeholder:"KEY=VALUE" help:"A label that jobs can select; may be repeated." mapsep:"none"`
}

type runCommand struct {
	DataDir string            `required:"" placeholder:"DIR" help:"The data directory, enrolled before." env:"CRONIUM_DATA_DIR"`
	Slots   int               `default:"16" help:"How many scripts may run at once." env:"CRONIUM_SLOTS"`
	Runner  string            `placeholder:"PATH" help:"The cronium-runner; by default the one beside this program." env:"CRONIUM_RUNNER"`
	RunAs   string            `placeholder:"USER" help:"Run scripts as this user; the agent must be root. By default an agent that is root gives every attempt a user of its own." env:"CRONIUM_RUN_AS"`
	Root    bool              `name:"allow-root-scripts" help:"Let --run-as be root." env:"CRONIUM_ALLOW_ROOT_SCRIPTS"`
	Users   string            `name:"script-users" default:"61184-65519" placeholder:"FROM-TO" help:"The ids of the users that attempts get." env:"CRONIUM_SCRIPT_USERS"`
	Default map[string]string `name:"default-limits" placeholder:"NAME=VALUE,…" help:"What a process may use if its job does not say: memory=512MiB,cpus=1.5,processes=256,file_size=1GiB,workspace=10GiB." env:"CRONIUM_DEFAULT_LIMITS" mapsep:","`
	Max     map[string]string `name:"max-limits" placeholder:"NAME=VALUE,…" help:"The most that a job may ask for, in the same form." env:"CRONIUM_MAX_LIMITS" mapsep:","`
	Depend  string            `name:"dependencies" default:"auto" placeholder:"WHEN" help:"Install the packages that scripts depend on: on, off, or auto, which is those of the languages for which an index or a wheelhouse is given." env:"CRONIUM_DEPENDENCIES"`
	Pip     string            `name:"pip-index" placeholder:"URL" help:"Where pip finds packages; by default as it is configured on this host. Others can read a password in it in the list of processes; the environment keeps it to you." env:"CRONIUM_PIP_INDEX"`
	NPM     string            `name:"npm-registry" placeholder:"URL" help:"Where npm finds packages; by default as it is configured on this host." env:"CRONIUM_NPM_REGISTRY"`
	Wheels  string            `name:"wheelhouse" placeholder:"DIR" help:"Take packages from a directory of wheels (*.whl) and packed packages (*.tgz), and from nowhere else." env:"CRONIUM_WHEELHOUSE"`
	Builds  bool              `name:"dependency-builds" help:"Let packages run code of their own when they are installed: source distributions and install scripts." env:"CRONIUM_DEPENDENCY_BUILDS"`
	Bounds  map[string]string `name:"dependency-limits" placeholder:"NAME=VALUE,…" help:"What an installation may take, and what is kept: time=10m,size=2GiB,total=10GiB,unused=720h are the defaults." env:"CRONIUM_DEPENDENCY_LIMITS" mapsep:","`
	Docker  string            `default:"auto" placeholder:"ADDR" help:"The Docker engine for jobs in containers: an address such as unix:///var/run/docker.sock, auto (the usual one, if it is there) or off." env:"CRONIUM_DOCKER"`
	Image   map[string]string `placeholder:"LANGUAGE=REFERENCE" help:"The image of jobs in containers that name none; may be repeated. By default those of 'make images': cronium-bash, cronium-python and cronium-node." mapsep:"none"`
	Policy  string            `name:"docker-policy" placeholder:"FILE" help:"What jobs in containers may have on this host; by default docker.yaml in the data directory, if it is there." env:"CRONIUM_DOCKER_POLICY"`
	Console bool              `help:"Let people who may open shells on this host, through the hub. Off by default." env:"CRONIUM_CONSOLE"`
	ShellAs string            `name:"console-as" placeholder:"USER" help:"Whom those shells run as; by default the one of --run-as. An agent that is root must be told." env:"CRONIUM_CONSOLE_AS"`
	Label   map[string]string `placeholder:"KEY=VALUE" help:"A further label; may be repeated." mapsep:"none"`
	Trial   time.Duration     `default:"1m" placeholder:"D" help:"How long a version that the hub upgrades to has until it must be connected." env:"CRONIUM_TRIAL"`
	Verbose bool              `short:"v" help:"Log more."`
}

type statusCommand struct {
	DataDir string `required:"" placeholder:"DIR" help:"The agent's data directory." env:"CRONIUM_DATA_DIR"`
	JSON    bool   `help:"Print JSON."`
}

type drainCommand struct {
	DataDir string        `required:"" placeholder:"DIR" help:"The agent's data directory." env:"CRONIUM_DATA_DIR"`
	Wait    bool          `help:"End when nothing is in hand any more."`
	Timeout time.Duration `placeholder:"D" help:"How long to wait at most; without it, as long as it takes."`
}

type resumeCommand struct {
	DataDir string `required:"" placeholder:"DIR" help:"The agent's data directory." env:"CRONIUM_DATA_DIR"`
}

type serviceCommand struct {
	Install   serviceInstall   `cmd:"" help:"Write the unit cronium-agent.service and start it."`
	Uninstall serviceUninstall `cmd:"" help:"Stop the service and remove the unit. Scripts that run, run on."`
	Status    serviceStatus    `cmd:"" help:"Tell what systemd says of it."`
}

type serviceInstall struct {
	DataDir string `required:"" placeholder:"DIR" help:"The agent's data directory, an absolute path." env:"CRONIUM_DATA_DIR"`
	User    string `placeholder:"USER" help:"Run the agent as USER; the default is root."`
	Root    string `placeholder:"DIR" help:"Write below DIR and start nothing."`
	NoStart bool   `help:"Write the unit only."`
}

type serviceUninstall struct {
	Root string `placeholder:"DIR" help:"Remove below DIR and stop nothing."`
}

type serviceStatus struct{}

func main() {
	if err := agent.Harden(); err != nil {
		os.Exit(exitCode(err))
	}
	var c commands
	parser := kong.Must(&c, kong.Name("cronium-agent"), kong.Description(description), kong.UsageOnError(),
		kong.ConfigureHelp(kong.HelpOptions{Compact: true}),
		kong.Vars{"version": fmt.Sprintf("cronium-agent %s (%s %s/%s)", version, runtime.Version(), runtime.GOOS, runtime.GOARCH)})
	command, err := parser.Parse(os.Args[1:])
	if err != nil {
		fmt.Fprintf(os.Stderr, "error: %v\nhint: run `cronium-agent --help`\n", err)
		os.Exit(2)
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	command.BindTo(ctx, (*context.Context)(nil))
	command.BindTo(os.Stdout, (*io.Writer)(nil))
	err = command.Run()
	stop()
	os.Exit(exitCode(err))
}

// errSaid ends the program with 1 after the command has said everything.
var errSaid = errors.New("said")

func exitCode(err error) int {
	if err == nil {
		return 0
	}
	if !errors.Is(err, errSaid) {
		complain(os.Stderr, err)
	}
	return 1
}

func complain(w io.Writer, err error) {
	p, ok := problem.As(err)
	if !ok {
		_, _ = fmt.Fprintf(w, "error: %v\n", err)
		return
	}
	detail := ""
	if p.Detail != "" {
		detail = ": " + p.Detail
	}
	_, _ = fmt.Fprintf(w, "error: %s%s (%s)\n", p.Title, detail, p.Code)
	if p.Hint != "" {
		_, _ = fmt.Fprintf(w, "hint: %s\n", p.Hint)
	}
}

// Run enrols.
func (c *enrolCommand) Run(ctx context.Context, out io.Writer) error {
	if err := c.readToken(); err != nil {
		return err
	}
	name, err := agent.Enrol(ctx, agent.Enrolment{Hub: c.Hub, Token: c.Token, DataDir: c.DataDir, Name: c.Name, Labels: c.Label})
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(out, "Enrolled as %s.\nNow start the agent: cronium-agent run --data-dir %s\n", name, c.DataDir)
	return err
}

// maxToken is more than any token has.
const maxToken = 4 << 10

// readToken takes the token from where it is said to be.
func (c *enrolCommand) readToken() error {
	in := os.Stdin
	switch {
	case c.File == "" && c.Token == "":
		return errors.New("no join token: set CRONIUM_JOIN_TOKEN, or give --token-file FILE")
	case c.File == "":
		return nil
	case c.File != "-":
		f, err := os.Open(c.File)
		if err != nil {
			return fmt.Errorf("read the join token: %w", err)
		}
		defer func() { _ = f.Close() }()
		in = f
	}
	text, err := io.ReadAll(io.LimitReader(in, maxToken))
	if err != nil {
		return fmt.Errorf("read the join token: %w", err)
	}
	c.Token = strings.TrimSpace(string(text))
	return nil
}

// Run runs the agent.
func (c *runCommand) Run(ctx context.Context) error {
	level := slog.LevelInfo
	if c.Verbose {
		level = slog.LevelDebug
	}
	log := slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: level}))
	up, err := upgrade.Begin(upgrade.Config{DataDir: c.DataDir, Version: version, Trial: c.Trial, Log: log})
	if err != nil {
		return err
	}
	err = c.run(ctx, log, up)
	if next, ok := errors.AsType[*upgrade.Switch](err); ok {
		log.InfoContext(ctx, "another version takes over; running scripts go on", "version", next.Version)
		return next.Become()
	}
	if err != nil {
		up.RollBack("It ended: " + err.Error())
		return err
	}
	log.InfoContext(context.WithoutCancel(ctx), "agent stopped; running scripts go on")
	return nil
}

func (c *runCommand) run(ctx context.Context, log *slog.Logger, up *upgrade.Upgrades) error {
	runner := c.Runner
	if up.Upgraded() {
		runner = "" // the one that came along
	}
	self, err := os.Executable()
	if err != nil {
		return err
	}
	a, err := agent.New(agent.Config{DataDir: c.DataDir, Slots: c.Slots, RunnerPath: runner, RunAs: c.RunAs, AllowRootScripts: c.Root,
		ScriptUsers: c.Users, DefaultLimits: c.Default, MaxLimits: c.Max, HTTPClient: self, Installer: self,
		Dependencies: c.Depend, PipIndex: c.Pip, NPMRegistry: c.NPM, Wheelhouse: c.Wheels, DependencyBuilds: c.Builds, DependencyLimits: c.Bounds, Docker: c.Docker, DockerPolicy: c.Policy, Images: c.Image,
		Console: c.Console, ConsoleAs: c.ShellAs,
		Labels: c.Label, Version: version, Upgrades: up, Log: log})
	if err != nil {
		return err
	}
	log.InfoContext(ctx, "agent started", "version", version, "data_dir", c.DataDir, "slots", c.Slots)
	return a.Run(ctx)
}

// Run drains.
func (c *drainCommand) Run(ctx context.Context, out io.Writer) error {
	s, err := agent.SetDraining(ctx, c.DataDir, true)
	if err != nil && (c.Wait || !errors.Is(err, agent.ErrNotRunning)) {
		return err
	}
	if c.Wait {
		if c.Timeout > 0 {
			timed, stop := context.WithTimeout(ctx, c.Timeout)
			defer stop()
			ctx = timed
		}
		if err := agent.AwaitIdle(ctx, c.DataDir); err != nil {
			return err
		}
		s.Held = nil
	}
	_, err = fmt.Fprintf(out, "Draining: nothing new is taken; %d attempts are in hand.\n", len(s.Held))
	return err
}

// Run resumes.
func (c *resumeCommand) Run(ctx context.Context, out io.Writer) error {
	if _, err := agent.SetDraining(ctx, c.DataDir, false); err != nil && !errors.Is(err, agent.ErrNotRunning) {
		return err
	}
	_, err := fmt.Fprintln(out, "Resumed: work is taken again.")
	return err
}

// Run installs the service.
func (c *serviceInstall) Run(ctx context.Context, out io.Writer) error {
	program, err := c.program()
	if err != nil {
		return err
	}
	err = service.Install(ctx, service.Config{Program: program, DataDir: c.DataDir, User: c.User, Root: c.Root, NoStart: c.NoStart})
	if err != nil {
		return err
	}
	word := "started"
	if c.Root != "" || c.NoStart {
		word = "written"
	}
	_, err = fmt.Fprintf(out, "The service %s is %s.\n", service.Name, word)
	return err
}

// program is the path that the unit names: the one that we were called by, because
// it may be a link that the next installation changes.
func (c *serviceInstall) program() (string, error) {
	path, err := exec.LookPath(os.Args[0])
	if err == nil {
		path, err = filepath.Abs(path)
	}
	if err != nil {
		return "", fmt.Errorf("find this program: %w", err)
	}
	if inside, ok := strings.CutPrefix(path, strings.TrimSuffix(c.Root, "/")+"/"); ok && c.Root != "" {
		path = "/" + inside
	}
	return path, nil
}

// Run uninstalls the service.
func (c *serviceUninstall) Run(ctx context.Context, out io.Writer) error {
	if err := service.Uninstall(ctx, c.Root); err != nil {
		return err
	}
	_, err := fmt.Fprintf(out, "The service %s is removed.\n", service.Name)
	return err
}

// Run tells how the service is.
func (c *serviceStatus) Run(ctx context.Context, out io.Writer) error {
	state, err := service.State(ctx)
	if err != nil {
		return err
	}
	if _, err := fmt.Fprintln(out, state); err != nil {
		return err
	}
	if state != "active" {
		return errSaid
	}
	return nil
}

// Run tells the status.
func (c *statusCommand) Run(ctx context.Context, out io.Writer) error {
	s, err := agent.Ask(ctx, c.DataDir)
	if err != nil && !errors.Is(err, agent.ErrNotRunning) {
		return err
	}
	if c.JSON {
		e := json.NewEncoder(out)
		e.SetIndent("", "  ")
		if err := e.Encode(s); err != nil {
			return err
		}
	} else {
		show(out, s)
	}
	if !s.Connected {
		return errSaid
	}
	return nil
}

func show(out io.Writer, s agent.Status) {
	state, since := "not running", ""
	switch {
	case s.Connected && s.Draining:
		state = "connected, draining"
	case s.Connected:
		state = "connected"
	case s.Running:
		state = "running, not connected"
	}
	if s.Running {
		since = " since " + s.Since.Local().Format(time.DateTime)
	}
	_, _ = fmt.Fprintf(out, "Agent        %s (%s)\nState        %s%s\nHub          %s", s.Name, s.AgentID, state, since, s.Hub)
	if s.HubVersion != "" {
		_, _ = fmt.Fprintf(out, ", version %s", s.HubVersion)
	}
	_, _ = fmt.Fprintf(out, "\nCertificate  until %s\n", s.CertificateUntil.Local().Format(time.DateTime))
	if s.Error != "" {
		_, _ = fmt.Fprintf(out, "Problem      %s\n", s.Error)
	}
	if s.Hint != "" {
		_, _ = fmt.Fprintf(out, "Hint         %s\n", s.Hint)
	}
	if !s.Running {
		return
	}
	_, _ = fmt.Fprintf(out, "Version      %s, process %d\nSlots        %d, %d free\nExecutors    %s\n", s.Version, s.PID, s.Slots, s.FreeSlots, strings.Join(s.Executors, ", "))
	if s.Limits != "" {
		_, _ = fmt.Fprintf(out, "Limits       %s\nScripts      as %s\n", s.Limits, s.Scripts)
	}
	if s.Dependencies != "" {
		_, _ = fmt.Fprintf(out, "Dependencies %s\n", s.Dependencies)
	}
	if s.Console {
		_, _ = fmt.Fprintln(out, "Console      on")
	}
	for _, h := range s.Held {
		_, _ = fmt.Fprintf(out, "Attempt      %s.%d %s\n", h.Run, h.Attempt, h.Phase)
	}
}
