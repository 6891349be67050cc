package run

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/google/uuid"

	"github.com/cronium/cronium/hub/run/internal/db"
)

// MaxTargets is how many targets a run may fan out to.
const MaxTargets = 1000

// FanOut makes a run one of many targets: it has no attempt of its own, but one run
// for each target, made in the same transaction, and ends when those have.
type FanOut struct {
	Targets     []Target
	MaxParallel Share         // targets that are at work at the same time; zero: all
	MaxFailures *Share        // when more than so many have not succeeded, no further one starts; nil: all start
	StartWithin time.Duration // how long a target whose turn it is may wait for its host; default 10 minutes

	// Refused says why there are no targets. The run has failed then, at once.
	Refused *Ending
}

// Target is where one run of a fan-out goes.
type Target struct {
	Name   string            // of the host or the server, for people
	Labels map[string]string // that the agent must have
	Server string            // name of the server; empty: the agent's own host
}

// Share is a number, or a part of all targets.
type Share struct {
	N       int
	Percent bool // N is from 0 to 100, of all targets
}

// atLeastOne is the share of total, rounded up.
func (s Share) atLeastOne(total int) int {
	n := s.N
	if s.Percent {
		n = (total*s.N + 99) / 100
	}
	return max(n, 1)
}

// atMost is the share of total, rounded down.
func (s Share) atMost(total int) int {
	if s.Percent {
		return total * s.N / 100
	}
	return s.N
}

// TargetCounts says what has become of the targets of a run.
type TargetCounts struct {
	Total     int
	Queued    int // also those whose turn has not come
	Running   int // also assigned and unknown
	Succeeded int
	Failed    int // also timed out and lost
	Cancelled int
}

func (c *TargetCounts) add(s State, n int) {
	switch s {
	case Queued:
		c.Queued += n
	case Assigned, Running, Unknown:
		c.Running += n
	case Succeeded:
		c.Succeeded += n
	case Cancelled:
		c.Cancelled += n
	default:
		c.Failed += n
	}
}

const defaultStartWithin = 10 * time.Minute

// rules are a fan-out as its queue row has it, with the shares worked out.
type rules struct {
	Parallel    int     `json:"parallel"`
	Failures    int     `json:"failures"` // -1: any number
	StartWithin float64 `json:"start_within_s"`
}

func (f *FanOut) rules() rules {
	total := len(f.Targets)
	r := rules{Parallel: max(total, 1), Failures: -1, StartWithin: defaultStartWithin.Seconds()}
	if f.MaxParallel.N > 0 {
		r.Parallel = f.MaxParallel.atLeastOne(total)
	}
	if f.MaxFailures != nil {
		r.Failures = f.MaxFailures.atMost(total)
	}
	if f.StartWithin > 0 {
		r.StartWithin = f.StartWithin.Seconds()
	}
	return r
}

func (f *FanOut) encode() json.RawMessage {
	if f == nil {
		return json.RawMessage("null")
	}
	b, _ := json.Marshal(f.rules()) // numbers
	return b
}

// held reports whether the queue keeps the run from those who claim.
func (r Request) held() bool { return r.FanOut != nil || r.parent != uuid.Nil }

func (r Request) waitsFor() string {
	switch {
	case r.FanOut != nil:
		return ReasonTargets
	case r.parent != uuid.Nil:
		return ReasonTurn
	}
	return ReasonWaiting
}

// fanOut makes the runs of the targets of those among the fresh runs that fan out.
// All begin held; [Store.FanOuts] lets them go.
func (s *Store) fanOut(ctx context.Context, q *db.Queries, reqs []Request, runs []Run, fresh []int) error {
	var children []Request
	for _, i := range fresh {
		f := reqs[i].FanOut
		switch {
		case f == nil:
		case f.Refused != nil || len(f.Targets) == 0 || len(f.Targets) > MaxTargets:
			if err := refuse(ctx, q, &runs[i], f.refusal()); err != nil {
				return err
			}
		default:
			children = append(children, reqs[i].children(runs[i].ID)...)
		}
	}
	if len(children) == 0 {
		return nil
	}
	made, params, err := s.newRuns(children)
	if err != nil {
		return err
	}
	if _, err := q.CreateRuns(ctx, params); err != nil {
		return err
	}
	all := make([]int, len(made))
	for i := range all {
		all[i] = i
	}
	return s.enqueue(ctx, q, children, made, all)
}

func (f *FanOut) refusal() Ending {
	switch {
	case f.Refused != nil:
		return *f.Refused
	case len(f.Targets) == 0:
		return Ending{CodeNoTargets, "There was nothing to run on", "Look at the job's target."}
	}
	return Ending{CodeManyTargets, fmt.Sprintf("There are %d targets; a run has at most %d", len(f.Targets), MaxTargets), "Narrow the job's target."}
}

// refuse ends a run that has just been made and has no targets.
func refuse(ctx context.Context, q *db.Queries, r *Run, why Ending) error {
	l := live{Ref: Ref{RunID: r.ID}, state: Queued}
	var b batch
	b.add(l, Result{Ref: l.Ref}, l.end(evNone, attemptRevoked, outcome(why)))
	if _, err := b.apply(ctx, q, nil); err != nil {
		return err
	}
	r.State, r.Reason, r.Outcome = Failed, nil, &why
	return nil
}

// children are requests for the runs of the targets.
func (r Request) children(parent uuid.UUID) []Request {
	targets := r.FanOut.Targets
	r.FanOut, r.ScheduleID, r.ScheduledFor, r.parent = nil, nil, nil, parent
	out := make([]Request, len(targets))
	for i, t := range targets {
		out[i] = r
		out[i].targetName, out[i].Target, out[i].Server = t.Name, t.Labels, t.Server
	}
	return out
}

// countTargets fills in what has become of the targets of those runs that fan out,
// in one question.
func countTargets(ctx context.Context, q *db.Queries, runs []*Run) error {
	of := map[uuid.UUID]*TargetCounts{}
	var ids []uuid.UUID
	for _, r := range runs {
		if r.Targets != nil && r.Targets.Total > 0 {
			of[r.ID] = r.Targets
			ids = append(ids, r.ID)
		}
	}
	if len(ids) == 0 {
		return nil
	}
	rows, err := q.CountTargets(ctx, ids)
	if err != nil {
		return fmt.Errorf("count targets: %w", err)
	}
	for _, row := range rows {
		of[row.ParentID].add(State(row.State), int(row.N))
	}
	return nil
}
