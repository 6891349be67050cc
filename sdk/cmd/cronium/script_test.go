package main

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/cronium/cronium/hub/hubtest"
	"github.com/cronium/cronium/sdk/client"
)

var update = flag.Bool("update", false, "rewrite the golden parts of the scripts")

// TestMain is also the program under test: called as cronium it is cronium.
func TestMain(m *testing.M) {
	if filepath.Base(os.Args[0]) == "cronium" {
		main()
	}
	flag.Parse()
	os.Exit(testAll(m))
}

func testAll(m *testing.M) int {
	dir, err := os.MkdirTemp("", "cronium-cli-")
	if err != nil {
		panic(err)
	}
	defer func() { _ = os.RemoveAll(dir) }()
	self, err := os.Executable()
	if err == nil {
		err = os.Symlink(self, filepath.Join(dir, "cronium"))
	}
	if err == nil {
		err = os.Setenv("PATH", dir+string(os.PathListSeparator)+os.Getenv("PATH"))
	}
	if err != nil {
		panic(err)
	}
	defer hubtest.RemoveRunner()
	return m.Run()
}

// TestScripts runs testdata/*.txtar, each against a hub with one agent of its own.
// See testdata/README.md for the words that the scripts use.
func TestScripts(t *testing.T) {
	testscript.Run(t, params("testdata", func(env *testscript.Env) error {
		w := hubtest.New(env.T().(testing.TB))
		if filepath.Base(env.WorkDir) == "script-targets" {
			w.AddAgent("host-2", nil)
		}
		anonymous, err := client.New(client.Config{URL: w.URL})
		if err != nil {
			return err
		}
		made, err := anonymous.Login(t.Context(), hubtest.Email, hubtest.Password, client.TokenRequest{Name: "script"})
		if err != nil {
			return fmt.Errorf("log in: %w", err)
		}
		env.Setenv("HUB", w.URL)
		env.Setenv("TOKEN", made.Token)
		env.Setenv("EMAIL", hubtest.Email)
		env.Setenv("CRONIUM_URL", w.URL)
		env.Setenv("CRONIUM_TOKEN", made.Token)
		return os.WriteFile(filepath.Join(env.WorkDir, "password"), []byte(hubtest.Password+"\n"), 0o600)
	}))
}

// TestScriptsWithoutAHub runs testdata/alone/*.txtar.
func TestScriptsWithoutAHub(t *testing.T) {
	testscript.Run(t, params("testdata/alone", func(*testscript.Env) error { return nil }))
}

func params(dir string, setup func(*testscript.Env) error) testscript.Params {
	return testscript.Params{
		Dir: dir, UpdateScripts: *update, RequireUniqueNames: true,
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"cronium": cmdCronium, "exits": cmdExits, "offers": cmdOffers,
			"start": cmdStart, "sees": cmdSees, "interrupt": cmdInterrupt, "ends": cmdEnds,
		},
		Setup: func(env *testscript.Env) error {
			env.Setenv("HOME", filepath.Join(env.WorkDir, "home"))
			env.Setenv("TZ", "UTC")
			env.Values[started{}] = map[string]*process{}
			if err := open(env.WorkDir); err != nil {
				return err
			}
			return setup(env)
		},
	}
}

// open lets every user pass to dir: jobs that look for files there have users of
// their own.
func open(dir string) error {
	for ; dir != filepath.Clean(os.TempDir()) && dir != "/"; dir = filepath.Dir(dir) {
		if err := os.Chmod(dir, 0o755); err != nil { //nolint:gosec // for that
			return err
		}
	}
	return nil
}

// cmdCronium runs cronium, which must succeed. Its output is masked.
func cmdCronium(ts *testscript.TestScript, neg bool, args []string) {
	if neg {
		ts.Fatalf("say which exit code: exits CODE cronium …")
	}
	expect(ts, 0, append([]string{"cronium"}, args...))
}

// cmdExits runs a command, which must end with a code. Its output is masked.
func cmdExits(ts *testscript.TestScript, _ bool, args []string) {
	code, err := strconv.Atoi(args[0])
	ts.Check(err)
	expect(ts, code, args[1:])
}

// cmdOffers asks for the completion of words until it is what a pattern says. A
// shell is kept waiting so little that a busy machine may answer nothing at first.
func cmdOffers(ts *testscript.TestScript, _ bool, args []string) {
	pattern := regexp.MustCompile("(?m)" + args[0])
	for end := time.Now().Add(patienceOfTests); ; {
		expect(ts, 0, append([]string{"cronium", "__complete", "--"}, args[1:]...))
		got := mask(ts, ts.ReadFile("stdout"))
		if pattern.MatchString(got) {
			return
		}
		if time.Now().After(end) {
			ts.Fatalf("cronium %q is completed by %q, want %q", args[1:], got, args[0])
		}
	}
}

func expect(ts *testscript.TestScript, want int, args []string) {
	err := ts.Exec(args[0], args[1:]...)
	out, errs := ts.ReadFile("stdout"), ts.ReadFile("stderr")
	tell(ts, out, errs)
	if got := codeOf(ts, err); got != want {
		ts.Fatalf("exit code %d, want %d", got, want)
	}
}

func codeOf(ts *testscript.TestScript, err error) int {
	if ended, ok := errors.AsType[*exec.ExitError](err); ok {
		return ended.ExitCode()
	}
	ts.Check(err)
	return 0
}

// tell makes masked output what stdout, stderr and cmp look at.
func tell(ts *testscript.TestScript, out, errs string) {
	_, _ = ts.Stdout().Write([]byte(mask(ts, out)))
	_, _ = ts.Stderr().Write([]byte(mask(ts, errs)))
}

