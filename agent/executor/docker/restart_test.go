package docker_test

import (
	"fmt"
	"syscall"
	"testing"

	"github.com/cronium/cronium/agent/executor/docker"
	"github.com/cronium/cronium/agent/executor/docker/dockertest"
	"github.com/cronium/cronium/agent/executor/executortest"
	"github.com/cronium/cronium/agent/journal"
)

// TestARestartOfTheEngineIsNotTheScriptsFault restarts dockerd in the middle of a
// script, as a package upgrade does and as the kernel does when memory runs out.
func TestARestartOfTheEngineIsNotTheScriptsFault(t *testing.T) {
	t.Parallel()
	engine := dockertest.New(t)
	const codes = "runner_stopped docker_restarted" // whether the runner was given the time to say so
	for _, signal := range []syscall.Signal{syscall.SIGTERM, syscall.SIGKILL} {
		x := executortest.Running(t, createWith(t, docker.Config{Host: engine.Host}))
		r, e := executortest.Start(t, x, executortest.Case{Source: "echo ready; sleep 60", Change: prepare})
		executortest.WaitFor(t, r, e, "ready\n")
		engine.Restart(t, signal)
		exit, log := executortest.Result(t, r, e)
		if exit.Outcome != journal.Infrastructure || exit.Problem == nil || !oneOf(exit.Problem.Code, codes) || string(log.Out) != "ready\n" {
			t.Errorf("after %v: %+v (%+v) with log %q, want infrastructure, %s, and what was printed", signal, exit, exit.Problem, log.Out, codes)
		}
		if exit.Problem != nil && exit.Problem.Hint == "" {
			t.Errorf("after %v: no hint", signal)
		}
		r.Close()
		if _, out, code := try(t, x, executortest.Case{Source: "echo again", Change: prepare}); out != "again\n" || code != "" {
			t.Errorf("after %v the next script printed %q, problem %q", signal, out, code)
		}
	}
}

// TestWithLiveRestoreAScriptDoesNotNoticeARestart of the engine: same container, same
// process, not a byte lost, true exit code.
func TestWithLiveRestoreAScriptDoesNotNoticeARestart(t *testing.T) {
	t.Parallel()
	engine := dockertest.New(t, "--live-restore")
	for _, signal := range []syscall.Signal{syscall.SIGTERM, syscall.SIGKILL} {
		x := executortest.Running(t, createWith(t, docker.Config{Host: engine.Host}))
		r, e := executortest.Start(t, x, executortest.Case{Source: `i=0; while [ ! -e go ]; do i=$((i+1)); echo "tick $i"; sleep 0.05; done; echo "last $i"; exit 7`, Change: prepare})
		executortest.WaitFor(t, r, e, "tick 3\n")
		name := fmt.Sprintf("cronium-%.8s-%s-1", agentID, e.Ref.RunID)
		before, err := engine.Client.ContainerInspect(t.Context(), name)
		if err != nil {
			t.Fatal(err)
		}
		engine.Restart(t, signal)
		after, err := engine.Client.ContainerInspect(t.Context(), name)
		if err != nil || after.ID != before.ID || after.State.Pid != before.State.Pid || !after.State.Running {
			t.Fatalf("after %v: %v, container %+v; want that of before, %+v", signal, err, after.State, before.State)
		}
		touch(t, e.Work()+"/go")
		exit, log := executortest.Result(t, r, e)
		if exit.Outcome != journal.Failed || exit.Code != 7 {
			t.Errorf("after %v: %+v (%+v), want exit code 7", signal, exit, exit.Problem)
		}
		want, n := "", 0
		if _, err := fmt.Sscanf(string(log.Out[lastLine(log.Out):]), "last %d", &n); err != nil {
			t.Fatalf("the log ends with %q", log.Out[lastLine(log.Out):])
		}
		for i := 1; i <= n; i++ {
			want += fmt.Sprintf("tick %d\n", i)
		}
		if want += fmt.Sprintf("last %d\n", n); string(log.Out) != want {
			t.Errorf("after %v the log has %d bytes, want %d", signal, len(log.Out), len(want))
		}
		r.Close()
	}
}
