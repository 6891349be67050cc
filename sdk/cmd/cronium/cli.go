package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/alecthomas/kong"

	"github.com/cronium/cronium/sdk/client"
	"github.com/cronium/cronium/sdk/cmd/cronium/internal/login"
	"github.com/cronium/cronium/sdk/cmd/cronium/internal/screen"
	"github.com/cronium/cronium/sdk/problem"
)

// globals are the flags of every command.
type globals struct {
	Project string `short:"p" env:"CRONIUM_PROJECT" default:"default" placeholder:"NAME" predict:"project" help:"Project to work in."`
	Output  string `short:"o" enum:"table,json,jsonl,name," default:"" placeholder:"FORMAT" help:"Output: table, json, jsonl or name."`
	JSON    bool   `name:"json" help:"The same as -o json: the shape of the API."`
	Wide    bool   `help:"Shorten nothing in tables."`
	Abs     bool   `help:"Absolute times in tables."`
	TZ      string `name:"tz" placeholder:"ZONE" help:"Time zone of times in tables, like Europe/Berlin."`
	Quiet   bool   `short:"q" help:"Say nothing but data and errors."`
	Debug   bool   `help:"Tell of every request to the hub."`
}

type cli struct {
	globals `group:"Flags of every command:"`
	Version kong.VersionFlag `group:"Flags of every command:" help:"Print the version."`

	Run       runCmd       `cmd:"" help:"Run a job."`
	Logs      logsCmd      `cmd:"" help:"Print or follow the log of a run."`
	Apply     applyCmd     `cmd:"" help:"Create or change jobs from definition files."`
	Jobs      jobsCmd      `cmd:"" help:"Jobs: what can be run."`
	Runs      runsCmd      `cmd:"" help:"Runs: what happened."`
	Artifacts artifactsCmd `cmd:"" help:"Artifacts: files that runs keep."`
	Schedules schedulesCmd `cmd:"" help:"Schedules: when jobs are due."`
	Hosts     hostsCmd     `cmd:"" help:"Hosts: where jobs run."`
	Servers   serversCmd   `cmd:"" help:"Servers: what agents reach over SSH."`
	Projects  projectsCmd  `cmd:"" help:"Projects: what their jobs may have."`
	Variables variablesCmd `cmd:"" help:"Variables: values that scripts share and keep."`
	Secrets   secretsCmd   `cmd:"" help:"Secrets: values that only scripts read."`
	Console   consoleCmd   `cmd:"" help:"Open a shell on a host, or come back to one."`
	Login     loginCmd     `cmd:"" help:"Sign in to a hub."`
	Logout    logoutCmd    `cmd:"" help:"Sign out and revoke this machine's token."`
	Whoami    whoamiCmd    `cmd:"" help:"Say who you are on which hub."`
	Tokens    tokensCmd    `cmd:"" help:"Your API tokens."`
	Open      openCmd      `cmd:"" help:"Open the dashboard in a browser."`
	Ver       versionCmd   `cmd:"" name:"version" help:"Print the versions of this program and of the hub."`

	Completion completionCmd `cmd:"" help:"Print a completion script for your shell."`
	Complete   completeCmd   `cmd:"" name:"__complete" hidden:"" passthrough:"" help:"Words that can come next."`
}

// app is what a command works with.
type app struct {
	globals
	*screen.Screen
	ctx   context.Context
	env   func(string) string
	now   func() time.Time
	zone  *time.Location
	model *kong.Application
	book  login.Book
	file  string // where the book is kept
	hub   *client.Client
}

const description = "Run jobs on your hosts, on schedules, and see what happened."

// run is the whole program.
func run(ctx context.Context, args []string) int {
	out := screen.New(os.Stdout, os.Stderr, os.Getenv, quietIn(args))
	var c cli
	exited := -1
	parser, err := newParser(&c, out, func(code int) { exited = code })
	if err != nil {
		explain(out, err, true)
		return exitFailed
	}
	parsed, err := parser.Parse(asked(args))
	if exited >= 0 { // --help or --version
		_ = out.Flush()
		return exited
	}
	if err != nil {
		explain(out, parseError(err), false)
		return exitUsage
	}
	a := &app{globals: c.globals, Screen: out, ctx: ctx, env: os.Getenv, now: time.Now, model: parser.Model}
	if err = a.prepare(); err == nil {
		err = parsed.Run(a)
	}
	out.Clear()
	if flushed := out.Flush(); err == nil && flushed != nil {
		err = fmt.Errorf("write to standard output: %w", flushed)
	}
	if errors.Is(err, context.Canceled) || errors.Is(err, errInterrupted) {
		return exitInterrupted
	}
	explain(out, err, c.Debug)
	return exitCode(err)
}

// newParser returns the grammar; help and the version go to out and then to exit.
func newParser(c *cli, out io.Writer, exit func(int)) (*kong.Kong, error) {
	return kong.New(c, kong.Name("cronium"), kong.Description(description), kong.Writers(out, os.Stderr),
		kong.Vars{"version": "cronium " + version}, kong.Exit(exit),
		kong.ConfigureHelp(kong.HelpOptions{Compact: true, WrapUpperBound: 100}), kong.Help(printHelp))
}

// asked is the command line with the two ways to ask for help that are no flags:
// nothing at all, and help as the first word.
func asked(args []string) []string {
	switch {
	case len(args) == 0:
		return []string{"--help"}
	case args[0] == "help":
		return append(slices.Clone(args[1:]), "--help")
	}
	return args
}

// quietIn looks for -q before anything is parsed, because parsing may talk.
func quietIn(args []string) bool {
	for _, a := range args {
		if a == "--" {
			return false
		}
		if a == "-q" || a == "--quiet" {
			return true
		}
	}
	return false
}

