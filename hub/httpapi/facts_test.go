package httpapi_test

import (
	"context"
	"encoding/json"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/cronium/cronium/hub/job"
	"github.com/cronium/cronium/hub/run"
	"github.com/cronium/cronium/hub/schedule"
	"github.com/cronium/cronium/hub/secret"
)

// facts stands in for the assembly: what runs need to know of jobs.
type facts struct {
	jobs *job.Store
	keys *secret.Keys
}

func (f facts) Facts(ctx context.Context, tx pgx.Tx, ids []uuid.UUID) (map[uuid.UUID]schedule.Job, error) {
	jobs, err := f.jobs.ByIDs(ctx, tx, ids)
	known := make(map[uuid.UUID]schedule.Job, len(jobs))
	for id, j := range jobs {
		known[id] = f.of(j)
	}
	return known, err
}

func (f facts) of(j job.Job) schedule.Job {
	known := schedule.Job{Name: j.Name, Version: j.Version, State: schedule.JobState(j.State), Target: j.Spec.Target.Labels, LostAfter: time.Hour}
	if r := j.Spec.Retries; r != nil {
		known.Retry = run.Retry{Max: r.Max, Backoff: r.Backoff, Delay: r.Wait()}
	}
	known.Resolve = func(given map[string]any) (map[string]any, []byte, error) {
		resolved, err := j.Spec.Inputs.Resolve(given)
		if err != nil {
			return nil, nil, err
		}
		plain, hidden := j.Spec.Inputs.Split(resolved)
		if len(hidden) == 0 {
			return plain, nil, nil
		}
		text, err := json.Marshal(hidden)
		if err != nil {
			return nil, nil, err
		}
		sealed, err := f.keys.Seal(text, "run-inputs|"+j.ID.String())
		return plain, sealed, err
	}
	return known
}

func (f facts) Request(_ context.Context, j job.Job, given map[string]any) (run.Request, error) {
	known := f.of(j)
	inputs, sealed, err := known.Resolve(given)
	return run.Request{
		Project: j.ProjectID, JobID: j.ID, JobName: j.Name, JobVersion: j.Version, Target: known.Target, Retry: known.Retry,
		LostAfter: known.LostAfter, Inputs: inputs, SealedInputs: sealed,
	}, err
}
