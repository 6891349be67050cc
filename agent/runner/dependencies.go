package runner

import (
	"context"
	"net/url"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/cronium/cronium/agent/boot"
	"github.com/cronium/cronium/agent/environment"
	"github.com/cronium/cronium/agent/journal"
	runnerv1 "github.com/cronium/cronium/proto/runner/v1"
	"github.com/cronium/cronium/sdk/dependency"
	"github.com/cronium/cronium/sdk/problem"
)

const (
	defaultInstallTime = 10 * time.Minute
	defaultInstallSize = 2 << 30
	nobody             = 65534 // who installs where scripts may run as root
)

// installation is how the script of this attempt comes to the packages that it
// depends on.
type installation struct {
	*run
	h       *runnerv1.Handover
	how     *runnerv1.Dependencies
	user    *runnerv1.User // who installs; nil: ourselves
	path    string         // of the interpreter
	about   environment.About
	over    <-chan struct{} // the time for it has ended
	hold    *environment.Hold
	command command // the script's
}

// provide makes the script's packages available to it: from an environment that is
// there, or after building it. If that fails it returns the attempt's result.
func (r *run) provide(ctx context.Context, cmd command, h *runnerv1.Handover, s *secrets) (command, *journal.Exit) {
	script := r.payload.GetScript()
	if len(script.GetDependencies()) == 0 {
		return cmd, nil
	}
	began := boot.Now()
	i := &installation{run: r, h: h, how: h.GetDependencies(), command: cmd, path: cmd.path, user: installerOf(h)}
	exit := i.provide(ctx, s)
	r.installed = boot.Now() - began
	if i.hold != nil {
		r.environment = i.hold // for as long as we live
	}
	if exit != nil {
		return cmd, exit
	}
	cmd.env = withEnvironment(cmd.env, script.GetLanguage(), i.hold.Path)
	return cmd, nil
}

// installerOf is who installs: the script's user, but never root.
func installerOf(h *runnerv1.Handover) *runnerv1.User {
	if os.Geteuid() != 0 {
		return nil
	}
	if u := h.GetUser(); u != nil && u.GetUid() != 0 {
		u = proto.CloneOf(u)
		u.NoNewPrivileges = true
		return u
	}
	return &runnerv1.User{Uid: nobody, Gid: nobody, Name: "nobody", NoNewPrivileges: true}
}

func (i *installation) provide(ctx context.Context, s *secrets) *journal.Exit {
	script := i.payload.GetScript()
	if !slices.Contains(i.how.GetLanguages(), script.GetLanguage()) {
		return ended(refused(ErrDependenciesOff.With("It installs none for %s", script.GetLanguage())))
	}
	list, _, err := dependency.Check(script.GetLanguage(), script.GetDependencies())
	if err != nil {
		return ended(refused(problemOf(err)))
	}
	for _, value := range i.how.GetEnv() {
		if secret := passwordOf(value); secret != "" {
			s.add(i.log, []byte(secret))
		}
	}
	if i.over, err = deadline(durationOr(i.how.GetTimeLimit().AsDuration(), defaultInstallTime)); err != nil {
		return ended(refused(ErrExec.With("%v", err)))
	}
	i.about = environment.About{Language: script.GetLanguage(), Dependencies: list, Source: i.source(), Builds: i.how.GetBuilds()}
	if exit := i.find(ctx); exit != nil || i.hold.Ready {
		return exit
	}
	if exit := i.build(ctx); exit != nil {
		return exit
	}
	i.log.Note("the dependencies are installed (environment %s)", short(i.hold.Path))
	return i.link()
}

func ended(exit journal.Exit) *journal.Exit { return &exit }

func problemOf(err error) *problem.Problem {
	if p, ok := problem.As(err); ok {
		return p
	}
	return ErrWorkspace.With("%v", err)
}

func durationOr(d, otherwise time.Duration) time.Duration {
	if d > 0 {
		return d
	}
	return otherwise
}

func short(path string) string { return filepath.Base(path)[:8] }

// passwordOf is what must not be read of an address.
func passwordOf(text string) string {
	u, err := url.Parse(text)
	if err != nil || u.User == nil {
		return ""
	}
	password, _ := u.User.Password()
	return password
}

// source is where packages come from, as far as the host knows.
func (i *installation) source() string {
	lines := []string{"wheelhouse=" + i.how.GetWheelhouse()}
	prefix := map[string]string{"python": "PIP_", "node": "NPM_"}[i.payload.GetScript().GetLanguage()]
	for name, value := range i.how.GetEnv() {
		if strings.HasPrefix(strings.ToUpper(name), prefix) {
			lines = append(lines, name+"="+value)
		}
	}
	slices.Sort(lines)
	return strings.Join(lines, "\n")
}

