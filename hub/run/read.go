package run

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
)

// Filter narrows List. The zero value lists everything but the runs of targets,
// newest first.
type Filter struct {
	Parent  uuid.UUID // the runs of its targets, in their order
	States  []State
	JobID   uuid.UUID
	Trigger Trigger
	Since   time.Time // created then or later
	Cursor  string    // from the page before
	Limit   int       // default 50, at most 500
}

// Page is one page of runs, without inputs and attempts.
type Page struct {
	Runs []Run
	Next string // cursor of the next page; empty: this is the last
}

// The live half of an open run comes from the queue. Both halves are read in one
// statement, so a run is never seen between them.
const selectRun = `
select r.id, r.project_id, r.job_id, r.job_name, r.job_version, r.trigger, r.schedule_id, r.scheduled_for, r.started_by,
    coalesce(q.state, r.state) as state, coalesce(q.attempt, r.attempt) as attempt, r.max_attempts + coalesce(q.misses, 0) as max_attempts,
    coalesce(q.agent_id, r.agent_id) as agent_id, r.server, r.parent_id, r.target, r.targets, r.exit_code, r.signal, r.outcome_code, r.outcome_detail, r.outcome_hint,
    coalesce(nullif(q.cancel_by, ''), r.cancel_by) as cancel_by, q.cancel_requested_at is not null as cancel_requested,
    r.created_at, coalesce(q.started_at, r.started_at) as started_at, r.finished_at,
    coalesce(q.reason, '') as reason, coalesce(q.reason_detail, '') as reason_detail, q.reason_since,
    case when q.not_before > now() and not q.held then q.not_before end as not_before,
    coalesce(q.fence, 0) as fence, q.assigned_at, q.accepted_at`

type runRow struct {
	ID              uuid.UUID
	ProjectID       uuid.UUID
	JobID           uuid.UUID
	JobName         string
	JobVersion      int32
	Trigger         string
	ScheduleID      *uuid.UUID
	ScheduledFor    *time.Time
	StartedBy       string
	State           string
	Attempt         int32
	MaxAttempts     int32
	AgentID         *uuid.UUID
	Server          string
	ParentID        *uuid.UUID
	Target          string
	Targets         *int32
	ExitCode        *int32
	Signal          string
	OutcomeCode     string
	OutcomeDetail   string
	OutcomeHint     string
	CancelBy        string
	CancelRequested bool
	CreatedAt       time.Time
	StartedAt       *time.Time
	FinishedAt      *time.Time
	Reason          string
	ReasonDetail    string
	ReasonSince     *time.Time
	NotBefore       *time.Time
	Fence           int64
	AssignedAt      *time.Time
	AcceptedAt      *time.Time
}

func (r runRow) run() Run {
	out := Run{ID: r.ID, ProjectID: r.ProjectID, JobID: r.JobID, JobName: r.JobName, JobVersion: int(r.JobVersion), Trigger: Trigger(r.Trigger),
		ScheduleID: r.ScheduleID, ScheduledFor: r.ScheduledFor, StartedBy: r.StartedBy, State: State(r.State), Attempt: int(r.Attempt),
		MaxAttempts: int(r.MaxAttempts), AgentID: r.AgentID, Server: r.Server, ParentID: r.ParentID, Target: r.Target, ExitCode: toInt(r.ExitCode), Signal: r.Signal, CancelBy: r.CancelBy,
		CancelRequested: r.CancelRequested || State(r.State) == Cancelled, CreatedAt: r.CreatedAt, NotBefore: r.NotBefore,
		StartedAt: r.StartedAt, FinishedAt: r.FinishedAt}
	if out.State == Queued && r.ReasonSince != nil {
		out.Reason = &Reason{r.Reason, r.ReasonDetail, *r.ReasonSince}
	}
	if r.Targets != nil {
		out.Targets = &TargetCounts{Total: int(*r.Targets)}
	}
	if r.OutcomeCode != "" {
		out.Outcome = &Ending{r.OutcomeCode, r.OutcomeDetail, r.OutcomeHint}
	}
	return out
}

