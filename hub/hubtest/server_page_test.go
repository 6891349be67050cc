package hubtest_test

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/cronium/cronium/agent/executor/ssh/sshtest"
	"github.com/cronium/cronium/hub/hubtest"
	"github.com/cronium/cronium/sdk/client"
)

// TestThePageAboutServersIsTrue types its commands, runs its job on a server and then
// on two, and looks what is left there.
func TestThePageAboutServersIsTrue(t *testing.T) {
	m := hubtest.NewMachine(t)
	servers := map[string]*sshtest.Server{"db-1": sshtest.Start(t), "db-2": sshtest.Start(t)}
	for name, s := range servers {
		made := m.CLI("servers", "add", name, s.User+"@"+s.Addr, "--generate")
		s.Authorize(t, regexp.MustCompile(`(?m)^ssh-ed25519 .*$`).FindString(made))
		// The command ends with 1 here: a key that nobody has confirmed is a check that failed.
		if got, err := m.Client.CheckServer(t.Context(), "default", name); err != nil || got.Offered == nil || got.Offered.Fingerprint != s.Fingerprint() {
			t.Fatalf("%s offers the key %+v, %v; want %s", name, got.Offered, err, s.Fingerprint())
		}
		if s.Connections() > 0 {
			t.Errorf("%s: somebody logged in before its key was confirmed", name)
		}
		m.CLI("servers", "trust", name, s.Fingerprint())
		m.CLI("servers", "check", name)
	}

	page, err := os.ReadFile("../../docs/servers.md")
	if err != nil {
		t.Fatal(err)
	}
	_, job, _ := strings.Cut(string(page), "```yaml\n")
	job, _, _ = strings.Cut(job, "```")
	for _, target := range []string{"{server: db-1}", "{servers: [db-1, db-2]}"} {
		path := filepath.Join(t.TempDir(), "uptime.yaml")
		if err := os.WriteFile(path, []byte(strings.Replace(job, "{server: db-1}", target, 1)), 0o600); err != nil {
			t.Fatal(err)
		}
		m.CLI("apply", "-f", path)
		said := m.CLI("run", "uptime", "-w")
		if got := strings.Count(said, "up since 20"); got != strings.Count(target, "db-") {
			t.Errorf("on %s %d runs printed: %s", target, got, said)
		}
	}
	for name, s := range servers {
		hubtest.Eventually(t, time.Minute, name+" is as before", func() error { return cleared(s) })
	}
	if impact, err := m.Client.ServerImpact(t.Context(), "default", "db-2"); err != nil || len(impact.Jobs) != 1 {
		t.Errorf("db-2 is needed by %v, %v; want the job", impact.Jobs, err)
	}
	m.CLI("servers", "archive", "db-2", "--yes")
	if _, err := m.Client.RestoreServer(t.Context(), "default", "db-2", client.Opener{Generate: true}); err != nil {
		t.Errorf("restore: %v", err)
	}
}

// cleared returns an error while there is anything of a run on a server.
func cleared(s *sshtest.Server) error {
	homes, err := filepath.Glob(filepath.Join(s.Base(), "*", "runs", "*"))
	if err == nil && len(homes) > 0 {
		err = fmt.Errorf("there is %v", homes)
	}
	return err
}
