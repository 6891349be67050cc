package run

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/cronium/cronium/hub/run/internal/db"
)

// Queued lists up to limit waiting runs in the order in which they will be claimed,
// for dispatch to explain.
func (s *Store) Queued(ctx context.Context, limit int) ([]Queueing, error) {
	rows, err := s.q.Queued(ctx, int32(min(limit, 100_000))) //nolint:gosec // bounded
	if err != nil {
		return nil, fmt.Errorf("list queued runs: %w", err)
	}
	out := make([]Queueing, len(rows))
	for i, r := range rows {
		out[i] = Queueing{RunID: r.RunID, ProjectID: r.ProjectID, JobID: r.JobID, NotBefore: r.NotBefore, Delayed: r.Delayed,
			Reason: Reason{r.Reason, r.ReasonDetail, r.ReasonSince}}
		if err := json.Unmarshal(r.Target, &out[i].Target); err != nil {
			return nil, fmt.Errorf("target of run %s: %w", r.RunID, err)
		}
	}
	return out, nil
}

// SetReasons says why runs wait. Runs that wait no longer, or for that reason
// already, are left alone.
func (s *Store) SetReasons(ctx context.Context, waiting []Waiting) error {
	if len(waiting) == 0 {
		return nil
	}
	ids, codes, details := make([]uuid.UUID, len(waiting)), make([]string, len(waiting)), make([]string, len(waiting))
	for i, w := range waiting {
		ids[i], codes[i], details[i] = w.RunID, w.Code, w.Detail
	}
	var changed []uuid.UUID
	err := s.write(ctx, func(q *db.Queries) (err error) {
		changed, err = q.SetReasons(ctx, ids, codes, details)
		return err
	})
	if err != nil {
		return fmt.Errorf("explain %d waiting runs: %w", len(waiting), err)
	}
	s.tell(changed)
	return nil
}

// Counts says how many open runs are in each state.
func (s *Store) Counts(ctx context.Context) (map[State]int64, error) {
	rows, err := s.q.OpenCounts(ctx)
	if err != nil {
		return nil, fmt.Errorf("count open runs: %w", err)
	}
	counts := map[State]int64{Queued: 0, Assigned: 0, Running: 0, Unknown: 0}
	for _, r := range rows {
		counts[State(r.State)] = r.N
	}
	return counts, nil
}

// CountByAgent says how many live attempts each of these agents has.
func (s *Store) CountByAgent(ctx context.Context, agentIDs []uuid.UUID) (map[uuid.UUID]int, error) {
	rows, err := s.q.CountByAgent(ctx, agentIDs)
	if err != nil {
		return nil, fmt.Errorf("count runs by agent: %w", err)
	}
	counts := make(map[uuid.UUID]int, len(rows))
	for _, r := range rows {
		counts[*r.AgentID] = int(r.N)
	}
	return counts, nil
}

// RunningByAgent says how many live attempts every agent has that has any.
func (s *Store) RunningByAgent(ctx context.Context) (map[uuid.UUID]int, error) {
	rows, err := s.q.AllByAgent(ctx)
	if err != nil {
		return nil, fmt.Errorf("count runs by agent: %w", err)
	}
	counts := make(map[uuid.UUID]int, len(rows))
	for _, r := range rows {
		counts[*r.AgentID] = int(r.N)
	}
	return counts, nil
}

// Open returns which of these runs have not finished, as the caller's transaction sees it.
func (s *Store) Open(ctx context.Context, tx pgx.Tx, ids []uuid.UUID) ([]uuid.UUID, error) {
	open, err := s.q.WithTx(tx).OpenOf(ctx, ids)
	if err != nil {
		return nil, fmt.Errorf("look up %d runs: %w", len(ids), err)
	}
	return open, nil
}

// HeldServer returns the project and the server of an attempt, "" for the agent's own
// host, or [ErrNotHeld] unless this agent holds exactly this attempt now.
func (s *Store) HeldServer(ctx context.Context, agentID uuid.UUID, ref Ref) (project uuid.UUID, server string, err error) {
	row, err := s.q.HeldServer(ctx, db.HeldServerParams{RunID: ref.RunID, Attempt: ref.Attempt, Fence: ref.Fence, AgentID: agentID})
	if errors.Is(err, pgx.ErrNoRows) {
		return uuid.Nil, "", ErrNotHeld.With("The agent does not hold attempt %d of run %s", ref.Attempt, FormatID(ref.RunID))
	}
	if err != nil {
		return uuid.Nil, "", fmt.Errorf("look up the server of run %s: %w", ref.RunID, err)
	}
	return row.ProjectID, row.Server, nil
}

// OwnedBy reports, for each ref, whether that attempt was ever given to this agent.
func (s *Store) OwnedBy(ctx context.Context, agentID uuid.UUID, refs []Ref) ([]bool, error) {
	owned := make([]bool, len(refs))
	if len(refs) == 0 {
		return owned, nil
	}
	c := columnsOf(refs)
	rows, err := s.q.Owned(ctx, db.OwnedParams{AgentID: agentID, RunIds: c.runs, Attempts: c.attempts, Fences: c.fences})
	if err != nil {
		return nil, fmt.Errorf("look up attempts of agent %s: %w", agentID, err)
	}
	mine := make(map[Ref]bool, len(rows))
	for _, r := range rows {
		mine[Ref(r)] = true
	}
	for i, r := range refs {
		owned[i] = mine[r]
	}
	return owned, nil
}
