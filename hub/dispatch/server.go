package dispatch

import (
	"context"

	"github.com/google/uuid"

	"github.com/cronium/cronium/hub/fleet"
	"github.com/cronium/cronium/hub/run"
	"github.com/cronium/cronium/hub/server"
	"github.com/cronium/cronium/sdk/problem"
)

// noServers is a project without servers.
type noServers struct{}

func (noServers) Ways(_ context.Context, refs []server.Ref) (map[server.Ref]server.Way, error) {
	out := make(map[server.Ref]server.Way, len(refs))
	for _, ref := range refs {
		out[ref] = server.Way{Err: server.ErrNotFound.With("No server %q", ref.Name)}
	}
	return out, nil
}

// ways finds, by name, the servers of a batch. All its runs are of one project. It
// is asked for every batch anew: a server may have been archived, or its key may be
// another, since the run was created.
func (d *Dispatch) ways(ctx context.Context, project uuid.UUID, claimed []run.Claimed) (map[string]server.Way, error) {
	var refs []server.Ref
	seen := map[string]bool{"": true}
	for _, c := range claimed {
		if !seen[c.Server] {
			seen[c.Server] = true
			refs = append(refs, server.Ref{Project: project, Name: c.Server})
		}
	}
	if len(refs) == 0 {
		return nil, nil
	}
	found, err := d.config.Servers.Ways(ctx, refs)
	if err != nil {
		return nil, err
	}
	out := make(map[string]server.Way, len(refs))
	for _, ref := range refs {
		out[ref.Name] = found[ref]
	}
	return out, nil
}

// endUnreachable ends the runs whose server may not be used, with the reason, and
// returns the others. Waiting would help none of them: somebody has to act.
func (d *Dispatch) endUnreachable(ctx context.Context, l *fleet.Live, claimed []run.Claimed, ways map[string]server.Way) []run.Claimed {
	if len(ways) == 0 {
		return claimed
	}
	var rest []run.Claimed
	var results []run.Result
	var ended []run.Claimed
	for _, c := range claimed {
		if why, ok := problem.As(ways[c.Server].Err); ok {
			results = append(results, run.Result{Ref: c.Ref, Outcome: run.OutcomeRejected, Problem: why})
			ended = append(ended, c)
			continue
		}
		rest = append(rest, c)
	}
	if len(ended) == 0 {
		return rest
	}
	if _, err := d.config.Runs.Finish(ctx, l.AgentID, results); err != nil {
		d.release(ctx, l, ended, err)
		return rest
	}
	l.Take(keysOf(ended)...)
	for _, c := range ended {
		d.report(ctx, "end the log of a run that was not sent", d.config.Logs.Complete(ctx, c.RunID, c.Attempt, 0))
	}
	return rest
}
