package schedule

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/cronium/cronium/hub/postgres"
	"github.com/cronium/cronium/hub/run"
	"github.com/cronium/cronium/hub/schedule/cron"
	"github.com/cronium/cronium/hub/schedule/internal/db"
)

// FireDue decides every occurrence that is due at now and returns how many runs
// it asked for. The zero now is the database's own clock, and what hubs use. It
// may run in any number of hubs at once: each takes what no other is at. When
// more than a batch is due, a few connections share the work in the same way.
func (s *Store) FireDue(ctx context.Context, now time.Time) (started int, err error) {
	var at *time.Time
	if !now.IsZero() {
		at = &now
	}
	n, started, err := s.fireBatch(ctx, at)
	if err != nil {
		return started, fmt.Errorf("fire due schedules: %w", err)
	}
	if n < s.cfg.Batch {
		return started, nil
	}
	more, errs := make([]int, s.cfg.Workers), make([]error, s.cfg.Workers)
	var workers sync.WaitGroup
	for i := range s.cfg.Workers {
		workers.Go(func() { more[i], errs[i] = s.fireBatches(ctx, at) })
	}
	workers.Wait()
	for _, n := range more {
		started += n
	}
	if err := errors.Join(errs...); err != nil {
		return started, fmt.Errorf("fire due schedules: %w", err)
	}
	return started, nil
}

// fireBatches goes on until a batch is not full.
func (s *Store) fireBatches(ctx context.Context, at *time.Time) (started int, err error) {
	for {
		n, runs, err := s.fireBatch(ctx, at)
		started += runs
		if err != nil || n < s.cfg.Batch {
			return started, err
		}
	}
}

// fireBatch decides up to a batch in one transaction. When that fails for a
// reason that lies in the batch, it is done again one by one.
func (s *Store) fireBatch(ctx context.Context, at *time.Time) (n, started int, err error) {
	n, started, err = s.fireWith(ctx, at, s.write)
	if err == nil || ctx.Err() != nil || postgres.Unavailable(err) {
		return n, started, err
	}
	s.cfg.Log.WarnContext(ctx, "batch of due schedules refused, going one by one", "err", err)
	return s.fireWith(ctx, at, s.writeEach)
}

type writer func(ctx context.Context, tx pgx.Tx, verdicts []verdict) ([]uuid.UUID, error)

func (s *Store) fireWith(ctx context.Context, at *time.Time, write writer) (n, started int, err error) {
	var runs []uuid.UUID
	err = s.db.InTx(ctx, func(tx pgx.Tx) error {
		dues, err := s.lockDue(ctx, tx, at)
		if err != nil {
			return err
		}
		n, runs = len(dues), nil
		if n == 0 {
			return nil
		}
		verdicts := make([]verdict, n)
		for i, d := range dues {
			verdicts[i] = d.decide()
		}
		runs, err = write(ctx, tx, verdicts)
		return err
	})
	if err != nil {
		return n, 0, err
	}
	if len(runs) > 0 {
		s.cfg.Started(runs)
	}
	return n, len(runs), nil
}

// lockDue takes due schedules and gathers what is needed to decide about them.
func (s *Store) lockDue(ctx context.Context, tx pgx.Tx, at *time.Time) ([]due, error) {
	rows, err := db.New(tx).LockDue(ctx, at, int32(s.cfg.Batch)) //nolint:gosec // a small constant
	if err != nil || len(rows) == 0 {
		return nil, err
	}
	facts, err := s.jobs.Facts(ctx, tx, jobsOf(rows))
	if err != nil {
		return nil, fmt.Errorf("look up jobs: %w", err)
	}
	open, err := s.openRuns(ctx, tx, rows)
	if err != nil {
		return nil, fmt.Errorf("look up previous runs: %w", err)
	}
	dues := make([]due, len(rows))
	for i, r := range rows {
		if dues[i], err = newDue(r); err != nil {
			return nil, err
		}
		job, known := facts[r.JobID]
		if !known {
			job.State = JobArchived
		}
		dues[i].facts, dues[i].open = job, open[r.ID]
	}
	return dues, nil
}

func newDue(r db.LockDueRow) (due, error) {
	d := due{
		id: r.ID, project: r.ProjectID, job: r.JobID, name: r.Name, spec: r.Spec, zone: r.Zone,
		options: Options{Gap: cron.Gap(r.Gap), Fold: cron.Fold(r.Fold), Anchor: r.AnchorAt},
		overlap: r.Overlap, catchUp: r.CatchUp, revision: r.Revision, next: r.NextFireAt.UTC(), now: r.DecidedFor,
	}
	if r.LastFireAt != nil {
		d.last = r.LastFireAt.UTC()
	}
	var err error
	if d.inputs, err = decodeInputs(r.Inputs); err != nil {
		return due{}, fmt.Errorf("inputs of schedule %s: %w", r.ID, err)
	}
	return d, nil
}

func jobsOf(rows []db.LockDueRow) []uuid.UUID {
	seen := make(map[uuid.UUID]bool, len(rows))
	ids := make([]uuid.UUID, 0, len(rows))
	for _, r := range rows {
		if !seen[r.JobID] {
			seen[r.JobID] = true
			ids = append(ids, r.JobID)
		}
	}
	return ids
}

