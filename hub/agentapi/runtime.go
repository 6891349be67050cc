package agentapi

import (
	"context"
	"encoding/json"

	"github.com/google/uuid"

	"github.com/cronium/cronium/hub/call"
	"github.com/cronium/cronium/hub/run"
	agentv1 "github.com/cronium/cronium/proto/agent/v1"
	"github.com/cronium/cronium/proto/wire"
	"github.com/cronium/cronium/sdk/problem"
)

// Calls is what this door asks of hub/call.
type Calls interface {
	Answer(ctx context.Context, agent uuid.UUID, c call.Call) (json.RawMessage, error)
}

const (
	maxArgs = 1<<20 + 64<<10 // bytes of JSON: an output of 1 MiB and what is around it
	maxName = 64
)

// runtimeCall answers a script, after Hello.
func (s *session) runtimeCall(ctx context.Context, in *agentv1.RuntimeCallRequest) (*agentv1.RuntimeCallResponse, error) {
	if _, err := s.begun(); err != nil {
		return nil, err
	}
	return s.answer(ctx, in)
}

// RuntimeCall answers a script, with the epoch of Hello. Of one connection it answers
// four at a time, because each has a chunk in memory.
func (h data) RuntimeCall(ctx context.Context, in *agentv1.RuntimeCallRequest) (*agentv1.RuntimeCallResponse, error) {
	s, err := h.d.of(ctx)
	if err != nil {
		return nil, err
	}
	epoch, ok := wire.EpochFrom(ctx)
	if !ok {
		return nil, ErrHelloFirst.With("a call names the epoch of its session")
	}
	if err := h.d.config.Fleet.CheckEpoch(ctx, s.agent, epoch); err != nil {
		return nil, err
	}
	select {
	case s.bulky <- struct{}{}:
		defer func() { <-s.bulky }()
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
	return s.answer(ctx, in)
}

// answer asks hub/call. What the script did wrong is in the answer; an error is about
// the agent or about us.
func (s *session) answer(ctx context.Context, in *agentv1.RuntimeCallRequest) (*agentv1.RuntimeCallResponse, error) {
	ref, err := toRef(in.GetRef())
	if err != nil {
		return nil, err
	}
	if in.GetId() < 1 || len(in.GetName()) > maxName || len(in.GetArgsJson()) > maxArgs {
		return nil, ErrMessage.With("a call needs a number, a name of at most %d and arguments of at most %d bytes", maxName, maxArgs)
	}
	value, err := s.door.config.Calls.Answer(ctx, s.agent, call.Call{Ref: ref, ID: in.GetId(), Name: in.GetName(), Args: in.GetArgsJson()})
	p, known := problem.As(err)
	switch {
	case err == nil:
		return &agentv1.RuntimeCallResponse{ValueJson: value}, nil
	case !known || p.Status >= 500:
		return nil, err
	case p.Is(call.ErrNotRunning):
		if err := s.checkOwner(ctx, ref); err != nil {
			return nil, err
		}
	}
	return &agentv1.RuntimeCallResponse{Problem: wire.FromProblem(p)}, nil
}

// checkOwner counts it when an agent speaks for an attempt that was never its own.
func (s *session) checkOwner(ctx context.Context, ref run.Ref) error {
	owned, err := s.door.config.Runs.OwnedBy(ctx, s.agent, []run.Ref{ref})
	if err != nil {
		return err
	}
	if !owned[0] {
		s.strike(ctx, "call", 1)
	}
	return nil
}
