package schedule

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
)

// running starts the loop and returns the runs that it asks for.
func running(t *testing.T, h *house, bell <-chan struct{}, poll time.Duration) <-chan []uuid.UUID {
	t.Helper()
	started := make(chan []uuid.UUID, 100)
	loop := New(h.db, h.runs, h.facts, Config{Bell: bell, Poll: poll, Started: func(runs []uuid.UUID) { started <- runs }})
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- loop.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; !errors.Is(err, context.Canceled) {
			t.Errorf("Run = %v, want that it was cancelled", err)
		}
	})
	return started
}

func TestLoopFiresWhenDueAndNotByTheTick(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.apply(Definition{Name: "often", Cron: "* * * * * *"})
	started := running(t, h, nil, time.Second)
	for range 3 {
		select {
		case <-started:
		case <-time.After(20 * time.Second):
			t.Fatal("nothing was fired")
		}
	}
	var late float64
	err := h.db.Pool.QueryRow(t.Context(), `select min(extract(epoch from decided_at - planned_at)) from fires`).Scan(&late)
	if err != nil || late < 0 || late > 0.2 {
		t.Fatalf("the most punctual of three fires came %.3f s after it was due (%v)", late, err)
	}
	t.Logf("most punctual fire: %.2f ms", late*1000)
}

func TestBellWakesTheLoop(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	bell := make(chan struct{}, 1)
	started := running(t, h, bell, time.Hour)
	h.apply(Definition{Name: "often", Cron: "@every 1s"})
	bell <- struct{}{}
	select {
	case <-started:
	case <-time.After(20 * time.Second):
		t.Fatal("a loop that polls once an hour did not hear the bell")
	}
}

func TestDueLagIsHowLateTheEarliestIs(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	if lag, err := h.store.DueLag(t.Context(), time.Time{}); lag != 0 || err != nil {
		t.Fatalf("DueLag without schedules = %v, %v", lag, err)
	}
	h.apply(Definition{Name: "often", Cron: "@every 1h"})
	next := *h.only().Next
	if lag, _ := h.store.DueLag(t.Context(), time.Time{}); lag != 0 {
		t.Fatalf("DueLag before the time = %v", lag)
	}
	if lag, _ := h.store.DueLag(t.Context(), next.Add(time.Minute)); lag != time.Minute {
		t.Fatalf("DueLag a minute after = %v", lag)
	}
}

// fill makes many schedules of many jobs, due at the given interval from now.
func fill(h *house, n int, in string) {
	h.t.Helper()
	const step = 20_000 // each statement well within the session's time limit
	for from := 0; from < n; from += step {
		h.exec(`with made as (insert into jobs (id, project_id, name)
				select gen_random_uuid(), $1, 'job-' || i from generate_series($2::int, $3::int) i returning id)
			insert into schedules (id, project_id, job_id, name, spec, zone, next_fire_at)
			select gen_random_uuid(), $1, made.id, 's' || i, '*/5 * * * *', 'Europe/Berlin', date_trunc('second', now()) + $4::interval + i * interval '1 second'
			from made, generate_series(1, 10) i`, h.project, from/10+1, min(from+step, n)/10, in)
	}
	h.exec(`analyze schedules`)
	rows, err := h.db.Pool.Query(h.t.Context(), `select id, name from jobs`)
	if err != nil {
		h.t.Fatal(err)
	}
	defer rows.Close()
	for rows.Next() {
		var id uuid.UUID
		var name string
		if err := rows.Scan(&id, &name); err != nil {
			h.t.Fatal(err)
		}
		h.facts.jobs[id] = Job{Name: name, Version: 1, State: JobActive, LostAfter: time.Hour}
	}
}

func TestDueSchedulesAreFoundThroughTheIndex(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	fill(h, 20_000, "1 hour")
	for name, sql := range map[string]string{
		"LockDue": `select s.id from schedules s where s.enabled and s.next_fire_at is not null and s.next_fire_at <= coalesce(null::timestamptz, now())
			order by s.next_fire_at limit 500 for update skip locked`,
		"NextDue": `select s.next_fire_at from schedules s where s.enabled and s.next_fire_at is not null order by s.next_fire_at limit 1`,
	} {
		rows, err := h.db.Pool.Query(t.Context(), `explain `+sql)
		if err != nil {
			t.Fatal(err)
		}
		var plan []string
		for rows.Next() {
			var line string
			if err := rows.Scan(&line); err != nil {
				t.Fatal(err)
			}
			plan = append(plan, line)
		}
		if text := strings.Join(plan, "\n"); !strings.Contains(text, "schedules_due_ix") || strings.Contains(text, "Sort") {
			t.Errorf("%s does not go by the index:\n%s", name, text)
		}
	}
}

// Goal 6: a turn of the loop when nothing is due.
func BenchmarkIdleTurn100000(b *testing.B) {
	h := newHouse(b)
	fill(h, 100_000, "1 hour")
	for b.Loop() {
		if wait, _ := h.store.turn(b.Context(), false); wait != time.Second {
			b.Fatalf("turn = %v, want the poll interval", wait)
		}
	}
}

// Goal 5: everything that is due in one second, to the last ledger and queue row.
func BenchmarkFire10000(b *testing.B) {
	h := newHouse(b)
	fill(h, 10_000, "1 hour")
	now := time.Now().UTC().Truncate(5 * time.Minute).Add(24 * time.Hour)
	for b.Loop() {
		b.StopTimer()
		now = now.Add(5 * time.Minute)
		h.exec(`update schedules set next_fire_at = $1`, now)
		h.exec(`vacuum analyze schedules`)
		b.StartTimer()
		if n, err := h.store.FireDue(b.Context(), now); n != 10_000 || err != nil {
			b.Fatalf("FireDue = %d, %v", n, err)
		}
	}
	b.ReportMetric(10_000*float64(b.N)/b.Elapsed().Seconds(), "fires/s")
}
