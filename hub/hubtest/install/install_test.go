package install

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cronium/cronium/hub/hubtest"
	"github.com/cronium/cronium/sdk/client"
)

// TestOneLineInstallsAndAnotherLeavesNothing goes the way of an operator, below a
// directory instead of on the host itself: there is no systemd in a test.
func TestOneLineInstallsAndAnotherLeavesNothing(t *testing.T) {
	downloads := t.TempDir()
	publish(t, downloads, build(t, "v1.0.0", ""), "v1.0.0")
	m := hubtest.NewHubMachine(t, "--downloads", downloads)
	host := filepath.Join(m.Dir, "host")
	if err := os.Mkdir(host, 0o755); err != nil {
		t.Fatal(err)
	}
	invitation := m.Invite("host-1")
	if !strings.HasPrefix(invitation.Command, "curl -fsSL "+m.URL+"/install.sh | CRONIUM_JOIN_TOKEN=aj1_") {
		t.Fatalf("the command to copy is %q", invitation.Command)
	}

	said, err := shell(t, host, invitation.Command)
	if err != nil || !strings.Contains(said, "Enrolled as host-1") {
		t.Fatalf("install: %v\n%s", err, said)
	}
	for path, mode := range map[string]os.FileMode{
		"usr/local/bin/cronium-agent": 0o755, "usr/local/lib/cronium/v1.0.0/cronium-agent": 0o755, "usr/local/lib/cronium/v1.0.0/cronium-runner": 0o755,
		"etc/cronium/agent.env": 0o644, "etc/systemd/system/cronium-agent.service": 0o644,
		"var/lib/cronium-agent": 0o700 | os.ModeDir, "var/lib/cronium-agent/credentials.pem": 0o600,
	} {
		if info, err := os.Stat(filepath.Join(host, path)); err != nil || info.Mode() != mode {
			t.Errorf("%s: %v, %v; want %v", path, info, err, mode)
		}
	}
	for _, path := range left(t, host) {
		if text, err := os.ReadFile(path); err == nil && strings.Contains(string(text), invitation.Token) {
			t.Errorf("%s holds the join token", path)
		}
	}
	unit, _ := os.ReadFile(filepath.Join(host, "etc/systemd/system/cronium-agent.service"))
	if !strings.Contains(string(unit), "\nExecStart=/usr/local/bin/cronium-agent run --data-dir /var/lib/cronium-agent\n") {
		t.Errorf("the unit is\n%s", unit)
	}

	before := left(t, host)
	if said, err := shell(t, host, strings.Replace(invitation.Command, invitation.Token, "", 1)); err != nil || !strings.Contains(said, "enrolled already") {
		t.Errorf("install again, without a token: %v\n%s", err, said)
	}
	if after := left(t, host); !slices.Equal(before, after) {
		t.Errorf("installing again has changed what there is from\n%q to\n%q", before, after)
	}

	m.StartAgent(filepath.Join(host, "usr/local/bin/cronium-agent"), nil, "run", "--data-dir", filepath.Join(host, "var/lib/cronium-agent"))
	m.AwaitAgent()
	put(t, m, "hello", "echo hello")
	if got := works(t, m, "hello"); got != "hello\n" {
		t.Fatalf("the installed agent's first run printed %q", got)
	}

	put(t, m, "long", "sleep 120")
	run := start(t, m, "long")
	hubtest.Eventually(t, time.Minute, "the script runs", func() error {
		if r, err := m.Client.Run(t.Context(), "default", run.ID); err != nil || r.State != client.Running {
			return errEarly
		}
		return nil
	})
	uninstall := "curl -fsSL " + m.URL + "/install.sh | sh -s -- --uninstall"
	if said, err := shell(t, host, "setsid sh -c '"+uninstall+"'"); err == nil || !strings.Contains(said, "--yes") {
		t.Errorf("uninstall with nobody to ask: %v\n%s", err, said)
	}
	if said, err := shell(t, host, uninstall+" --yes --wait 1"); err == nil || !strings.Contains(said, "nothing was removed") {
		t.Fatalf("uninstall while a script runs: %v\n%s", err, said)
	}
	until(t, m, "the agent takes work again", func(h client.Host) bool { return h.State == "online" && !h.Draining })
	if _, err := m.Client.CancelRun(t.Context(), "default", run.ID); err != nil {
		t.Fatal(err)
	}
	said, err = shell(t, host, uninstall+" --yes")
	if err != nil || !strings.Contains(said, "cronium hosts rm host-1") {
		t.Fatalf("uninstall: %v\n%s", err, said)
	}
	<-m.Agent.Exited()
	if files := left(t, host); len(files) > 0 {
		t.Fatalf("uninstalling has left %q of\n%q", files, before)
	}
	if said, err := shell(t, host, uninstall+" --yes"); err != nil || !strings.Contains(said, "there is none") {
		t.Errorf("uninstall again: %v\n%s", err, said)
	}
}

func TestAChangedProgramIsNotInstalled(t *testing.T) {
	downloads := t.TempDir()
	publish(t, downloads, build(t, "v1.0.0", ""), "v1.0.0")
	m := hubtest.NewHubMachine(t, "--downloads", downloads)
	host := t.TempDir()

	line := m.Invite("host-1").Command
	if err := os.WriteFile(filepath.Join(downloads, name("runner")), []byte("something else"), 0o600); err != nil {
		t.Fatal(err)
	}
	said, err := shell(t, host, line)
	if err == nil || !strings.Contains(said, "is not what SHA256SUMS says") || len(left(t, host)) > 0 {
		t.Fatalf("install of a changed program: %v\n%s\nleft %q", err, said, left(t, host))
	}
	if err := os.Remove(filepath.Join(downloads, name("runner"))); err != nil {
		t.Fatal(err)
	}
	if said, err := shell(t, host, line); err == nil || !strings.Contains(said, "cannot be downloaded") {
		t.Errorf("install without a runner: %v\n%s", err, said)
	}
	if said, err := shell(t, host, "curl -fsSL "+m.URL+"/install.sh | sh"); err == nil || !strings.Contains(said, "there is no join token") {
		t.Errorf("install without a token: %v\n%s", err, said)
	}
}
