package process_test

import (
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/cronium/cronium/agent/cgroup"
	"github.com/cronium/cronium/agent/executor"
	"github.com/cronium/cronium/agent/executor/executortest"
	"github.com/cronium/cronium/agent/executor/process"
	"github.com/cronium/cronium/agent/journal"
	runnerv1 "github.com/cronium/cronium/proto/runner/v1"
)

// host is what an agent that is root makes of this machine: a journal that scripts
// may pass through, control groups, and a user for each attempt.
type host struct {
	*process.Executor
	groups  *cgroup.Host
	journal *journal.Journal
	dir     string
}

func newHost(t *testing.T, limits process.Bounds) *host {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Fatal("users of their own need root")
	}
	h := &host{dir: executortest.OpenDir(t), groups: cgroup.Open(uuid.NewString()[:8])}
	h.journal = executortest.Journal(t, h.dir)
	t.Cleanup(func() { // after the executor's own end
		if err := h.groups.Sweep(func(string) bool { return false }); err != nil {
			t.Error(err)
		}
	})
	h.Executor = h.agent(t, limits)
	executortest.Running(t, h.Executor)
	return h
}

// agent is another agent process on the same journal.
func (h *host) agent(t *testing.T, limits process.Bounds) *process.Executor {
	t.Helper()
	users, err := process.NewUsers(61184, 65519, h.journal)
	if err != nil {
		t.Fatal(err)
	}
	x, err := process.New(process.Config{Runner: executortest.RunnerPath(t), Users: users, Groups: h.groups, Limits: limits,
		Now: time.Now, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	return x
}

func (h *host) start(t *testing.T, c executortest.Case) (executor.Running, *journal.Entry) {
	t.Helper()
	a := executortest.Attempt(t, h.journal, h.Kind(), c)
	r, err := h.Start(executortest.Context(t), a)
	if err != nil {
		t.Fatalf("Start: %v", err)
	}
	t.Cleanup(r.Close)
	return r, a.Entry
}

// run runs c to its end and says with which problem it ended.
func (h *host) run(t *testing.T, c executortest.Case) (journal.Exit, string, executortest.Log) {
	t.Helper()
	r, e := h.start(t, c)
	exit, log := executortest.Result(t, r, e)
	if exit.Problem == nil {
		return exit, "", log
	}
	return exit, exit.Problem.Code, log
}

// can skips a test on a host that cannot limit by a controller.
func (h *host) can(t *testing.T, controllers ...string) {
	t.Helper()
	for _, c := range controllers {
		if !h.groups.Can(c) {
			t.Skipf("this host has %s", h.groups)
		}
	}
}

func limits(l *runnerv1.Limits) func(*runnerv1.Payload) {
	return func(p *runnerv1.Payload) { p.Limits = l }
}

func TestProcessesWithUsersAndGroupsKeepTheContract(t *testing.T) {
	t.Logf("this host has %s", cgroup.Open(uuid.NewString()[:8]))
	j := executortest.Journal(t, executortest.OpenDir(t))
	users, err := process.NewUsers(61184, 65519, j)
	if err != nil {
		t.Fatal(err)
	}
	executortest.Suite(t, executortest.Subject{Create: func(t *testing.T) executor.Executor {
		groups := cgroup.Open(uuid.NewString()[:8]) // agents that run at once have their own
		t.Cleanup(func() { _ = groups.Sweep(func(string) bool { return false }) })
		x, err := process.New(process.Config{Runner: executortest.StaticRunner(t), Users: users, Groups: groups, Now: time.Now, Log: slog.New(slog.DiscardHandler)})
		if err != nil {
			t.Fatal(err)
		}
		return x
	}})
}

func TestLimitsReachedAreReportedAsSuch(t *testing.T) {
	h := newHost(t, process.Bounds{})
	h.can(t, "memory", "pids", "cpu")
	for name, c := range map[string]struct {
		limits *runnerv1.Limits
		lang   string
		source string
		code   string
	}{
		"memory":                     {&runnerv1.Limits{MemoryBytes: 48 << 20}, "python", "x = bytearray(10 << 30)\n", "out_of_memory"},
		"memory of a child":          {&runnerv1.Limits{MemoryBytes: 48 << 20}, "bash", "python3 -c 'x = bytearray(10 << 30)'; exit 7", "out_of_memory"},
		"memory within the limit":    {&runnerv1.Limits{MemoryBytes: 256 << 20}, "python", "x = bytearray(16 << 20)\n", ""},
		"processes":                  {&runnerv1.Limits{Processes: 4}, "python", "import os, time\nfor i in range(9):\n    if os.fork() == 0:\n        time.sleep(9)\n        os._exit(0)\n", "too_many_processes"},
		"as many as allowed":         {&runnerv1.Limits{Processes: 4}, "python", "import os\nfor i in range(3):\n    if os.fork() == 0: os._exit(0)\n", ""},
		"one process":                {&runnerv1.Limits{Processes: 1}, "bash", "echo alone", ""},
		"file":                       {&runnerv1.Limits{FileBytes: 1 << 20}, "bash", "exec head -c 5000000 /dev/zero > big", "file_too_large"},
		"file of a child":            {&runnerv1.Limits{FileBytes: 1 << 20}, "bash", "set -e; head -c 5000000 /dev/zero > big; echo not reached", "file_too_large"},
		"file, seen as an error":     {&runnerv1.Limits{FileBytes: 1 << 20}, "python", "open('big', 'wb').write(b'x' * 5000000)\n", "file_too_large"},
		"file within the limit":      {&runnerv1.Limits{FileBytes: 1 << 20}, "bash", "head -c 1000000 /dev/zero > big; exit 3", "exit_code"},
		"the limit cannot be lifted": {&runnerv1.Limits{FileBytes: 1 << 20}, "bash", "ulimit -f unlimited 2>/dev/null && echo lifted; ulimit -Hf; exit 3", "exit_code"},
		"workspace":                  {&runnerv1.Limits{WorkspaceBytes: 8 << 20}, "bash", "mkdir -p a/b; head -c 20000000 /dev/zero > a/b/c; trap '' TERM; while :; do sleep 0.1; done", "workspace_full"},
		"workspace of small files":   {&runnerv1.Limits{WorkspaceBytes: 4 << 20}, "bash", "for ((i = 0; i < 2000; i++)); do echo x > file$i; done; sleep 60", "workspace_full"},
		"workspace, deleted file":    {&runnerv1.Limits{WorkspaceBytes: 8 << 20}, "bash", "exec 5> gone; rm gone; head -c 20000000 /dev/zero >&5; sleep 60", "workspace_full"},
		"workspace too deep":         {&runnerv1.Limits{WorkspaceBytes: 64 << 20}, "bash", "mkdir -p $(printf 'd/%.0s' {1..300}); sleep 60", "workspace_full"},
		"workspace, sparse file":     {&runnerv1.Limits{WorkspaceBytes: 8 << 20}, "bash", "truncate -s 10G sparse; sleep 1.5", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			exit, code, log := h.run(t, executortest.Case{Language: c.lang, Source: c.source, Change: limits(c.limits)})
			if code != c.code {
				t.Fatalf("exit %+v with problem %+v, want %q; log %s", exit, exit.Problem, c.code, log.All)
			}
			if strings.Contains(string(log.Out), "not reached") || strings.Contains(string(log.Out), "lifted") {
				t.Errorf("log %s", log.Out)
			}
		})
	}
}

func TestWhatTheHostCannotOrMayNotGiveIsRefused(t *testing.T) {
	j := executortest.Journal(t, "")
	for name, c := range map[string]struct {
		bounds process.Bounds
		asked  *runnerv1.Limits
		want   string
		detail string
	}{
		"no control groups": {process.Bounds{}, &runnerv1.Limits{Processes: 4}, "limit_unsupported", "processes"},
		"above the ceiling": {process.Bounds{Max: &runnerv1.Limits{FileBytes: 1 << 30}}, &runnerv1.Limits{FileBytes: 8 << 30}, "limit_too_high", "limits.file_size is 8GiB, the host allows at most 1GiB"},
	} {
		t.Run(name, func(t *testing.T) {
			x, err := process.New(process.Config{Runner: executortest.RunnerPath(t), Limits: c.bounds, Now: time.Now, Log: slog.New(slog.DiscardHandler)})
			if err != nil {
				t.Fatal(err)
			}
			executortest.Running(t, x)
			a := executortest.Attempt(t, j, x.Kind(), executortest.Case{Source: "touch ran", Change: limits(c.asked)})
			_, err = x.Start(executortest.Context(t), a)
			if err == nil || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), c.detail) {
				t.Fatalf("Start = %v, want %s with %q", err, c.want, c.detail)
			}
			if _, err := os.Stat(filepath.Join(a.Entry.Work(), "ran")); err == nil {
				t.Error("it ran")
			}
			if s, ok, err := a.Entry.Started(); err != nil || !ok || !s.Abandoned {
				t.Errorf("started %+v, %v; want it abandoned", s, err)
			}
		})
	}
	_, err := process.New(process.Config{Runner: executortest.RunnerPath(t), Limits: process.Bounds{Default: &runnerv1.Limits{MemoryBytes: 1 << 30}}, Log: slog.New(slog.DiscardHandler)})
	if err == nil || !strings.Contains(err.Error(), "limit_unsupported") {
		t.Fatalf("a default that the host cannot enforce: %v, want limit_unsupported", err)
	}
}

