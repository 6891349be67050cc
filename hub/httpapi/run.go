package httpapi

import (
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/cronium/cronium/hub/run"
)

func (a *API) listRuns(ctx context.Context, c *call, in *listRunsInput) (*output[Page[RunSummary]], error) {
	f := run.Filter{Trigger: run.Trigger(in.Trigger), Cursor: in.Cursor, Limit: in.Limit}
	for _, state := range in.State {
		if state == "skipped" {
			continue // a fire is skipped, not a run: no run has this state yet
		}
		f.States = append(f.States, run.State(state))
	}
	if len(in.State) > 0 && len(f.States) == 0 {
		return pageOf[RunSummary](nil, ""), nil
	}
	if in.Parent != "" {
		id, err := run.ParseID(in.Parent)
		if err != nil {
			return nil, err
		}
		f.Parent = id
	}
	if in.Job != "" {
		j, err := a.jobs.Get(ctx, c.project.ID, in.Job)
		if err != nil {
			return nil, err
		}
		f.JobID = j.ID
	}
	page, err := a.runs.List(ctx, c.project.ID, f)
	if err != nil {
		return nil, err
	}
	items, err := a.summarise(ctx, page.Runs)
	if err != nil {
		return nil, err
	}
	return pageOf(items, page.Next), nil
}

func (a *API) getRun(ctx context.Context, c *call, in *RunPath) (*output[Run], error) {
	id, err := run.ParseID(in.Run)
	if err != nil {
		return nil, err
	}
	shown, err := a.showRun(ctx, c, id)
	if err != nil {
		return nil, err
	}
	return answer(shown), nil
}

func (a *API) cancelRun(ctx context.Context, c *call, in *RunPath) (*output[Run], error) {
	id, err := run.ParseID(in.Run)
	if err != nil {
		return nil, err
	}
	if _, err := a.runs.Cancel(ctx, c.actor, c.project.ID, id); err != nil {
		return nil, err
	}
	a.bell.Ring("cancel")
	a.bell.Ring("run:" + id.String())
	return a.getRun(ctx, c, in)
}

func (a *API) startRun(ctx context.Context, c *call, in *startRunInput) (*output[Run], error) {
	trigger := run.Trigger(in.Body.Trigger)
	if trigger == "" {
		trigger = run.ByHand
		if c.actor.TokenID != "" {
			trigger = run.ByAPI
		}
	}
	id, err := a.start(ctx, c, in.Job, trigger, plainNumbers(in.Body.Inputs))
	if err != nil {
		return nil, err
	}
	shown, err := a.showRun(ctx, c, id)
	if err != nil {
		return nil, err
	}
	return answer(shown), nil
}

// showRun is a run with everything its page needs.
func (a *API) showRun(ctx context.Context, c *call, id uuid.UUID) (Run, error) {
	r, err := a.runs.Get(ctx, c.project.ID, id)
	if err != nil {
		return Run{}, err
	}
	names, err := a.hostNames(ctx, []run.Run{r})
	if err != nil {
		return Run{}, err
	}
	shown := Run{RunSummary: summary(r, names), Inputs: r.Inputs, Attempts: []Attempt{}, MaxAttempts: r.MaxAttempts}
	if shown.Inputs == nil {
		shown.Inputs = map[string]any{}
	}
	if err := a.showSaid(ctx, id, &shown); err != nil {
		return Run{}, err
	}
	for _, t := range r.Attempts {
		shown.Attempts = append(shown.Attempts, showAttempt(t, names))
	}
	shown.Timeline = timeline(r, shown)
	return shown, nil
}

// showSaid adds what the run said of itself.
func (a *API) showSaid(ctx context.Context, id uuid.UUID, shown *Run) error {
	said, err := a.outputs.Get(ctx, id)
	if err != nil {
		return err
	}
	shown.Output, shown.OutputBytes, shown.OutputAt, shown.Condition = said.Output, said.Bytes, said.OutputAt, said.Condition
	if p := said.Progress; p != nil {
		shown.Progress = &RunProgress{Fraction: p.Fraction, Text: p.Text, At: p.At}
	}
	total, err := a.artifacts.Total(ctx, id)
	if err != nil {
		return err
	}
	if total.Count > 0 {
		shown.Artifacts = &ArtifactTotal{Count: total.Count, Bytes: total.Bytes, MadeAt: total.MadeAt.UTC()}
	}
	return nil
}

func (a *API) getRunOutput(ctx context.Context, c *call, in *RunPath) (*output[any], error) {
	id, err := run.ParseID(in.Run)
	if err != nil {
		return nil, err
	}
	if _, err := a.runs.Get(ctx, c.project.ID, id); err != nil {
		return nil, err
	}
	whole, err := a.outputs.Whole(ctx, id)
	if err != nil {
		return nil, err
	}
	return answer[any](whole), nil
}

