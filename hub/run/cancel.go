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
// one that an agent has; doing so again changes nothing. A run that fans out is
// cancelled with all its targets, and ends when they have. The caller rings the
// bells of cancels and of the run.
func (s *Store) Cancel(ctx context.Context, actor authz.Actor, project, runID uuid.UUID) (Run, error) {
	if err := actor.Check(authz.RunCancel, project); err != nil {
		return Run{}, err
	}
	open := false
	var changed []uuid.UUID
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
		held, err := livesOf([]db.LockRunRow{row})
		if err != nil {
			return err
		}
		fansOut, err := q.FansOut(ctx, runID)
		if err != nil {
			return err
		}
		if fansOut {
			if err := q.RequestCancel(ctx, actor.Email, []uuid.UUID{runID}); err != nil {
				return err
			}
			children, err := q.LockChildren(ctx, runID)
			if err != nil {
				return err
			}
			if held, err = livesOf(children); err != nil {
				return err
			}
		}
		changed, err = cancelAll(ctx, q, actor.Email, held)
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
	s.tell(append(changed, runID))
	return r, nil
}

// cancelAll asks for the end of locked runs, and ends those that no agent has
// accepted. It returns them.
func cancelAll(ctx context.Context, q *db.Queries, by string, held []live) ([]uuid.UUID, error) {
	ids := make([]uuid.UUID, len(held))
	var b batch
	for i, l := range held {
		ids[i] = l.RunID
		if l.state == Queued || l.state == Assigned {
			b.add(l, Result{Ref: l.Ref}, l.end(evCancel, attemptRevoked, cancelledBeforeStart))
		}
	}
	if err := q.RequestCancel(ctx, by, ids); err != nil {
		return nil, err
	}
	return b.apply(ctx, q, nil)
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