func TestAJobThatSaysNothingHasTheHostsLimits(t *testing.T) {
	h := newHost(t, process.Bounds{Default: &runnerv1.Limits{FileBytes: 2 << 20}, Max: &runnerv1.Limits{FileBytes: 4 << 20, WorkspaceBytes: 8 << 20}})
	source := "head -c 3000000 /dev/zero > a; true && exit 0"
	if _, code, _ := h.run(t, executortest.Case{Source: "set -e; " + source}); code != "file_too_large" {
		t.Errorf("by default: %q, want file_too_large", code)
	}
	if _, code, _ := h.run(t, executortest.Case{Source: "set -e; " + source, Change: limits(&runnerv1.Limits{FileBytes: 4 << 20})}); code != "" {
		t.Errorf("with a limit of its own: %q, want success", code)
	}
	if _, code, _ := h.run(t, executortest.Case{Source: "for i in 1 2 3 4 5 6 7 8 9; do head -c 2000000 /dev/zero > f$i; done; sleep 60"}); code != "workspace_full" {
		t.Errorf("beyond the host's most: %q, want workspace_full", code)
	}
}

func TestLimitsAreReadAsJobsWriteThem(t *testing.T) {
	l, err := process.ParseLimits(map[string]string{"memory": "512MiB", "cpus": "1.5", "processes": "64", "file_size": "1GiB", "workspace": "10GiB"})
	if err != nil || l.MemoryBytes != 512<<20 || l.MilliCpus != 1500 || l.Processes != 64 || l.FileBytes != 1<<30 || l.WorkspaceBytes != 10<<30 {
		t.Fatalf("%v, %v", l, err)
	}
	for name, value := range map[string]string{"memory": "512", "cpus": "x", "processes": "-1", "file_size": "0MiB", "workspace": "1TiB", "disk": "1GiB", "cpu": "1"} {
		if _, err := process.ParseLimits(map[string]string{name: value}); err == nil || !strings.Contains(err.Error(), "limits_invalid") {
			t.Errorf("%s=%s: %v, want limits_invalid", name, value, err)
		}
	}
	for _, text := range []string{"", "61184", "65519-61184", "0-10", "1-x", "61184-4294967295"} {
		if _, _, err := process.ParseUsers(text); err == nil {
			t.Errorf("the range %q was taken", text)
		}
	}
}

