package process_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"
	"time"

	"github.com/cronium/cronium/agent/boot"
	"github.com/cronium/cronium/agent/executor"
	"github.com/cronium/cronium/agent/executor/executortest"
	"github.com/cronium/cronium/agent/executor/process"
	"github.com/cronium/cronium/agent/journal"
)

func TestMain(m *testing.M) { executortest.Main(m) }

func create(t *testing.T) executor.Executor {
	t.Helper()
	x, err := process.New(process.Config{Runner: executortest.RunnerPath(t), Now: time.Now, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	return x
}

func TestProcessesKeepTheContract(t *testing.T) {
	executortest.Suite(t, executortest.Subject{Create: create})
}

// Agents are started by nohup, by shells and by service managers, which leave one
// signal or another ignored.
func TestWhatTheAgentsParentIgnoresTheScriptDoesNot(t *testing.T) {
	wrapper := filepath.Join(t.TempDir(), "runner")
	script := fmt.Sprintf("#!/bin/sh\nexec env --ignore-signal=HUP,INT,QUIT,PIPE,TERM,TSTP,TTIN,TTOU,RTMIN,RTMAX %q \"$@\"\n", executortest.RunnerPath(t))
	if err := os.WriteFile(wrapper, []byte(script), 0o755); err != nil {
		t.Fatal(err)
	}
	x, err := process.New(process.Config{Runner: wrapper, Now: time.Now, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	r, e := executortest.Start(t, executortest.Running(t, x), executortest.Case{Source: "grep SigIgn /proc/self/status"})
	defer r.Close()
	_, log := executortest.Result(t, r, e)
	if got := string(log.Out); got != "SigIgn:\t0000000000000000\n" {
		t.Fatalf("the script has %q, want nothing ignored", got)
	}
}

func TestWithoutARunnerThereIsAClearError(t *testing.T) {
	_, err := process.New(process.Config{Runner: "/nowhere/cronium-runner", Log: slog.New(slog.DiscardHandler)})
	if !errors.Is(err, process.ErrRunnerMissing) {
		t.Fatalf("New = %v, want ErrRunnerMissing", err)
	}
}

func TestAKilledRunnerLeavesNothingBehind(t *testing.T) {
	x := executortest.Running(t, create(t))
	r, e := executortest.Start(t, x, executortest.Case{
		Source: `setsid bash -c 'echo "daemon $$"; exec sleep 60' & echo "main $$"; sleep 60`})
	executortest.WaitFor(t, r, e, "main ")
	log := executortest.WaitFor(t, r, e, "daemon ")
	started, _, err := e.Started()
	if err != nil {
		t.Fatal(err)
	}
	kill(t, started.Runner.PID)
	exit, _ := executortest.Result(t, r, e)
	if exit.Outcome != journal.Infrastructure || exit.Problem.Code != "runner_died" {
		t.Fatalf("exit %+v, want runner_died", exit)
	}
	for _, word := range []string{"main", "daemon"} {
		if pid := executortest.PIDAfter(t, log, word); executortest.Exists(pid) {
			t.Errorf("%s, process %d, is still there", word, pid)
		}
	}
}

func kill(t *testing.T, pid int) {
	t.Helper()
	if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
}

// Whoever starts a script may find the runner that waits for it dead.
func TestADeadSpareRunnerIsReplaced(t *testing.T) {
	x := executortest.Running(t, create(t))
	for range 3 {
		for _, pid := range waitingRunners(t) {
			_ = syscall.Kill(pid, syscall.SIGKILL)
			for executortest.Exists(pid) {
				time.Sleep(time.Millisecond) // the kernel's work, and no bell
			}
		}
		r, e := executortest.Start(t, x, executortest.Case{Source: "echo ran"})
		if _, log := executortest.Result(t, r, e); string(log.Out) != "ran\n" {
			t.Fatalf("log %q, want that it ran", log.Out)
		}
	}
}

// A runner that waits must not outlive the agent, however that ends.
func TestNoSpareRunnerIsLeft(t *testing.T) {
	ctx, stop := context.WithCancel(t.Context())
	x := create(t)
	ended := make(chan error)
	go func() { ended <- x.Run(ctx) }()
	for len(waitingRunners(t)) == 0 {
		time.Sleep(time.Millisecond) // another process's start, and no bell
	}
	stop()
	<-ended
	if left := waitingRunners(t); len(left) > 0 {
		t.Errorf("the runners %v are left", left)
	}
}

// waitingRunners are the children of this process that wait for an attempt: they
// have not gone to its directory yet.
func waitingRunners(t *testing.T) []int {
	t.Helper()
	var pids []int
	dirs, err := filepath.Glob("/proc/[0-9]*")
	if err != nil {
		t.Fatal(err)
	}
	for _, dir := range dirs {
		pid, _ := strconv.Atoi(filepath.Base(dir))
		line, _ := os.ReadFile(filepath.Join(dir, "cmdline"))
		at, _ := os.Readlink(filepath.Join(dir, "cwd"))
		stat, err := boot.ReadStat(pid)
		if err == nil && stat.Parent == os.Getpid() && stat.State != 'Z' && at == "/" && bytes.HasSuffix(line, []byte("\x00-\x00")) {
			pids = append(pids, pid)
		}
	}
	return pids
}

func TestARebootIsToldApartFromAKilledRunner(t *testing.T) {
	x := executortest.Running(t, create(t))
	a := executortest.Attempt(t, executortest.Journal(t, ""), x.Kind(), executortest.Case{})
	s := journal.Started{}
	s.Runner.PID, s.Runner.BootID = os.Getpid(), "another boot"
	if err := a.Entry.Claim(s); err != nil {
		t.Fatal(err)
	}
	r, err := x.Reattach(executortest.Context(t), a.Entry)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if exit, _ := executortest.Result(t, r, a.Entry); exit.Problem.Code != "host_rebooted" {
		t.Fatalf("exit %+v, want host_rebooted", exit)
	}
}
