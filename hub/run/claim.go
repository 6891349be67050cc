package run

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/cronium/cronium/hub/run/internal/db"
)

// Claim gives up to n queued runs of the project to an agent with these labels:
// queued → assigned, with the next attempt number, a new fence and the assignment
// lease. Rows that another caller is claiming are left to it. If the reply is lost
// the lease expires and the runs return.
func (s *Store) Claim(ctx context.Context, agentID uuid.UUID, epoch int64, labels map[string]string, project uuid.UUID, n int) ([]Claimed, error) {
	if n <= 0 {
		return nil, nil
	}
	has, err := encode(labels)
	if err != nil {
		return nil, fmt.Errorf("claim: labels: %w", err)
	}
	rows, err := s.q.Claim(ctx, db.ClaimParams{ProjectID: project, Labels: has, N: int32(min(n, 10_000)), //nolint:gosec // bounded
		AgentID: agentID, Epoch: epoch, LeaseS: s.cfg.AssignmentLease.Seconds()})
	if err != nil {
		return nil, fmt.Errorf("claim for agent %s: %w", agentID, err)
	}
	claimed, ids := make([]Claimed, len(rows)), make([]uuid.UUID, len(rows))
	for i, r := range rows {
		inputs, err := decodeInputs(r.Inputs)
		if err != nil {
			return nil, fmt.Errorf("claim run %s: %w", r.RunID, err)
		}
		ids[i] = r.RunID
		claimed[i] = Claimed{Ref: Ref{r.RunID, r.Attempt, r.Fence}, ProjectID: r.ProjectID, JobID: r.JobID, JobName: r.JobName,
			JobVersion: int(r.JobVersion), Server: r.Server, Inputs: inputs, InputsJSON: r.Inputs, Sealed: r.Sealed}
	}
	s.tell(ids)
	return claimed, nil
}

// Release puts assignments that were not accepted back into the queue: sending
// failed, or the agent refused them. Those that are no longer as given are left alone.
func (s *Store) Release(ctx context.Context, agentID uuid.UUID, refs []Ref, reason string) error {
	if len(refs) == 0 {
		return nil
	}
	var changed []uuid.UUID
	err := s.db.InTx(ctx, func(tx pgx.Tx) error {
		q := db.New(tx)
		held, err := lockRefs(ctx, q, agentID, refs)
		if err != nil {
			return err
		}
		var b batch
		for _, l := range held {
			if l.state == Assigned {
				b.add(l, Result{Ref: l.Ref}, l.handBack(outcome{Detail: clean(reason, 500)}))
			}
		}
		changed, err = b.apply(ctx, q, &agentID)
		return err
	})
	if err != nil {
		return fmt.Errorf("release %d runs of agent %s: %w", len(refs), agentID, err)
	}
	s.tell(changed)
	return nil
}

