package schedule

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/cronium/cronium/hub/schedule/cron"
	"github.com/cronium/cronium/hub/schedule/internal/db"
)

const (
	defaultPage = 100
	maxPage     = 1000
)

// Filter selects schedules of a project.
type Filter struct {
	JobID  *uuid.UUID // nil: of every job
	Cursor string     // Next of the page before
	Limit  int        // default 100, at most 1000
}

// Page is a piece of a list. Next is empty on the last one.
type Page[T any] struct {
	Items []T
	Next  string
}

// List returns schedules of a project, oldest first.
func (s *Store) List(ctx context.Context, project uuid.UUID, f Filter) (Page[Schedule], error) {
	var after uuid.UUID
	if f.Cursor != "" {
		var err error
		if after, err = uuid.Parse(f.Cursor); err != nil {
			return Page[Schedule]{}, ErrCursor.With("%q is not a cursor", f.Cursor).At("cursor")
		}
	}
	limit := pageLimit(f.Limit)
	var page Page[Schedule]
	err := s.read(ctx, func(tx pgx.Tx) (rows []db.Schedule, err error) {
		return db.New(tx).List(ctx, db.ListParams{ProjectID: project, After: after, JobID: f.JobID, N: int32(limit) + 1}) //nolint:gosec // at most maxPage
	}, &page.Items)
	if err != nil {
		return Page[Schedule]{}, fmt.Errorf("list schedules: %w", err)
	}
	if len(page.Items) > limit {
		page.Items = page.Items[:limit]
		page.Next = page.Items[limit-1].ID.String()
	}
	return page, nil
}

func pageLimit(n int) int {
	if n <= 0 {
		return defaultPage
	}
	return min(n, maxPage)
}

// Get returns one schedule.
func (s *Store) Get(ctx context.Context, project, id uuid.UUID) (Schedule, error) {
	var found []Schedule
	err := s.read(ctx, func(tx pgx.Tx) ([]db.Schedule, error) {
		row, err := db.New(tx).Get(ctx, project, id)
		return []db.Schedule{row}, notFound(err, id)
	}, &found)
	if err != nil {
		return Schedule{}, fmt.Errorf("get schedule: %w", err)
	}
	return found[0], nil
}

func notFound(err error, id uuid.UUID) error {
	if errors.Is(err, pgx.ErrNoRows) {
		return ErrNotFound.With("There is no schedule %s", id)
	}
	return err
}

// ByJobs returns the schedules of many jobs, by name within a job.
func (s *Store) ByJobs(ctx context.Context, jobIDs []uuid.UUID) (map[uuid.UUID][]Schedule, error) {
	var all []Schedule
	err := s.read(ctx, func(tx pgx.Tx) ([]db.Schedule, error) { return db.New(tx).OfJobs(ctx, jobIDs) }, &all)
	if err != nil {
		return nil, fmt.Errorf("schedules of jobs: %w", err)
	}
	byJob := make(map[uuid.UUID][]Schedule, len(jobIDs))
	for _, one := range all {
		byJob[one.JobID] = append(byJob[one.JobID], one)
	}
	return byJob, nil
}

// read converts rows and looks up the names of their jobs.
func (s *Store) read(ctx context.Context, query func(tx pgx.Tx) ([]db.Schedule, error), into *[]Schedule) error {
	return s.db.InTx(ctx, func(tx pgx.Tx) error {
		rows, err := query(tx)
		if err != nil || len(rows) == 0 {
			*into = nil
			return err
		}
		*into = make([]Schedule, len(rows))
		var jobIDs []uuid.UUID
		seen := map[uuid.UUID]bool{}
		for i, r := range rows {
			if (*into)[i], err = convert(r); err != nil {
				return err
			}
			if !seen[r.JobID] {
				seen[r.JobID] = true
				jobIDs = append(jobIDs, r.JobID)
			}
		}
		facts, err := s.jobs.Facts(ctx, tx, jobIDs)
		for i := range *into {
			(*into)[i].JobName = facts[(*into)[i].JobID].Name
		}
		return err
	})
}

