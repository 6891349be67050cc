package process_test

import (
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/cronium/cronium/agent/environment"
	"github.com/cronium/cronium/agent/executor"
	"github.com/cronium/cronium/agent/executor/executortest"
	"github.com/cronium/cronium/agent/executor/process"
	"github.com/cronium/cronium/agent/installer/installertest"
	"github.com/cronium/cronium/agent/journal"
	runnerv1 "github.com/cronium/cronium/proto/runner/v1"
)

// installing is an agent that is root and installs from a wheelhouse.
type installing struct {
	executor.Executor
	journal *journal.Journal
	wheels  string
	dir     string // of the environments
	note    string // a directory that everybody may write to
}

func newInstalling(t *testing.T, change func(*runnerv1.Dependencies)) *installing {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Fatal("users of their own need root")
	}
	data := executortest.OpenDir(t)
	in := &installing{journal: executortest.Journal(t, data), wheels: installertest.Wheelhouse(t), dir: filepath.Join(data, "environments"), note: executortest.OpenDir(t)}
	if err := os.Chmod(in.note, 0o777); err != nil {
		t.Fatal(err)
	}
	users, err := process.NewUsers(61184, 65519, in.journal)
	if err != nil {
		t.Fatal(err)
	}
	how := &runnerv1.Dependencies{Dir: in.dir, Languages: []string{"python", "node"}, Installer: installer(t), Wheelhouse: in.wheels}
	if change != nil {
		change(how)
	}
	x, err := process.New(process.Config{Runner: executortest.RunnerPath(t), Users: users, Dependencies: how, Now: time.Now, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	in.Executor = executortest.Running(t, x)
	return in
}

// installer is this test binary where everybody may start it.
func installer(t *testing.T) string {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(executortest.OpenDir(t), "cronium-runner")
	if err := os.Link(self, path); err != nil {
		t.Fatal(err)
	}
	return path
}

func (in *installing) start(t *testing.T, language, source string, dependencies ...string) (executor.Running, *journal.Entry) {
	t.Helper()
	a := executortest.Attempt(t, in.journal, in.Kind(), executortest.Case{Language: language, Source: source,
		Change: func(p *runnerv1.Payload) { p.Script.Dependencies = dependencies }})
	r, err := in.Start(executortest.Context(t), a)
	if err != nil {
		t.Fatalf("Start: %v", err)
	}
	t.Cleanup(r.Close)
	return r, a.Entry
}

func (in *installing) run(t *testing.T, language, source string, dependencies ...string) (journal.Exit, executortest.Log) {
	t.Helper()
	r, e := in.start(t, language, source, dependencies...)
	return executortest.Result(t, r, e)
}

// left are the names in the directory of the environments, without locks.
func (in *installing) left(t *testing.T) (whole, other []string) {
	t.Helper()
	entries, err := os.ReadDir(in.dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		switch name := e.Name(); {
		case strings.HasPrefix(name, "."):
			other = append(other, name)
		case !strings.HasSuffix(name, ".lock"):
			whole = append(whole, name)
		}
	}
	return whole, other
}

func (in *installing) fill(t *testing.T) {
	t.Helper()
	installertest.Wheel(t, in.wheels, "shout", "1.0", map[string]string{
		"shout/__init__.py":                    "def shout(text): return text.upper() + '!'\n",
		"shout/main.py":                        "import sys, shout\ndef main(): print(shout.shout(sys.argv[1]))\n",
		"shout-1.0.dist-info/entry_points.txt": "[console_scripts]\nshout = shout.main:main\n",
	})
	installertest.Pack(t, in.wheels, "shout", "1.0.0", map[string]any{"main": "index.js", "bin": map[string]string{"shout": "bin.js"}, "dependencies": map[string]string{"@team/upper": "1.x"}},
		map[string]string{
			"index.js": "module.exports = { shout: (text) => require('@team/upper')(text) + '!' };\n",
			"bin.js":   "#!/usr/bin/env node\nconsole.log(require('./index.js').shout(process.argv[2]));\n",
		})
	installertest.Pack(t, in.wheels, "@team/upper", "1.4.0", nil, map[string]string{"index.js": "module.exports = (text) => text.toUpperCase();\n"})
	installertest.Pack(t, in.wheels, "modern", "1.0.0", map[string]any{"type": "module", "exports": "./index.js"}, map[string]string{"index.js": "export const word = 'modern';\n"})
}

func TestScriptsFindTheirPackages(t *testing.T) {
	t.Parallel()
	in := newInstalling(t, nil)
	in.fill(t)
	for name, c := range map[string]struct{ language, source, want string }{
		"python": {"python", `import shout, subprocess, sys
print(shout.shout("in"))
sys.stdout.flush()
subprocess.run(["shout", "by program"], check=True)
subprocess.run([sys.executable, "-c", "import shout; print(shout.shout('child')); print(cronium.__class__.__name__)"], check=True)
`, "IN!\nBY PROGRAM!\nCHILD!\n_Cronium\n"},
		"require": {"node", `const { shout } = require('shout');
console.log(shout('in'));
require('child_process').execFileSync('shout', ['by program'], { stdio: 'inherit' });
import('modern').then((m) => console.log(m.word));
`, "IN!\nBY PROGRAM!\nmodern\n"},
		"module": {"node", `const { writeFileSync } = require('fs');
const { execFileSync } = require('child_process');
writeFileSync('own.mjs', "import { word } from 'modern'; import s from 'shout'; console.log(word, s.shout('mjs'));");
execFileSync(process.execPath, ['own.mjs'], { stdio: 'inherit' });
`, "modern MJS!\n"},
		"import": {"node", "import { word } from 'modern';\nimport s from 'shout';\nconsole.log(word, s.shout('static'), await Promise.resolve(1));\n", "modern STATIC! 1\n"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dependencies := []string{"shout==1.0"}
			if c.language == "node" {
				dependencies = []string{"shout@1.0.0", "modern@^1.0.0"}
			}
			exit, log := in.run(t, c.language, c.source, dependencies...)
			if exit.Outcome != journal.Succeeded || string(log.All) != c.want {
				t.Errorf("%s (%+v), printed %q, want %q\n%s", exit.Outcome, exit.Problem, log.All, c.want, log.System)
			}
		})
	}
}