type masking struct {
	what *regexp.Regexp
	by   string
}

// masks put something fixed in the place of what differs from run to run. In
// tables it is of the same width.
var masks = []masking{
	{regexp.MustCompile(`r_[0-9a-v]{26}\b`), "r_00000000000000000000000000"},
	{regexp.MustCompile(`\b[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\b`), "00000000-0000-0000-0000-000000000000"},
	{regexp.MustCompile(`\b20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z`), "2026-01-02T03:04:05Z"},
	{regexp.MustCompile(`\b20\d\d-\d\d-\d\d \d\d:\d\d:\d\d \+`), "2026-01-02 03:04:05 +"},
	{regexp.MustCompile(`\b20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d\+`), "2026-01-02T03:04:05+"},
	{regexp.MustCompile(`:05( ?)\+0[12]:00\b`), ":05$1+01:00"}, // Berlin, summer and winter
	{regexp.MustCompile(`"duration_ms": \d+`), `"duration_ms": 12`},
	{regexp.MustCompile(`\b(prepare|pull|install|run|collect) \d+(\.\d)? m?s\b`), "$1 12 ms"},
	{regexp.MustCompile(`(?m) +\d+(\.\d)? m?s$`), "  12 ms"}, // the last column, to the right
	{regexp.MustCompile(`(?m)CREATED \(UTC\) +TOOK$`), "CREATED (UTC)                 TOOK"},
	{regexp.MustCompile(`(?m)\t\d+\.\d{3}$`), "\t0.012"},
	{regexp.MustCompile(` in \d+(\.\d)? m?s\b`), " in 12 ms"},
	{regexp.MustCompile(`\bcro_\w+`), "cro_TOKEN"},
	{regexp.MustCompile(`\baj1_[\w-]+`), "aj1_TOKEN"},
	{regexp.MustCompile(`127\.0\.0\.1:\d{4,}`), "127.0.0.1:8420"},
}

func mask(ts *testscript.TestScript, text string) string {
	text = strings.ReplaceAll(text, ts.Getenv("WORK"), "$WORK")
	for _, m := range masks {
		text = m.what.ReplaceAllString(text, m.by)
	}
	return text
}

// started is the key of the processes that a script started.
type started struct{}

type process struct {
	cmd       *exec.Cmd
	out, errs tape
	done      chan error
}

// tape is output that grows; the bell rings when it did.
type tape struct {
	bell chan struct{}

	mu   sync.Mutex
	text bytes.Buffer
}

func (t *tape) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	select {
	case t.bell <- struct{}{}:
	default:
	}
	return t.text.Write(p)
}

func (t *tape) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.text.String()
}

func processes(ts *testscript.TestScript) map[string]*process {
	return ts.Value(started{}).(map[string]*process)
}

func find(ts *testscript.TestScript, name string) *process {
	p, ok := processes(ts)[name]
	if !ok {
		ts.Fatalf("nothing was started as %s", name)
	}
	return p
}

// cmdStart starts a command under a name.
func cmdStart(ts *testscript.TestScript, _ bool, args []string) {
	path, err := exec.LookPath(args[1])
	ts.Check(err)
	bell := make(chan struct{}, 1)
	p := &process{cmd: exec.Command(path, args[2:]...), out: tape{bell: bell}, errs: tape{bell: bell}, done: make(chan error, 1)}
	p.cmd.Args[0] = args[1]
	p.cmd.Dir, p.cmd.Stdout, p.cmd.Stderr = ts.MkAbs("."), &p.out, &p.errs
	for _, name := range []string{"PATH", "HOME", "TZ", "CRONIUM_URL", "CRONIUM_TOKEN", "CRONIUM_FORCE_TTY", "NO_COLOR"} {
		p.cmd.Env = append(p.cmd.Env, name+"="+ts.Getenv(name))
	}
	ts.Check(p.cmd.Start())
	processes(ts)[args[0]] = p
	over := make(chan struct{})
	go func() {
		defer close(over)
		p.done <- p.cmd.Wait()
	}()
	ts.Defer(func() {
		_ = p.cmd.Process.Kill()
		<-over
	})
}

// patienceOfTests is for what takes a moment on an idle machine.
const patienceOfTests = 30 * time.Second

// cmdSees waits until the output of a process has a text.
func cmdSees(ts *testscript.TestScript, _ bool, args []string) {
	p, late := find(ts, args[0]), time.After(patienceOfTests)
	for !strings.Contains(p.out.String()+p.errs.String(), args[1]) {
		select {
		case <-p.out.bell: // of both
		case <-late:
			ts.Fatalf("%s did not say %q within %s but\n%s%s", args[0], args[1], patienceOfTests, p.out.String(), p.errs.String())
		}
	}
}

// cmdInterrupt is a Ctrl-C.
func cmdInterrupt(ts *testscript.TestScript, _ bool, args []string) {
	ts.Check(find(ts, args[0]).cmd.Process.Signal(syscall.SIGINT))
}

// cmdEnds waits for the end of a process, which must be with a code.
func cmdEnds(ts *testscript.TestScript, _ bool, args []string) {
	p := find(ts, args[0])
	want, err := strconv.Atoi(args[1])
	ts.Check(err)
	select {
	case err := <-p.done:
		tell(ts, p.out.String(), p.errs.String())
		if got := codeOf(ts, err); got != want {
			ts.Fatalf("%s ended with exit code %d, want %d:\n%s%s", args[0], got, want, p.out.String(), p.errs.String())
		}
	case <-time.After(patienceOfTests):
		ts.Fatalf("%s did not end within %s; it said\n%s%s", args[0], patienceOfTests, p.out.String(), p.errs.String())
	}
}
