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

const (
	fanOutPoll    = time.Second
	fanOutPause   = 20 * time.Millisecond // between two looks
	fanOutTimeout = 10 * time.Second      // of one look
	namedTargets  = 3                     // that an outcome names
)

// FanOuts moves runs that fan out on: it lets targets go when it is their turn,
// gives up those that nobody takes, and ends the run when all have ended. It goes
// by what is in the database alone, so it may be called at any time, by any number
// of hubs, and after a kill between any two statements. It returns how many runs it
// has moved.
func (s *Store) FanOuts(ctx context.Context) (int, error) {
	moved, _, err := s.fanOuts(ctx)
	return moved, err
}

// fanOuts also returns every open run that fans out, as it was found.
func (s *Store) fanOuts(ctx context.Context) (moved int, seen map[uuid.UUID]spread, err error) {
	rows, err := s.q.FanOuts(ctx, nil)
	if err != nil {
		return 0, nil, fmt.Errorf("look at runs of many targets: %w", err)
	}
	seen = make(map[uuid.UUID]spread, len(rows))
	for _, row := range rows {
		now, err := readSpread(row)
		if err != nil {
			return moved, seen, err
		}
		seen[row.RunID] = now
		if now.next().none() {
			continue
		}
		did, err := s.advance(ctx, row.RunID)
		if err != nil {
			return moved, seen, fmt.Errorf("move run %s on: %w", row.RunID, err)
		}
		if did {
			moved++
		}
	}
	return moved, seen, nil
}

func readSpread(row db.FanOutsRow) (spread, error) {
	var r rules
	if err := json.Unmarshal(row.FanOut, &r); err != nil {
		return spread{}, fmt.Errorf("rules of run %s: %w", row.RunID, err)
	}
	return spreadOf(row, r), nil
}

// advance makes the moves of one run, unless another hub is at it. What was seen
// without the lock is looked at again under it.
func (s *Store) advance(ctx context.Context, id uuid.UUID) (bool, error) {
	var changed []uuid.UUID
	err := s.db.InTx(ctx, func(tx pgx.Tx) error {
		changed = nil
		q := db.New(tx)
		locked, err := q.LockFanOut(ctx, id)
		if err != nil || len(locked) == 0 {
			return err
		}
		rows, err := q.FanOuts(ctx, &id)
		if err != nil || len(rows) == 0 {
			return err
		}
		now, err := readSpread(rows[0])
		if err != nil {
			return err
		}
		changed, err = now.make(ctx, q, id, now.next())
		return err
	})
	s.tell(changed)
	return len(changed) > 0, err
}

// make makes the moves, and returns the runs that are no longer as they were.
func (s spread) make(ctx context.Context, q *db.Queries, id uuid.UUID, m move) (changed []uuid.UUID, err error) {
	var b batch
	if m.begin {
		if changed, err = q.BeginFanOut(ctx, id, fromBegin); err != nil {
			return nil, err
		}
		s.state = Running
	}
	if m.giveUp {
		if err := b.giveUp(ctx, q, id, s.StartWithin); err != nil {
			return nil, err
		}
	}
	if m.stop {
		rows, err := q.LockHeldChildren(ctx, id)
		if err != nil {
			return nil, err
		}
		held, err := livesOf(rows)
		if err != nil {
			return nil, err
		}
		for _, l := range held {
			b.add(l, Result{Ref: l.Ref}, l.end(evCancel, attemptRevoked, s.stopped()))
		}
	}
	if m.letGo > 0 {
		freed, err := q.LetGo(ctx, id, int32(m.letGo)) //nolint:gosec // at most MaxTargets
		if err != nil {
			return nil, err
		}
		changed = append(append(changed, id), freed...)
	}
	if m.end {
		notWell, err := q.NotSucceeded(ctx, id, namedTargets)
		if err != nil {
			return nil, err
		}
		on, what := s.verdict(notWell)
		l := live{Ref: Ref{RunID: id}, state: s.state}
		b.add(l, Result{Ref: l.Ref}, l.end(on, attemptRevoked, what))
	}
	ended, err := b.apply(ctx, q, nil)
	return append(changed, ended...), err
}

// giveUp ends the targets that nobody has taken in time, with what they waited for.
func (b *batch) giveUp(ctx context.Context, q *db.Queries, id uuid.UUID, within float64) error {
	rows, err := q.LockLateChildren(ctx, id, within)
	if err != nil {
		return err
	}
	late, err := livesOf(rows)
	if err != nil {
		return err
	}
	ids := make([]uuid.UUID, len(late))
	for i, l := range late {
		ids[i] = l.RunID
	}
	reasons, err := q.WaitReasons(ctx, ids)
	if err != nil {
		return err
	}
	why := make(map[uuid.UUID]string, len(reasons))
	for _, r := range reasons {
		why[r.RunID] = r.ReasonDetail
	}
	limit := time.Duration(within * float64(time.Second)).Round(time.Second)
	for _, l := range late {
		what := outcome{codeNotTaken, fmt.Sprintf("No host has taken it within %s", limit), "Look at the host, or raise the job's fan_out.start_within."}
		if why[l.RunID] != "" {
			what.Detail += ": " + why[l.RunID]
		}
		on := evGiveUp
		if l.cancelling {
			on, what = evCancel, cancelledBeforeStart
		}
		b.add(l, Result{Ref: l.Ref}, l.end(on, attemptRevoked, what))
	}
	return nil
}

// RunFanOuts moves runs that fan out on until ctx ends: at the sound of the bell,
// which rings when any run changes, and every second. Without such runs a look is
// one question to an empty index.
func (s *Store) RunFanOuts(ctx context.Context, bell <-chan struct{}) error {
	poll := time.NewTicker(fanOutPoll)
	defer poll.Stop()
	var before map[uuid.UUID]spread
	for {
		before = s.lookAtFanOuts(ctx, before)
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-time.After(fanOutPause):
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-bell:
		case <-poll.C:
		}
	}
}

// lookAtFanOuts moves on what it can, and tells of the runs whose targets have
// changed since the last look: they are what people watch.
func (s *Store) lookAtFanOuts(ctx context.Context, before map[uuid.UUID]spread) map[uuid.UUID]spread {
	ctx, cancel := context.WithTimeout(ctx, fanOutTimeout)
	defer cancel()
	_, seen, err := s.fanOuts(ctx)
	if err != nil && ctx.Err() == nil {
		s.cfg.Log.ErrorContext(ctx, "move runs of many targets on", "err", err)
	}
	var news []uuid.UUID
	for id, now := range seen {
		if was, known := before[id]; known && was != now {
			news = append(news, id)
		}
	}
	s.tell(news)
	return seen
}
