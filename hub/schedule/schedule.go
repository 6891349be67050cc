package schedule

import (
	"time"

	"github.com/google/uuid"

	"github.com/cronium/cronium/hub/schedule/cron"
)

// Plan is a parsed schedule; see [cron.Plan].
type Plan = cron.Plan

// Options are the parts of a plan besides its text and zone.
type Options = cron.Options

// Parse reads a schedule's text; see [cron.Parse].
func Parse(spec, zone string, o Options) (Plan, error) { return cron.Parse(spec, zone, o) }

// Policies. The empty text is the first of each pair or three but catch-up,
// where it is CatchUpLast.
const (
	OverlapAllow = "allow" // start, whatever the previous run does
	OverlapSkip  = "skip"  // do not start while the previous run is open

	CatchUpNone = "none"
	CatchUpLast = "last"
	CatchUpAll  = "all"
)

// Definition is a schedule as its job's author writes it.
type Definition struct {
	Name    string // unique in the job
	Cron    string // see the package cron
	Zone    string // default UTC
	Gap     string // shift (default) or skip
	Fold    string // first (default), second or both
	Overlap string // allow (default) or skip
	CatchUp string // last (default), none or all
	Inputs  map[string]any
	Enabled *bool // nil: as it is, and true for a new one
}

// Schedule is a schedule as it is now.
type Schedule struct {
	ID        uuid.UUID
	ProjectID uuid.UUID
	JobID     uuid.UUID
	JobName   string
	Name      string
	Cron      string
	Zone      string
	Words     string // Cron in English, without the zone
	Gap       string
	Fold      string
	Overlap   string
	CatchUp   string
	Inputs    map[string]any // numbers are json.Number
	Enabled   bool
	Revision  int64      // counts changes
	Next      *time.Time // nil: not due, because it is disabled or over
	Last      *time.Time // the last due time that was decided
	Created   time.Time
	Updated   time.Time

	anchor time.Time
}

// Upcoming returns up to n due times from the next one on.
func (s Schedule) Upcoming(n int) []time.Time {
	if s.Next == nil || n <= 0 {
		return nil
	}
	plan, err := s.plan()
	if err != nil {
		return nil
	}
	return append([]time.Time{*s.Next}, upcoming(&plan, *s.Next, n-1)...)
}

func (s Schedule) plan() (Plan, error) {
	return Parse(s.Cron, s.Zone, Options{Gap: cron.Gap(s.Gap), Fold: cron.Fold(s.Fold), Anchor: s.anchor})
}

func upcoming(plan *Plan, after time.Time, n int) (all []time.Time) {
	for at, ok := plan.Next(after); ok && len(all) < n; at, ok = plan.Next(at) {
		all = append(all, at)
	}
	return all
}

// Outcome says what became of an occurrence.
type Outcome string

// All outcomes.
const (
	Started Outcome = "started"
	Skipped Outcome = "skipped"
	Missed  Outcome = "missed"
)

// Reasons of skipped and missed occurrences.
const (
	ReasonOverlap  = "previous_run_open"
	ReasonPaused   = "job_paused"
	ReasonArchived = "job_archived"
	ReasonInputs   = "invalid_inputs"
	ReasonNone     = "catch_up_none"
	ReasonLast     = "catch_up_last"
	ReasonLimit    = "catch_up_limit"
	ReasonSpec     = "invalid_schedule"
	ReasonInternal = "internal_error"
)

// Fire is a row of the ledger.
type Fire struct {
	Planned     time.Time // the first one, when it stands for many
	Decided     time.Time
	Revision    int64 // of the schedule
	Occurrences int64 // how many it stands for
	Outcome     Outcome
	Reason      string // empty when started
	Detail      string
	RunID       *uuid.UUID // when started
}
