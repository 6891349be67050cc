package agentapi_test

import (
	"slices"
	"testing"
	"time"

	agentv1 "github.com/cronium/cronium/proto/agent/v1"
)

// A bell, not the poll, brings a run to an idle agent.
func TestIdleAgentGetsARunAtOnce(t *testing.T) {
	w := newWorld(t)
	a := w.agent(t, "one")
	var waits []time.Duration
	for range 11 {
		began := time.Now()
		w.start(t, 1)
		ref := a.next(t).GetRef()
		waits = append(waits, time.Since(began))
		a.accept(t, ref)
		a.report(t, &agentv1.ReportRequest{Results: []*agentv1.Result{success(ref, 0)}})
	}
	slices.Sort(waits)
	t.Logf("created → assigned: median %s, worst %s", waits[5], waits[10])
	if waits[5] > 300*time.Millisecond {
		t.Fatalf("median %s", waits[5])
	}
}
