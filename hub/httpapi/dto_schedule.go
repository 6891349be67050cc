package httpapi

import "time"

// Schedule says when a job is due.
type Schedule struct {
	ID      string         `json:"id" format:"uuid"`
	Job     string         `json:"job"`
	Name    string         `json:"name"`
	Cron    string         `json:"cron"`
	Zone    string         `json:"zone"`
	Words   string         `json:"words"`
	Gap     string         `json:"gap" enum:"shift,skip"`
	Fold    string         `json:"fold" enum:"first,second,both"`
	Overlap string         `json:"overlap" enum:"allow,skip"`
	CatchUp string         `json:"catch_up" enum:"none,last,all"`
	Enabled bool           `json:"enabled"`
	Inputs  map[string]any `json:"inputs"`
	NextAt  *time.Time     `json:"next_at,omitempty"`
	LastAt  *time.Time     `json:"last_at,omitempty"`
	Next    []time.Time    `json:"next" doc:"Up to five"`
}

// Fire is one due occurrence and what became of it.
type Fire struct {
	PlannedAt   time.Time `json:"planned_at"`
	DecidedAt   time.Time `json:"decided_at"`
	Outcome     string    `json:"outcome" enum:"started,skipped,missed"`
	Reason      string    `json:"reason,omitempty" doc:"Why it did not start"`
	Detail      string    `json:"detail,omitempty"`
	Occurrences int64     `json:"occurrences" doc:"How many due times this stands for"`
	RunID       string    `json:"run_id,omitempty"`
}

// PreviewRequest asks what a cron text means.
type PreviewRequest struct {
	Cron string `json:"cron" minLength:"1" maxLength:"256"`
	Zone string `json:"zone,omitempty" maxLength:"64"`
	N    int    `json:"n,omitempty" minimum:"1" maximum:"100" doc:"How many times; the default is 5"`
	Gap  string `json:"gap,omitempty" enum:"shift,skip"`
	Fold string `json:"fold,omitempty" enum:"first,second,both"`
}

// Preview is what a cron text means.
type Preview struct {
	Words string        `json:"words"`
	Next  []PreviewTime `json:"next"`
	Notes []string      `json:"notes" doc:"What the zone's clock changes do to it"`
}

// PreviewTime is a due time, in UTC and on the zone's clock.
type PreviewTime struct {
	UTC   time.Time `json:"utc"`
	Local string    `json:"local" example:"2026-12-01T02:15:00+01:00"`
}
