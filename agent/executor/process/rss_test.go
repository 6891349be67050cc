package process_test

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/cronium/cronium/agent/executor/executortest"
	"github.com/cronium/cronium/agent/executor/process"
	runnerv1 "github.com/cronium/cronium/proto/runner/v1"
)

// TestARunnerTakesAtMostTenMiB measures the binary that is shipped, while a
// script runs and after it has printed a lot.
func TestARunnerTakesAtMostTenMiB(t *testing.T) {
	path := buildRunner(t)
	x, err := process.New(process.Config{Runner: path, Now: time.Now, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	executortest.Running(t, x)
	secrets := &runnerv1.Handover{Mask: [][]byte{[]byte("a-secret-of-some-length-0123456789"), []byte("another-secret-of-some-length")}}
	r, e := executortest.Start(t, x, executortest.Case{Source: `"$CRONIUM_RUNNER" call variable.get '{"name":"x"}'; echo idle; sleep 0.3; seq 1 2000000; echo done >&2; sleep 60`, Handover: secrets})
	started, _, err := e.Started()
	if err != nil {
		t.Fatal(err)
	}
	attached := make(chan error, 1)
	go func() { // as an agent does for as long as the script runs
		attached <- r.Calls(executortest.Context(t), func(context.Context, *runnerv1.Call) *runnerv1.Answer {
			return &runnerv1.Answer{ValueJson: []byte("42")}
		})
	}()
	executortest.WaitFor(t, r, e, "idle")
	idle := rss(t, started.Runner.PID)
	executortest.WaitFor(t, r, e, "done\n")
	busy := rss(t, started.Runner.PID)
	t.Logf("RSS of cronium-runner: %d KiB idle, %d KiB after 15 MB of output", idle, busy)
	if idle > 10<<10 || busy > 10<<10 {
		t.Errorf("RSS %d KiB idle, %d KiB busy; the limit is 10 MiB", idle, busy)
	}
	if err := r.Cancel(executortest.Context(t), 0); err != nil {
		t.Fatal(err)
	}
	executortest.Result(t, r, e)
	if err := <-attached; err != nil {
		t.Errorf("Calls ended with %v", err)
	}
}

func buildRunner(t *testing.T) string {
	t.Helper()
	path := t.TempDir() + "/cronium-runner"
	cmd := exec.Command("go", "build", "-ldflags", "-s -w", "-o", path, "github.com/cronium/cronium/agent/cmd/runner")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("build cronium-runner: %v\n%s", err, out)
	}
	return path
}

func rss(t *testing.T, pid int) int {
	t.Helper()
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		t.Fatal(err)
	}
	_, after, _ := strings.Cut(string(b), "VmRSS:")
	var kib int
	if _, err := fmt.Sscan(after, &kib); err != nil {
		t.Fatalf("no RSS in %s", b)
	}
	return kib
}
