// Package executortest is the conformance suite of executors: what a script may
// rely on, whichever way it was started.
//
// Its user's TestMain calls [Main], and gives [RunnerPath] to the executor: the
// test binary itself then plays cronium-runner.
package executortest

import (
	"bytes"
	"cmp"
	"context"
	"crypto/ed25519"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/cronium/cronium/agent/call"
	"github.com/cronium/cronium/agent/executor"
	"github.com/cronium/cronium/agent/installer"
	"github.com/cronium/cronium/agent/journal"
	"github.com/cronium/cronium/agent/runner"
	"github.com/cronium/cronium/agent/segment"
	"github.com/cronium/cronium/proto/frame"
	"github.com/cronium/cronium/proto/payload"
	runnerv1 "github.com/cronium/cronium/proto/runner/v1"
)

const runnerName = "cronium-runner"

func isRunner() bool { return filepath.Base(os.Args[0]) == runnerName }

func init() {
	if isRunner() {
		runtime.LockOSThread() // while we surely are on the main thread
	}
}

// Main runs the tests, or plays the runner when called by its name.
func Main(m *testing.M) {
	if isRunner() {
		if len(os.Args) > 1 && os.Args[1] == "call" {
			os.Exit(call.Main(os.Args[2:], os.Getenv("CRONIUM_SOCKET"), os.Stdin, os.Stdout, os.Stderr))
		}
		if len(os.Args) > 1 && os.Args[1] == "install-dependencies" {
			os.Exit(install(os.Args[2:]))
		}
		if err := runner.Main(context.Background(), os.Args[1], os.Stdin, time.Now); err != nil {
			fmt.Fprintln(os.Stderr, "error: "+err.Error())
			os.Exit(1)
		}
		os.Exit(0)
	}
	if err := os.Setenv("CRONIUM_LEAK", "the agent's environment"); err != nil {
		panic(err)
	}
	os.Exit(m.Run())
}

// install plays the agent's program that installs packages.
func install(args []string) int {
	var o installer.Order
	flags := flag.NewFlagSet("install-dependencies", flag.ExitOnError)
	flags.StringVar(&o.Language, "language", "", "")
	flags.StringVar(&o.Interpreter, "interpreter", "", "")
	flags.StringVar(&o.Target, "target", "", "")
	flags.StringVar(&o.Wheelhouse, "wheelhouse", "", "")
	flags.BoolVar(&o.Builds, "builds", false, "")
	_ = flags.Parse(args)
	o.Dependencies = flags.Args()
	code, err := installer.Run(context.Background(), o, os.Environ(), os.Stdout, os.Stderr)
	if err != nil {
		fmt.Fprintln(os.Stderr, "error: "+err.Error())
		return 1
	}
	return code
}

// MainThen runs the tests and then done.
func MainThen(m *testing.M, done func()) {
	code := m.Run()
	done()
	RemoveStaticRunner()
	os.Exit(code)
}

var static struct {
	once sync.Once
	path string
	err  error
}

// StaticRunner builds cronium-runner as it is shipped, once for a test binary, and
// returns its path. TestMain ends with [MainThen] or [RemoveStaticRunner].
func StaticRunner(t testing.TB) string {
	t.Helper()
	static.once.Do(func() { static.path, static.err = buildRunner() })
	if static.err != nil {
		t.Fatalf("build the runner: %v", static.err)
	}
	return static.path
}

// RemoveStaticRunner deletes what [StaticRunner] has built.
func RemoveStaticRunner() {
	if static.path != "" {
		_ = os.RemoveAll(filepath.Dir(static.path))
	}
}

func buildRunner() (string, error) {
	dir, err := os.MkdirTemp("", "cronium-runner-")
	if err != nil {
		return "", err
	}
	if err := os.Chmod(dir, 0o755); err != nil { // scripts may run as somebody else, and start it too
		return "", err
	}
	path := filepath.Join(dir, "cronium-runner")
	build := exec.Command("go", "build", "-ldflags", "-s -w", "-o", path, "github.com/cronium/cronium/agent/cmd/runner") //nolint:noctx // once for all tests
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		return "", fmt.Errorf("%w\n%s", err, out)
	}
	return path, nil
}

// RunnerPath returns the path of a runner.
func RunnerPath(t testing.TB) string {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), runnerName)
	if err := os.Symlink(self, path); err != nil {
		t.Fatal(err)
	}
	return path
}

// Case is an attempt in the making.
type Case struct {
	Language string // bash if empty
	Source   string
	Env      map[string]string
	Timeout  time.Duration // a minute if zero
	Grace    time.Duration
	LogLimit int64
	Handover *runnerv1.Handover
	Change   func(*runnerv1.Payload)
	Forge    func(signed []byte) []byte // what lies on disk instead
}

const agentID = "01a21783-0d22-78b5-b489-b03b3680e22a"

// OpenDir is a temporary directory that every user may pass through, which
// t.TempDir is not.
func OpenDir(t testing.TB) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "cronium-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	if err := os.Chmod(dir, 0o711); err != nil {
		t.Fatal(err)
	}
	return dir
}

// Journal returns an empty journal in dir, which becomes a temporary one if empty.
// Scripts of other users can reach their workspaces in it.
func Journal(t testing.TB, dir string) *journal.Journal {
	t.Helper()
	if dir == "" {
		dir = OpenDir(t)
	}
	j, err := journal.Open(dir, journal.Config{Reserve: 1 << 20, Shared: true})
	if err != nil {
		t.Fatal(err)
	}
	return j
}