func TestTheSecondRunInstallsNothing(t *testing.T) {
	t.Parallel()
	in := newInstalling(t, nil)
	in.fill(t)
	exit, log := in.run(t, "python", "import shout", "shout")
	if exit.Outcome != journal.Succeeded || !strings.Contains(string(log.System), "cronium: installing shout\n") || exit.Install == 0 {
		t.Fatalf("the first: %+v\n%s", exit, log.System)
	}
	before, _ := in.left(t)
	if err := os.RemoveAll(in.wheels); err != nil { // from here on nothing can be installed
		t.Fatal(err)
	}
	exit, log = in.run(t, "python", "import shout", "shout")
	if exit.Outcome != journal.Succeeded || !strings.Contains(string(log.System), "were installed before") {
		t.Fatalf("the second: %+v\n%s", exit.Problem, log.System)
	}
	after, other := in.left(t)
	if len(before) != 1 || len(after) != 1 || before[0] != after[0] || len(other) != 0 {
		t.Errorf("environments were %q, are %q and %q", before, after, other)
	}
}

// An installation that waits for the test: the package's script says that it has
// begun, and ends when it may.
func (in *installing) slow(t *testing.T, more string) {
	t.Helper()
	installertest.Pack(t, in.wheels, "slow", "1.0.0", map[string]any{"scripts": map[string]string{
		"install": fmt.Sprintf("id -u >> %[1]s/begun; %[2]s while [ ! -e %[1]s/go ]; do sleep 0.05; done", in.note, more)}}, nil)
}

func builds(d *runnerv1.Dependencies) { d.Builds = true }

func (in *installing) begun(t *testing.T) string {
	t.Helper()
	ctx := executortest.Context(t)
	for {
		if text, err := os.ReadFile(filepath.Join(in.note, "begun")); err == nil && strings.HasSuffix(string(text), "\n") {
			return string(text)
		}
		select {
		case <-ctx.Done():
			t.Fatal("the installation does not begin")
		case <-time.After(20 * time.Millisecond):
		}
	}
}

func (in *installing) goOn(t *testing.T) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(in.note, "go"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(filepath.Join(in.note, "go"), 0o644); err != nil {
		t.Fatal(err)
	}
}

func TestTwoAtOnceInstallOnceAndNeverAsRoot(t *testing.T) {
	t.Parallel()
	in := newInstalling(t, builds)
	in.slow(t, "")
	r1, e1 := in.start(t, "node", "console.log(1)", "slow")
	in.begun(t)
	r2, e2 := in.start(t, "node", "console.log(2)", "slow")
	waitForSystem(t, r2, e2, "waiting for it")
	in.goOn(t)
	for i, r := range []executor.Running{r1, r2} {
		exit, log := executortest.Result(t, r, []*journal.Entry{e1, e2}[i])
		if exit.Outcome != journal.Succeeded {
			t.Errorf("%+v\n%s", exit.Problem, log.System)
		}
	}
	if uids := in.begun(t); strings.Count(uids, "\n") != 1 || uids == "0\n" {
		t.Errorf("it was installed by the users %q, want one that is not root", uids)
	}
}

