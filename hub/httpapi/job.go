package httpapi

import (
	"context"
	"encoding/hex"
	"errors"
	"strconv"
	"strings"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/cronium/cronium/hub/job"
	"github.com/cronium/cronium/hub/run"
)

// How many of a job's last runs its list shows.
const lastRuns = 30

func (a *API) listJobs(ctx context.Context, c *call, in *listJobsInput) (*output[Page[JobSummary]], error) {
	labels, err := labelFilter(in.Label)
	if err != nil {
		return nil, err
	}
	page, err := a.jobs.List(ctx, c.project.ID, job.Filter{
		Labels: labels, State: job.State(in.State), Text: in.Text, After: in.Cursor, Limit: in.Limit,
	})
	if err != nil {
		return nil, err
	}
	items, err := a.summariseJobs(ctx, page.Jobs)
	if err != nil {
		return nil, err
	}
	return pageOf(items, page.Next), nil
}

// summariseJobs asks once for the schedules and once for the runs of all jobs.
func (a *API) summariseJobs(ctx context.Context, jobs []job.Job) ([]JobSummary, error) {
	ids := make([]uuid.UUID, len(jobs))
	for i, j := range jobs {
		ids[i] = j.ID
	}
	schedules, err := a.schedules.ByJobs(ctx, ids)
	if err != nil {
		return nil, err
	}
	runs, err := a.runs.RecentByJob(ctx, ids, lastRuns)
	if err != nil {
		return nil, err
	}
	items := make([]JobSummary, len(jobs))
	for i, j := range jobs {
		items[i] = JobSummary{
			Name: j.Name, Labels: orEmpty(j.Labels), State: string(j.State), Version: j.Version, Language: j.Spec.Language(),
			UpdatedAt: j.UpdatedAt, Schedules: []JobSchedule{}, LastRuns: []JobRun{},
		}
		for _, s := range schedules[j.ID] {
			items[i].Schedules = append(items[i].Schedules, JobSchedule{ID: s.ID.String(), Name: s.Name, Words: s.Words, NextAt: s.Next, Enabled: s.Enabled})
		}
		for _, r := range runs[j.ID] {
			items[i].LastRuns = append(items[i].LastRuns, JobRun{
				ID: r.Public(), State: string(r.State), CreatedAt: r.CreatedAt, DurationMS: between(r.StartedAt, r.FinishedAt),
			})
		}
	}
	return items, nil
}

// labelFilter reads name=value pairs.
func labelFilter(pairs []string) (map[string]string, error) {
	labels := map[string]string{}
	for _, pair := range pairs {
		name, value, ok := strings.Cut(pair, "=")
		if !ok || name == "" {
			return nil, ErrInvalidParameter.With("label must be name=value").At("label")
		}
		labels[name] = value
	}
	return labels, nil
}

func (a *API) getJob(ctx context.Context, c *call, in *JobPath) (*jobOutput, error) {
	j, err := a.jobs.Get(ctx, c.project.ID, in.Job)
	if err != nil {
		return nil, err
	}
	shown, err := a.showJob(ctx, j)
	if err != nil {
		return nil, err
	}
	return &jobOutput{ETag: etag(j.Version), Body: shown}, nil
}

func (a *API) showJob(ctx context.Context, j job.Job) (Job, error) {
	schedules, err := a.schedules.ByJobs(ctx, []uuid.UUID{j.ID})
	if err != nil {
		return Job{}, err
	}
	return Job{
		Name: j.Name, Labels: orEmpty(j.Labels), State: string(j.State), Version: j.Version, Spec: showSpec(j.Spec),
		CreatedAt: j.CreatedAt, UpdatedAt: j.UpdatedAt, UpdatedBy: j.UpdatedBy, Schedules: showSchedules(schedules[j.ID]),
	}, nil
}

// errDryRun rolls a put back that was only a question.
var errDryRun = errors.New("dry run")

// putJob writes the job and, when the definition states them, its schedules, in
// one transaction.
func (a *API) putJob(ctx context.Context, c *call, in *putJobInput) (*output[JobChange], error) {
	if err := agrees(in, c.project.Slug); err != nil {
		return nil, err
	}
	version, err := ifMatch(in.IfMatch)
	if err != nil {
		return nil, err
	}
	var put job.Job
	var change job.Change
	moved := false
	err = a.db.InTx(ctx, func(tx pgx.Tx) (err error) {
		if put, change, err = a.jobs.Put(ctx, tx, c.actor, c.project.ID, definition(in.Body), version); err != nil {
			return err
		}
		if box := put.Spec.Container; box != nil {
			if err := a.projects.CheckImage(ctx, c.project.ID, box.Image); err != nil {
				return err
			}
		}
		if wishes := in.Body.Spec.Schedules; wishes != nil {
			if err := checkScheduleInputs(put.Spec.Inputs, wishes); err != nil {
				return err
			}
			if moved, err = a.schedules.Apply(ctx, tx, c.project.ID, put.ID, scheduleDefinitions(wishes)); err != nil {
				return err
			}
		}
		if in.DryRun {
			return errDryRun
		}
		return nil
	})
	if err != nil && !errors.Is(err, errDryRun) {
		return nil, err
	}
	if moved && !in.DryRun {
		a.bell.Ring("schedules")
	}
	if moved && change == job.Unchanged {
		change = job.Updated
	}
	shown, err := a.showJob(ctx, put)
	if err != nil {
		return nil, err
	}
	warnings, err := a.serverWarnings(ctx, put)
	if err != nil {
		return nil, err
	}
	return answer(JobChange{Change: string(change), Job: shown, Warnings: append(showWarnings(put.Warnings), warnings...)}), nil
}

