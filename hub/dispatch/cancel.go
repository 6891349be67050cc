package dispatch

import (
	"context"
	"fmt"

	"github.com/google/uuid"

	"github.com/cronium/cronium/hub/fleet"
	"github.com/cronium/cronium/hub/run"
	agentv1 "github.com/cronium/cronium/proto/agent/v1"
)

// passCancels tells the agents here what somebody wants ended. A message that is
// lost is repeated by the next answer to a heartbeat.
func (d *Dispatch) passCancels(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	live := map[uuid.UUID]*fleet.Live{}
	var ids []uuid.UUID
	for _, l := range d.config.Fleet.Connected() {
		if l.Held() > 0 {
			live[l.AgentID] = l
			ids = append(ids, l.AgentID)
		}
	}
	if len(ids) == 0 {
		return nil
	}
	wanted, err := d.config.Runs.Cancelling(ctx, ids)
	if err != nil {
		return fmt.Errorf("read cancel requests: %w", err)
	}
	for id, refs := range wanted {
		sendCtx := context.WithoutCancel(ctx)
		d.sending.Go(func() { d.sendCancel(sendCtx, live[id], refs) })
	}
	return nil
}

func (d *Dispatch) sendCancel(ctx context.Context, l *fleet.Live, refs []run.Ref) {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	request := &agentv1.CancelRequest{}
	for _, r := range refs {
		request.Cancels = append(request.Cancels, &agentv1.Cancel{Ref: refOf(r)})
	}
	if _, err := agentv1.NewAgentServiceClient(l.Conn()).Cancel(ctx, request); err != nil {
		d.log.WarnContext(ctx, "pass on cancel", "agent", l.AgentID, "count", len(refs), "err", err)
	}
}
