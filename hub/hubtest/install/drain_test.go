package install

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/cronium/cronium/hub/hubtest"
	"github.com/cronium/cronium/sdk/client"
)

// TestADrainedHostTakesNothingUntilItIsResumed drains on the host, over a restart of
// the agent, and resumes in the hub.
func TestADrainedHostTakesNothingUntilItIsResumed(t *testing.T) {
	m := hubtest.NewMachine(t)
	data := filepath.Join(m.Dir, "agent")
	agent := func(words string) (string, error) {
		return shell(t, "", m.AgentProgram()+" "+words+" --data-dir "+data)
	}
	put(t, m, "hello", "echo hello")

	if said, err := agent("drain --wait --timeout 30s"); err != nil || !strings.Contains(said, "nothing new is taken") {
		t.Fatalf("cronium-agent drain: %v\n%s", err, said)
	}
	until(t, m, "the hub knows that the host drains", func(h client.Host) bool { return h.Draining })
	m.Agent.Kill()
	m.Agent.Start()
	until(t, m, "the agent is back, and drains", func(h client.Host) bool { return h.State == "online" && h.Draining })

	waits := start(t, m, "hello")
	hubtest.Eventually(t, 30*time.Second, "the run says what it waits for", func() error {
		run, err := m.Client.Run(t.Context(), "default", waits.ID)
		if err == nil && (run.State != client.Queued || run.Reason == nil || run.Reason.Code != "agents_draining") {
			err = fmt.Errorf("it is %s (%+v)", run.State, run.Reason)
		}
		return err
	})
	if _, err := m.Client.ResumeHost(t.Context(), "default", "host-1"); err != nil {
		t.Fatal(err)
	}
	if run := m.Finish(waits.ID, time.Minute); run.State != "succeeded" {
		t.Fatalf("the run that waited is %s", run.State)
	}
	hubtest.Eventually(t, 30*time.Second, "the agent knows that it was resumed", func() error {
		said, err := agent("status")
		if err == nil && !strings.Contains(said, "connected since") {
			err = fmt.Errorf("it says\n%s", said)
		}
		return err
	})
}
