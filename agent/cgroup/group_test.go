package cgroup

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// open is this host for one test, whose groups end with it.
func open(t *testing.T) *Host {
	t.Helper()
	h := Open("test" + strconv.Itoa(os.Getpid()) + strconv.FormatInt(time.Now().UnixNano()%1e6, 10))
	t.Cleanup(func() {
		if err := h.Sweep(func(string) bool { return false }); err != nil {
			t.Error(err)
		}
	})
	t.Logf("this host has %s", h)
	return h
}

func limited(t *testing.T) *Host {
	t.Helper()
	h := open(t)
	for _, controller := range wanted {
		if !h.Can(controller) {
			t.Skipf("this host cannot limit by %s: it has %s", controller, h)
		}
	}
	return h
}

// TestMain runs the tests, or plays the runner: the process whose thread enters the
// groups and starts a script there.
func TestMain(m *testing.M) {
	if dirs, ok := os.LookupEnv("CGROUP_TEST_DIRS"); ok {
		os.Exit(start(strings.Fields(dirs), os.Args[1]))
	}
	os.Exit(m.Run())
}

// start ends with the script's exit code, as a shell tells it.
func start(dirs []string, source string) int {
	cmd := exec.Command("bash", "-c", source)
	begun := make(chan error)
	go func() {
		runtime.LockOSThread()
		fd, err := Enter(dirs)
		if err == nil {
			cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, UseCgroupFD: fd >= 0, CgroupFD: max(fd, 0)}
			err = cmd.Start()
		}
		begun <- err
		select {}
	}()
	if err := <-begun; err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	_ = cmd.Wait()
	if status := cmd.ProcessState.Sys().(syscall.WaitStatus); status.Signaled() {
		return 128 + int(status.Signal())
	}
	return cmd.ProcessState.ExitCode()
}

// run starts a script in the group, by a process of its own.
func run(t *testing.T, g Group, source string) *exec.Cmd {
	t.Helper()
	cmd := exec.Command(os.Args[0], source)
	cmd.Env = append(os.Environ(), "CGROUP_TEST_DIRS="+strings.Join(g.Dirs, " "))
	cmd.Stderr = os.Stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	return cmd
}

// code waits for the end.
func code(t *testing.T, cmd *exec.Cmd) int {
	t.Helper()
	_ = cmd.Wait()
	return cmd.ProcessState.ExitCode()
}

func TestMemoryBeyondTheLimitEndsTheProgramAndNotItsStarter(t *testing.T) {
	h := limited(t)
	g, err := h.Make("memory", Limits{MemoryBytes: 64 << 20})
	if err != nil {
		t.Fatal(err)
	}
	if got := code(t, run(t, g, `PATH=/usr/bin:/bin exec python3 -c 'x = bytearray(300 << 20); print(len(x))'`)); got != 128+int(syscall.SIGKILL) {
		t.Fatalf("it ended with %d, want 137 from a starter that lives", got)
	}
	text, err := os.ReadFile(filepath.Join(g.Memory(), map[string]string{"v1": "memory.oom_control", "v2": "memory.events"}[h.Version()]))
	if err != nil || !strings.Contains(string(text), "oom_kill 1") {
		t.Fatalf("the kernel's count: %s (%v), want oom_kill 1", text, err)
	}
}

func TestExactlyTheAllowedProcessesCanBeStarted(t *testing.T) {
	h := limited(t)
	g, err := h.Make("pids", Limits{Processes: 3})
	if err != nil {
		t.Fatal(err)
	}
	fork := `PATH=/usr/bin:/bin exec python3 -c 'import os, sys, time
for i in range(%d):
    try:
        if os.fork() == 0: time.sleep(0.2); os._exit(0)
    except BlockingIOError: sys.exit(9)'`
	if got := code(t, run(t, g, fmt.Sprintf(fork, 3))); got != 9 {
		t.Fatalf("four processes of three end with %d, want 9: that the last could not be started", got)
	}
	text, err := os.ReadFile(filepath.Join(g.Pids(), "pids.events"))
	if err != nil || strings.HasPrefix(string(text), "max 0\n") {
		t.Fatalf("the kernel's count of refusals: %q (%v), want some", text, err)
	}
	fits, err := h.Make("fits", Limits{Processes: 3})
	if err != nil {
		t.Fatal(err)
	}
	if got := code(t, run(t, fits, fmt.Sprintf(fork, 2))); got != 0 {
		t.Fatalf("three processes of three end with %d", got)
	}
}

