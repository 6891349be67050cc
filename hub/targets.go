package hub

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/cronium/cronium/hub/fleet"
	"github.com/cronium/cronium/hub/job"
	"github.com/cronium/cronium/hub/run"
	"github.com/cronium/cronium/hub/server"
)

// fanOuts finds, for those of the jobs that fan out, the targets as they are now:
// every host that has the labels, or every server of the list. A nil tx asks outside
// of any transaction.
func (o orders) fanOuts(ctx context.Context, tx pgx.Tx, ways map[server.Ref]server.Way, jobs ...job.Job) (map[uuid.UUID]*run.FanOut, error) {
	out := map[uuid.UUID]*run.FanOut{}
	var asks []fleet.Ask
	var asking []job.Job
	for _, j := range jobs {
		switch f := j.Spec.FanOut; {
		case f == nil:
		case len(j.Spec.Target.Servers) > 0:
			out[j.ID] = fanOut(*f, serverTargets(j, ways))
		default:
			asks = append(asks, fleet.Ask{Project: j.ProjectID, Labels: j.Spec.Hosts()})
			asking = append(asking, j)
		}
	}
	found, err := o.fleet.MatchingTx(ctx, tx, asks)
	if err != nil {
		return nil, err
	}
	for i, j := range asking {
		out[j.ID] = fanOut(*j.Spec.FanOut, hostTargets(asks[i].Labels, found[i]))
		if len(found[i]) == 0 {
			out[j.ID].Refused = nobody(asks[i].Labels)
		}
	}
	return out, nil
}

func fanOut(f job.FanOut, targets []run.Target) *run.FanOut {
	out := &run.FanOut{Targets: targets, StartWithin: f.Wait()}
	out.MaxParallel.N, out.MaxParallel.Percent = f.Parallel()
	if n, percent, bounded := f.Failures(); bounded {
		out.MaxFailures = &run.Share{N: n, Percent: percent}
	}
	return out
}

// serverTargets keeps a server that may not be used: its run ends with the reason.
func serverTargets(j job.Job, ways map[server.Ref]server.Way) []run.Target {
	targets := make([]run.Target, len(j.Spec.Target.Servers))
	for i, name := range j.Spec.Target.Servers {
		way := ways[server.Ref{Project: j.ProjectID, Name: name}]
		targets[i] = run.Target{Name: name, Server: name, Labels: through(way)}
	}
	return targets
}

func hostTargets(labels map[string]string, names []string) []run.Target {
	targets := make([]run.Target, len(names))
	for i, name := range names {
		own := maps.Clone(labels)
		if own == nil {
			own = map[string]string{}
		}
		own[fleet.HostLabel] = name
		targets[i] = run.Target{Name: name, Labels: own}
	}
	return targets
}

// nobody says why there is no host to run on.
func nobody(labels map[string]string) *run.Ending {
	why := &run.Ending{Code: run.CodeNoTargets, Detail: "The project has no host", Hint: "Add a host, then run the job again."}
	if len(labels) > 0 {
		pairs := make([]string, 0, len(labels))
		for _, key := range slices.Sorted(maps.Keys(labels)) {
			pairs = append(pairs, key+"="+labels[key])
		}
		why.Detail = fmt.Sprintf("No host has the labels %s", strings.Join(pairs, ", "))
		why.Hint = "Correct the job's target.labels, or add a host that has them."
	}
	return why
}