func waitForSystem(t *testing.T, r executor.Running, e *journal.Entry, text string) {
	t.Helper()
	ctx := executortest.Context(t)
	for !strings.Contains(string(executortest.ReadLog(t, e).System), text) {
		select {
		case <-r.Grew():
		case <-time.After(100 * time.Millisecond):
		case <-ctx.Done():
			t.Fatalf("%q does not appear in\n%s", text, executortest.ReadLog(t, e).System)
		}
	}
}

func TestScriptsCannotChangeTheirPackages(t *testing.T) {
	t.Parallel()
	in := newInstalling(t, nil)
	in.fill(t)
	exit, log := in.run(t, "python", `import os, shout
root = os.path.dirname(os.path.dirname(shout.__file__))
for path in [shout.__file__, os.path.join(root, "new"), os.path.join(os.path.dirname(root), "about.json")]:
    try: open(path, "a"); print("opened", path)
    except OSError as e: print(type(e).__name__)
try: os.chmod(root, 0o777); print("changed")
except OSError as e: print(type(e).__name__)
try: os.listdir(os.path.dirname(os.path.dirname(root))); print("listed")
except OSError as e: print(type(e).__name__)
`, "shout")
	if want := strings.Repeat("PermissionError\n", 5); exit.Outcome != journal.Succeeded || string(log.Out) != want {
		t.Errorf("%+v, printed %q", exit.Problem, log.All)
	}
}

func TestWhatCannotBeInstalledFailsTheRunWithTheReason(t *testing.T) {
	t.Parallel()
	in := newInstalling(t, nil)
	in.fill(t)
	installertest.Wheel(t, in.wheels, "broken", "1.0", map[string]string{"broken.py": ""}, "shout>=9")
	for name, c := range map[string]struct {
		language, dependency string
		code, detail         string
		outcome              journal.Outcome
	}{
		"absent, python":  {"python", "absent==1.0", "dependencies_not_installed", "ERROR: No matching distribution found for absent==1.0", journal.Failed},
		"absent, node":    {"node", "absent@1.0.0", "dependencies_not_installed", "npm error 404", journal.Failed},
		"needs too much":  {"python", "broken", "dependencies_not_installed", "shout>=9", journal.Failed},
		"option":          {"python", "--index-url=x", "dependency_invalid", "names no package", journal.Rejected},
		"path":            {"node", "file:/etc", "dependency_invalid", "names no package", journal.Rejected},
		"language, alone": {"bash", "jq", "dependencies_unavailable", "for bash", journal.Rejected},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			exit, log := in.run(t, c.language, "echo never", c.dependency)
			if exit.Outcome != c.outcome || exit.Problem.Code != c.code || !strings.Contains(exit.Problem.Detail, c.detail) || exit.Problem.Hint == "" {
				t.Errorf("%s, %+v; want %s and %s with %q", exit.Outcome, exit.Problem, c.outcome, c.code, c.detail)
			}
			if len(log.All) > 0 {
				t.Errorf("the script's log has %q", log.All)
			}
		})
	}
	t.Cleanup(func() {
		if whole, other := in.left(t); len(whole)+len(other) > 0 {
			t.Errorf("%q and %q are left", whole, other)
		}
	})
}

func TestWithoutASourceScriptsWithDependenciesAreRejected(t *testing.T) {
	t.Parallel()
	x := executortest.Running(t, create(t))
	r, e := executortest.Start(t, x, executortest.Case{Language: "python", Source: "print(1)", Change: func(p *runnerv1.Payload) { p.Script.Dependencies = []string{"x"} }})
	exit, log := executortest.Result(t, r, e)
	if exit.Outcome != journal.Rejected || exit.Problem.Code != "dependencies_unavailable" || len(log.All) > 0 {
		t.Errorf("%s, %+v, %q", exit.Outcome, exit.Problem, log.All)
	}
}

