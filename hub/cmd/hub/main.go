// Command cronium-hub is the centre: it owns state and scheduling, serves the
// dashboard and the API, and is what agents dial.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"time"
	_ "time/tzdata" // zones do not depend on the host

	"github.com/alecthomas/kong"

	"github.com/cronium/cronium/hub"
	"github.com/cronium/cronium/sdk/problem"
)

// version is stamped by the Makefile.
var version = "dev"

type cli struct {
	Serve   serveCmd         `cmd:"" help:"Run the hub."`
	Version kong.VersionFlag `help:"Print the version and exit."`
}

const serveHelp = `With no flags the hub keeps a private PostgreSQL in its data directory and
listens on loopback. Every flag is also an environment variable and a key of the
configuration file; a flag wins over the environment, the environment over the file.

Examples:
  cronium-hub serve
  cronium-hub serve --data-dir /var/lib/cronium --http 0.0.0.0:8420 --agents 0.0.0.0:8421
  cronium-hub serve --database-url postgres://cronium@db/cronium --config /etc/cronium/hub.yaml`

type serveCmd struct {
	DataDir        string        `default:"${data_dir}" placeholder:"DIR" help:"Keys, and the private PostgreSQL unless --database-url is given. Default ${data_dir}."`
	HTTP           string        `name:"http" default:"127.0.0.1:8420" placeholder:"ADDR" help:"Where the dashboard and the API listen. Default ${default}."`
	Agents         string        `default:"127.0.0.1:8421" placeholder:"ADDR" help:"Where agents dial in. Default ${default}."`
	PublicURL      string        `placeholder:"URL" help:"The dashboard's address as people type it, when it differs from --http."`
	AgentsURL      string        `name:"agents-address" placeholder:"ADDR" help:"The address that agents are told to dial, when it differs from --agents."`
	DatabaseURL    string        `name:"database-url" placeholder:"URL" help:"Use this PostgreSQL (14 or newer) instead of a private one."`
	ValkeyURL      string        `name:"valkey-url" placeholder:"URL" help:"Send doorbells between replicas over this Valkey instead of LISTEN/NOTIFY."`
	Hosts          []string      `name:"allowed-hosts" placeholder:"NAME" help:"Further Host names that the dashboard answers to."`
	Downloads      string        `placeholder:"DIR" default:"${downloads}" help:"The programs that hosts install and agents upgrade to, as make release builds them. Default: dist beside cronium-hub."`
	ConsoleIdle    time.Duration `name:"console-idle" default:"10m" placeholder:"D" help:"End a console in which nobody has pressed a key for so long; at most 15m. Default ${default}."`
	ConsoleMax     time.Duration `name:"console-max" default:"30m" placeholder:"D" help:"End a console that is open for so long; at most 8h. Default ${default}."`
	ArtifactMiB    int64         `name:"artifact-mib" default:"256" placeholder:"N" help:"Most MiB of one artifact of a run; at most 10240. Default ${default}."`
	ArtifactsMiB   int64         `name:"artifacts-mib" default:"1024" placeholder:"N" help:"Most MiB of all artifacts of a run; at most 102400. Default ${default}."`
	ArtifactsCount int           `name:"artifacts-count" default:"100" placeholder:"N" help:"Most artifacts of a run; at most 1000. Default ${default}."`
	LogLevel       string        `default:"info" enum:"debug,info,warn,error" help:"debug, info, warn or error. Default ${default}."`
	LogFormat      string        `default:"text" enum:"text,json" help:"text or json. Default ${default}."`
	Config         string        `short:"c" placeholder:"FILE" help:"A YAML file with the same keys as these flags, without the dashes in front."`
}

// Help is what kong shows under the usage line.
func (serveCmd) Help() string { return serveHelp }

func main() {
	os.Exit(run(os.Args[1:], os.Environ(), os.Stdout, os.Stderr))
}

func run(args, environ []string, stdout, stderr io.Writer) int {
	var c cli
	settings, err := readSettings(args, environ)
	if err != nil {
		return report(stderr, err)
	}
	exit := -1
	parser, err := kong.New(&c,
		kong.Name("cronium-hub"),
		kong.Description("The hub of Cronium: state, schedules, dashboard, API."),
		kong.Vars{"version": version, "data_dir": defaultDataDir(), "downloads": defaultDownloads()},
		kong.Writers(stdout, stderr),
		kong.Exit(func(code int) { exit = code }),
		kong.Resolvers(settings.resolver()),
	)
	if err != nil {
		return report(stderr, err)
	}
	_, err = parser.Parse(args)
	if exit >= 0 {
		return exit
	}
	if err != nil {
		_, _ = fmt.Fprintf(stderr, "error: %v\nTry: cronium-hub serve --help\n", err)
		return 2
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := c.Serve.serve(ctx, settings.admin, stdout, stderr); err != nil {
		return report(stderr, err)
	}
	return 0
}

func (s serveCmd) serve(ctx context.Context, admin hub.Admin, stdout, stderr io.Writer) error {
	h, err := hub.New(ctx, hub.Config{
		DataDir: s.DataDir, HTTP: s.HTTP, Agents: s.Agents, PublicURL: s.PublicURL, AgentsAddress: s.AgentsURL,
		DatabaseURL: s.DatabaseURL, ValkeyURL: s.ValkeyURL, AllowedHosts: s.Hosts, Downloads: s.Downloads,
		ConsoleIdle: s.ConsoleIdle, ConsoleMax: s.ConsoleMax,
		ArtifactBytes: mib(s.ArtifactMiB), ArtifactsBytes: mib(s.ArtifactsMiB), ArtifactsCount: s.ArtifactsCount,
		Admin: admin, Version: version, Log: s.logger(stderr), Notice: stdout,
	})
	if err != nil {
		return err
	}
	defer h.Close()
	if err := h.Run(ctx); err != nil && !errors.Is(err, context.Canceled) {
		return err
	}
	return nil
}

// mib is as many bytes; what is far too much stays so.
func mib(n int64) int64 { return min(n, 1<<40) << 20 }

func (s serveCmd) logger(w io.Writer) *slog.Logger {
	var level slog.Level
	_ = level.UnmarshalText([]byte(s.LogLevel)) // the enum above admits nothing else
	options := &slog.HandlerOptions{Level: level}
	if s.LogFormat == "json" {
		return slog.New(slog.NewJSONHandler(w, options))
	}
	return slog.New(slog.NewTextHandler(w, options))
}

// report prints an error as people need it and returns the exit code.
func report(w io.Writer, err error) int {
	p, ok := problem.As(err)
	if !ok {
		_, _ = fmt.Fprintf(w, "error: %v\n", err)
		return 1
	}
	detail := p.Detail
	if detail == "" {
		detail = p.Title
	}
	_, _ = fmt.Fprintf(w, "error: %s (%s)\n", strings.TrimSuffix(detail, "."), p.Code)
	if p.Hint != "" {
		_, _ = fmt.Fprintln(w, p.Hint)
	}
	return 1
}

func defaultDownloads() string {
	self, err := os.Executable()
	if err != nil {
		return ""
	}
	return filepath.Join(filepath.Dir(self), "dist")
}

func defaultDataDir() string {
	if os.Geteuid() == 0 {
		return "/var/lib/cronium/hub"
	}
	if home, err := os.UserHomeDir(); err == nil {
		return home + "/.local/share/cronium/hub"
	}
	return "cronium-hub-data"
}
