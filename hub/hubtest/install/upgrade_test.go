package install

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/cronium/cronium/hub/hubtest"
	"github.com/cronium/cronium/sdk/client"
)

// witness writes outside the product what it prints, and who it is, until it is
// told to stop.
const witness = `
echo $$ >> %[1]s/starts
for ((i = 1; i <= 6000; i++)); do
	[[ -e %[1]s/stop ]] && break
	echo "line $i $RANDOM" | tee -a %[1]s/log
	sleep 0.05
done
echo ended >> %[1]s/ends
`

func enrolled(t *testing.T, m *hubtest.Machine, programs string) (agent, data string) {
	t.Helper()
	installed := filepath.Join(m.Dir, "installed")
	data = filepath.Join(m.Dir, "agent")
	line := fmt.Sprintf("mkdir %[1]s && cp %[2]s/%[3]s %[1]s/cronium-agent && cp %[2]s/%[4]s %[1]s/cronium-runner && CRONIUM_JOIN_TOKEN=%[5]s %[1]s/cronium-agent enrol --hub %[6]s --data-dir %[7]s",
		installed, programs, name("agent"), name("runner"), m.Invite("host-1").Token, m.AgentsAddr, data)
	if said, err := shell(t, "", line); err != nil {
		t.Fatalf("enrol: %v\n%s", err, said)
	}
	return filepath.Join(installed, "cronium-agent"), data
}