// Get returns one run of the project, with its attempts.
func (s *Store) Get(ctx context.Context, project, id uuid.UUID) (Run, error) {
	var r Run
	err := pgx.BeginTxFunc(ctx, s.db.Pool, pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly}, func(tx pgx.Tx) (err error) {
		r, err = s.get(ctx, tx, project, id)
		return err
	})
	if errors.Is(err, pgx.ErrNoRows) {
		return Run{}, ErrNotFound.With("No such run")
	}
	if err != nil {
		return Run{}, fmt.Errorf("get run %s: %w", id, err)
	}
	return r, nil
}

func (s *Store) get(ctx context.Context, tx pgx.Tx, project, id uuid.UUID) (Run, error) {
	rows, err := tx.Query(ctx, selectRun+", r.inputs from runs r left join run_queue q on q.run_id = r.id where r.id = $1 and r.project_id = $2", id, project)
	if err != nil {
		return Run{}, err
	}
	row, err := pgx.CollectExactlyOneRow(rows, pgx.RowToStructByName[struct {
		runRow
		Inputs []byte
	}])
	if err != nil {
		return Run{}, err
	}
	r := row.run()
	if r.Inputs, err = decodeInputs(row.Inputs); err != nil {
		return Run{}, err
	}
	if err := countTargets(ctx, s.q.WithTx(tx), []*Run{&r}); err != nil {
		return Run{}, err
	}
	past, err := s.q.WithTx(tx).Attempts(ctx, id)
	if err != nil {
		return Run{}, err
	}
	for _, t := range past {
		a := Attempt{Number: int(t.Attempt), AgentID: t.AgentID, Fence: t.Fence, State: t.State, ExitCode: toInt(t.ExitCode), Signal: t.Signal,
			AssignedAt: t.AssignedAt, AcceptedAt: t.AcceptedAt, StartedAt: t.StartedAt, FinishedAt: &t.FinishedAt,
			Problem: decodeProblem(t.Problem), Ran: decodeRan(t.Ran), LogBytes: t.LogBytes, DroppedBytes: t.DroppedBytes, Late: t.Late}
		if t.Outcome != nil {
			a.Outcome = Outcome(*t.Outcome)
		}
		r.Attempts = append(r.Attempts, a)
	}
	if row.AssignedAt != nil {
		r.Attempts = append(r.Attempts, Attempt{Number: r.Attempt, AgentID: *r.AgentID, Fence: row.Fence, State: string(r.State),
			AssignedAt: *row.AssignedAt, AcceptedAt: row.AcceptedAt, StartedAt: r.StartedAt})
	}
	return r, nil
}

// ByIDs returns runs of the project without inputs and attempts, for those who were
// told that they changed. Unknown ids are left out; the order is that of the ids.
func (s *Store) ByIDs(ctx context.Context, project uuid.UUID, ids []uuid.UUID) ([]Run, error) {
	runs, err := s.collect(ctx, selectRun+" from runs r left join run_queue q on q.run_id = r.id where r.id = any ($1) and r.project_id = $2 order by r.id", ids, project)
	if err != nil {
		return nil, fmt.Errorf("get %d runs: %w", len(ids), err)
	}
	return runs, nil
}

// RecentByJob returns the newest n runs of each of these jobs, newest first, without
// those of targets.
func (s *Store) RecentByJob(ctx context.Context, jobIDs []uuid.UUID, n int) (map[uuid.UUID][]Run, error) {
	runs, err := s.collect(ctx, selectRun+` from unnest($1::uuid[]) j (id)
		cross join lateral (select * from runs l where l.job_id = j.id and l.parent_id is null order by l.id desc limit $2) r
		left join run_queue q on q.run_id = r.id
		order by r.id desc`, jobIDs, n)
	if err != nil {
		return nil, fmt.Errorf("get last runs of %d jobs: %w", len(jobIDs), err)
	}
	of := make(map[uuid.UUID][]Run, len(jobIDs))
	for _, r := range runs {
		of[r.JobID] = append(of[r.JobID], r)
	}
	return of, nil
}