func convert(r db.Schedule) (Schedule, error) {
	inputs, err := decodeInputs(r.Inputs)
	if err != nil {
		return Schedule{}, fmt.Errorf("inputs of schedule %s: %w", r.ID, err)
	}
	s := Schedule{
		ID: r.ID, ProjectID: r.ProjectID, JobID: r.JobID, Name: r.Name, Cron: r.Spec, Zone: r.Zone,
		Gap: r.Gap, Fold: r.Fold, Overlap: r.Overlap, CatchUp: r.CatchUp, Inputs: inputs, Enabled: r.Enabled, Revision: r.Revision,
		Next: utc(r.NextFireAt), Last: utc(r.LastFireAt), Created: r.CreatedAt.UTC(), Updated: r.UpdatedAt.UTC(), anchor: r.AnchorAt,
		Words: r.Spec,
	}
	if plan, err := s.plan(); err == nil { // a zone may be gone from the machine's tables
		s.Words = plan.Words()
	}
	return s, nil
}

func utc(t *time.Time) *time.Time {
	if t == nil {
		return nil
	}
	at := t.UTC()
	return &at
}

// SetEnabled enables or disables a schedule. An enabled one is due from now on:
// what it would have been due for meanwhile is neither started nor missed.
func (s *Store) SetEnabled(ctx context.Context, project, id uuid.UUID, enabled bool) (Schedule, error) {
	err := s.db.InTx(ctx, func(tx pgx.Tx) error {
		q := db.New(tx)
		row, err := q.LockOne(ctx, project, id)
		if err != nil {
			return notFound(err, id)
		}
		if row.Enabled == enabled {
			return nil
		}
		plan, err := Parse(row.Spec, row.Zone, Options{Gap: cron.Gap(row.Gap), Fold: cron.Fold(row.Fold), Anchor: row.AnchorAt})
		if err != nil && enabled {
			return err
		}
		next := resume(&plan, later(row.DbNow, row.LastFireAt), enabled)
		return q.SetEnabled(ctx, enabled, orNone(next), id)
	})
	if err != nil {
		return Schedule{}, fmt.Errorf("switch schedule: %w", err)
	}
	s.cfg.Changed()
	return s.Get(ctx, project, id)
}

func orNone(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}

// FirePage selects rows of a schedule's ledger.
type FirePage struct {
	Cursor string // Next of the page before
	Limit  int    // default 100, at most 1000
}

// Fires returns the ledger of a schedule, latest planned time first.
func (s *Store) Fires(ctx context.Context, project, id uuid.UUID, p FirePage) (Page[Fire], error) {
	before := time.Date(9999, 12, 31, 0, 0, 0, 0, time.UTC)
	if p.Cursor != "" {
		var err error
		if before, err = time.Parse(time.RFC3339Nano, p.Cursor); err != nil {
			return Page[Fire]{}, ErrCursor.With("%q is not a cursor", p.Cursor).At("cursor")
		}
	}
	if _, err := s.q.Get(ctx, project, id); err != nil {
		return Page[Fire]{}, fmt.Errorf("fires: %w", notFound(err, id))
	}
	limit := pageLimit(p.Limit)
	rows, err := s.q.Fires(ctx, id, before, int32(limit)+1) //nolint:gosec // at most maxPage
	if err != nil {
		return Page[Fire]{}, fmt.Errorf("fires of schedule %s: %w", id, err)
	}
	var page Page[Fire]
	for _, r := range rows[:min(len(rows), limit)] {
		page.Items = append(page.Items, Fire{
			Planned: r.PlannedAt.UTC(), Decided: r.DecidedAt.UTC(), Revision: r.Revision, Occurrences: r.Occurrences,
			Outcome: Outcome(r.Outcome), Reason: r.Reason, Detail: r.Detail, RunID: r.RunID,
		})
	}
	if len(rows) > limit {
		page.Next = page.Items[limit-1].Planned.Format(time.RFC3339Nano)
	}
	return page, nil
}
