package agentapi_test

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	agentv1 "github.com/cronium/cronium/proto/agent/v1"
	"github.com/cronium/cronium/proto/wire"
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

// worker is an agent that succeeds at once at whatever it is given, and answers in
// batches as large as the hub's.
type worker struct {
	agentv1.UnimplementedAgentServiceServer
	assigned chan []*agentv1.AttemptRef
}

func (k *worker) Assign(_ context.Context, in *agentv1.AssignRequest) (*agentv1.AssignResponse, error) {
	refs := make([]*agentv1.AttemptRef, len(in.GetAssignments()))
	for i, one := range in.GetAssignments() {
		refs[i] = one.GetRef()
	}
	k.assigned <- refs
	return &agentv1.AssignResponse{}, nil
}

func (k *worker) work(ctx context.Context, hub agentv1.HubServiceClient, done *atomic.Int64) error {
	for {
		var refs []*agentv1.AttemptRef
		select {
		case <-ctx.Done():
			return nil
		case refs = <-k.assigned:
		}
		if _, err := hub.Accept(ctx, &agentv1.AcceptRequest{Attempts: refs}); err != nil {
			return err
		}
		report := &agentv1.ReportRequest{}
		for _, ref := range refs {
			report.Results = append(report.Results, success(ref, 0))
		}
		if _, err := hub.Report(ctx, report); err != nil {
			return err
		}
		done.Add(int64(len(refs)))
	}
}

// Created, claimed, sent, accepted and finished, over the real wire by four agents.
func BenchmarkLifecycle(b *testing.B) {
	w := newWorld(b)
	ctx, cancel := context.WithCancel(b.Context())
	var done atomic.Int64
	var all sync.WaitGroup
	defer all.Wait()
	defer cancel()
	for i := range 4 {
		id := w.enrol(b, fmt.Sprintf("agent-%d", i))
		k := &worker{assigned: make(chan []*agentv1.AttemptRef, 1000)}
		s := w.dial(b, id, wire.ALPNAgent)
		srv := wire.NewServer()
		agentv1.RegisterAgentServiceServer(srv, k)
		all.Go(func() { _ = s.Serve(srv) })
		hub := agentv1.NewHubServiceClient(s.Client())
		if _, err := hub.Hello(ctx, greeting(1000)); err != nil {
			b.Fatal(err)
		}
		for range 2 {
			all.Go(func() {
				if err := k.work(ctx, hub, &done); err != nil && ctx.Err() == nil {
					b.Error(err)
				}
			})
		}
		defer func() { s.Close(nil); srv.Stop() }()
	}
	b.ResetTimer()
	for created := 0; created < b.N; {
		n := min(500, b.N-created)
		w.start(b, n)
		created += n
		for int64(created)-done.Load() > 8000 {
			time.Sleep(time.Millisecond)
		}
	}
	deadline := time.Now().Add(time.Minute)
	for done.Load() < int64(b.N) {
		if time.Now().After(deadline) {
			b.Fatalf("%d of %d done", done.Load(), b.N)
		}
		time.Sleep(time.Millisecond)
	}
	b.StopTimer()
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "runs/s")
	cancel()
}
