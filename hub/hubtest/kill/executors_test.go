package kill

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/cronium/cronium/agent/executor/docker/dockertest"
	"github.com/cronium/cronium/agent/executor/ssh/sshtest"
	"github.com/cronium/cronium/hub/hubtest"
	"github.com/cronium/cronium/sdk/client"
)

func TestMain(m *testing.M) {
	code := m.Run()
	dockertest.Stop()
	os.Exit(code)
}

// counting prints what can be foretold but for who it is: its pid, its container,
// at both ends, and ten lines a second between them.
const counting = `who="pid $$ on ${HOSTNAME:-a host}"
echo "$who"
for ((i = 1; i <= CRONIUM_INPUT_SECONDS * 10; i++)); do
	echo "line $i"
	if ((i % 10 == 0)); then echo "error $i" >&2; fi
	sleep 0.1
done
[ "$who" = "pid $$ on ${HOSTNAME:-a host}" ] && echo "$who"
exit 7
`

// seconds is how long the scripts last through which agents are killed and connections
// cut, a minute of it.
var seconds = flag.Int("seconds", 90, "how long the scripts of the executors' test last, 90 or more")

// place is one way to run a script, and what makes a job's definition go there.
type place struct {
	name string
	put  func(*client.Spec)
}

// everywhere is a machine whose agent has each executor, and the places.
func everywhere(t *testing.T) (*hubtest.Machine, *sshtest.Apart, []place) {
	t.Helper()
	m := hubtest.NewMachine(t, "CRONIUM_DOCKER="+dockertest.Start(t).Host)
	server := sshtest.StartApart(t)
	addServer(t, m, "server-1", server.Server)
	return m, server, []place{
		{"process", func(*client.Spec) {}},
		{"docker", func(s *client.Spec) {
			s.Container = &client.Container{Image: dockertest.Image, Pull: "never", Network: "none"}
		}},
		{"ssh", func(s *client.Spec) { s.Target = &client.Target{Server: "server-1"} }},
	}
}

func addServer(t *testing.T, m *hubtest.Machine, name string, s *sshtest.Server) {
	t.Helper()
	if _, err := m.Client.AddServer(t.Context(), "default", client.ServerRequest{Name: name, Address: s.Addr, User: s.User,
		Credential:  client.Opener{PrivateKey: string(s.Credential().GetPrivateKeyPem())},
		Fingerprint: s.Fingerprint()}); err != nil {
		t.Fatalf("add %s: %v", name, err)
	}
	if got, err := m.Client.CheckServer(t.Context(), "default", name); err != nil || got.State != "reachable" {
		t.Fatalf("%s is %s, %v: %+v; want reachable", name, got.State, err, got.Checks)
	}
}

// start starts a script in a place.
func (p place) start(t *testing.T, m *hubtest.Machine, source string, inputs map[string]client.Input) client.Run {
	t.Helper()
	d := client.Definition{APIVersion: "cronium/v1", Kind: "Job", Metadata: client.Metadata{Name: "as-" + p.name},
		Spec: client.DefinitionSpec{Spec: client.Spec{Script: client.Script{Language: "bash", Source: source}, Inputs: inputs, Timeout: "20m"}}}
	p.put(&d.Spec.Spec)
	if _, err := m.Client.PutJob(t.Context(), "default", d, client.PutOptions{}); err != nil {
		t.Fatalf("put %s: %v", d.Metadata.Name, err)
	}
	run, err := m.Client.StartRun(t.Context(), "default", d.Metadata.Name, client.RunRequest{})
	if err != nil {
		t.Fatalf("start %s: %v", d.Metadata.Name, err)
	}
	return run
}

// TestScriptsOutliveAgentsAndConnectionsOnEachExecutor kills the agent twice and cuts
// the connection to the server for a minute, once under the agent and once while it is
// away.
func TestScriptsOutliveAgentsAndConnectionsOnEachExecutor(t *testing.T) {
	t.Parallel()
	m, server, places := everywhere(t)
	started := map[string]client.Run{}
	for _, p := range places {
		started[p.name] = p.start(t, m, counting, map[string]client.Input{"seconds": {Type: "integer", Default: *seconds}})
	}
	for _, p := range places {
		awaitLine(t, m, started[p.name].ID, "line 1\n")
	}

	m.Agent.Kill()
	pause(t, 3*time.Second)
	m.Agent.Start()
	m.AwaitAgent()
	for _, p := range places {
		awaitNews(t, m, started[p.name].ID)
	}

	server.Cut(t)
	pause(t, 20*time.Second)
	m.Agent.Kill()
	pause(t, 2*time.Second)
	m.Agent.Start()
	pause(t, 38*time.Second)
	server.Mend(t)

	for _, p := range places {
		run := m.Finish(started[p.name].ID, time.Duration(*seconds)*time.Second+3*time.Minute)
		checkRun(t, run, 7)
		checkCounted(t, m, p.name, run, *seconds)
	}
}