// openRuns tells which of the schedules that must not overlap have a run open.
func (s *Store) openRuns(ctx context.Context, tx pgx.Tx, rows []db.LockDueRow) (map[uuid.UUID]bool, error) {
	var careful []uuid.UUID
	for _, r := range rows {
		if r.Overlap == OverlapSkip {
			careful = append(careful, r.ID)
		}
	}
	if len(careful) == 0 {
		return nil, nil
	}
	last, err := db.New(tx).LastRuns(ctx, careful)
	if err != nil || len(last) == 0 {
		return nil, err
	}
	ids := make([]uuid.UUID, len(last))
	for i, l := range last {
		ids[i] = l.RunID
	}
	unfinished, err := s.runs.Open(ctx, tx, ids)
	if err != nil {
		return nil, err
	}
	open := make(map[uuid.UUID]bool, len(unfinished))
	for _, l := range last {
		open[l.ScheduleID] = slices.Contains(unfinished, l.RunID)
	}
	return open, nil
}

// writeEach keeps each schedule's failure to itself.
func (s *Store) writeEach(ctx context.Context, tx pgx.Tx, verdicts []verdict) (runs []uuid.UUID, err error) {
	for i := range verdicts {
		one := verdicts[i : i+1]
		started, err := s.writeWithin(ctx, tx, one)
		if err != nil && (ctx.Err() != nil || postgres.Unavailable(err)) {
			return nil, err
		}
		if err != nil {
			s.cfg.Log.ErrorContext(ctx, "schedule could not start a run", "schedule", one[0].id, "job", one[0].job, "err", err)
			one[0].fail(Missed, ReasonInternal, "The hub could not create the run; its log says why.")
			started, err = s.write(ctx, tx, one)
		}
		if err != nil {
			return nil, err
		}
		runs = append(runs, started...)
	}
	return runs, nil
}

// writeWithin writes inside a savepoint.
func (s *Store) writeWithin(ctx context.Context, tx pgx.Tx, verdicts []verdict) ([]uuid.UUID, error) {
	inner, err := tx.Begin(ctx)
	if err != nil {
		return nil, err
	}
	runs, err := s.write(ctx, inner, verdicts)
	if err != nil {
		return nil, errors.Join(err, inner.Rollback(ctx))
	}
	return runs, inner.Commit(ctx)
}

// write asks for the runs, writes the ledger and moves the schedules on.
func (s *Store) write(ctx context.Context, tx pgx.Tx, verdicts []verdict) ([]uuid.UUID, error) {
	started, err := s.createRuns(ctx, tx, verdicts)
	if err != nil {
		return nil, err
	}
	q := db.New(tx)
	var ledger db.RecordFiresParams
	var moved db.AdvanceParams
	for _, v := range verdicts {
		for _, f := range v.fires {
			ledger.ScheduleIds = append(ledger.ScheduleIds, v.id)
			ledger.PlannedAts = append(ledger.PlannedAts, f.Planned)
			ledger.Revisions = append(ledger.Revisions, v.revision)
			ledger.Occurrences = append(ledger.Occurrences, f.Occurrences)
			ledger.Outcomes = append(ledger.Outcomes, string(f.Outcome))
			ledger.Reasons = append(ledger.Reasons, f.Reason)
			ledger.Details = append(ledger.Details, f.Detail)
			ledger.RunIds = append(ledger.RunIds, orNil(f.RunID))
		}
		moved.Ids = append(moved.Ids, v.id)
		moved.NextAts = append(moved.NextAts, v.next)
		moved.LastAts = append(moved.LastAts, v.last)
		moved.Enableds = append(moved.Enableds, v.enabled)
	}
	if err := q.RecordFires(ctx, ledger); err != nil {
		return nil, fmt.Errorf("write the fire ledger: %w", err)
	}
	if err := q.Advance(ctx, moved); err != nil {
		return nil, fmt.Errorf("move schedules on: %w", err)
	}
	return started, nil
}

// createRuns asks for every run in one call and notes their ids in the fires.
func (s *Store) createRuns(ctx context.Context, tx pgx.Tx, verdicts []verdict) ([]uuid.UUID, error) {
	var requests []run.Request
	var fires []*Fire
	for i := range verdicts {
		v := &verdicts[i]
		for j := range v.fires {
			if f := &v.fires[j]; f.Outcome == Started {
				requests = append(requests, v.request(f))
				fires = append(fires, f)
			}
		}
	}
	if len(requests) == 0 {
		return nil, nil
	}
	made, err := s.runs.Create(ctx, tx, requests)
	if err != nil {
		return nil, err
	}
	if len(made) != len(requests) {
		return nil, fmt.Errorf("asked for %d runs and got %d", len(requests), len(made))
	}
	ids := make([]uuid.UUID, len(made))
	for i := range made {
		ids[i] = made[i].ID
		fires[i].RunID = &ids[i]
	}
	return ids, nil
}

func (v *verdict) request(f *Fire) run.Request {
	return run.Request{
		Project: v.project, JobID: v.job, JobName: v.facts.Name, JobVersion: v.facts.Version,
		Trigger: run.BySchedule, StartedBy: v.name, ScheduleID: &v.id, ScheduledFor: &f.Planned,
		Inputs: v.resolved, SealedInputs: v.sealed, Target: v.facts.Target, Server: v.facts.Server, FanOut: v.facts.FanOut, Retry: v.facts.Retry,
		LostAfter: v.facts.LostAfter, Priority: v.facts.Priority,
	}
}

func orNil(id *uuid.UUID) uuid.UUID {
	if id == nil {
		return uuid.Nil
	}
	return *id
}

func decodeInputs(raw json.RawMessage) (map[string]any, error) {
	inputs := map[string]any{}
	if len(raw) == 0 || string(raw) == "{}" {
		return inputs, nil
	}
	return inputs, decodeJSON(raw, &inputs)
}