// find takes an environment that is there, or the right to build it.
func (i *installation) find(ctx context.Context) *journal.Exit {
	cache, err := environment.Open(i.how.GetDir())
	if err != nil {
		return ended(refused(problemOf(err)))
	}
	why, err := i.until(ctx, func(ctx context.Context) (err error) {
		if i.about.Interpreter, err = identify(ctx, i.about.Language, i.path, i.user); err != nil {
			return err
		}
		i.hold, err = cache.Use(ctx, i.about, func() { i.log.Note("another run installs the same dependencies; waiting for it") })
		return err
	})
	if why != byItself {
		return i.interrupted(why)
	}
	if err != nil {
		return ended(refused(problemOf(err)))
	}
	if !i.hold.Ready {
		return nil
	}
	i.log.Note("the dependencies were installed before (environment %s)", short(i.hold.Path))
	return i.link()
}

// interrupted is the result of a preparation that somebody has ended.
func (i *installation) interrupted(why reason) *journal.Exit {
	exit := ending(syscall.WaitStatus(0), why, i.payload)
	switch why {
	case timedOut:
		exit.Problem = asRecord(i.tooSlow())
	case cancelled:
		exit.Problem = asRecord(ErrCancelled.With("while its dependencies were installed; the script was not started"))
	default:
		exit.Problem = asRecord(ErrStopped.With("SIGTERM came before the script was started"))
	}
	return &exit
}

// until does what ends when its context does, and ends it when it must.
func (i *installation) until(ctx context.Context, do func(context.Context) error) (reason, error) {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	term := make(chan os.Signal, 1)
	signal.Notify(term, syscall.SIGTERM)
	defer signal.Stop(term)
	done := make(chan error, 1)
	go func() { done <- do(ctx) }()
	why, over := byItself, i.over
	for {
		select {
		case err := <-done:
			return why, err
		case <-over:
			over, why = nil, timedOut
		case <-term:
			why = stopped
		case o := <-i.orders:
			why = o.why
		}
		stop()
	}
}

// build builds the environment, and holds it then.
func (i *installation) build(ctx context.Context) *journal.Exit {
	uid, gid := os.Geteuid(), os.Getegid()
	if i.user != nil {
		uid, gid = int(i.user.GetUid()), int(i.user.GetGid())
	}
	site, err := i.hold.Site(uid, gid)
	if err != nil {
		i.hold.Release()
		return ended(refused(problemOf(err)))
	}
	i.log.Note("installing %s", strings.Join(i.about.Dependencies, " "))
	if exit := i.install(site); exit != nil {
		i.hold.Abandon(site)
		return exit
	}
	why, err := i.until(ctx, func(ctx context.Context) (err error) {
		i.hold, err = i.hold.Keep(ctx, site, i.now())
		return err
	})
	switch {
	case why != byItself:
		return i.interrupted(why)
	case err != nil:
		return ended(refused(problemOf(err)))
	case !i.hold.Ready:
		return ended(refused(environment.ErrUnusable.With("it was removed at once")))
	}
	return nil
}

// link lets Node find the packages from the workspace, for import and require alike.
// (Modules in ECMAScript's form do not look at NODE_PATH.)
func (i *installation) link() *journal.Exit {
	if i.about.Language != "node" {
		return nil
	}
	path := filepath.Join(i.command.dir, nodeModules)
	err := os.Symlink(filepath.Join(i.hold.Path, nodeModules), path)
	if user := i.h.GetUser(); err == nil && user != nil {
		err = os.Lchown(path, int(user.GetUid()), int(user.GetGid()))
	}
	if err != nil {
		return ended(refused(ErrWorkspace.With("%v", err)))
	}
	return nil
}

const (
	nodeModules = "node_modules"
	pythonSite  = "python"
)

// withEnvironment adds what lets interpreters find packages: behind the helpers, so
// that those are found first, and before what the job itself says.
func withEnvironment(env []string, language, path string) []string {
	site, programs, variable := filepath.Join(path, pythonSite), filepath.Join(path, pythonSite, "bin"), "PYTHONPATH"
	if language == "node" {
		site, programs, variable = filepath.Join(path, nodeModules), filepath.Join(path, nodeModules, ".bin"), "NODE_PATH"
	}
	out := make([]string, 0, len(env)+1)
	found := false
	for _, e := range env {
		name, value, _ := strings.Cut(e, "=")
		switch {
		case name == "PATH":
			e = "PATH=" + programs + ":" + value
		case name == variable && language == "python":
			helper, rest, more := strings.Cut(value, ":")
			e, found = name+"="+helper+":"+site, true
			if more {
				e += ":" + rest
			}
		case name == variable:
			e, found = name+"="+site+":"+value, true
		}
		out = append(out, e)
	}
	if !found {
		out = append(out, variable+"="+site)
	}
	return out
}
