package uplink

import (
	"context"
	"crypto/ed25519"
	"testing"
	"time"

	"github.com/google/uuid"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/cronium/cronium/agent/executor"
	"github.com/cronium/cronium/agent/executor/executortest"
	"github.com/cronium/cronium/agent/journal"
	"github.com/cronium/cronium/agent/supervisor"
	agentv1 "github.com/cronium/cronium/proto/agent/v1"
	"github.com/cronium/cronium/proto/payload"
	runnerv1 "github.com/cronium/cronium/proto/runner/v1"
)

func keyOf(seed byte) ed25519.PrivateKey {
	s := make([]byte, ed25519.SeedSize)
	s[0] = seed
	return ed25519.NewKeyFromSeed(s)
}

// TestOnlyOrdersOfTheOwnHubForThisAgentAreTaken sends what a hub whose database
// was tampered with, or somebody between the two, might send.
func TestOnlyOrdersOfTheOwnHubForThisAgentAreTaken(t *testing.T) {
	j, err := journal.Open(t.TempDir(), journal.Config{Reserve: 1 << 20})
	if err != nil {
		t.Fatal(err)
	}
	ours := keyOf(1)
	id := &Identity{AgentID: "us", Instance: "here", Keys: payload.Keys{ours.Public().(ed25519.PublicKey)}}
	s := &service{uplink: &Uplink{cfg: Config{Identity: id, Attempts: supervisor.New(supervisor.Config{Journal: j, Executors: map[string]executor.Executor{"process": executortest.Noop{}}, Slots: 10, MinFree: 1, Now: time.Now})}}}

	for name, c := range map[string]struct {
		key    ed25519.PrivateKey
		change func(*runnerv1.Payload)
		after  func([]byte) []byte
		taken  bool
	}{
		"as it should be":        {key: ours, taken: true},
		"another hub's key":      {key: keyOf(2)},
		"for another agent":      {key: ours, change: func(p *runnerv1.Payload) { p.AgentId = "them" }},
		"of another instance":    {key: ours, change: func(p *runnerv1.Payload) { p.Instance = "there" }},
		"for another attempt":    {key: ours, change: func(p *runnerv1.Payload) { p.Ref.Attempt = 2 }},
		"with a fence too low":   {key: ours, change: func(p *runnerv1.Payload) { p.Ref.Fence-- }},
		"changed on the way":     {key: ours, after: func(b []byte) []byte { b[len(b)-1] ^= 1; return b }},
		"without any signature":  {key: ours, after: func(b []byte) []byte { return b[73:] }},
		"nothing at all, really": {key: ours, after: func([]byte) []byte { return nil }},
	} {
		ref := &agentv1.AttemptRef{RunId: uuid.NewString(), Attempt: 1, Fence: 9}
		p := &runnerv1.Payload{Ref: &runnerv1.Attempt{RunId: ref.RunId, Attempt: 1, Fence: 9}, AgentId: "us", Instance: "here"}
		if c.change != nil {
			c.change(p)
		}
		signed, err := payload.Sign(c.key, p)
		if err != nil {
			t.Fatal(err)
		}
		if c.after != nil {
			signed = c.after(signed)
		}
		out, err := s.Assign(t.Context(), &agentv1.AssignRequest{Assignments: []*agentv1.Assignment{{Ref: ref, Payload: signed}}})
		if err != nil {
			t.Fatal(err)
		}
		switch refused := out.GetRefused(); {
		case c.taken && len(refused) > 0:
			t.Errorf("%s: refused with %v", name, refused[0].GetProblem())
		case !c.taken && (len(refused) != 1 || refused[0].GetProblem().GetCode() != "payload_rejected" || refused[0].GetProblem().GetHint() == ""):
			t.Errorf("%s: refused %v, want payload_rejected with a hint", name, refused)
		}
	}
}

// TestServersAreReachedOverSSH: the payload says where, the hub may ask what is there.
func TestServersAreReachedOverSSH(t *testing.T) {
	j, err := journal.Open(t.TempDir(), journal.Config{Reserve: 1 << 20})
	if err != nil {
		t.Fatal(err)
	}
	ours := keyOf(1)
	id := &Identity{AgentID: "us", Instance: "here", Keys: payload.Keys{ours.Public().(ed25519.PublicKey)}}
	cfg := Config{Identity: id, Attempts: supervisor.New(supervisor.Config{Journal: j, Executors: map[string]executor.Executor{"ssh": executortest.Noop{}}, Slots: 10, MinFree: 1, Now: time.Now})}
	s := &service{uplink: &Uplink{cfg: cfg}}
	for i, server := range []*runnerv1.Server{{Address: "host:22"}, nil} {
		ref := &agentv1.AttemptRef{RunId: uuid.NewString(), Attempt: 1, Fence: 9}
		signed, err := payload.Sign(ours, &runnerv1.Payload{Ref: &runnerv1.Attempt{RunId: ref.RunId, Attempt: 1, Fence: 9}, AgentId: "us", Instance: "here", Server: server})
		if err != nil {
			t.Fatal(err)
		}
		out, err := s.Assign(t.Context(), &agentv1.AssignRequest{Assignments: []*agentv1.Assignment{{Ref: ref, Payload: signed}}})
		if err != nil || len(out.GetRefused()) != i {
			t.Errorf("server %v: refused %v, %v", server, out.GetRefused(), err)
		}
	}
	if _, err := s.Probe(t.Context(), &agentv1.ProbeRequest{}); status.Code(err) != codes.Unimplemented {
		t.Errorf("a probe by an agent that reaches no servers: %v", err)
	}
	s.uplink.cfg.Probe = func(ctx context.Context, in *agentv1.ProbeRequest) *agentv1.ProbeResponse {
		if end, ok := ctx.Deadline(); !ok || time.Until(end) > probeLimit {
			t.Error("a probe is not bounded")
		}
		return &agentv1.ProbeResponse{Checks: []*agentv1.Check{{Name: in.GetServer().GetName()}}}
	}
	if out, err := s.Probe(t.Context(), &agentv1.ProbeRequest{Server: &runnerv1.Server{Name: "it"}}); err != nil || out.GetChecks()[0].GetName() != "it" {
		t.Errorf("Probe = %v, %v", out, err)
	}
}
