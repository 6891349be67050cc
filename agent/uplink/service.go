package uplink

import (
	"context"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/cronium/cronium/agent/journal"
	"github.com/cronium/cronium/agent/supervisor"
	agentv1 "github.com/cronium/cronium/proto/agent/v1"
	"github.com/cronium/cronium/proto/payload"
	runnerv1 "github.com/cronium/cronium/proto/runner/v1"
	"github.com/cronium/cronium/proto/wire"
	"github.com/cronium/cronium/sdk/problem"
)

const (
	defaultGrace = 10 * time.Second
	probeLimit   = 30 * time.Second
)

// service is what the hub may call.
type service struct {
	agentv1.UnimplementedAgentServiceServer
	uplink *Uplink
}

// Assign implements the service.
func (s *service) Assign(_ context.Context, in *agentv1.AssignRequest) (*agentv1.AssignResponse, error) {
	list := make([]supervisor.Assignment, 0, len(in.GetAssignments()))
	var refused []supervisor.Refusal
	for _, a := range in.GetAssignments() {
		kind, err := s.verify(a)
		if err != nil {
			refused = append(refused, supervisor.Refusal{Ref: fromProto(a.GetRef()), Problem: err})
			continue
		}
		list = append(list, supervisor.Assignment{Ref: fromProto(a.GetRef()), Kind: kind, Payload: a.GetPayload(), Handover: s.handover(a)})
	}
	out := &agentv1.AssignResponse{}
	for _, r := range append(refused, s.uplink.cfg.Attempts.Assign(list)...) {
		out.Refused = append(out.Refused, &agentv1.Refusal{Ref: ref(r.Ref), Problem: wire.FromProblem(r.Problem)})
	}
	return out, nil
}

// verify checks that the hub whom we enrolled with wants this run, and by us. The
// runner checks again what it finds on disk. It returns the kind of executor.
func (s *service) verify(a *agentv1.Assignment) (kind string, _ *problem.Problem) {
	id := s.uplink.cfg.Identity
	p, err := id.Keys.Open(a.GetPayload())
	if err != nil {
		rejected, _ := problem.As(err)
		return "", rejected
	}
	got := journal.Ref{RunID: p.GetRef().GetRunId(), Attempt: p.GetRef().GetAttempt(), Fence: p.GetRef().GetFence()}
	if got != fromProto(a.GetRef()) || p.GetAgentId() != id.AgentID || p.GetInstance() != id.Instance {
		return "", payload.ErrRejected.With("It is signed for attempt %s on agent %s of %s", got, p.GetAgentId(), p.GetInstance())
	}
	switch {
	case p.GetServer() != nil:
		return "ssh", nil
	case p.GetContainer() != nil:
		return "docker", nil
	}
	return "process", nil
}

func (s *service) handover(a *agentv1.Assignment) *runnerv1.Handover {
	id := s.uplink.cfg.Identity
	return &runnerv1.Handover{Mask: a.GetMask(), SecretEnv: a.GetSecretEnv(), Keys: id.Keys, AgentId: id.AgentID}
}

// Probe implements the service.
func (s *service) Probe(ctx context.Context, in *agentv1.ProbeRequest) (*agentv1.ProbeResponse, error) {
	if s.uplink.cfg.Probe == nil {
		return nil, status.Error(codes.Unimplemented, "this agent reaches no servers")
	}
	ctx, stop := context.WithTimeout(ctx, probeLimit)
	defer stop()
	return s.uplink.cfg.Probe(ctx, in), nil
}

// Cancel implements the service.
func (s *service) Cancel(_ context.Context, in *agentv1.CancelRequest) (*agentv1.CancelResponse, error) {
	cancel(s.uplink.cfg.Attempts, in.GetCancels())
	return &agentv1.CancelResponse{}, nil
}

// Console implements the service.
func (s *service) Console(stream agentv1.AgentService_ConsoleServer) error {
	if s.uplink.cfg.Consoles == nil {
		return s.UnimplementedAgentServiceServer.Console(stream)
	}
	return wire.Status(s.uplink.cfg.Consoles.Serve(stream))
}

func cancel(attempts *supervisor.Supervisor, list []*agentv1.Cancel) {
	for _, c := range list {
		grace := defaultGrace
		if c.GetGrace() != nil {
			grace = max(0, c.GetGrace().AsDuration())
		}
		attempts.Cancel(fromProto(c.GetRef()), grace)
	}
}

func ref(r journal.Ref) *agentv1.AttemptRef {
	return &agentv1.AttemptRef{RunId: r.RunID, Attempt: r.Attempt, Fence: r.Fence}
}

func fromProto(r *agentv1.AttemptRef) journal.Ref {
	return journal.Ref{RunID: r.GetRunId(), Attempt: r.GetAttempt(), Fence: r.GetFence()}
}

func protoRefs(list []journal.Ref) []*agentv1.AttemptRef {
	out := make([]*agentv1.AttemptRef, 0, len(list))
	for _, r := range list {
		out = append(out, ref(r))
	}
	return out
}

func refs(list []*agentv1.AttemptRef) []journal.Ref {
	out := make([]journal.Ref, 0, len(list))
	for _, r := range list {
		out = append(out, fromProto(r))
	}
	return out
}
