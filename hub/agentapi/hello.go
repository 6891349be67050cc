package agentapi

import (
	"context"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/cronium/cronium/hub/fleet"
	"github.com/cronium/cronium/hub/run"
	agentv1 "github.com/cronium/cronium/proto/agent/v1"
)

// protocol is the one that we speak.
const protocol = 1

// maxFence bounds what an agent can make of the fence sequence: a restored backup
// is never that far behind, and a liar cannot use the sequence up.
const maxFence = 1 << 62

// hello begins the session: a new epoch, what the agent holds settled with what we
// think it holds, and only then is it given work.
func (s *session) hello(ctx context.Context, in *agentv1.HelloRequest) (*agentv1.HelloResponse, error) {
	switch p := in.GetProtocol(); {
	case p > protocol:
		return nil, ErrTooNew.With("the agent speaks protocol %d, this hub %d", p, protocol)
	case p < protocol:
		return nil, ErrTooOld.With("the agent speaks protocol %d, this hub %d", p, protocol)
	}
	held, err := toHeld(in.GetHeld())
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.live != nil {
		return nil, ErrMessage.With("the session has begun already")
	}
	if err := s.raiseFence(ctx, in.GetMaxFence()); err != nil {
		return nil, err
	}
	config := s.door.config
	admitted, err := config.Fleet.Admit(ctx, s.wire.PeerCertificate(), fleet.Hello{
		Version: in.GetVersion(), BootID: in.GetBootId(), MachineID: in.GetMachineId(), JournalID: in.GetJournalId(),
		Slots: int(in.GetSlots()), Labels: in.GetLabels(), Facts: toFacts(in.GetFacts()),
		Draining: in.Draining,
	})
	if err != nil {
		return nil, err
	}
	drop, err := config.Runs.Reconcile(ctx, s.agent, admitted.Epoch, held, admitted.JournalIntact)
	if err != nil {
		return nil, err
	}
	s.live = config.Fleet.Join(admitted, in.GetMachineId(), s.wire, occupying(held, drop))
	s.heard()
	s.log.InfoContext(ctx, "agent connected", "name", admitted.Name, "epoch", admitted.Epoch, "version", in.GetVersion(),
		"held", len(held), "drop", len(drop))
	return &agentv1.HelloResponse{
		AgentId: s.agent.String(), Name: admitted.Name, HubVersion: config.Version, Epoch: admitted.Epoch,
		Heartbeat: durationpb.New(config.Heartbeat), Drop: fromRefs(drop), Draining: proto.Bool(admitted.Wishes.Draining),
	}, nil
}

func (s *session) raiseFence(ctx context.Context, seen int64) error {
	if seen <= 0 || seen > maxFence {
		return nil
	}
	raised, err := s.door.config.Runs.RaiseFence(ctx, seen)
	if raised {
		s.log.WarnContext(ctx, "fences raised: an agent knows later ones than the database, which was restored from a backup", "seen", seen)
	}
	return err
}

// occupying are the attempts that take a slot: not those that have ended, nor those
// that the agent is about to drop.
func occupying(held []run.Held, drop []run.Ref) []fleet.Attempt {
	gone := make(map[run.Ref]bool, len(drop))
	for _, r := range drop {
		gone[r] = true
	}
	var out []fleet.Attempt
	for _, h := range held {
		if h.Phase != run.PhaseFinished && !gone[h.Ref] {
			out = append(out, keyOf(h.Ref))
		}
	}
	return out
}