// agrees holds the body against the path.
func agrees(in *putJobInput, project string) error {
	m := in.Body.Metadata
	if m.Name != in.Job {
		return ErrInvalidField.With("metadata.name differs from the name in the path").At("metadata.name")
	}
	if m.Project != "" && m.Project != project {
		return ErrInvalidField.With("metadata.project differs from the project in the path").At("metadata.project")
	}
	return nil
}

func (a *API) archiveJob(ctx context.Context, c *call, in *JobPath) (*none, error) {
	j, err := a.jobs.Get(ctx, c.project.ID, in.Job)
	if err != nil {
		return nil, err
	}
	err = a.db.InTx(ctx, func(tx pgx.Tx) error {
		if err := a.jobs.Archive(ctx, tx, c.actor, c.project.ID, in.Job); err != nil {
			return err
		}
		return a.schedules.DisableJob(ctx, tx, j.ID)
	})
	if err == nil {
		a.bell.Ring("schedules")
	}
	return nil, err
}

func (a *API) pauseJob(ctx context.Context, c *call, in *JobPath) (*jobOutput, error) {
	return a.setJobState(ctx, c, in, job.Paused)
}

func (a *API) resumeJob(ctx context.Context, c *call, in *JobPath) (*jobOutput, error) {
	return a.setJobState(ctx, c, in, job.Active)
}

func (a *API) setJobState(ctx context.Context, c *call, in *JobPath, state job.State) (*jobOutput, error) {
	if _, err := a.jobs.SetState(ctx, c.actor, c.project.ID, in.Job, state); err != nil {
		return nil, err
	}
	return a.getJob(ctx, c, in)
}

func (a *API) listJobVersions(ctx context.Context, c *call, in *versionsInput) (*output[Page[JobVersion]], error) {
	before := 0
	if in.Cursor != "" {
		var err error
		if before, err = strconv.Atoi(in.Cursor); err != nil || before < 1 || before > 1<<30 {
			return nil, ErrInvalidParameter.With("cursor is not one that this API gave out").At("cursor")
		}
	}
	j, err := a.jobs.Get(ctx, c.project.ID, in.Job)
	if err != nil {
		return nil, err
	}
	versions, err := a.jobs.Versions(ctx, j.ID, before, in.Limit+1)
	if err != nil {
		return nil, err
	}
	next := ""
	if len(versions) > in.Limit {
		versions = versions[:in.Limit]
		next = strconv.Itoa(versions[in.Limit-1].Version)
	}
	items := make([]JobVersion, len(versions))
	for i, v := range versions {
		items[i] = JobVersion{
			Version: v.Version, Note: v.Note, CreatedAt: v.CreatedAt, CreatedBy: v.CreatedBy, SHA256: hex.EncodeToString(v.ScriptSHA256),
			Script: v.Spec.Script.Source, Spec: showSpec(v.Spec),
		}
	}
	return pageOf(items, next), nil
}

// start asks for a run of the job as it is now.
func (a *API) start(ctx context.Context, c *call, name string, trigger run.Trigger, given map[string]any) (uuid.UUID, error) {
	j, err := a.jobs.Get(ctx, c.project.ID, name)
	if err != nil {
		return uuid.Nil, err
	}
	if j.State == job.Archived {
		return uuid.Nil, job.ErrArchived.With("The job %s is archived", j.Name)
	}
	request, err := a.orders.Request(ctx, j, given)
	if err != nil {
		return uuid.Nil, err
	}
	request.Trigger, request.StartedBy = trigger, c.actor.Email
	var made []run.Run
	err = a.db.InTx(ctx, func(tx pgx.Tx) (err error) {
		made, err = a.runs.Create(ctx, tx, []run.Request{request})
		return err
	})
	if err != nil {
		return uuid.Nil, err
	}
	a.bell.Ring("queue")
	a.bell.Ring("runs")
	return made[0].ID, nil
}

func etag(version int) string { return `"` + strconv.Itoa(version) + `"` }

// ifMatch reads what etag wrote; absent is zero, which matches everything.
func ifMatch(header string) (int, error) {
	if header == "" || header == "*" {
		return 0, nil
	}
	text := strings.TrimSuffix(strings.TrimPrefix(strings.TrimPrefix(header, "W/"), `"`), `"`)
	version, err := strconv.Atoi(text)
	if err != nil || version < 1 || version > 1<<30 {
		return 0, ErrInvalidParameter.With("If-Match must be the ETag of a job").At("If-Match")
	}
	return version, nil
}
