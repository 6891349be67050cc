package agentapi

import (
	"context"

	"github.com/cronium/cronium/hub/fleet"
	"github.com/cronium/cronium/hub/run"
	agentv1 "github.com/cronium/cronium/proto/agent/v1"
)

// accept decides, for attempts that the agent was given, which may start.
func (s *session) accept(ctx context.Context, in *agentv1.AcceptRequest) (*agentv1.AcceptResponse, error) {
	live, err := s.begun()
	if err != nil {
		return nil, err
	}
	refs, err := toRefs(in.GetAttempts())
	if err != nil {
		return nil, err
	}
	decided, err := s.accepts.do(ctx, refs)
	if err != nil {
		return nil, err
	}
	out := &agentv1.AcceptResponse{Grants: make([]*agentv1.Grant, len(refs))}
	var gone []fleet.Attempt
	for i, d := range decided {
		out.Grants[i] = &agentv1.Grant{Ref: in.GetAttempts()[i], Decision: decisions[d]}
		if d != run.Granted {
			gone = append(gone, keyOf(refs[i]))
		}
	}
	live.Take(gone...)
	return out, nil
}