func TestAnUnreachableIndexIsNotTheJobsFault(t *testing.T) {
	t.Parallel()
	in := newInstalling(t, func(d *runnerv1.Dependencies) {
		d.Wheelhouse = ""
		d.Env = map[string]string{"PIP_INDEX_URL": "http://someone:hunter2-hunter2@127.0.0.1:9/simple", "PIP_RETRIES": "1", "PIP_CONFIG_FILE": os.DevNull,
			"npm_config_registry": "http://127.0.0.1:9/", "npm_config_fetch_retries": "0"}
	})
	for language, dependency := range map[string]string{"python": "requests", "node": "left-pad"} {
		exit, log := in.run(t, language, "never", dependency)
		if exit.Outcome != journal.Infrastructure || exit.Problem.Code != "dependency_source_unreachable" {
			t.Errorf("%s: %s, %+v\n%s", language, exit.Outcome, exit.Problem, log.System)
		}
		if strings.Contains(string(log.System)+exit.Problem.Detail, "hunter2") {
			t.Errorf("the index's password is in the log:\n%s", log.System)
		}
	}
}

func TestInstallationsEndInTimeAndWithinTheirSize(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		change  func(*runnerv1.Dependencies)
		code    string
		outcome journal.Outcome
	}{
		"slow":  {func(d *runnerv1.Dependencies) { d.TimeLimit = durationpb.New(3 * time.Second) }, "dependencies_timed_out", journal.TimedOut},
		"large": {func(d *runnerv1.Dependencies) { d.SizeLimitBytes = 20 << 20 }, "dependencies_too_large", journal.Failed},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			in := newInstalling(t, func(d *runnerv1.Dependencies) { d.Builds = true; c.change(d) })
			in.slow(t, "")
			installertest.Pack(t, in.wheels, "large", "1.0.0", map[string]any{"scripts": map[string]string{"install": "head -c 60000000 /dev/urandom > big; sleep 60"}}, nil)
			exit, log := in.run(t, "node", "never", name)
			if exit.Outcome != c.outcome || exit.Problem.Code != c.code {
				t.Errorf("%s, %+v; want %s and %s\n%s", exit.Outcome, exit.Problem, c.outcome, c.code, log.System)
			}
			if whole, other := in.left(t); len(whole)+len(other) > 0 {
				t.Errorf("%q and %q are left", whole, other)
			}
		})
	}
}

func TestCancelEndsAnInstallationAndTheWaitForOne(t *testing.T) {
	t.Parallel()
	in := newInstalling(t, builds)
	in.slow(t, "setsid sleep 600 & ")
	r1, e1 := in.start(t, "node", "never", "slow")
	in.begun(t)
	r2, e2 := in.start(t, "node", "never", "slow")
	waitForSystem(t, r2, e2, "waiting for it")
	var all sync.WaitGroup
	for _, r := range []executor.Running{r2, r1} {
		if err := r.Cancel(executortest.Context(t), time.Second); err != nil {
			t.Fatal(err)
		}
	}
	for i, r := range []executor.Running{r1, r2} {
		all.Go(func() {
			exit, log := executortest.Result(t, r, []*journal.Entry{e1, e2}[i])
			if exit.Outcome != journal.Cancelled || exit.Problem.Code != "cancelled" || len(log.All) > 0 {
				t.Errorf("%d: %s, %+v, %q", i, exit.Outcome, exit.Problem, log.All)
			}
		})
	}
	all.Wait()
	if whole, other := in.left(t); len(whole)+len(other) > 0 {
		t.Errorf("%q and %q are left", whole, other)
	}
}

// Nothing that a package has started lives on to change what was installed.
func TestWhatAnInstallationLeavesRunningIsEndedFirst(t *testing.T) {
	t.Parallel()
	in := newInstalling(t, builds)
	installertest.Pack(t, in.wheels, "haunting", "1.0.0", map[string]any{"scripts": map[string]string{
		"install": fmt.Sprintf("(trap '' TERM; exec 1>&- 2>&-; while :; do echo $$ > %s/alive; sleep 0.05; done) & setsid sleep 600 >/dev/null 2>&1 & sleep 0.2", in.note)}}, nil)
	exit, log := in.run(t, "node", fmt.Sprintf(`const { readFileSync, unlinkSync } = require('fs');
const alive = %q + '/alive';
try { require('child_process').execSync('rm -f ' + alive); } catch {}
setTimeout(() => { try { console.log('alive', readFileSync(alive, 'utf8')); } catch { console.log('nothing lives'); } }, 300);
`, in.note), "haunting")
	if exit.Outcome != journal.Succeeded || !strings.Contains(string(log.Out), "nothing lives") {
		t.Errorf("%+v %q\n%s", exit.Problem, log.All, log.System)
	}
}