func TestTheProcessorIsShared(t *testing.T) {
	g, err := limited(t).Make("cpu", Limits{MilliCPUs: 200})
	if err != nil {
		t.Fatal(err)
	}
	cmd := run(t, g, "end=$((SECONDS + 2)); while ((SECONDS < end)); do :; done")
	if got := code(t, cmd); got != 0 {
		t.Fatalf("it ended with %d", got)
	}
	// Two to three seconds of a fifth of a processor are 0.4 to 0.6 s.
	if used := cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime(); used > 1200*time.Millisecond {
		t.Errorf("it used %v", used)
	}
}

// This needs no controller: the bare v2 hierarchy or a loop of signals does it.
func TestEndLeavesNothingOfATreeThatForks(t *testing.T) {
	h := open(t)
	if len(h.trees) == 0 {
		t.Skipf("this host has %s", h)
	}
	g, err := h.Make("bomb", Limits{Processes: 100})
	if err != nil {
		t.Fatal(err)
	}
	cmd := run(t, g, `trap '' TERM HUP; exec 2>/dev/null; setsid bash -c 'trap "" TERM; while :; do sleep 0.5 & done' & while :; do sleep 0.01 & done`)
	for len(g.Processes()) < 20 {
		time.Sleep(time.Millisecond) // the script's work, and no bell
	}
	pids := g.Processes()
	if err := g.End(); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait()
	for _, pid := range pids {
		if status, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat"); err == nil && !strings.Contains(string(status), ") Z ") {
			t.Errorf("process %d is still there", pid)
		}
	}
	for _, dir := range g.Dirs {
		if _, err := os.Stat(dir); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s is still there", dir)
		}
	}
}

func TestSweepEndsWhatIsNotInUse(t *testing.T) {
	h := open(t)
	if len(h.trees) == 0 {
		t.Skipf("this host has %s", h)
	}
	kept, err1 := h.Make("kept", Limits{})
	stale, err2 := h.Make("stale", Limits{})
	foreign, err3 := (&Host{trees: h.trees, prefix: namePrefix + "other-"}).Make("stale", Limits{})
	if err := errors.Join(err1, err2, err3); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = foreign.Remove() })
	if err := h.Sweep(func(name string) bool { return name == "kept" }); err != nil {
		t.Fatal(err)
	}
	for _, dir := range append(kept.Dirs, foreign.Dirs...) {
		if _, err := os.Stat(dir); err != nil {
			t.Errorf("%s was removed: %v", dir, err)
		}
	}
	for _, dir := range stale.Dirs {
		if _, err := os.Stat(dir); err == nil {
			t.Errorf("%s is still there", dir)
		}
	}
}

func TestAHostWithoutHierarchiesSaysWhy(t *testing.T) {
	h := &Host{prefix: namePrefix}
	h.use(nil)
	if h.Version() != "none" || h.Can("memory") || !strings.HasPrefix(h.String(), "none: ") {
		t.Fatalf("it is %s, version %s", h, h.Version())
	}
	g, err := h.Make("x", Limits{})
	if err != nil || len(g.Dirs) != 0 {
		t.Fatalf("Make = %v, %v; want an empty group", g, err)
	}
	h.use([]tree{{controllers: []string{"memory"}, base: "/nowhere"}})
	if !strings.Contains(h.String(), "/nowhere") {
		t.Fatalf("it is %q, want the reason", h)
	}
	var nothing *Host
	if nothing.Can("pids") || nothing.Version() != "none" || nothing.String() != "none" {
		t.Fatal("a nil host can limit")
	}
}