// The groups of a killed runner are emptied, those of an attempt that is over removed,
// those of nobody swept.
func TestNoControlGroupIsLeft(t *testing.T) {
	h := newHost(t, process.Bounds{})
	h.can(t, "memory", "pids")
	r, e := h.start(t, executortest.Case{Source: `setsid bash -c 'env -i setsid sleep 1000 & echo "daemon $!"; wait' & sleep 1000`})
	log := executortest.WaitFor(t, r, e, "daemon ")
	started, _, err := e.Started()
	if err != nil || len(started.Cgroups) < 2 {
		t.Fatalf("started %+v, %v; want control groups in it", started, err)
	}
	kill(t, started.Runner.PID)
	if exit, _ := executortest.Result(t, r, e); exit.Problem.Code != "runner_died" {
		t.Fatalf("exit %+v", exit)
	}
	if pid := executortest.PIDAfter(t, log, "daemon"); executortest.Exists(pid) {
		t.Errorf("process %d, without an environment, is still there", pid)
	}
	gone(t, started.Cgroups)

	r, e = h.start(t, executortest.Case{Source: "true"})
	executortest.Result(t, r, e)
	if started, _, err = e.Started(); err != nil || len(started.Cgroups) < 2 {
		t.Fatalf("started %+v, %v", started, err)
	}
	gone(t, started.Cgroups)

	left, err := h.groups.Make("nobody", cgroup.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	r, e = h.start(t, executortest.Case{Source: "echo ready; until test -e stop; do sleep 0.05; done"})
	executortest.WaitFor(t, r, e, "ready")
	r.Close()
	again := h.agent(t, process.Bounds{})
	executortest.Running(t, again)
	r, err = again.Reattach(executortest.Context(t), e)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(r.Close)
	again.Sweep(t.Context())
	gone(t, left.Dirs)
	if err := os.WriteFile(filepath.Join(e.Work(), "stop"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if exit, _ := executortest.Result(t, r, e); exit.Outcome != journal.Succeeded {
		t.Fatalf("the attempt whose groups are in use ended with %+v", exit)
	}
}

func gone(t *testing.T, dirs []string) {
	t.Helper()
	for _, dir := range dirs {
		for begun := time.Now(); ; time.Sleep(time.Millisecond) {
			if _, err := os.Stat(dir); err != nil {
				break
			}
			if time.Since(begun) > 20*time.Second {
				t.Fatalf("%s is still there", dir)
			}
		}
	}
}

func TestNoTwoAttemptsHaveOneUser(t *testing.T) {
	h := newHost(t, process.Bounds{})
	var entries []*journal.Entry
	seen := map[string]bool{}
	for range 4 {
		r, e := h.start(t, executortest.Case{Source: "id -u; id -g; id -G; touch mine; chmod 0 mine; mkdir -m 0 locked; sleep 1000"})
		log := executortest.WaitFor(t, r, e, "\n")
		uid, _, _ := strings.Cut(string(log.Out), "\n")
		if n, err := strconv.Atoi(uid); err != nil || n < 61184 || n > 65519 || seen[uid] {
			t.Fatalf("user %q after %v", uid, seen)
		}
		seen[uid] = true
		entries = append(entries, e)
	}
	// A new agent knows who is taken, by the journal.
	again := h.agent(t, process.Bounds{})
	executortest.Running(t, again)
	a := executortest.Attempt(t, h.journal, again.Kind(), executortest.Case{Source: "id -u; id -G"})
	r, err := again.Start(executortest.Context(t), a)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	_, log := executortest.Result(t, r, a.Entry)
	lines := strings.Fields(string(log.Out))
	if len(lines) != 2 || seen[lines[0]] || lines[1] != lines[0] {
		t.Fatalf("the new agent's attempt printed %q, want a new user without further groups; taken are %v", log.Out, seen)
	}
	if err := a.Entry.Remove(); err != nil || !a.Entry.Gone() {
		t.Fatalf("Remove: %v", err)
	}
	users, err := h.journal.Users()
	if err != nil || len(users) != len(entries) {
		t.Fatalf("the journal has %d users (%v), want %d", len(users), err, len(entries))
	}
}

func TestASmallRangeOfUsersIsUsedAgain(t *testing.T) {
	h := newHost(t, process.Bounds{})
	users, err := process.NewUsers(61190, 61191, h.journal)
	if err != nil {
		t.Fatal(err)
	}
	x, err := process.New(process.Config{Runner: executortest.RunnerPath(t), Users: users, Now: time.Now, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	executortest.Running(t, x)
	start := func() (*journal.Entry, error) {
		a := executortest.Attempt(t, h.journal, x.Kind(), executortest.Case{Source: "id -u > /tmp/cronium-left-$(id -u)"})
		r, err := x.Start(executortest.Context(t), a)
		if err == nil {
			executortest.Result(t, r, a.Entry)
			r.Close()
		}
		return a.Entry, err
	}
	var had []*journal.Entry
	for range 2 {
		e, err := start()
		if err != nil {
			t.Fatal(err)
		}
		had = append(had, e)
	}
	if _, err := start(); err == nil || !strings.Contains(err.Error(), "script_users_exhausted") {
		t.Fatalf("a third of two: %v, want script_users_exhausted", err)
	}
	for _, e := range had {
		uid, _, err := e.User()
		if err != nil {
			t.Fatal(err)
		}
		gone(t, []string{fmt.Sprintf("/tmp/cronium-left-%d", uid)})
	}
	if err := had[0].Remove(); err != nil {
		t.Fatal(err)
	}
	// The first is free when it has been cleared up after: soon.
	_, err = start()
	for begun := time.Now(); err != nil && time.Since(begun) < 20*time.Second; _, err = start() {
		time.Sleep(time.Millisecond)
	}
	if err != nil {
		t.Fatalf("after one was removed: %v", err)
	}
}

func TestADataDirectoryThatScriptsCannotReachIsRefused(t *testing.T) {
	dir := executortest.OpenDir(t)
	inner := filepath.Join(dir, "closed", "data")
	if err := os.MkdirAll(inner, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := process.Reachable(inner); err == nil || !strings.Contains(err.Error(), "data_dir_closed") {
		t.Errorf("Reachable(closed) = %v, want data_dir_closed", err)
	}
	if err := os.Chmod(filepath.Dir(inner), 0o711); err != nil {
		t.Fatal(err)
	}
	if err := process.Reachable(inner); err != nil {
		t.Errorf("Reachable(open) = %v", err)
	}
}

// What a script is curious about, and what it may learn. Each probe prints its name
// when it got through.
func TestAScriptSeesNothingOfItsNeighbours(t *testing.T) {
	h := newHost(t, process.Bounds{})
	secret := &runnerv1.Handover{SecretEnv: map[string]string{"NEIGHBOUR_SECRET": "sesame"}}
	r, victim := h.start(t, executortest.Case{Source: "echo treasure > treasure; chmod 777 . treasure; echo \"victim $$\"; sleep 1000", Handover: secret})
	pid := executortest.PIDAfter(t, executortest.WaitFor(t, r, victim, "victim "), "victim")
	started, _, err := victim.Started()
	if err != nil {
		t.Fatal(err)
	}
	probes := []string{
		"list the journal:          ls $J/runs",
		"read the journal's header: cat $J/journal.json",
		"read the reserve:          head -c 1 $J/reserve",
		"write into the journal:    touch $J/x",
		"list a neighbour:          ls $V",
		"read a neighbour's script: cat $V/spec.bin",
		"read a neighbour's log:    cat $V/out.000001",
		"write a neighbour's exit:  touch $V/exit",
		"talk to a runner:          python3 -c \"import socket; socket.socket(socket.AF_UNIX).connect('$V/sock')\"",
		"read an environment:       cat /proc/$PID/environ",
		"read memory:               head -c 1 /proc/$PID/mem",
		"see open files:            ls /proc/$PID/fd/",
		"go to its directory:       ls /proc/$PID/cwd/",
		"signal a neighbour:        kill -0 $PID",
		"signal a runner:           kill -0 $RUNNER",
		"signal its own runner:     kill -0 $PPID",
		"read its runner's secrets: cat /proc/$PPID/environ",
		"see its runner's files:    ls /proc/$PPID/fd/",
		"signal the agent:          kill -0 $AGENT",
		"read its own log:          cat ../out.000001",
		"change its own result:     touch ../exit",
		"rename its workspace:      mv ../work ../other",
		"leave its control groups:  echo $$ > /sys/fs/cgroup/pids/cgroup.procs || echo $$ > /sys/fs/cgroup/cgroup.procs",
		"escape the memory killer:  echo -1000 > /proc/$$/oom_score_adj",
		"read the shadow file:      cat /etc/shadow",
		"become root:               setpriv --reuid 0 true || su -c true </dev/null || sudo -n true",
		"enlarge its kernel limits: ulimit -Hn 99999999",
	}
	var source strings.Builder
	fmt.Fprintf(&source, "J=%s V=%s PID=%d RUNNER=%d AGENT=%d\n", h.dir, victim.Dir, pid, started.Runner.PID, os.Getpid())
	for _, p := range probes {
		name, command, _ := strings.Cut(p, ":")
		fmt.Fprintf(&source, "if (%s) >/dev/null 2>&1; then echo 'got through: %s'; fi\n", strings.TrimSpace(command), name)
	}
	source.WriteString("grep -c . /proc/self/status >/dev/null && grep NoNewPrivs /proc/self/status; cat /proc/self/oom_score_adj; echo end")
	exit, _, log := h.run(t, executortest.Case{Source: source.String()})
	if exit.Outcome != journal.Succeeded || !strings.HasSuffix(string(log.Out), "NoNewPrivs:\t1\n1000\nend\n") {
		t.Errorf("%+v; log %s%s", exit, log.Out, log.Err)
	}
	for line := range strings.Lines(string(log.Out)) {
		if strings.HasPrefix(line, "got through") {
			t.Error(strings.TrimSpace(line))
		}
	}
	// The probes are worth something only if root gets through.
	if _, err := os.ReadFile(fmt.Sprintf("/proc/%d/environ", pid)); err != nil {
		t.Errorf("the environment cannot be read at all: %v", err)
	}
	if !slices.Contains(strings.Fields(ls(t, victim.Work())), "treasure") {
		t.Error("the neighbour has no treasure")
	}
	t.Logf("%d probes", len(probes))
}

func ls(t *testing.T, dir string) string {
	t.Helper()
	list, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, d := range list {
		names = append(names, d.Name())
	}
	return strings.Join(names, " ")
}

// processesOf are the processes of a user, whose directories in /proc they own.
func processesOf(t *testing.T, uid uint32) []string {
	t.Helper()
	dirs, err := filepath.Glob("/proc/[0-9]*")
	if err != nil {
		t.Fatal(err)
	}
	var found []string
	for _, dir := range dirs {
		var st syscall.Stat_t
		if syscall.Stat(dir, &st) == nil && st.Uid == uid {
			found = append(found, filepath.Base(dir))
		}
	}
	return found
}
