package run

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/cronium/cronium/hub/run/internal/db"
)

const reapBatch = 500

// Reap does what time demands: assignments that nobody accepted return to the
// queue, accepted attempts whose lease ran out become unknown, and those unknown
// for too long are lost or tried again. Two hubs may do it at once.
func (s *Store) Reap(ctx context.Context) (Reaped, error) {
	var r Reaped
	err := s.reapAssignments(ctx, &r)
	if err == nil {
		err = s.reapLeases(ctx, &r)
	}
	if err != nil {
		return r, fmt.Errorf("reap: %w", err)
	}
	return r, nil
}

// reapAssignments is safe at any time: what was not accepted has not started.
func (s *Store) reapAssignments(ctx context.Context, r *Reaped) error {
	return inBatches(ctx, s, &r.Requeued, (*db.Queries).LockExpiredAssignments, func(l live) verdict {
		return l.handBack(outcome{Detail: "The agent did not accept it in time"})
	})
}

func (s *Store) reapLeases(ctx context.Context, r *Reaped) error {
	for {
		ids, err := s.q.ExpireLeases(ctx, fromExpire, reapBatch)
		if err != nil {
			return err
		}
		s.tell(ids)
		r.Unknown += len(ids)
		if len(ids) < reapBatch {
			break
		}
	}
	return inBatches(ctx, s, &r.Lost, (*db.Queries).LockOverdue, func(l live) verdict {
		return judge(l, OutcomeLost, lostOutcome)
	})
}

// inBatches locks rows a batch at a time and writes what decide makes of them.
func inBatches[R ~lockedRow](ctx context.Context, s *Store, n *int, lock func(*db.Queries, context.Context, int32) ([]R, error), decide func(live) verdict) error {
	for {
		var changed []uuid.UUID
		err := s.db.InTx(ctx, func(tx pgx.Tx) error {
			q := db.New(tx)
			rows, err := lock(q, ctx, reapBatch)
			if err != nil {
				return err
			}
			held, err := livesOf(rows)
			if err != nil {
				return err
			}
			var b batch
			for _, l := range held {
				b.add(l, Result{Ref: l.Ref}, decide(l))
			}
			changed, err = b.apply(ctx, q, nil)
			return err
		})
		if err != nil {
			return err
		}
		s.tell(changed)
		*n += len(changed)
		if len(changed) < reapBatch {
			return nil
		}
	}
}

// jump is how far the database's clock and ours may drift apart between two ticks,
// and how long the database may be silent, before leases mean nothing for a while.
const jump = 5 * time.Second

// pause decides when the reaper may trust leases. Agents could not renew while the
// hub or the database was away, so for a grace after that no lease is held against
// them. Assignments are not concerned.
type pause struct {
	grace time.Duration
	until time.Time // ours, monotonic
	seen  time.Time // ours, at the last tick that worked
	clock time.Time // the database's, then
}

// trust notes the two clocks and reports whether leases count now.
func (p *pause) trust(now, clock time.Time) bool {
	if p.seen.IsZero() {
		p.until = now.Add(p.grace)
	} else {
		passed := now.Sub(p.seen)
		if drift := clock.Sub(p.clock) - passed; passed > jump || drift.Abs() > jump {
			p.until = now.Add(p.grace)
		}
	}
	p.seen, p.clock = now, clock
	return !now.Before(p.until)
}

// Run reaps until ctx ends. One cheap query a tick asks whether there is anything to do.
func (s *Store) Run(ctx context.Context) error {
	tick := time.NewTicker(s.cfg.ReapEvery)
	defer tick.Stop()
	p := pause{grace: s.cfg.Grace}
	for {
		if err := s.reapTick(ctx, &p); err != nil && ctx.Err() == nil {
			s.cfg.Log.ErrorContext(ctx, "reap runs", "err", err)
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-tick.C:
		}
	}
}

func (s *Store) reapTick(ctx context.Context, p *pause) error {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	due, err := s.q.Due(ctx)
	if err != nil {
		return fmt.Errorf("ask what is due: %w", err)
	}
	var r Reaped
	trusted := p.trust(s.cfg.Now(), due.DbNow)
	if due.Assignments > 0 {
		if err := s.reapAssignments(ctx, &r); err != nil {
			return err
		}
	}
	if trusted && due.Leases+due.Overdue > 0 {
		if err := s.reapLeases(ctx, &r); err != nil {
			return err
		}
	}
	if r != (Reaped{}) {
		s.cfg.Log.InfoContext(ctx, "reaped runs", "requeued", r.Requeued, "unknown", r.Unknown, "lost", r.Lost)
	}
	return nil
}
