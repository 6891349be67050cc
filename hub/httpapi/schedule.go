package httpapi

import (
	"cmp"
	"context"
	"time"

	"github.com/google/uuid"

	"github.com/cronium/cronium/hub/run"
	"github.com/cronium/cronium/hub/schedule"
	"github.com/cronium/cronium/hub/schedule/cron"
)

func (a *API) listSchedules(ctx context.Context, c *call, in *listSchedulesInput) (*output[Page[Schedule]], error) {
	f := schedule.Filter{Cursor: in.Cursor, Limit: in.Limit}
	if in.Job != "" {
		j, err := a.jobs.Get(ctx, c.project.ID, in.Job)
		if err != nil {
			return nil, err
		}
		f.JobID = &j.ID
	}
	page, err := a.schedules.List(ctx, c.project.ID, f)
	if err != nil {
		return nil, err
	}
	return pageOf(showSchedules(page.Items), page.Next), nil
}

func (a *API) getSchedule(ctx context.Context, c *call, in *SchedulePath) (*output[Schedule], error) {
	id, err := scheduleID(in.Schedule)
	if err != nil {
		return nil, err
	}
	s, err := a.schedules.Get(ctx, c.project.ID, id)
	if err != nil {
		return nil, err
	}
	return answer(showSchedule(s)), nil
}

func (a *API) pauseSchedule(ctx context.Context, c *call, in *SchedulePath) (*output[Schedule], error) {
	return a.switchSchedule(ctx, c, in, false)
}

func (a *API) resumeSchedule(ctx context.Context, c *call, in *SchedulePath) (*output[Schedule], error) {
	return a.switchSchedule(ctx, c, in, true)
}

func (a *API) switchSchedule(ctx context.Context, c *call, in *SchedulePath, enabled bool) (*output[Schedule], error) {
	id, err := scheduleID(in.Schedule)
	if err != nil {
		return nil, err
	}
	s, err := a.schedules.SetEnabled(ctx, c.project.ID, id, enabled)
	if err != nil {
		return nil, err
	}
	return answer(showSchedule(s)), nil
}

func (a *API) listFires(ctx context.Context, c *call, in *listFiresInput) (*output[Page[Fire]], error) {
	id, err := scheduleID(in.Schedule)
	if err != nil {
		return nil, err
	}
	page, err := a.schedules.Fires(ctx, c.project.ID, id, schedule.FirePage{Cursor: in.Cursor, Limit: in.Limit})
	if err != nil {
		return nil, err
	}
	items := make([]Fire, len(page.Items))
	for i, f := range page.Items {
		items[i] = Fire{
			PlannedAt: f.Planned, DecidedAt: f.Decided, Outcome: string(f.Outcome),
			Reason: f.Reason, Detail: f.Detail, Occurrences: max(f.Occurrences, 1),
		}
		if f.RunID != nil {
			items[i].RunID = run.FormatID(*f.RunID)
		}
	}
	return pageOf(items, page.Next), nil
}

func (a *API) previewSchedule(_ context.Context, _ *call, in *previewInput) (*output[Preview], error) {
	options := schedule.Options{Gap: cron.Gap(in.Body.Gap), Fold: cron.Fold(in.Body.Fold)}
	p, err := schedule.Preview(in.Body.Cron, in.Body.Zone, options, cmp.Or(in.Body.N, 5), a.now())
	if err != nil {
		return nil, err
	}
	shown := Preview{Words: p.Words, Next: make([]PreviewTime, len(p.Next)), Notes: append([]string{}, p.Notes...)}
	for i, at := range p.Next {
		shown.Next[i] = PreviewTime{UTC: at.UTC(), Local: at.Format(time.RFC3339)}
	}
	return answer(shown), nil
}

// scheduleID answers for what is no id as for an id that nobody has.
func scheduleID(text string) (uuid.UUID, error) {
	id, err := uuid.Parse(text)
	if err != nil || id.String() != text {
		return uuid.Nil, schedule.ErrNotFound.With("No such schedule")
	}
	return id, nil
}

func showSchedules(all []schedule.Schedule) []Schedule {
	shown := make([]Schedule, len(all))
	for i, s := range all {
		shown[i] = showSchedule(s)
	}
	return shown
}

func showSchedule(s schedule.Schedule) Schedule {
	shown := Schedule{
		ID: s.ID.String(), Job: s.JobName, Name: s.Name, Cron: s.Cron, Zone: s.Zone, Words: s.Words, Gap: s.Gap, Fold: s.Fold,
		Overlap: s.Overlap, CatchUp: s.CatchUp, Enabled: s.Enabled, Inputs: s.Inputs, NextAt: s.Next, LastAt: s.Last, Next: []time.Time{},
	}
	if shown.Inputs == nil {
		shown.Inputs = map[string]any{}
	}
	for _, at := range s.Upcoming(5) {
		shown.Next = append(shown.Next, at.UTC())
	}
	return shown
}
