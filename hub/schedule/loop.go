package schedule

import (
	"context"
	"time"
)

// contended is the pause when something is due that another hub is at.
const contended = 25 * time.Millisecond

// Run fires what is due, as soon as it is due, until ctx ends. It sleeps until
// the earliest due time, at most Poll, and is woken by the bell. An idle turn is
// one query that reads one index entry.
func (s *Store) Run(ctx context.Context) error {
	timer := time.NewTimer(0)
	defer timer.Stop()
	expected := false // something falls due when the timer fires
	for {
		rung := false
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-s.cfg.Bell:
			rung = true
		case <-timer.C:
		}
		var wait time.Duration
		wait, expected = s.turn(ctx, expected && !rung)
		timer.Reset(wait)
	}
}

// turn fires what is due and says how long to sleep, and whether something is
// due then. An expected turn does not ask first.
func (s *Store) turn(ctx context.Context, expected bool) (wait time.Duration, due bool) {
	wait, err := s.work(ctx, expected)
	switch {
	case err != nil:
		if ctx.Err() == nil {
			s.cfg.Log.ErrorContext(ctx, "schedules could not be fired", "err", err)
		}
		return s.cfg.Poll, false
	case wait <= 0:
		return contended, false
	}
	return min(wait, s.cfg.Poll), wait <= s.cfg.Poll
}

func (s *Store) work(ctx context.Context, expected bool) (wait time.Duration, err error) {
	if !expected {
		if wait, err = s.untilDue(ctx); err != nil || wait > 0 {
			return wait, err
		}
	}
	if _, err := s.FireDue(ctx, time.Time{}); err != nil {
		return 0, err
	}
	return s.untilDue(ctx)
}

// untilDue is how far away the earliest due time is, by the database's clock;
// negative when it has passed.
func (s *Store) untilDue(ctx context.Context) (time.Duration, error) {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	row, err := s.q.NextDue(ctx)
	return row.NextAt.Sub(row.DbNow), err
}

// DueLag is how late the most overdue schedule is, or 0. The zero now is the
// database's own clock.
func (s *Store) DueLag(ctx context.Context, now time.Time) (time.Duration, error) {
	row, err := s.q.NextDue(ctx)
	if err != nil {
		return 0, err
	}
	if now.IsZero() {
		now = row.DbNow
	}
	return max(0, now.Sub(row.NextAt)), nil
}
