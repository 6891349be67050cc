package dispatch

import (
	"context"
	"errors"
	"fmt"

	"github.com/google/uuid"
	"google.golang.org/protobuf/proto"

	"github.com/cronium/cronium/hub/fleet"
	"github.com/cronium/cronium/hub/run"
	"github.com/cronium/cronium/hub/server"
	agentv1 "github.com/cronium/cronium/proto/agent/v1"
	"github.com/cronium/cronium/sdk/problem"
)

// maxAssign bounds one Assign call; agents read up to 8 MiB.
const maxAssign = 4 << 20

// send makes assignments of what was claimed and sends them. What cannot be made,
// cannot be sent or is refused goes back.
func (d *Dispatch) send(ctx context.Context, l *fleet.Live, claimed []run.Claimed) {
	ctx, cancel := context.WithTimeout(ctx, 2*callTimeout)
	defer cancel()
	if back, err := d.sendAll(ctx, l, claimed); err != nil {
		d.release(ctx, l, back, err)
	}
}

// sendAll returns what was not sent when it failed.
func (d *Dispatch) sendAll(ctx context.Context, l *fleet.Live, claimed []run.Claimed) ([]run.Claimed, error) {
	versions, err := d.versions(ctx, claimed)
	if err != nil {
		return claimed, fmt.Errorf("read jobs: %w", err)
	}
	project, err := d.config.Jobs.ProjectSlug(ctx, l.ProjectID)
	if err != nil {
		return claimed, fmt.Errorf("read project: %w", err)
	}
	if claimed, err = d.allowed(ctx, l, claimed, versions); err != nil {
		return claimed, fmt.Errorf("ask which images are allowed: %w", err)
	}
	ways, err := d.ways(ctx, l.ProjectID, claimed)
	if err != nil {
		return claimed, fmt.Errorf("read servers: %w", err)
	}
	claimed = d.endUnreachable(ctx, l, claimed, ways)
	var request agentv1.AssignRequest
	size, first := 0, 0
	for i, c := range claimed {
		one, err := d.prepare(l.AgentID, c, versions, ways, project)
		if err != nil {
			d.release(ctx, l, claimed[i:i+1], err)
			continue
		}
		n := proto.Size(one)
		if size > 0 && size+n > maxAssign {
			if err := d.assign(ctx, l, &request, claimed[first:i]); err != nil {
				return claimed[first:], err
			}
			request.Assignments, size, first = nil, 0, i
		}
		request.Assignments = append(request.Assignments, one)
		size += n
	}
	if size > 0 {
		if err := d.assign(ctx, l, &request, claimed[first:]); err != nil {
			return claimed[first:], err
		}
	}
	return nil, nil
}

// allowed ends the runs whose image the project does not allow, or no longer, and
// returns the others. It asks once for each image.
func (d *Dispatch) allowed(ctx context.Context, l *fleet.Live, claimed []run.Claimed, versions map[VersionRef]JobVersion) ([]run.Claimed, error) {
	verdicts := map[string]error{}
	var rest []run.Claimed
	for i, c := range claimed {
		v := versions[VersionRef{JobID: c.JobID, Version: c.JobVersion}]
		if v.Container == nil || v.Container.Image == "" {
			rest = append(rest, c)
			continue
		}
		verdict, known := verdicts[v.Container.Image]
		if !known {
			verdict = d.config.Jobs.CheckImage(ctx, l.ProjectID, v.Container.Image)
			verdicts[v.Container.Image] = verdict
		}
		p, refused := problem.As(verdict)
		switch {
		case verdict == nil:
			rest = append(rest, c)
		case !refused:
			return append(rest, claimed[i:]...), verdict
		default:
			if err := d.reject(ctx, l, c, p); err != nil {
				return append(rest, claimed[i:]...), err
			}
		}
	}
	return rest, nil
}

// reject ends a run that the hub itself refuses to have run.
func (d *Dispatch) reject(ctx context.Context, l *fleet.Live, c run.Claimed, why *problem.Problem) error {
	if _, err := d.config.Runs.Finish(ctx, l.AgentID, []run.Result{{Ref: c.Ref, Outcome: run.OutcomeRejected, Problem: why}}); err != nil {
		return err
	}
	l.Take(keysOf([]run.Claimed{c})...)
	return d.config.Logs.Complete(ctx, c.RunID, c.Attempt, 0)
}

func (d *Dispatch) prepare(agent uuid.UUID, c run.Claimed, versions map[VersionRef]JobVersion, ways map[string]server.Way, project string) (*agentv1.Assignment, error) {
	version, ok := versions[VersionRef{JobID: c.JobID, Version: c.JobVersion}]
	if !ok {
		return nil, fmt.Errorf("version %d of job %s is not there", c.JobVersion, c.JobName)
	}
	return d.assignment(agent, c, version, ways[c.Server], project)
}

// assign sends one request and releases what the agent refuses.
func (d *Dispatch) assign(ctx context.Context, l *fleet.Live, request *agentv1.AssignRequest, sent []run.Claimed) error {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	answer, err := agentv1.NewAgentServiceClient(l.Conn()).Assign(ctx, request)
	if err != nil {
		return fmt.Errorf("send to the agent: %w", err)
	}
	if len(answer.GetRefused()) == 0 {
		return nil
	}
	byRef := make(map[string]run.Claimed, len(sent))
	for _, c := range sent {
		byRef[c.RunID.String()] = c
	}
	for _, r := range answer.GetRefused() {
		c, ok := byRef[r.GetRef().GetRunId()]
		if !ok || c.Fence != r.GetRef().GetFence() {
			continue
		}
		why := r.GetProblem()
		d.release(ctx, l, []run.Claimed{c}, fmt.Errorf("refused by the agent: %s %s", why.GetTitle(), why.GetDetail()))
	}
	return nil
}

// release puts attempts back. If that fails too, their assignment lease ends.
func (d *Dispatch) release(ctx context.Context, l *fleet.Live, claimed []run.Claimed, why error) {
	if len(claimed) == 0 {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), callTimeout)
	defer cancel()
	d.log.WarnContext(ctx, "assignments go back", "agent", l.AgentID, "count", len(claimed), "err", why)
	refs := make([]run.Ref, len(claimed))
	for i, c := range claimed {
		refs[i] = c.Ref
	}
	if err := d.config.Runs.Release(ctx, l.AgentID, refs, reasonOf(why)); err != nil {
		d.log.ErrorContext(ctx, "release assignments", "agent", l.AgentID, "err", err)
	}
	l.Take(keysOf(claimed)...)
}

// reasonOf is what a user reads about an attempt that was handed back.
func reasonOf(why error) string {
	if errors.Is(why, context.DeadlineExceeded) {
		return "The agent did not take it in time"
	}
	return why.Error()
}
