package run

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/cronium/cronium/hub/authz"
	"github.com/cronium/cronium/hub/run/internal/db"
)

// Cancel ends a run that no agent has accepted at once, and asks for the end of
// one that an agent has; doing so again changes nothing. The caller rings the bells
// of cancels and of the run.
func (s *Store) Cancel(ctx context.Context, actor authz.Actor, project, runID uuid.UUID) (Run, error) {
	if err := actor.Check(authz.RunCancel, project); err != nil {
		return Run{}, err
	}
	open := false
	err := s.db.InTx(ctx, func(tx pgx.Tx) error {
		q := db.New(tx)
		row, err := q.LockRun(ctx, runID, project)
		open = err == nil
		if errors.Is(err, pgx.ErrNoRows) {
			return nil
		}
		if err != nil {
			return err
		}
		if err := q.RequestCancel(ctx, actor.Email, runID); err != nil {
			return err
		}
		held, err := livesOf([]db.LockRunRow{row})
		if err != nil {
			return err
		}
		if held[0].state != Queued && held[0].state != Assigned {
			return nil
		}
		var b batch
		b.add(held[0], Result{Ref: held[0].Ref}, held[0].end(evCancel, attemptRevoked, cancelledBeforeStart))
		_, err = b.apply(ctx, q, nil)
		return err
	})
	if err != nil {
		return Run{}, fmt.Errorf("cancel run %s: %w", runID, err)
	}
	r, err := s.Get(ctx, project, runID)
	if err != nil {
		return Run{}, err
	}
	if !open {
		return r, ErrFinished.With("Finished %s ago: %s", ago(s.cfg.Now().Sub(*r.FinishedAt)), r.State)
	}
	s.tell([]uuid.UUID{runID})
	return r, nil
}

func ago(d time.Duration) time.Duration {
	if d < time.Second {
		return 0
	}
	return d.Round(time.Second)
}

// Cancelling lists the live attempts of these agents that somebody wants ended.
func (s *Store) Cancelling(ctx context.Context, agentIDs []uuid.UUID) (map[uuid.UUID][]Ref, error) {
	rows, err := s.q.Cancelling(ctx, agentIDs)
	if err != nil {
		return nil, fmt.Errorf("list cancel requests: %w", err)
	}
	refs := make(map[uuid.UUID][]Ref)
	for _, r := range rows {
		refs[*r.AgentID] = append(refs[*r.AgentID], Ref{r.RunID, r.Attempt, r.Fence})
	}
	return refs, nil
}