// Attempt writes c into the journal.
func Attempt(t testing.TB, j *journal.Journal, kind string, c Case) executor.Attempt {
	t.Helper()
	ref := journal.Ref{RunID: uuid.NewString(), Attempt: 1, Fence: 7}
	if c.Language == "" {
		c.Language = "bash"
	}
	if c.Timeout == 0 {
		c.Timeout = time.Minute
	}
	p := &runnerv1.Payload{
		Ref: &runnerv1.Attempt{RunId: ref.RunID, Attempt: ref.Attempt, Fence: ref.Fence}, Project: "default", Job: "test", JobVersion: 3,
		Script: &runnerv1.Script{Language: c.Language, Source: []byte(c.Source)}, Env: c.Env,
		Timeout: durationpb.New(c.Timeout), LogLimitBytes: c.LogLimit,
	}
	if c.Grace > 0 {
		p.Grace = durationpb.New(c.Grace)
	}
	p.AgentId = agentID
	if c.Change != nil {
		c.Change(p)
	}
	spec := Sign(t, p)
	if c.Forge != nil {
		spec = c.Forge(spec)
	}
	e, err := j.Create(journal.Intent{Ref: ref, Kind: kind}, spec)
	if err != nil {
		t.Fatal(err)
	}
	return executor.Attempt{Entry: e, Handover: Handover(c.Handover)}
}

// Sign signs a payload as the hub of these tests.
func Sign(t testing.TB, p *runnerv1.Payload) []byte {
	t.Helper()
	p.AgentId = cmp.Or(p.AgentId, agentID)
	spec, err := payload.Sign(hubKey(), p)
	if err != nil {
		t.Fatal(err)
	}
	return spec
}

// Handover returns a copy of h, or an empty one, that trusts [Sign].
func Handover(h *runnerv1.Handover) *runnerv1.Handover {
	if h = proto.CloneOf(h); h == nil {
		h = &runnerv1.Handover{}
	}
	h.AgentId, h.Keys = agentID, [][]byte{hubKey().Public().(ed25519.PublicKey)}
	return h
}

func hubKey() ed25519.PrivateKey { return ed25519.NewKeyFromSeed(make([]byte, ed25519.SeedSize)) }

// Context ends with the test, or after the time that a hanging test may take.
func Context(t testing.TB) context.Context {
	t.Helper()
	ctx, stop := context.WithTimeout(context.Background(), time.Minute)
	t.Cleanup(stop)
	return ctx
}

// Running runs the executor's own work for as long as the test.
func Running(t testing.TB, x executor.Executor) executor.Executor {
	t.Helper()
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = x.Run(ctx)
	}()
	t.Cleanup(func() { stop(); <-done })
	return x
}

// Start starts c and stops the test if that fails.
func Start(t testing.TB, x executor.Executor, c Case) (executor.Running, *journal.Entry) {
	t.Helper()
	a := Attempt(t, Journal(t, ""), x.Kind(), c)
	r, err := x.Start(Context(t), a)
	if err != nil {
		t.Fatalf("Start: %v", err)
	}
	t.Cleanup(r.Close)
	return r, a.Entry
}

// Result waits for the end of an attempt.
func Result(t testing.TB, r executor.Running, e *journal.Entry) (journal.Exit, Log) {
	t.Helper()
	if err := r.Wait(Context(t)); err != nil {
		t.Fatalf("Wait: %v", err)
	}
	exit, _, ok, err := e.Exit()
	if err != nil || !ok {
		t.Fatalf("Exit: %v, %v; want it there when Wait returns", ok, err)
	}
	log := ReadLog(t, e)
	if log.Size != exit.LogBytes {
		t.Errorf("the result says %d bytes of log, there are %d", exit.LogBytes, log.Size)
	}
	return exit, log
}

// Log is the log of an attempt, by stream.
type Log struct {
	Size             int64
	Out, Err, System []byte
	All              []byte // the script's streams together
}

// ReadLog reads what is in the log now.
func ReadLog(t testing.TB, e *journal.Entry) Log {
	t.Helper()
	var l Log
	r := segment.Open(e.Dir)
	defer r.Close()
	for {
		b, err := r.Chunk(l.Size)
		if err != nil {
			t.Fatalf("read the log: %v", err)
		}
		if len(b) == 0 {
			return l
		}
		l.Size += int64(len(b))
		for len(b) > 0 {
			f, rest, err := frame.Next(b)
			if err != nil {
				t.Fatalf("read the log: %v", err)
			}
			l.add(f)
			b = rest
		}
	}
}

func (l *Log) add(f frame.Frame) {
	switch f.Stream {
	case frame.Stdout:
		l.Out = append(l.Out, f.Data...)
	case frame.Stderr:
		l.Err = append(l.Err, f.Data...)
	case frame.System:
		l.System = append(l.System, f.Data...)
		return
	}
	l.All = append(l.All, f.Data...)
}

// WaitFor waits until the log holds text.
func WaitFor(t testing.TB, r executor.Running, e *journal.Entry, text string) Log {
	t.Helper()
	ctx := Context(t)
	for {
		if l := ReadLog(t, e); bytes.Contains(l.All, []byte(text)) {
			return l
		}
		select {
		case <-r.Grew():
		case <-ctx.Done():
			t.Fatalf("%q does not appear in the log: %s", text, ReadLog(t, e).All)
		}
	}
}
