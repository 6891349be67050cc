package agentapi

import (
	"context"

	"google.golang.org/protobuf/proto"

	"github.com/cronium/cronium/hub/run"
	agentv1 "github.com/cronium/cronium/proto/agent/v1"
)

// heartbeat renews the leases of what the agent holds and repeats every order, so
// that a lost message or a restart of the hub loses none.
func (s *session) heartbeat(ctx context.Context, in *agentv1.HeartbeatRequest) (*agentv1.HeartbeatResponse, error) {
	live, err := s.begun()
	if err != nil {
		return nil, err
	}
	refs, err := toRefs(in.GetHeld())
	if err != nil {
		return nil, err
	}
	s.heard()
	s.door.config.Fleet.Seen(live)
	live.Correct(s.door.config.Now(), keysOf(refs), int(in.GetFreeSlots()))
	if err := s.listen(ctx, live, in); err != nil {
		return nil, err
	}
	out := &agentv1.HeartbeatResponse{Draining: proto.Bool(live.Wishes().Draining)}
	if out.Upgrade, err = s.orderUpgrade(ctx, live); err != nil {
		return nil, err
	}
	if len(refs) == 0 {
		return out, nil
	}
	orders, err := s.door.renewals.do(ctx, []run.Renewal{{AgentID: s.agent, Refs: refs}})
	if err != nil {
		return nil, err
	}
	out.Drop = fromRefs(orders[0].Drop)
	for _, r := range orders[0].Cancel {
		out.Cancel = append(out.Cancel, &agentv1.Cancel{Ref: fromRef(r)})
	}
	return out, nil
}