func parseError(err error) error {
	e, ok := errors.AsType[*kong.ParseError](err)
	if !ok || e.Context == nil || e.Context.Selected() == nil {
		return usage("Run cronium --help for the commands.", "%s", unknownCommand(err.Error()))
	}
	at := e.Context.Selected()
	text := err.Error()
	// A noun alone lists, so kong takes a mistyped verb for an argument of ls.
	if word, unexpected := strings.CutPrefix(text, "unexpected argument "); unexpected && at.Parent.DefaultCmd == at {
		at = at.Parent
		var verbs []string
		for _, c := range at.Children {
			verbs = append(verbs, c.Name)
		}
		text = fmt.Sprintf("cronium %s has no command %q", at.Name, word)
		if best := nearest(word, verbs); best != "" {
			text += fmt.Sprintf(", did you mean %q?", best)
		}
	}
	return usage("Run cronium "+commandPath(at)+" --help for the flags and examples.", "%s", plainly(text))
}

// unknownCommand is what the parser says of the first word.
func unknownCommand(text string) string {
	if rest, ok := strings.CutPrefix(text, "unexpected argument "); ok {
		word, near, found := strings.Cut(rest, ", did you mean ")
		if text = fmt.Sprintf("there is no command %q", word); found {
			text += ", did you mean " + near
		}
	}
	if strings.HasPrefix(text, "expected one of ") {
		return "the command is missing"
	}
	return text
}

// plainly is what the parser says of a command's arguments and flags, in words
// that need no knowledge of it.
func plainly(text string) string {
	if names, ok := strings.CutPrefix(text, "missing flags: "); ok {
		return names + " is missing"
	}
	if what, ok := strings.CutPrefix(text, "expected \"<"); ok {
		return "<" + strings.NewReplacer(`"`, "", " ...", "").Replace(what) + " is missing"
	}
	if strings.Contains(text, " must be one of ") {
		return strings.NewReplacer(`","`, ", ", `of "`, "of ", `" but got`, ", not").Replace(strings.ReplaceAll(text, `,""`, ""))
	}
	flag, _, bad := strings.Cut(text, ": expected duration but got ")
	if _, value, quoted := strings.Cut(text, `but got "`); bad && quoted {
		value, _, _ = strings.Cut(value, `"`)
		return fmt.Sprintf("%s %q is not a duration: write it with a unit, like 90s, 5m or 2h", flag, value)
	}
	return text
}

// prepare settles what follows from the flags and the environment.
func (a *app) prepare() error {
	if a.JSON {
		if a.Output != "" && a.Output != "json" {
			return usage("Leave one of them out.", "--json and -o %s contradict each other", a.Output)
		}
		a.Output = "json"
	}
	a.zone = time.Local
	if a.TZ != "" {
		zone, err := time.LoadLocation(a.TZ)
		if err != nil {
			return usage("Use a name like Europe/Berlin or UTC.", "unknown time zone %q", a.TZ)
		}
		a.zone = zone
	}
	return nil
}

// client returns the client of the hub that the user is signed in to. The
// environment wins over the file, and a kept token is only ever sent to the hub
// that it came from.
func (a *app) client() (*client.Client, error) {
	if a.hub != nil {
		return a.hub, nil
	}
	if err := a.readBook(); err != nil {
		return nil, err
	}
	address, token := cmp.Or(a.env("CRONIUM_URL"), a.book.Current), a.env("CRONIUM_TOKEN")
	if address == "" {
		return nil, errNotSignedIn.With("You are not signed in to a hub")
	}
	if token == "" {
		token = a.kept(address).Token
	}
	if token == "" {
		return nil, errNotSignedIn.With("You are not signed in to %s", address).Hinted("Run cronium login %s, or set CRONIUM_TOKEN.", address)
	}
	var err error
	a.hub, err = a.connect(address, token)
	return a.hub, err
}

var errNotSignedIn = problem.New("not_signed_in", http.StatusUnauthorized,
	"Not signed in", "Run cronium login URL, or set CRONIUM_URL and CRONIUM_TOKEN.")

func (a *app) connect(address, token string) (*client.Client, error) {
	config := client.Config{URL: address, Token: token, UserAgent: "cronium/" + version, Now: a.now}
	if a.Debug {
		config.Trace = func(x client.Exchange) {
			a.Complain("debug: %s %s → %d in %s, request %s%s", x.Method, screen.Name(x.Path), x.Status,
				x.Took.Round(time.Millisecond), screen.Name(cmp.Or(x.RequestID, "-")), failure(x.Err))
		}
	}
	return client.New(config)
}

func failure(err error) string {
	if err == nil {
		return ""
	}
	return ": " + screen.Name(err.Error())
}

func (a *app) readBook() error {
	path, err := login.Path(a.env)
	if err != nil {
		if a.env("CRONIUM_TOKEN") != "" {
			return nil // nothing is needed from the file
		}
		return err
	}
	a.file = path
	if a.book, err = login.Read(path); err != nil {
		return &hinted{err, "Remove the file and sign in again."}
	}
	if len(a.book.Accounts) > 0 && login.Exposed(path) {
		a.Say("warning: others can read %s; run chmod 600 on it", path)
	}
	return nil
}

// kept is the account of a hub, however its address is written.
func (a *app) kept(address string) login.Account {
	u, err := client.ParseURL(address)
	if err != nil {
		return login.Account{}
	}
	return a.book.At(u.String())
}

// link is the address of a page of the dashboard.
func (a *app) link(path ...string) string {
	address := a.hub.URL()
	for _, segment := range path {
		address += "/" + url.PathEscape(segment)
	}
	return address
}