// Accept answers whether attempts may start, one decision for each ref in order. A
// granted attempt is running and has the attempt lease; asking again is granted
// again. An attempt whose run was cancelled is never granted unless it had started.
func (s *Store) Accept(ctx context.Context, agentID uuid.UUID, refs []Ref) ([]Decision, error) {
	if len(refs) == 0 {
		return nil, nil
	}
	c := columnsOf(refs)
	granted := make(map[Ref]bool, len(refs))
	err := s.write(ctx, func(q *db.Queries) error {
		rows, err := q.Accept(ctx, db.AcceptParams{RunIds: c.runs, Attempts: c.attempts, Fences: c.fences,
			AgentID: agentID, FromStates: fromAccept, LeaseS: s.cfg.AttemptLease.Seconds()})
		clear(granted)
		for _, r := range rows {
			granted[Ref(r)] = true
		}
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("accept %d attempts of agent %s: %w", len(refs), agentID, err)
	}
	var refused []Ref
	decisions := make([]Decision, len(refs))
	for i, r := range refs {
		decisions[i] = Granted
		if !granted[r] {
			refused = append(refused, r)
		}
	}
	var changed []uuid.UUID
	for r := range granted {
		changed = append(changed, r.RunID)
	}
	s.tell(changed)
	if len(refused) == 0 {
		return decisions, nil
	}
	cancelled, err := s.refuse(ctx, agentID, refused)
	if err != nil {
		return nil, fmt.Errorf("accept %d attempts of agent %s: %w", len(refs), agentID, err)
	}
	for i, r := range refs {
		switch {
		case granted[r]:
		case cancelled[r.RunID]:
			decisions[i] = CancelledBefore
		default:
			decisions[i] = Stale
		}
	}
	return decisions, nil
}

// refuse ends the runs among refs that were cancelled after they were granted and
// before anything started (the agent asks again, so it never had the answer), and
// returns which runs are cancelled.
func (s *Store) refuse(ctx context.Context, agentID uuid.UUID, refs []Ref) (map[uuid.UUID]bool, error) {
	var changed []uuid.UUID
	var ids []uuid.UUID
	err := s.db.InTx(ctx, func(tx pgx.Tx) error {
		q := db.New(tx)
		held, err := lockRefs(ctx, q, agentID, refs)
		if err != nil {
			return err
		}
		var b batch
		for _, l := range held {
			if l.cancelling && !l.started {
				b.add(l, Result{Ref: l.Ref}, l.end(evCancel, attemptRevoked, cancelledBeforeStart))
			}
		}
		if changed, err = b.apply(ctx, q, &agentID); err != nil {
			return err
		}
		ids, err = q.CancelledRuns(ctx, idsOf(refs))
		return err
	})
	if err != nil {
		return nil, err
	}
	s.tell(changed)
	cancelled := make(map[uuid.UUID]bool, len(ids))
	for _, id := range ids {
		cancelled[id] = true
	}
	return cancelled, nil
}

// Started notes when scripts started. It never moves a start that is known.
func (s *Store) Started(ctx context.Context, agentID uuid.UUID, marks []StartMark) ([]Answer, error) {
	if len(marks) == 0 {
		return nil, nil
	}
	age := make(map[Ref]time.Duration, len(marks))
	refs := make([]Ref, len(marks))
	for i, m := range marks {
		refs[i], age[m.Ref] = m.Ref, m.Age
	}
	c := columnsOf(refs)
	ages := make([]float64, len(c.runs))
	for i := range c.runs {
		ages[i] = seconds(age[Ref{c.runs[i], c.attempts[i], c.fences[i]}])
	}
	known := make(map[Ref]Answer, len(marks))
	err := s.write(ctx, func(q *db.Queries) error {
		rows, err := q.MarkStarted(ctx, db.MarkStartedParams{RunIds: c.runs, Attempts: c.attempts, Fences: c.fences, AgesS: ages,
			AgentID: agentID, FromStates: fromStart, LeaseS: s.cfg.AttemptLease.Seconds()})
		clear(known)
		for _, r := range rows {
			known[Ref(r)] = Accepted
		}
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("mark %d attempts of agent %s started: %w", len(marks), agentID, err)
	}
	var changed []uuid.UUID
	for r := range known {
		changed = append(changed, r.RunID)
	}
	s.tell(changed)
	if err := s.answerPast(ctx, agentID, refs, known); err != nil {
		return nil, fmt.Errorf("mark %d attempts of agent %s started: %w", len(marks), agentID, err)
	}
	answers := make([]Answer, len(refs))
	for i, r := range refs {
		answers[i] = known[r]
	}
	return answers, nil
}

// answerPast completes known for the refs that are not in it: a finished attempt's
// mark is a repeat, a superseded one's is late, any other is not this agent's.
func (s *Store) answerPast(ctx context.Context, agentID uuid.UUID, refs []Ref, known map[Ref]Answer) error {
	missing := without(refs, known)
	if len(missing) == 0 {
		return nil
	}
	past, err := s.past(ctx, agentID, missing)
	if err != nil {
		return err
	}
	for _, r := range missing {
		switch p, ok := past[r]; {
		case !ok:
			known[r] = NotYours
		case p.state == attemptFinished:
			known[r] = Duplicate
		default:
			known[r] = Late
		}
	}
	return nil
}

type pastAttempt struct {
	state  string
	late   bool
	sha256 []byte
}

// past looks refs up among the attempts of this agent that are over.
func (s *Store) past(ctx context.Context, agentID uuid.UUID, refs []Ref) (map[Ref]pastAttempt, error) {
	c := columnsOf(refs)
	rows, err := s.q.Past(ctx, c.runs, c.attempts, c.fences)
	if err != nil {
		return nil, err
	}
	past := make(map[Ref]pastAttempt, len(rows))
	for _, r := range rows {
		if r.AgentID == agentID {
			past[Ref{r.RunID, r.Attempt, r.Fence}] = pastAttempt{r.State, r.Late, r.ResultSha256}
		}
	}
	return past, nil
}

func without(refs []Ref, known map[Ref]Answer) []Ref {
	var missing []Ref
	for _, r := range refs {
		if known[r] == 0 {
			missing = append(missing, r)
		}
	}
	return missing
}

func lockRefs(ctx context.Context, q *db.Queries, agentID uuid.UUID, refs []Ref) ([]live, error) {
	c := columnsOf(refs)
	rows, err := q.LockRefs(ctx, db.LockRefsParams{RunIds: c.runs, Attempts: c.attempts, Fences: c.fences, AgentID: agentID})
	if err != nil {
		return nil, err
	}
	return livesOf(rows)
}

// lockedRow is what every Lock… statement returns; sqlc gives each its own name for it.
type lockedRow = struct {
	RunID      uuid.UUID
	Attempt    int32
	Fence      int64
	AgentID    *uuid.UUID
	AgentEpoch int64
	State      string
	Retries    int32
	Misses     int32
	Retry      json.RawMessage
	StartedAt  *time.Time
	Orphan     bool
	Cancelling bool
}

func livesOf[R ~lockedRow](rows []R) ([]live, error) {
	lives := make([]live, len(rows))
	for i, row := range rows {
		r := lockedRow(row)
		retry, err := decodeRetry(r.Retry)
		if err != nil {
			return nil, fmt.Errorf("retry policy of run %s: %w", r.RunID, err)
		}
		lives[i] = live{Ref: Ref{r.RunID, r.Attempt, r.Fence}, state: State(r.State), retry: retry, retries: int(r.Retries),
			misses: int(r.Misses), cancelling: r.Cancelling, started: r.StartedAt != nil, orphan: r.Orphan}
	}
	return lives, nil
}

// seconds bounds a duration that came from an agent: not negative, at most 30 days.
func seconds(d time.Duration) float64 {
	return min(max(d, 0), 30*24*time.Hour).Seconds()
}