// TestAnUpgradeDisturbsNothingAndABadOneIsUndone upgrades one agent, first well and
// then in every way that goes wrong, and runs jobs in between.
func TestAnUpgradeDisturbsNothingAndABadOneIsUndone(t *testing.T) {
	one, two := build(t, "v1.0.0", ""), build(t, "v2.0.0", "")
	downloads := t.TempDir()
	publish(t, downloads, one, "v1.0.0")
	m := hubtest.NewHubMachine(t, "--downloads", downloads)
	path, data := enrolled(t, m, one)
	m.StartAgent(path, []string{"CRONIUM_TRIAL=8s", "CRONIUM_DOCKER=off"}, "run", "--data-dir", data)
	m.AwaitAgent()
	if host := until(t, m, "the agent is v1", func(h client.Host) bool { return h.Version == "v1.0.0" }); host.UpgradeTo != "" {
		t.Fatalf("a host that has the hub's version may be upgraded to %q", host.UpgradeTo)
	}

	dir := m.OpenDir("witness")
	put(t, m, "witness", fmt.Sprintf(witness, dir))
	put(t, m, "who", `echo "$CRONIUM_RUNNER"`)
	run := start(t, m, "witness")
	read := func(name string) string {
		text, _ := os.ReadFile(filepath.Join(dir, name))
		return string(text)
	}
	hubtest.Eventually(t, time.Minute, "the script has begun", func() error {
		if read("log") == "" {
			return errEarly
		}
		return nil
	})
	script := strings.TrimSpace(read("starts"))
	process := m.Agent.PID()

	publish(t, downloads, two, "v2.0.0")
	upgrade(t, m, "v2.0.0")
	until(t, m, "the agent is v2", func(h client.Host) bool { return h.State == "online" && h.Version == "v2.0.0" && h.Upgrade == nil })
	if read("ends") != "" {
		t.Fatal("the script has ended before the upgrade, so nothing was seen")
	}
	if got := m.Agent.PID(); got != process || syscall.Kill(got, 0) != nil {
		t.Errorf("the agent is process %d, and was %d", got, process)
	}
	if got := strings.TrimSpace(read("starts")); got != script {
		t.Errorf("the script was started as %q, and before the upgrade as %q", got, script)
	}
	if err := os.WriteFile(filepath.Join(dir, "stop"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	done := m.Finish(run.ID, 2*time.Minute)
	if done.State != "succeeded" || done.Attempt != 1 {
		t.Fatalf("the run over which the agent was upgraded is %s in attempt %d (%+v)", done.State, done.Attempt, done.Outcome)
	}
	hubtest.Eventually(t, time.Minute, "the log is what the script wrote", func() error {
		if got, want := logOf(t, m, done), read("log"); got != want {
			return fmt.Errorf("got %d bytes, the script wrote %d", len(got), len(want))
		}
		return nil
	})
	if got := strings.TrimSpace(read("starts")); got != script {
		t.Errorf("the script was started as %q, want once, as %q", got, script)
	}
	if got := works(t, m, "who"); !strings.Contains(got, "versions/v2.0.0/cronium-runner") {
		t.Errorf("the runner of v2 is %q", got)
	}
	hubtest.Eventually(t, 30*time.Second, "no runner of v1 is left as a zombie", func() error { return zombies(process) })

	supervise(t, m)
	m.Agent.Kill() // and the supervisor starts the installed v1, which becomes v2
	until(t, m, "the agent is v2 again", func(h client.Host) bool { return h.State == "online" && h.Version == "v2.0.0" })
	works(t, m, "who")

	t.Run("ends at once", func(t *testing.T) {
		bad := t.TempDir()
		fake(t, bad, "agent", "v3.0.0", "exit 3")
		fake(t, bad, "runner", "v3.0.0", "exit 3")
		publish(t, downloads, bad, "v3.0.0")
		refused(t, m, "v3.0.0", "ended before it was connected")
	})
	t.Run("never connects", func(t *testing.T) {
		publish(t, downloads, build(t, "v4.0.0", deaf(t)), "v4.0.0")
		before := m.Agent.PID()
		refused(t, m, "v4.0.0", "not connected to the hub within 8s")
		if got := m.Agent.PID(); got != before {
			t.Errorf("the agent is process %d, and was %d: it did not go back by itself", got, before)
		}
	})
	t.Run("cannot run here", func(t *testing.T) {
		bad := t.TempDir()
		for _, program := range []string{"agent", "runner"} {
			if err := os.WriteFile(filepath.Join(bad, name(program)), []byte("\x7fELF of another processor"), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		publish(t, downloads, bad, "v5.0.0")
		refused(t, m, "v5.0.0", "does not run on this host")
	})
	t.Run("is not the version that it claims", func(t *testing.T) {
		publish(t, downloads, two, "v6.0.0")
		refused(t, m, "v6.0.0", "not version v6.0.0")
	})
	if entries, err := os.ReadDir(filepath.Join(data, "versions")); err != nil || len(entries) > 2 {
		t.Errorf("%d versions are kept, %v", len(entries), err)
	}
}

func upgrade(t *testing.T, m *hubtest.Machine, version string) {
	t.Helper()
	host, err := m.Client.UpgradeHost(t.Context(), "default", "host-1")
	if err != nil || host.Upgrade == nil || host.Upgrade.Version != version || host.Upgrade.State != "waiting" {
		t.Fatalf("UpgradeHost = %+v, %v; want one to %s", host.Upgrade, err, version)
	}
}

// refused asks for an upgrade, and sees the agent stay v2 and say why.
func refused(t *testing.T, m *hubtest.Machine, version, why string) {
	t.Helper()
	upgrade(t, m, version)
	host := until(t, m, "the upgrade has failed", func(h client.Host) bool {
		return h.State == "online" && h.Upgrade != nil && h.Upgrade.State == "failed"
	})
	if host.Version != "v2.0.0" || host.Upgrade.Version != version || !strings.Contains(host.Upgrade.Problem, why) {
		t.Errorf("the host is version %s, with %+v; want %q", host.Version, host.Upgrade, why)
	}
	works(t, m, "who")
}

// fake writes a program that knows its version and then does as it is told.
func fake(t *testing.T, dir, program, version, do string) {
	t.Helper()
	text := fmt.Sprintf("#!/bin/sh\nif [ \"$1\" = --version ]; then echo cronium-%s %s; exit; fi\n%s\n", program, version, do)
	if err := os.WriteFile(filepath.Join(dir, name(program)), []byte(text), 0o755); err != nil { //nolint:gosec // a program
		t.Fatal(err)
	}
}

// deaf is an overlay with which the agent speaks a protocol that no hub knows.
func deaf(t *testing.T) string {
	t.Helper()
	root, err := exec.CommandContext(t.Context(), "go", "list", "-m", "-f", "{{.Dir}}").Output()
	if err != nil {
		t.Fatal(err)
	}
	source := filepath.Join(strings.TrimSpace(string(root)), "proto/wire/wire.go")
	text, err := os.ReadFile(source)
	if err != nil {
		t.Fatal(err)
	}
	changed := strings.Replace(string(text), `"cronium-agent/1"`, `"cronium-agent/9"`, 1)
	if changed == string(text) {
		t.Fatal("proto/wire does not name the protocol as it did")
	}
	dir := t.TempDir()
	replacement := filepath.Join(dir, "wire.go")
	overlay, err := json.Marshal(map[string]any{"Replace": map[string]string{source: replacement}})
	if err != nil {
		t.Fatal(err)
	}
	for path, content := range map[string][]byte{replacement: []byte(changed), filepath.Join(dir, "overlay.json"): overlay} {
		if err := os.WriteFile(path, content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return filepath.Join(dir, "overlay.json")
}

// zombies returns an error while a process has children that have ended.
func zombies(parent int) error {
	found, _ := filepath.Glob("/proc/[0-9]*/stat")
	for _, path := range found {
		text, err := os.ReadFile(path)
		if err != nil {
			continue
		}
		if f := strings.Fields(string(text[strings.LastIndexByte(string(text), ')')+1:])); len(f) > 1 && f[0] == "Z" && f[1] == fmt.Sprint(parent) {
			return fmt.Errorf("%s: %s", path, text)
		}
	}
	return nil
}