// List returns a page of the project's runs.
func (s *Store) List(ctx context.Context, project uuid.UUID, f Filter) (Page, error) {
	limit := f.Limit
	if limit <= 0 {
		limit = 50
	}
	limit = min(limit, 500)
	w := where{}
	w.add("r.project_id = $%d", project)
	if err := f.narrow(&w); err != nil {
		return Page{}, err
	}
	w.args = append(w.args, limit+1)
	runs, err := s.collect(ctx, selectRun+" from "+f.tables()+" where "+strings.Join(w.terms, " and ")+
		fmt.Sprintf(" order by r.id %s limit $%d", f.order(), len(w.args)), w.args...)
	if err != nil {
		return Page{}, fmt.Errorf("list runs: %w", err)
	}
	if len(runs) <= limit {
		return Page{Runs: runs}, nil
	}
	return Page{Runs: runs[:limit], Next: FormatID(runs[limit-1].ID)}, nil
}

// tables drives the search from the small queue when only open runs are asked for.
func (f Filter) tables() string {
	final := func(s State) bool { return s.Final() }
	if len(f.States) > 0 && !slices.ContainsFunc(f.States, final) {
		return "run_queue q join runs r on r.id = q.run_id"
	}
	return "runs r left join run_queue q on q.run_id = r.id"
}

// order of a list: the runs of targets are in the order of the targets.
func (f Filter) order() string {
	if f.Parent != uuid.Nil {
		return "asc"
	}
	return "desc"
}

func (f Filter) narrow(w *where) error {
	if f.Parent != uuid.Nil {
		w.add("r.parent_id = $%d", f.Parent)
	} else {
		w.terms = append(w.terms, "r.parent_id is null")
	}
	if len(f.States) > 0 {
		for _, s := range f.States {
			if !slices.Contains(States(), s) {
				return ErrParameter.With("state %q is not one of %v", s, States()).At("state")
			}
		}
		w.add("coalesce(q.state, r.state) = any ($%d)", f.States)
	}
	if f.JobID != uuid.Nil {
		w.add("r.job_id = $%d", f.JobID)
	}
	if f.Trigger != "" {
		if !f.Trigger.Valid() {
			return ErrParameter.With("trigger %q is not one of manual, api, cli, schedule, retry", f.Trigger).At("trigger")
		}
		w.add("r.trigger = $%d", f.Trigger)
	}
	if !f.Since.IsZero() {
		w.add("r.created_at >= $%d", f.Since.UTC())
		w.add("r.id >= $%d", firstID(f.Since.Add(-time.Minute))) // hubs' clocks may differ a little from the database's
	}
	if f.Cursor != "" {
		id, err := ParseID(f.Cursor)
		if err != nil {
			return ErrParameter.With("cursor is not one that this API gave out").At("cursor")
		}
		if f.Parent != uuid.Nil {
			w.add("r.id > $%d", id)
		} else {
			w.add("r.id < $%d", id)
		}
	}
	return nil
}

// firstID is the lowest UUIDv7 of a millisecond.
func firstID(t time.Time) uuid.UUID {
	var id uuid.UUID
	ms := max(t.UnixMilli(), 0)
	for i := 5; i >= 0; i-- {
		id[i] = byte(ms)
		ms >>= 8
	}
	id[6], id[8] = 0x70, 0x80
	return id
}

type where struct {
	terms []string
	args  []any
}

func (w *where) add(term string, arg any) {
	w.args = append(w.args, arg)
	w.terms = append(w.terms, fmt.Sprintf(term, len(w.args)))
}

func (s *Store) collect(ctx context.Context, sql string, args ...any) ([]Run, error) {
	rows, err := s.db.Pool.Query(ctx, sql, args...)
	if err != nil {
		return nil, err
	}
	found, err := pgx.CollectRows(rows, pgx.RowToStructByName[runRow])
	if err != nil {
		return nil, err
	}
	runs, refs := make([]Run, len(found)), make([]*Run, len(found))
	for i, r := range found {
		runs[i] = r.run()
		refs[i] = &runs[i]
	}
	return runs, countTargets(ctx, s.q, refs)
}

func toInt(p *int32) *int {
	if p == nil {
		return nil
	}
	n := int(*p)
	return &n
}