// recentRuns is the newest page, and the runs of it that had not ended when this
// was called last, wherever they are now. It keeps those in open.
func (a *API) recentRuns(ctx context.Context, project uuid.UUID, open map[uuid.UUID]bool) ([]RunSummary, error) {
	page, err := a.runs.List(ctx, project, run.Filter{Limit: 100})
	if err != nil {
		return nil, err
	}
	for _, r := range page.Runs {
		delete(open, r.ID)
	}
	older := make([]uuid.UUID, 0, len(open))
	for id := range open {
		older = append(older, id)
	}
	runs := page.Runs
	if len(older) > 0 {
		more, err := a.runs.ByIDs(ctx, project, older)
		if err != nil {
			return nil, err
		}
		runs = append(runs, more...)
	}
	clear(open)
	for _, r := range runs {
		if !r.State.Final() && len(open) < 500 {
			open[r.ID] = true
		}
	}
	return a.summarise(ctx, runs)
}

func (a *API) summarise(ctx context.Context, runs []run.Run) ([]RunSummary, error) {
	names, err := a.hostNames(ctx, runs)
	if err != nil {
		return nil, err
	}
	items := make([]RunSummary, len(runs))
	for i, r := range runs {
		items[i] = summary(r, names)
	}
	return items, nil
}

// hostNames finds the names of all hosts that these runs mention, at once.
func (a *API) hostNames(ctx context.Context, runs []run.Run) (map[uuid.UUID]string, error) {
	var ids []uuid.UUID
	for _, r := range runs {
		if r.AgentID != nil {
			ids = append(ids, *r.AgentID)
		}
		for _, t := range r.Attempts {
			ids = append(ids, t.AgentID)
		}
	}
	slices.SortFunc(ids, func(a, b uuid.UUID) int { return slices.Compare(a[:], b[:]) })
	if ids = slices.Compact(ids); len(ids) == 0 {
		return nil, nil
	}
	return a.hosts.Names(ctx, ids)
}

func summary(r run.Run, names map[uuid.UUID]string) RunSummary {
	s := RunSummary{
		ID: r.Public(), Job: r.JobName, JobVersion: r.JobVersion, State: string(r.State), Trigger: string(r.Trigger),
		Attempt: r.Attempt, ExitCode: r.ExitCode, CreatedAt: r.CreatedAt, StartedAt: r.StartedAt, FinishedAt: r.FinishedAt,
		DurationMS: between(r.StartedAt, r.FinishedAt), StartedBy: r.StartedBy,
	}
	if r.ScheduleID != nil {
		s.Schedule = r.ScheduleID.String()
	}
	if r.AgentID != nil {
		s.Host = names[*r.AgentID]
	}
	if r.Server != "" {
		s.Host, s.Server = r.Server, r.Server
	}
	if r.ParentID != nil {
		s.Parent, s.Target = run.FormatID(*r.ParentID), r.Target
	}
	if r.Targets != nil {
		t := TargetCounts(*r.Targets)
		s.Targets = &t
	}
	if r.Reason != nil {
		s.Reason = &RunReason{Code: r.Reason.Code, Detail: r.Reason.Detail, Since: r.Reason.Since}
	}
	if r.Outcome != nil {
		s.Outcome = &RunOutcome{Code: r.Outcome.Code, Detail: r.Outcome.Detail, Hint: r.Outcome.Hint}
	}
	return s
}

func between(start, end *time.Time) *int64 {
	if start == nil || end == nil {
		return nil
	}
	ms := max(end.Sub(*start).Milliseconds(), 0)
	return &ms
}

func showAttempt(t run.Attempt, names map[uuid.UUID]string) Attempt {
	shown := Attempt{
		Attempt: t.Number, Host: names[t.AgentID], State: t.State, Outcome: string(t.Outcome), ExitCode: t.ExitCode, Signal: t.Signal,
		AssignedAt: t.AssignedAt, AcceptedAt: t.AcceptedAt, StartedAt: t.StartedAt, FinishedAt: t.FinishedAt,
		LogBytes: t.LogBytes, DroppedBytes: t.DroppedBytes, Late: t.Late, Image: t.Ran.Image, ImageDigest: t.Ran.Digest,
	}
	for _, s := range t.Ran.Stages {
		shown.Stages = append(shown.Stages, Stage{Name: s.Name, DurationMS: s.Duration.Milliseconds()})
	}
	if t.Problem != nil {
		shown.Problem = &RunOutcome{Code: t.Problem.Code, Detail: cmp.Or(t.Problem.Detail, t.Problem.Title), Hint: t.Problem.Hint}
	}
	return shown
}

// timeline tells a run's story in the order of its times.
func timeline(r run.Run, shown Run) []Moment {
	story := []Moment{{At: r.CreatedAt, What: "created", Detail: "by " + cmp.Or(r.StartedBy, string(r.Trigger))}}
	tell := func(at *time.Time, what, detail string) {
		if at != nil {
			story = append(story, Moment{At: *at, What: what, Detail: detail})
		}
	}
	for _, t := range shown.Attempts {
		tell(&t.AssignedAt, "assigned", t.Host)
		tell(t.AcceptedAt, "accepted", t.Host)
		tell(t.StartedAt, "started", t.Host)
		if t.State == "finished" || t.State == "revoked" || t.State == "lost" {
			tell(t.FinishedAt, t.State, t.Outcome)
		}
	}
	if r.Reason != nil {
		tell(&r.Reason.Since, "waiting", r.Reason.Detail)
	}
	tell(r.FinishedAt, "ended", string(r.State))
	slices.SortStableFunc(story, func(a, b Moment) int { return a.At.Compare(b.At) })
	return story
}
