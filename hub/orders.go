package hub

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/cronium/cronium/hub/dispatch"
	"github.com/cronium/cronium/hub/fleet"
	"github.com/cronium/cronium/hub/job"
	"github.com/cronium/cronium/hub/project"
	"github.com/cronium/cronium/hub/run"
	"github.com/cronium/cronium/hub/schedule"
	"github.com/cronium/cronium/hub/secret"
	"github.com/cronium/cronium/hub/server"
	"github.com/cronium/cronium/sdk/request"
)

// orders turns jobs into what the rooms above ask for: a request for a run, the
// facts behind a schedule, the version that an agent executes. It is here because
// jobs know neither runs nor schedules, and those know no jobs.
type orders struct {
	jobs     *job.Store
	projects *project.Store
	keys     *secret.Keys
	servers  *server.Store
	fleet    *fleet.Fleet
}

// graceAfterTimeout is how long a silent run is waited for beyond its own timeout
// before it counts as lost (reliability page, §3.2.9: on_disconnect wait).
const graceAfterTimeout = 15 * time.Minute

// Request is a run of the job with these inputs. The caller says who asked. A server
// that may not be used is refused here, while somebody is there to read why; one of
// several is not, for the others are of use without it.
func (o orders) Request(ctx context.Context, j job.Job, given map[string]any) (run.Request, error) {
	inputs, sealed, err := o.resolve(j, given)
	if err != nil {
		return run.Request{}, err
	}
	ways, err := o.servers.Ways(ctx, serversOf(j))
	if err != nil {
		return run.Request{}, err
	}
	if err := ways[serverOf(j)].Err; err != nil {
		return run.Request{}, err
	}
	fanOuts, err := o.fanOuts(ctx, nil, ways, j)
	if err != nil {
		return run.Request{}, err
	}
	return run.Request{
		Project: j.ProjectID, JobID: j.ID, JobName: j.Name, JobVersion: j.Version,
		Inputs: inputs, SealedInputs: sealed, Target: hostsOf(j, ways), Server: j.Spec.Target.Server,
		FanOut: fanOuts[j.ID], Retry: retryOf(j.Spec), LostAfter: j.Spec.Limit() + graceAfterTimeout,
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
	ways, err := o.servers.WaysTx(ctx, tx, serversOf(slices.Collect(maps.Values(jobs))...))
	if err != nil {
		return nil, err
	}
	fanOuts, err := o.fanOuts(ctx, tx, ways, slices.Collect(maps.Values(jobs))...)
	if err != nil {
		return nil, err
	}
	facts := make(map[uuid.UUID]schedule.Job, len(jobs))
	for id, j := range jobs {
		facts[id] = schedule.Job{
			Name: j.Name, Version: j.Version, State: schedule.JobState(j.State), Target: hostsOf(j, ways), Server: j.Spec.Target.Server,
			FanOut: fanOuts[id], Retry: retryOf(j.Spec), LostAfter: j.Spec.Limit() + graceAfterTimeout,
			Resolve: func(given map[string]any) (map[string]any, []byte, error) { return o.resolve(j, given) },
		}
	}
	return facts, nil
}

// serversOf lists the servers that these jobs run on, each once.
func serversOf(jobs ...job.Job) []server.Ref {
	var refs []server.Ref
	seen := map[server.Ref]bool{}
	for _, j := range jobs {
		for _, name := range j.Spec.Target.All() {
			ref := server.Ref{Project: j.ProjectID, Name: name}
			if !seen[ref] {
				seen[ref] = true
				refs = append(refs, ref)
			}
		}
	}
	return refs
}

func serverOf(j job.Job) server.Ref {
	return server.Ref{Project: j.ProjectID, Name: j.Spec.Target.Server}
}

// hostsOf are the labels of the agents that may run the job.
func hostsOf(j job.Job, ways map[server.Ref]server.Way) map[string]string {
	if j.Spec.Target.Server == "" {
		return j.Spec.Hosts()
	}
	return through(ways[serverOf(j)])
}

// through are the labels of the agents that may go that way. Dispatch tells why a
// server cannot be used; any agent that reaches servers will do to learn it.
func through(way server.Way) map[string]string {
	if way.Err == nil {
		return way.Labels
	}
	return map[string]string{server.ExecutorLabel: "true"}
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
		work, err := workOf(v)
		if err != nil {
			return nil, fmt.Errorf("version %d of job %s: %w", ref.Version, ref.JobID, err)
		}
		versions[dispatch.VersionRef{JobID: ref.JobID, Version: ref.Version}] = dispatch.JobVersion{
			Language: work.language, Source: work.source, SHA256: work.sha256,
			Env: v.Spec.Env, Timeout: v.Spec.Limit(), Grace: grace,
			Container: containerOf(v.Spec), Limits: limitsOf(v.Spec),
			Dependencies: v.Spec.Dependencies,
		}
	}
	return versions, nil
}

// work is what an agent is given to do: a script, or an HTTP request as JSON.
type work struct {
	language       string
	source, sha256 []byte
}

func workOf(v job.Version) (work, error) {
	if v.Spec.HTTP == nil {
		return work{v.Spec.Script.Language, []byte(v.Spec.Script.Source), v.ScriptSHA256}, nil
	}
	source, err := json.Marshal(v.Spec.HTTP)
	sum := sha256.Sum256(source)
	return work{request.Language, source, sum[:]}, err
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
	return dispatch.Limits{MemoryBytes: s.Limits.MemoryBytes(), MilliCPUs: int64(s.Limits.CPUs * 1000), Processes: int64(s.Limits.Processes),
		FileBytes: s.Limits.FileBytes(), WorkspaceBytes: s.Limits.WorkspaceBytes()}
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

// CheckImage asks what the project allows.
func (o orders) CheckImage(ctx context.Context, id uuid.UUID, image string) error {
	return o.projects.CheckImage(ctx, id, image)
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