// checkCounted holds both streams of a run of [counting] against what it must have
// written.
func checkCounted(t *testing.T, m *hubtest.Machine, where string, run client.Run, seconds int) {
	t.Helper()
	stdout, stderr := rawLog(t, m, run, "stdout"), rawLog(t, m, run, "stderr")
	who, _, _ := strings.Cut(stdout, "\n")
	var out, errs strings.Builder
	fmt.Fprintln(&out, who)
	for i := 1; i <= seconds*10; i++ {
		fmt.Fprintf(&out, "line %d\n", i)
		if i%10 == 0 {
			fmt.Fprintf(&errs, "error %d\n", i)
		}
	}
	fmt.Fprintln(&out, who)
	t.Logf("%s: %s, %d bytes of stdout, %d of stderr, attempt %d of run %s", where, who, len(stdout), len(stderr), run.Attempt, run.ID)
	if stdout != out.String() {
		t.Errorf("%s: stdout has %d bytes, the script wrote %d; its end is %q", where, len(stdout), out.Len(), stdout[max(0, len(stdout)-60):])
	}
	if stderr != errs.String() {
		t.Errorf("%s: stderr has %d bytes, the script wrote %d", where, len(stderr), errs.Len())
	}
	if run.Attempt != 1 {
		t.Errorf("%s: attempt %d, want the first", where, run.Attempt)
	}
}

func rawLog(t *testing.T, m *hubtest.Machine, run client.Run, stream string) string {
	t.Helper()
	var b bytes.Buffer
	if err := m.Client.RawLog(t.Context(), "default", run.ID, run.Attempt, stream, &b); err != nil {
		t.Errorf("the log of %s: %v", run.ID, err)
	}
	return b.String()
}

func awaitLine(t *testing.T, m *hubtest.Machine, id, line string) {
	t.Helper()
	hubtest.Eventually(t, time.Minute, "run "+id+" has printed "+line, func() error {
		run, err := m.Client.Run(t.Context(), "default", id)
		if err != nil {
			return err
		}
		var b bytes.Buffer
		if err := m.Client.RawLog(t.Context(), "default", id, run.Attempt, "all", &b); err != nil {
			return err
		}
		if !strings.Contains(b.String(), line) {
			return fmt.Errorf("run %s is %s (%+v), its log is %q", id, run.State, run.Reason, b.String())
		}
		return nil
	})
}

// awaitNews returns when the log has grown.
func awaitNews(t *testing.T, m *hubtest.Machine, id string) {
	t.Helper()
	run, err := m.Client.Run(t.Context(), "default", id)
	if err != nil {
		t.Fatal(err)
	}
	before := len(rawLog(t, m, run, "all"))
	hubtest.Eventually(t, time.Minute, "the log of "+id+" grows", func() error {
		if now := len(rawLog(t, m, run, "all")); now <= before {
			return fmt.Errorf("it has %d bytes", now)
		}
		return nil
	})
}

// TestADeadRunnerLeavesNothingOnAnyExecutor kills cronium-runner.
func TestADeadRunnerLeavesNothingOnAnyExecutor(t *testing.T) {
	t.Parallel()
	m, _, places := everywhere(t)
	for _, p := range places {
		run := p.start(t, m, `setsid sleep 600 & sleep 600 & echo "ready"; wait`, nil)
		awaitLine(t, m, run.ID, "ready\n")
		all := ofRun(run.ID)
		runner := parentOf(all)
		if len(all) < 3 || runner <= 1 {
			t.Fatalf("%s: the processes %v of the run have the runner %d; want three", p.name, all, runner)
		}
		if err := syscall.Kill(runner, syscall.SIGKILL); err != nil {
			t.Fatalf("%s: kill the runner %d: %v", p.name, runner, err)
		}
		killed := time.Now()
		hubtest.Eventually(t, 30*time.Second, "nothing of the run is left", func() error {
			if left := ofRun(run.ID); len(left) > 0 {
				return fmt.Errorf("%s: %v are left of %v", p.name, left, all)
			}
			return nil
		})
		gone := time.Since(killed)
		done := m.Finish(run.ID, time.Minute)
		if done.State != "failed" || done.Outcome == nil || len(done.Attempts) != 1 || done.Attempts[0].Outcome != "infrastructure" {
			t.Errorf("%s: the run is %s with %+v, its attempts %+v; want an infrastructure error", p.name, done.State, done.Outcome, done.Attempts)
		}
		t.Logf("%s: %d processes were gone %s after their runner, the run is over after %s: %+v",
			p.name, len(all), gone.Round(time.Millisecond), time.Since(killed).Round(time.Millisecond), done.Outcome)
	}
}

// ofRun lists the processes that have a run's environment, by the host's numbers,
// wherever they run.
func ofRun(id string) []int {
	var list []int
	files, _ := filepath.Glob("/proc/[0-9]*/environ")
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil || !bytes.Contains(append([]byte{0}, text...), []byte("\x00CRONIUM_RUN_ID="+id+"\x00")) {
			continue
		}
		if pid, err := strconv.Atoi(filepath.Base(filepath.Dir(file))); err == nil {
			list = append(list, pid)
		}
	}
	return list
}

// parentOf is the one parent of processes that is none of them.
func parentOf(pids []int) int {
	among := map[int]bool{}
	for _, pid := range pids {
		among[pid] = true
	}
	for _, pid := range pids {
		stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
		_, after, ok := strings.Cut(string(stat), ") ")
		if fields := strings.Fields(after); err == nil && ok && len(fields) > 1 {
			if parent, err := strconv.Atoi(fields[1]); err == nil && parent > 1 && !among[parent] {
				return parent
			}
		}
	}
	return 0
}
