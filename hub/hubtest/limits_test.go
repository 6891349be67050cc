package hubtest_test

import (
	"testing"
	"time"

	"github.com/cronium/cronium/hub/hubtest"
	"github.com/cronium/cronium/sdk/client"
)

// TestAProcessHasTheLimitsOfItsJob takes each limit from the definition to the
// outcome that people see.
func TestAProcessHasTheLimitsOfItsJob(t *testing.T) {
	w := hubtest.New(t)
	hosts, err := w.Client.Hosts(t.Context(), "default")
	if err != nil || len(hosts.Items) != 1 {
		t.Fatalf("%d agents, %v; want one", len(hosts.Items), err)
	}
	labels := hosts.Items[0].Labels
	t.Logf("the agent's labels: %v", labels)
	for code, c := range map[string]struct {
		limits client.Limits
		source string
		label  string // that the host needs for it
	}{
		"out_of_memory":      {client.Limits{Memory: "64MiB"}, `python3 -c 'x = bytearray(10 << 30)'`, "limits.memory"},
		"too_many_processes": {client.Limits{Processes: 3}, `python3 -c 'import os, time; [os.fork() or time.sleep(1) for i in range(9)]'`, "limits.processes"},
		"file_too_large":     {client.Limits{FileSize: "1MiB"}, `set -e; head -c 2000000 /dev/zero > big; echo too far`, ""},
		"workspace_full":     {client.Limits{Workspace: "4MiB"}, `head -c 9000000 /dev/zero > big; sleep 60`, ""},
	} {
		if c.label != "" && labels[c.label] != "true" {
			t.Logf("this host cannot enforce %s", c.label)
			continue
		}
		d := definition("limited", c.source)
		d.Spec.Limits = &c.limits
		done := w.Finish(w.Start(d).ID, time.Minute)
		if done.State != "failed" || done.Outcome == nil || done.Outcome.Code != code || done.Outcome.Hint == "" {
			t.Errorf("the run is %s (%+v), want failed with %s and a hint", done.State, done.Outcome, code)
		}
	}
}
