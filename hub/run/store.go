package run

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/cronium/cronium/hub/postgres"
	"github.com/cronium/cronium/hub/run/internal/db"
	"github.com/cronium/cronium/sdk/problem"
)

// Config holds what may differ. The zero value works.
type Config struct {
	AssignmentLease time.Duration // from claim to accept; default 15 s
	AttemptLease    time.Duration // from accept on, renewed by the agent; default 60 s
	LostAfter       time.Duration // silence before a run is given up, where the request does not say; default 75 min
	Grace           time.Duration // the reaper's pause after a start, an outage or a jump of the clock; default 90 s
	ReapEvery       time.Duration // default 1 s

	// Changed is told, after the commit, which runs are no longer as they were. It
	// must not block. Default: nobody is told.
	Changed func(runIDs []uuid.UUID)
	Now     func() time.Time // monotonic; measures the reaper's own pauses; default time.Now
	Log     *slog.Logger     // default: silent
}

func (c *Config) validate() {
	for _, d := range []struct {
		v *time.Duration
		d time.Duration
	}{{&c.AssignmentLease, 15 * time.Second}, {&c.AttemptLease, time.Minute}, {&c.LostAfter, 75 * time.Minute},
		{&c.Grace, 90 * time.Second}, {&c.ReapEvery, time.Second}} {
		if *d.v <= 0 {
			*d.v = d.d
		}
	}
	if c.Changed == nil {
		c.Changed = func([]uuid.UUID) {}
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
}

// Store is the only writer of runs, run_queue and attempts.
type Store struct {
	db  *postgres.DB
	cfg Config
	q   *db.Queries
}

// New returns a store on a migrated database.
func New(database *postgres.DB, c Config) *Store {
	c.validate()
	return &Store{db: database, cfg: c, q: db.New(database.Pool)}
}

// Create writes runs in the caller's transaction, one for each request and in their
// order. A fire that has its run already gets that one back, marked Existed. A run
// that fans out comes with one for each of its targets, which are not returned; one
// whose targets were refused has failed. The caller rings the queue's bell after
// the commit.
func (s *Store) Create(ctx context.Context, tx pgx.Tx, reqs []Request) ([]Run, error) {
	if len(reqs) == 0 {
		return nil, nil
	}
	runs, params, err := s.newRuns(reqs)
	if err != nil {
		return nil, fmt.Errorf("create runs: %w", err)
	}
	q := db.New(tx)
	made, err := q.CreateRuns(ctx, params)
	if err != nil {
		return nil, fmt.Errorf("create runs: %w", err)
	}
	created := make(map[uuid.UUID]time.Time, len(made))
	for _, m := range made {
		created[m.ID] = m.CreatedAt
	}
	var fresh []int
	for i := range runs {
		if at, ok := created[runs[i].ID]; ok {
			runs[i].CreatedAt = at
			fresh = append(fresh, i)
		}
	}
	if len(fresh) < len(runs) {
		if err := adopt(ctx, q, runs, created); err != nil {
			return nil, fmt.Errorf("create runs: %w", err)
		}
	}
	if err := s.enqueue(ctx, q, reqs, runs, fresh); err != nil {
		return nil, fmt.Errorf("create runs: %w", err)
	}
	if err := s.fanOut(ctx, q, reqs, runs, fresh); err != nil {
		return nil, fmt.Errorf("create the runs of targets: %w", err)
	}
	return runs, nil
}

func (s *Store) newRuns(reqs []Request) ([]Run, db.CreateRunsParams, error) {
	runs := make([]Run, len(reqs))
	p := db.CreateRunsParams{
		Ids: make([]uuid.UUID, len(reqs)), ProjectIds: make([]uuid.UUID, len(reqs)), JobIds: make([]uuid.UUID, len(reqs)),
		JobVersions: make([]int32, len(reqs)), MaxAttempts: make([]int32, len(reqs)), Triggers: make([]string, len(reqs)),
		JobNames: make([]string, len(reqs)), StartedBys: make([]string, len(reqs)), ScheduleIds: make([]uuid.UUID, len(reqs)),
		ScheduledFors: make([]time.Time, len(reqs)), Inputs: make([]json.RawMessage, len(reqs)), Servers: make([]string, len(reqs)),
		ParentIds: make([]uuid.UUID, len(reqs)), TargetNames: make([]string, len(reqs)), TargetCounts: make([]int32, len(reqs)),
	}
	for i, r := range reqs {
		id, err := uuid.NewV7()
		if err != nil {
			return nil, p, err
		}
		if p.Inputs[i], err = encode(r.Inputs); err != nil {
			return nil, p, fmt.Errorf("inputs: %w", err)
		}
		runs[i] = Run{ID: id, ProjectID: r.Project, JobID: r.JobID, JobName: r.JobName, JobVersion: r.JobVersion, Trigger: r.Trigger,
			ScheduleID: r.ScheduleID, ScheduledFor: r.ScheduledFor, StartedBy: r.StartedBy, Inputs: r.Inputs, Server: r.Server,
			State: Queued, Reason: &Reason{Code: ReasonWaiting}, MaxAttempts: max(r.Retry.Max, 0) + 1}
		p.Ids[i], p.ProjectIds[i], p.JobIds[i], p.Servers[i] = id, r.Project, r.JobID, r.Server
		p.JobVersions[i], p.MaxAttempts[i] = int32(r.JobVersion), int32(runs[i].MaxAttempts) //nolint:gosec // small by validation
		p.Triggers[i], p.JobNames[i], p.StartedBys[i] = string(r.Trigger), r.JobName, r.StartedBy
		if r.ScheduleID != nil && r.ScheduledFor != nil {
			p.ScheduleIds[i], p.ScheduledFors[i] = *r.ScheduleID, r.ScheduledFor.UTC()
		}
		p.ParentIds[i], p.TargetNames[i], p.TargetCounts[i] = r.parent, r.targetName, -1
		if r.FanOut != nil {
			p.TargetCounts[i] = int32(len(r.FanOut.Targets)) //nolint:gosec // at most MaxTargets
			runs[i].MaxAttempts, p.MaxAttempts[i] = 1, 1
			runs[i].Reason.Code = ReasonTargets
			runs[i].Targets = &TargetCounts{Total: len(r.FanOut.Targets), Queued: len(r.FanOut.Targets)}
		}
	}
	return runs, p, nil
}

type fire struct {
	schedule uuid.UUID
	at       int64
}

// adopt fills in the runs that other transactions have made for the same fires.
func adopt(ctx context.Context, q *db.Queries, runs []Run, created map[uuid.UUID]time.Time) error {
	var schedules []uuid.UUID
	var fors []time.Time
	for _, r := range runs {
		if _, ok := created[r.ID]; !ok {
			schedules = append(schedules, *r.ScheduleID)
			fors = append(fors, r.ScheduledFor.UTC())
		}
	}
	rows, err := q.RunsOfFires(ctx, schedules, fors)
	if err != nil {
		return err
	}
	of := make(map[fire]db.RunsOfFiresRow, len(rows))
	for _, row := range rows {
		of[fire{*row.ScheduleID, row.ScheduledFor.UnixMicro()}] = row
	}
	for i, r := range runs {
		if _, ok := created[r.ID]; ok {
			continue
		}
		row, ok := of[fire{*r.ScheduleID, r.ScheduledFor.UnixMicro()}]
		if !ok {
			return fmt.Errorf("the run of schedule %s at %s was there and is gone", *r.ScheduleID, *r.ScheduledFor)
		}
		runs[i].ID, runs[i].CreatedAt, runs[i].Existed = row.ID, row.CreatedAt, true
	}
	return nil
}

func (s *Store) enqueue(ctx context.Context, q *db.Queries, reqs []Request, runs []Run, fresh []int) error {
	if len(fresh) == 0 {
		return nil
	}
	var p db.EnqueueParams
	for _, i := range fresh {
		r := reqs[i]
		target, err := encode(r.Target)
		if err != nil {
			return fmt.Errorf("target: %w", err)
		}
		lost := r.LostAfter
		if lost <= 0 {
			lost = s.cfg.LostAfter
		}
		p.Ids = append(p.Ids, runs[i].ID)
		p.ProjectIds = append(p.ProjectIds, r.Project)
		p.JobIds = append(p.JobIds, r.JobID)
		p.JobVersions = append(p.JobVersions, int32(r.JobVersion)) //nolint:gosec // small by validation
		p.NotBefores = append(p.NotBefores, r.NotBefore.UTC())
		p.LostAftersMs = append(p.LostAftersMs, lost.Milliseconds())
		p.Priorities = append(p.Priorities, r.Priority)
		p.Targets = append(p.Targets, target)
		p.Retries = append(p.Retries, r.Retry.encode())
		p.Sealeds = append(p.Sealeds, notNil(r.SealedInputs))
		p.Reasons = append(p.Reasons, r.waitsFor())
		p.Helds = append(p.Helds, r.held())
		p.FanOuts = append(p.FanOuts, r.FanOut.encode())
	}
	return q.Enqueue(ctx, p)
}

// write runs one statement outside a transaction of ours, and once more inside one
// if it lost a fight over rows.
func (s *Store) write(ctx context.Context, fn func(q *db.Queries) error) error {
	err := fn(s.q)
	if pg, ok := errors.AsType[*pgconn.PgError](err); !ok || pg.Code != "40P01" && pg.Code != "40001" {
		return err
	}
	return s.db.InTx(ctx, func(tx pgx.Tx) error { return fn(db.New(tx)) })
}

func (s *Store) tell(ids []uuid.UUID) {
	if len(ids) > 0 {
		s.cfg.Changed(ids)
	}
}

// columns are refs as arrays for unnest, in one order of locking, without repeats.
type columns struct {
	runs     []uuid.UUID
	attempts []int32
	fences   []int64
}

func columnsOf(refs []Ref) columns {
	refs = slices.Clone(refs)
	slices.SortFunc(refs, byRun)
	refs = slices.Compact(refs)
	c := columns{make([]uuid.UUID, len(refs)), make([]int32, len(refs)), make([]int64, len(refs))}
	for i, r := range refs {
		c.runs[i], c.attempts[i], c.fences[i] = r.RunID, r.Attempt, r.Fence
	}
	return c
}

func byRun(a, b Ref) int {
	if c := bytes.Compare(a.RunID[:], b.RunID[:]); c != 0 {
		return c
	}
	return int(a.Fence - b.Fence)
}

func idsOf(refs []Ref) []uuid.UUID {
	ids := make([]uuid.UUID, len(refs))
	for i, r := range refs {
		ids[i] = r.RunID
	}
	return ids
}

var emptyObject = json.RawMessage("{}")

func encode[V any](m map[string]V) (json.RawMessage, error) {
	if len(m) == 0 {
		return emptyObject, nil
	}
	return json.Marshal(m)
}

// decodeInputs keeps numbers as they were written.
func decodeInputs(raw []byte) (map[string]any, error) {
	m := map[string]any{}
	if len(raw) <= 2 {
		return m, nil
	}
	d := json.NewDecoder(bytes.NewReader(raw))
	d.UseNumber()
	if err := d.Decode(&m); err != nil {
		return nil, fmt.Errorf("inputs: %w", err)
	}
	return m, nil
}

func encodeProblem(p *problem.Problem) string {
	p = cleanProblem(p)
	if p == nil {
		return ""
	}
	b, _ := json.Marshal(storedProblem{p.Code, p.Title, p.Detail, p.Hint}) // texts
	return string(b)
}

type storedProblem struct {
	Code   string `json:"code"`
	Title  string `json:"title,omitempty"`
	Detail string `json:"detail,omitempty"`
	Hint   string `json:"hint,omitempty"`
}

func decodeProblem(raw []byte) *problem.Problem {
	var p storedProblem
	if len(raw) > 0 {
		_ = json.Unmarshal(raw, &p) // encodeProblem wrote it
	}
	if p.Code == "" {
		return nil
	}
	return &problem.Problem{Code: p.Code, Title: p.Title, Detail: p.Detail, Hint: p.Hint, Source: problem.Agent}
}

func notNil(b []byte) []byte {
	if b == nil {
		return []byte{}
	}
	return b
}
