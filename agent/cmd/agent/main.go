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
	"os/signal"
	"runtime"
	"strings"
	"syscall"
	"time"

	"github.com/alecthomas/kong"

	"github.com/cronium/cronium/agent"
	"github.com/cronium/cronium/sdk/problem"
)

var version = "dev"

const description = `Runs jobs on this host for a Cronium hub.

Examples:
  cronium-agent enrol --hub hub.example.com:8421 --token aj1_… --data-dir /var/lib/cronium-agent
  cronium-agent run --data-dir /var/lib/cronium-agent
  cronium-agent run --data-dir /var/lib/cronium-agent --run-as cronium --console
  cronium-agent status --data-dir /var/lib/cronium-agent`

type commands struct {
	Enrol   enrolCommand     `cmd:"" help:"Make this host an agent of a hub, with a join token from 'cronium hosts add'."`
	Run     runCommand       `cmd:"" help:"Run jobs until SIGTERM or Ctrl-C. Scripts that run then run on, and the next agent finds them."`
	Status  statusCommand    `cmd:"" help:"Tell how the agent of a data directory is. Ends with 0 if it is connected, else with 1."`
	Version kong.VersionFlag `help:"Print the version."`
}

type enrolCommand struct {
	Hub     string            `required:"" placeholder:"HOST:PORT" help:"The hub's address for agents (port 8421 by default)." env:"CRONIUM_HUB"`
	Token   string            `required:"" placeholder:"aj1_…" help:"The join token. It is used up." env:"CRONIUM_JOIN_TOKEN"`
	DataDir string            `required:"" placeholder:"DIR" help:"Where identity and journal are kept." env:"CRONIUM_DATA_DIR"`
	Name    string            `placeholder:"NAME" help:"The name to ask for; by default the token's or this host's."`
	Label   map[string]string `placeholder:"KEY=VALUE" help:"A label that jobs can select; may be repeated." mapsep:"none"`
}

type runCommand struct {
	DataDir   string            `required:"" placeholder:"DIR" help:"The data directory, enrolled before." env:"CRONIUM_DATA_DIR"`
	Slots     int               `default:"16" help:"How many scripts may run at once." env:"CRONIUM_SLOTS"`
	Runner    string            `placeholder:"PATH" help:"The cronium-runner; by default the one beside this program." env:"CRONIUM_RUNNER"`
	RunAs     string            `placeholder:"USER" help:"Run scripts as this user; the agent must be root." env:"CRONIUM_RUN_AS"`
	Docker    string            `default:"auto" placeholder:"ADDR" help:"The Docker engine for jobs in containers: an address such as unix:///var/run/docker.sock, auto (the usual one, if it is there) or off." env:"CRONIUM_DOCKER"`
	Console   bool              `help:"Let people who may open shells on this host, through the hub. Off by default." env:"CRONIUM_CONSOLE"`
	ConsoleAs string            `placeholder:"USER" help:"Whom those shells run as; by default the user whom scripts run as." env:"CRONIUM_CONSOLE_AS"`
	Label     map[string]string `placeholder:"KEY=VALUE" help:"A further label; may be repeated." mapsep:"none"`
	Verbose   bool              `short:"v" help:"Log more."`
}

type statusCommand struct {
	DataDir string `required:"" placeholder:"DIR" help:"The agent's data directory." env:"CRONIUM_DATA_DIR"`
	JSON    bool   `help:"Print JSON."`
}

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
	name, err := agent.Enrol(ctx, agent.Enrolment{Hub: c.Hub, Token: c.Token, DataDir: c.DataDir, Name: c.Name, Labels: c.Label})
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(out, "Enrolled as %s.\nNow start the agent: cronium-agent run --data-dir %s\n", name, c.DataDir)
	return err
}

// Run runs the agent.
func (c *runCommand) Run(ctx context.Context) error {
	level := slog.LevelInfo
	if c.Verbose {
		level = slog.LevelDebug
	}
	log := slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: level}))
	a, err := agent.New(agent.Config{DataDir: c.DataDir, Slots: c.Slots, RunnerPath: c.Runner, RunAs: c.RunAs, Docker: c.Docker, Console: c.Console, ConsoleAs: c.ConsoleAs, Labels: c.Label, Version: version, Log: log})
	if err != nil {
		return err
	}
	log.InfoContext(ctx, "agent started", "version", version, "data_dir", c.DataDir, "slots", c.Slots)
	if err := a.Run(ctx); err != nil {
		return err
	}
	log.InfoContext(context.WithoutCancel(ctx), "agent stopped; running scripts go on")
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
	if s.Console {
		_, _ = fmt.Fprintln(out, "Console      on")
	}
	for _, h := range s.Held {
		_, _ = fmt.Fprintf(out, "Attempt      %s.%d %s\n", h.Run, h.Attempt, h.Phase)
	}
}