func TestARunnerThatIsKilledWhileItInstallsLeavesNothing(t *testing.T) {
	t.Parallel()
	in := newInstalling(t, builds)
	in.slow(t, "")
	r, e := in.start(t, "node", "never", "slow")
	in.begun(t)
	started, _, err := e.Started()
	if err != nil {
		t.Fatal(err)
	}
	if err := syscall.Kill(started.Runner.PID, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	if err := r.Wait(executortest.Context(t)); err != nil {
		t.Fatal(err)
	}
	if exit, _, _, err := e.Exit(); err != nil || exit.Outcome != journal.Infrastructure {
		t.Errorf("%+v, %v", exit, err)
	}
	if whole, other := in.left(t); len(whole) != 0 || len(other) != 1 {
		t.Errorf("there are %q and %q; want half an environment that is not taken for one", whole, other)
	}
	cache, err := environment.Open(in.dir)
	if err == nil {
		_, err = cache.Clean(time.Now(), environment.Bounds{Bytes: 1 << 30, Age: time.Hour})
	}
	if _, other := in.left(t); err != nil || len(other) != 0 {
		t.Errorf("after cleaning there are %q, %v", other, err)
	}
	in.goOn(t)
	if exit, log := in.run(t, "node", "console.log('again')", "slow"); exit.Outcome != journal.Succeeded {
		t.Errorf("the next run: %+v\n%s", exit.Problem, log.System)
	}
}

// index is an index of one package for pip and for npm, which asks pip for a password.
func index(t *testing.T, wheels string) *httptest.Server {
	t.Helper()
	mux := http.NewServeMux()
	mux.Handle("GET /files/", http.StripPrefix("/files/", http.FileServer(http.Dir(wheels))))
	mux.HandleFunc("GET /simple/shout/", func(w http.ResponseWriter, r *http.Request) {
		if user, password, _ := r.BasicAuth(); user != "someone" || password != "hunter2-hunter2" {
			http.Error(w, "who are you?", http.StatusUnauthorized)
			return
		}
		w.Header().Set("Content-Type", "text/html")
		_, _ = io.WriteString(w, `<!DOCTYPE html><a href="/files/shout-1.0-py3-none-any.whl">shout-1.0-py3-none-any.whl</a>`)
	})
	s := httptest.NewServer(mux)
	t.Cleanup(s.Close)
	mux.HandleFunc("GET /modern", func(w http.ResponseWriter, _ *http.Request) {
		_, _ = fmt.Fprintf(w, `{"name":"modern","dist-tags":{"latest":"1.0.0"},"versions":{"1.0.0":{"name":"modern","version":"1.0.0","dist":{"tarball":"%s/files/modern-1.0.0.tgz"}}}}`, s.URL)
	})
	return s
}

func TestPackagesComeFromTheIndexThatTheOperatorNames(t *testing.T) {
	t.Parallel()
	wheels := installertest.Wheelhouse(t)
	server := index(t, wheels)
	in := newInstalling(t, func(d *runnerv1.Dependencies) {
		d.Wheelhouse = ""
		d.Env = map[string]string{"PIP_INDEX_URL": strings.Replace(server.URL, "//", "//someone:hunter2-hunter2@", 1) + "/simple", "PIP_CONFIG_FILE": os.DevNull,
			"npm_config_registry": server.URL + "/", "npm_config_globalconfig": "/nowhere/npmrc"}
	})
	in.wheels = wheels
	in.fill(t)
	for language, c := range map[string]struct{ source, dependency, want string }{
		"python": {"import shout, os; print(shout.shout('x'), [v for v in os.environ.values() if 'hun' + 'ter2' in v])", "shout==1.0", "X! []\n"},
		"node":   {"import('modern').then((m) => console.log(m.word))", "modern", "modern\n"},
	} {
		exit, log := in.run(t, language, c.source, c.dependency)
		if exit.Outcome != journal.Succeeded || string(log.All) != c.want || strings.Contains(string(log.System), "hunter2") {
			t.Errorf("%s: %+v, printed %q\n%s", language, exit.Problem, log.All, log.System)
		}
	}
	_ = filepath.WalkDir(filepath.Dir(in.dir), func(path string, e fs.DirEntry, err error) error {
		if err == nil && e.Type().IsRegular() {
			if text, err := os.ReadFile(path); err == nil && strings.Contains(string(text), "hunter2") {
				t.Errorf("the index's password lies in %s", path)
			}
		}
		return nil
	})
}
