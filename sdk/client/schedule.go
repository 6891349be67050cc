package client

import (
	"context"
	"net/http"
	"time"
)

// Schedule says when a job is due.
type Schedule struct {
	ID      string         `json:"id"`
	Job     string         `json:"job"`
	Name    string         `json:"name"`
	Cron    string         `json:"cron"`
	Zone    string         `json:"zone"`
	Words   string         `json:"words"`
	Gap     string         `json:"gap"`
	Fold    string         `json:"fold"`
	Overlap string         `json:"overlap"`
	CatchUp string         `json:"catch_up"`
	Enabled bool           `json:"enabled"`
	Inputs  map[string]any `json:"inputs"`
	NextAt  *time.Time     `json:"next_at,omitempty"`
	LastAt  *time.Time     `json:"last_at,omitempty"`
	Next    []time.Time    `json:"next"`
}

// Fire is one due occurrence and what became of it.
type Fire struct {
	PlannedAt   time.Time `json:"planned_at"`
	DecidedAt   time.Time `json:"decided_at"`
	Outcome     string    `json:"outcome"` // started, skipped or missed
	Reason      string    `json:"reason,omitempty"`
	Detail      string    `json:"detail,omitempty"`
	Occurrences int64     `json:"occurrences"` // how many due times this stands for
	RunID       string    `json:"run_id,omitempty"`
}

// PreviewRequest asks what a cron text means.
type PreviewRequest struct {
	Cron string `json:"cron"`
	Zone string `json:"zone,omitempty"`
	N    int    `json:"n,omitempty"` // how many times; the hub's default is 5
	Gap  string `json:"gap,omitempty"`
	Fold string `json:"fold,omitempty"`
}

// Preview is what a cron text means.
type Preview struct {
	Words string        `json:"words"`
	Next  []PreviewTime `json:"next"`
	Notes []string      `json:"notes"`
}

// PreviewTime is a due time, in UTC and on the zone's clock.
type PreviewTime struct {
	UTC   time.Time `json:"utc"`
	Local string    `json:"local"`
}

func schedules(project string, rest ...string) []string {
	return append([]string{"projects", project, "schedules"}, rest...)
}

// Schedules lists schedules; an empty job means all jobs.
func (c *Client) Schedules(ctx context.Context, project, job string, p Paging) (Page[Schedule], error) {
	r := get(schedules(project)...)
	r.query = p.query()
	set(r.query, "job", job)
	return page[Schedule](ctx, c, r)
}

// Schedule returns a schedule.
func (c *Client) Schedule(ctx context.Context, project, id string) (Schedule, error) {
	var s Schedule
	return s, c.call(ctx, get(schedules(project, id)...), &s)
}

// PauseSchedule keeps a schedule from firing.
func (c *Client) PauseSchedule(ctx context.Context, project, id string) (Schedule, error) {
	var s Schedule
	return s, c.call(ctx, post(schedules(project, id, "pause")...), &s)
}

// ResumeSchedule lets a schedule fire again.
func (c *Client) ResumeSchedule(ctx context.Context, project, id string) (Schedule, error) {
	var s Schedule
	return s, c.call(ctx, post(schedules(project, id, "resume")...), &s)
}

// Fires lists what became of each due time, newest first.
func (c *Client) Fires(ctx context.Context, project, id string, p Paging) (Page[Fire], error) {
	r := get(schedules(project, id, "fires")...)
	r.query = p.query()
	return page[Fire](ctx, c, r)
}

// Preview says what a cron text means.
func (c *Client) Preview(ctx context.Context, p PreviewRequest) (Preview, error) {
	var shown Preview
	return shown, c.call(ctx, request{method: http.MethodPost, path: []string{"schedules", "preview"}, body: p}, &shown)
}
