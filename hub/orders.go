package hub

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/cronium/cronium/hub/dispatch"
	"github.com/cronium/cronium/hub/job"
	"github.com/cronium/cronium/hub/project"
	"github.com/cronium/cronium/hub/run"
	"github.com/cronium/cronium/hub/schedule"
	"github.com/cronium/cronium/hub/secret"
)

// orders turns jobs into what the rooms above ask for: a request for a run, the
// facts behind a schedule, the version that an agent executes. It is here because
// jobs know neither runs nor schedules, and those know no jobs.
type orders struct {
	jobs     *job.Store
	projects *project.Store
	keys     *secret.Keys
}

// graceAfterTimeout is how long a silent run is waited for beyond its own timeout
// before it counts as lost (reliability page, §3.2.9: on_disconnect wait).
const graceAfterTimeout = 15 * time.Minute

// Request is a run of the job with these inputs. The caller says who asked.
func (o orders) Request(j job.Job, given map[string]any) (run.Request, error) {
	inputs, sealed, err := o.resolve(j, given)
	if err != nil {
		return run.Request{}, err
	}
	return run.Request{
		Project: j.ProjectID, JobID: j.ID, JobName: j.Name, JobVersion: j.Version,
		Inputs: inputs, SealedInputs: sealed, Target: j.Spec.Hosts(),
		Retry: retryOf(j.Spec), LostAfter: j.Spec.Limit() + graceAfterTimeout,
	}, nil
}

// resolve checks the inputs and seals the secret ones, so that they are in clear
// only here and in dispatch.
func (o orders) resolve(j job.Job, given map[string]any) (map[string]any, []byte, error) {
	resolved, err := j.Spec.Inputs.Resolve(given)
	if err != nil {
		return nil, nil, err
	}
	inputs, secrets := j.Spec.Inputs.Split(resolved)
	if len(secrets) == 0 {
		return inputs, nil, nil
	}
	plain, err := json.Marshal(secrets)
	if err != nil {
		return nil, nil, fmt.Errorf("encode secret inputs: %w", err)
	}
	sealed, err := o.keys.Seal(plain, dispatch.InputsAAD(j.ID))
	return inputs, sealed, err
}

// Facts is what schedules need to know of jobs.
func (o orders) Facts(ctx context.Context, tx pgx.Tx, ids []uuid.UUID) (map[uuid.UUID]schedule.Job, error) {
	jobs, err := o.jobs.ByIDs(ctx, tx, ids)
	if err != nil {
		return nil, err
	}
	facts := make(map[uuid.UUID]schedule.Job, len(jobs))
	for id, j := range jobs {
		facts[id] = schedule.Job{
			Name: j.Name, Version: j.Version, State: schedule.JobState(j.State), Target: j.Spec.Hosts(),
			Retry: retryOf(j.Spec), LostAfter: j.Spec.Limit() + graceAfterTimeout,
			Resolve: func(given map[string]any) (map[string]any, []byte, error) { return o.resolve(j, given) },
		}
	}
	return facts, nil
}

// Versions is what agents execute.
func (o orders) Versions(ctx context.Context, refs []dispatch.VersionRef) (map[dispatch.VersionRef]dispatch.JobVersion, error) {
	asked := make([]job.VersionRef, len(refs))
	for i, ref := range refs {
		asked[i] = job.VersionRef{JobID: ref.JobID, Version: ref.Version}
	}
	specs, err := o.jobs.Specs(ctx, asked)
	if err != nil {
		return nil, err
	}
	versions := make(map[dispatch.VersionRef]dispatch.JobVersion, len(specs))
	for ref, v := range specs {
		versions[dispatch.VersionRef{JobID: ref.JobID, Version: ref.Version}] = dispatch.JobVersion{
			Language: v.Spec.Script.Language, Source: []byte(v.Spec.Script.Source), SHA256: v.ScriptSHA256,
			Env: v.Spec.Env, Timeout: v.Spec.Limit(), Grace: grace,
			Container: containerOf(v.Spec), Limits: limitsOf(v.Spec),
		}
	}
	return versions, nil
}

func containerOf(s job.Spec) *dispatch.Container {
	if s.Container == nil {
		return nil
	}
	c := dispatch.Container(*s.Container)
	return &c
}

func limitsOf(s job.Spec) dispatch.Limits {
	if s.Limits == nil {
		return dispatch.Limits{}
	}
	return dispatch.Limits{MemoryBytes: s.Limits.MemoryBytes(), MilliCPUs: int64(s.Limits.CPUs * 1000), Processes: int64(s.Limits.Processes)}
}

// DeclaredSecrets are the secrets that a version of a job may read.
func (o orders) DeclaredSecrets(ctx context.Context, jobID uuid.UUID, version int) ([]string, error) {
	ref := job.VersionRef{JobID: jobID, Version: version}
	specs, err := o.jobs.Specs(ctx, []job.VersionRef{ref})
	if err != nil {
		return nil, err
	}
	return specs[ref].Spec.Secrets, nil
}

// grace is how long a script has between SIGTERM and SIGKILL.
const grace = 10 * time.Second

// ProjectSlug is the name that scripts see of their project.
func (o orders) ProjectSlug(ctx context.Context, id uuid.UUID) (string, error) {
	p, err := o.projects.ByID(ctx, id)
	return p.Slug, err
}

func retryOf(s job.Spec) run.Retry {
	if s.Retries == nil {
		return run.Retry{}
	}
	retry := run.Retry{Max: s.Retries.Max, Backoff: s.Retries.Backoff, Delay: s.Retries.Wait()}
	for _, outcome := range s.Retries.On {
		retry.On = append(retry.On, run.Outcome(outcome))
	}
	return retry
}
