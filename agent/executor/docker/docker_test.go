package docker_test

import (
	"bytes"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/docker/docker/api/types/container"

	"github.com/cronium/cronium/agent/executor"
	"github.com/cronium/cronium/agent/executor/docker"
	"github.com/cronium/cronium/agent/executor/docker/dockertest"
	"github.com/cronium/cronium/agent/executor/executortest"
	"github.com/cronium/cronium/agent/journal"
	runnerv1 "github.com/cronium/cronium/proto/runner/v1"
)

const agentID = "01a21783-0d22-78b5-b489-b03b3680e22a"

func TestMain(m *testing.M) { executortest.MainThen(m, dockertest.Stop) }

func create(t testing.TB) executor.Executor {
	t.Helper()
	return createWith(t, docker.Config{Host: dockertest.Start(t).Host})
}

// createWith completes the configuration of an executor.
func createWith(t testing.TB, c docker.Config) executor.Executor {
	t.Helper()
	c.Runner, c.AgentID, c.Now, c.Log = executortest.StaticRunner(t), agentID, time.Now, slog.New(slog.DiscardHandler)
	x, err := docker.New(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	return x
}

// prepare gives a payload the test image, and no network: there is none.
func prepare(p *runnerv1.Payload) {
	p.Container = &runnerv1.Container{Image: dockertest.Image, Pull: "never", Network: "none"}
}

func TestContainersKeepTheContract(t *testing.T) {
	executortest.Suite(t, executortest.Subject{Create: func(t *testing.T) executor.Executor { return create(t) }, Prepare: prepare, Exists: exists})
}

// exists looks on the host for a process that sees the attempt's directory mounted
// and itself under this number.
func exists(e *journal.Entry, pid int) bool {
	dirs, _ := filepath.Glob("/proc/[0-9]*")
	for _, dir := range dirs {
		mounts, _ := os.ReadFile(filepath.Join(dir, "mountinfo"))
		status, _ := os.ReadFile(filepath.Join(dir, "status"))
		if bytes.Contains(mounts, []byte(filepath.Base(e.Dir))) && bytes.Contains(status, fmt.Appendf(nil, "\t%d\n", pid)) && !bytes.Contains(status, []byte("State:\tZ")) {
			return true
		}
	}
	return false
}

func run(t *testing.T, c executortest.Case) (journal.Exit, executortest.Log, *journal.Entry) {
	t.Helper()
	change := c.Change
	c.Change = func(p *runnerv1.Payload) {
		prepare(p)
		if change != nil {
			change(p)
		}
	}
	r, e := executortest.Start(t, executortest.Running(t, create(t)), c)
	exit, log := executortest.Result(t, r, e)
	return exit, log, e
}

func limited(l *runnerv1.Limits) func(*runnerv1.Payload) {
	return func(p *runnerv1.Payload) { p.Limits = l }
}

func TestTooMuchMemoryIsSaidSo(t *testing.T) {
	t.Parallel()
	exit, _, _ := run(t, executortest.Case{Language: "python", Source: "x = bytearray(400 << 20)\nprint(len(x))", Change: limited(&runnerv1.Limits{MemoryBytes: 64 << 20})})
	if exit.Outcome != journal.Failed || exit.Problem.Code != "out_of_memory" {
		t.Fatalf("%+v, want out_of_memory", exit)
	}
}

func TestTooManyProcessesAreSaidSo(t *testing.T) {
	t.Parallel()
	exit, _, _ := run(t, executortest.Case{Source: "for i in $(seq 90); do sleep 5 & done; exit 1", Change: limited(&runnerv1.Limits{Processes: 20})})
	if exit.Outcome != journal.Failed || exit.Problem.Code != "too_many_processes" {
		t.Fatalf("%+v, want too_many_processes", exit)
	}
}

// A fork bomb takes every process that it can get; the runner still ends it in time
// and says what happened.
func TestAForkBombEndsAtItsTimeout(t *testing.T) {
	t.Parallel()
	exit, _, _ := run(t, executortest.Case{Source: "bomb() { bomb | bomb & }; bomb; sleep 60", Timeout: 3 * time.Second, Grace: 500 * time.Millisecond,
		Change: limited(&runnerv1.Limits{Processes: 50})})
	if exit.Outcome != journal.TimedOut || exit.Duration > 10*time.Second {
		t.Fatalf("%+v, want it timed out after little more than 3.5 s", exit)
	}
}

// TestAScriptCanDoNothingToItsHost probes what §4.13 of the reliability page forbids.
func TestAScriptCanDoNothingToItsHost(t *testing.T) {
	t.Parallel()
	_, log, _ := run(t, executortest.Case{Source: `
id -u
grep -E '^(CapPrm|CapEff|CapAmb|NoNewPrivs|Seccomp):' /proc/self/status
touch /usr/bin/x 2>/dev/null && echo "root is writable"
touch /cronium/attempt/x 2>/dev/null && echo "the attempt's directory is writable"
cat /cronium/attempt/spec.bin 2>/dev/null && echo "the payload is readable"
ls /cronium/attempt 2>/dev/null && echo "the attempt's directory is readable"
cat /proc/1/environ 2>/dev/null && echo "the runner's environment is readable"
kill -9 1 2>/dev/null && echo "the runner can be killed"
ls /var/run/docker.sock /run/docker.sock 2>/dev/null && echo "the engine's socket is here"
ls /dev/sda /dev/vda /dev/mem /dev/kmsg 2>/dev/null && echo "devices are here"
mkdir /tmp/m && mount -t tmpfs none /tmp/m 2>/dev/null && echo "it can mount"
touch /tmp/ok && echo "tmp is writable"
touch "$HOME/ok" && echo "home is writable"
`})
	want := "65532\nCapPrm:\t0000000000000000\nCapEff:\t0000000000000000\nCapAmb:\t0000000000000000\nNoNewPrivs:\t1\nSeccomp:\t2\ntmp is writable\nhome is writable\n"
	if string(log.Out) != want {
		t.Errorf("the probes found\n%s\nwant\n%s", log.Out, want)
	}
}

func TestAContainerIsGoneAfterItsRun(t *testing.T) {
	t.Parallel()
	_, _, e := run(t, executortest.Case{Source: "true"})
	engine := dockertest.Start(t)
	for end := time.Now().Add(20 * time.Second); ; {
		list, err := engine.Client.ContainerList(t.Context(), container.ListOptions{All: true})
		if err != nil {
			t.Fatal(err)
		}
		left := 0
		for _, c := range list {
			if strings.Contains(c.Names[0], e.Ref.RunID) {
				left++
			}
		}
		if left == 0 {
			return
		}
		if time.Now().After(end) {
			t.Fatalf("%d containers of the attempt are left", left)
		}
		time.Sleep(50 * time.Millisecond) // another process's work, and no bell
	}
}

func TestAMissingImageIsSaidSo(t *testing.T) {
	t.Parallel()
	x := executortest.Running(t, create(t))
	a := executortest.Attempt(t, executortest.Journal(t, ""), x.Kind(), executortest.Case{Change: func(p *runnerv1.Payload) {
		p.Container = &runnerv1.Container{Image: "nobody/has-this:1", Pull: "never"}
	}})
	_, err := x.Start(executortest.Context(t), a)
	if err == nil || !strings.Contains(err.Error(), "image_unavailable") {
		t.Fatalf("Start = %v, want image_unavailable", err)
	}
	if s, ok, _ := a.Entry.Started(); !ok || !s.Abandoned {
		t.Errorf("the journal says %+v, %v; want that it never runs", s, ok)
	}
}

func TestAKilledRunnerIsAnInfrastructureError(t *testing.T) {
	t.Parallel()
	engine := dockertest.Start(t)
	r, e := executortest.Start(t, executortest.Running(t, create(t)), executortest.Case{Source: "echo ready; sleep 60", Change: prepare})
	executortest.WaitFor(t, r, e, "ready")
	name := fmt.Sprintf("cronium-%.8s-%s-1", agentID, e.Ref.RunID)
	if err := engine.Client.ContainerKill(t.Context(), name, "SIGKILL"); err != nil {
		t.Fatal(err)
	}
	exit, log := executortest.Result(t, r, e)
	if exit.Outcome != journal.Infrastructure || exit.Problem.Code != "runner_died" || string(log.Out) != "ready\n" {
		t.Fatalf("%+v with log %q, want runner_died and what was printed", exit, log.Out)
	}
}

func TestWhatNoAttemptAccountsForIsRemoved(t *testing.T) {
	t.Parallel()
	engine := dockertest.Start(t)
	made, err := engine.Client.ContainerCreate(t.Context(), &container.Config{Image: dockertest.Image, Cmd: []string{"sleep", "600"},
		Labels: map[string]string{"cronium.agent": "another-agent"}}, &container.HostConfig{NetworkMode: "none"}, nil, nil, "cronium-another-1")
	if err != nil {
		t.Fatal(err)
	}
	if err := engine.Client.ContainerStart(t.Context(), made.ID, container.StartOptions{}); err != nil {
		t.Fatal(err)
	}
	x, err := docker.New(t.Context(), docker.Config{Host: engine.Host, Runner: executortest.StaticRunner(t), AgentID: "another-agent", Now: time.Now, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	x.Sweep(t.Context(), time.Hour)
	if _, err := engine.Client.ContainerInspect(t.Context(), made.ID); err != nil {
		t.Fatalf("a young container was removed: %v", err)
	}
	x.Sweep(t.Context(), 0)
	if _, err := engine.Client.ContainerInspect(t.Context(), made.ID); err == nil {
		t.Error("it is still there")
	}
}
