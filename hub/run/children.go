package run

import (
	"context"
	"fmt"

	"github.com/google/uuid"

	"github.com/cronium/cronium/hub/run/internal/db"
)

// Child is the run of one target, as those see it who read its log.
type Child struct {
	ID       uuid.UUID
	Target   string
	State    State
	Attempts []ChildAttempt // 1, 2, …, the live one last
}

// ChildAttempt is one try on a target.
type ChildAttempt struct {
	Over      bool // it has a result, or will never have one
	Abandoned bool // it was lost or revoked: its log may never become complete
}

// Children returns the runs of the targets of a run of the project, in their order,
// in two questions.
func (s *Store) Children(ctx context.Context, project, parent uuid.UUID) ([]Child, error) {
	rows, err := s.q.Children(ctx, parent, project)
	if err != nil {
		return nil, fmt.Errorf("list the targets of run %s: %w", parent, err)
	}
	past, err := s.q.ChildAttempts(ctx, parent)
	if err != nil {
		return nil, fmt.Errorf("list the attempts of the targets of run %s: %w", parent, err)
	}
	states := make(map[uuid.UUID]map[int32]string, len(rows))
	for _, t := range past {
		if states[t.RunID] == nil {
			states[t.RunID] = map[int32]string{}
		}
		states[t.RunID][t.Attempt] = t.State
	}
	children := make([]Child, len(rows))
	for i, r := range rows {
		children[i] = childOf(r, states[r.ID])
	}
	return children, nil
}

func childOf(r db.ChildrenRow, past map[int32]string) Child {
	c := Child{ID: r.ID, Target: r.Target, State: State(r.State), Attempts: make([]ChildAttempt, r.Attempt)}
	for n := range c.Attempts {
		state, over := past[int32(n+1)] //nolint:gosec // counts attempts
		over = over || c.State.Final() || n+1 < len(c.Attempts)
		c.Attempts[n] = ChildAttempt{Over: over, Abandoned: over && state != attemptFinished}
	}
	return c
}
