package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/cronium/cronium/hub/run"
	"github.com/cronium/cronium/sdk/client"
)

// measurePunctuality is goal 4: from the time a schedule is due to the script's first
// line, over the same shells started at one moment with nothing around them. The
// floor's turn lies between the due times.
func measurePunctuality(ctx context.Context, b *bench) ([]row, error) {
	m, err := b.binaries(ctx)
	if err != nil {
		return nil, err
	}
	defer m.used()
	one, err := m.punctuality(ctx, b, due{count: 1, cron: "* * * * * *", period: time.Second, rounds: b.pick(45, 8)})
	if err != nil {
		return nil, err
	}
	hundred, err := m.punctuality(ctx, b, due{count: 100, cron: "*/10 * * * * *", period: 10 * time.Second, rounds: b.pick(5, 1)})
	return []row{one, hundred}, err
}

// due is a number of schedules that fall due together, again and again.
type due struct {
	count  int
	cron   string
	period time.Duration
	rounds int
}

func (m *machine) punctuality(ctx context.Context, b *bench, d due) (row, error) {
	name := fmt.Sprintf("due-%d", d.count)
	stamps := filepath.Join(b.dir, name+".stamps")
	script := filepath.Join(b.dir, name+".sh")
	if err := os.WriteFile(script, []byte(stampScript), 0o600); err != nil {
		return row{}, err
	}
	if err := m.schedule(ctx, name, `at=$EPOCHREALTIME; echo "$at $CRONIUM_RUN_ID" >>`+stamps+"\n", d.count, d.cron); err != nil {
		return row{}, err
	}
	first := nextMultiple(time.Now().Add(time.Second), d.period) // what falls due before is a rehearsal
	var floor sample
	for i := range d.rounds {
		middle := first.Add(time.Duration(i)*d.period + d.period*6/10)
		if !sleep(ctx, time.Until(middle)) {
			return row{}, context.Cause(ctx)
		}
		lags, err := spawnFloor(ctx, d.count, script)
		if err != nil {
			return row{}, err
		}
		floor = append(floor, lags...)
	}
	if err := m.schedule(ctx, name, "true", d.count, ""); err != nil { // no more
		return row{}, err
	}
	fires, err := m.fires(ctx, name, first, first.Add(time.Duration(d.rounds)*d.period), d.rounds*d.count)
	if err != nil {
		return row{}, err
	}
	ours, split, err := lags(stamps, fires)
	if err != nil {
		return row{}, err
	}
	return row{Goal: "4", Name: fmt.Sprintf("due → script's first line, p99, %d due at once", d.count), Unit: "ms",
		Floor: quantile(floor, 0.99), Ours: quantile(ours, 0.99), Mark: timesFloor(3),
		Notes: fmt.Sprintf("p50 %.1f ms over %.1f ms (%.1f ×); since due: %s", millis(ours.median()), millis(floor.median()),
			float64(ours.median())/float64(floor.median()), split)}, nil
}

func nextMultiple(t time.Time, of time.Duration) time.Time { return t.Truncate(of).Add(of) }

// schedule makes jobs with this many schedules in all, or takes the schedules away.
func (m *machine) schedule(ctx context.Context, name, source string, count int, cron string) error {
	const perJob = 50 // the API takes 64
	for n := 0; n < count; n += perJob {
		wishes := []client.ScheduleWish{}
		for i := n; cron != "" && i < min(count, n+perJob); i++ {
			wishes = append(wishes, client.ScheduleWish{Name: fmt.Sprintf("s-%d", i), Cron: cron})
		}
		if err := m.put(ctx, fmt.Sprintf("%s-%d", name, n), source, wishes); err != nil {
			return err
		}
	}
	return nil
}

// fire is an occurrence of the ledger with what became of it.
type fire struct {
	planned time.Time
	stage   stage
}

// fires waits until the runs of all occurrences from one time on and before another
// are over, and returns them by run.
func (m *machine) fires(ctx context.Context, job string, from, before time.Time, want int) (map[string]fire, error) {
	var found map[string]fire
	err := eventually(ctx, 30*time.Second, fmt.Sprintf("%d runs of %s have succeeded", want, job), func() error {
		found = map[string]fire{}
		rows, err := m.db.Pool.Query(ctx, `select r.id, r.scheduled_for, r.created_at, t.assigned_at, t.accepted_at, t.started_at
			from runs r join attempts t on t.run_id = r.id and t.attempt = r.attempt where r.job_name like $1 || '-%' and r.scheduled_for >= $2 and r.scheduled_for < $3 and r.state = 'succeeded'`, job, from, before)
		if err != nil {
			return err
		}
		defer rows.Close()
		for rows.Next() {
			var id uuid.UUID
			var planned, created, assigned, accepted, started time.Time
			if err := rows.Scan(&id, &planned, &created, &assigned, &accepted, &started); err != nil {
				return err
			}
			found[run.FormatID(id)] = fire{planned, stage{created: created.Sub(planned), assigned: assigned.Sub(planned),
				accepted: accepted.Sub(planned), started: started.Sub(planned)}}
		}
		if err := rows.Err(); err != nil {
			return err
		}
		if len(found) != want {
			return fmt.Errorf("%d have", len(found))
		}
		return nil
	})
	return found, err
}

// lags reads when each script was at its first line. Each must be there once.
func lags(path string, fires map[string]fire) (late sample, split stages, err error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, nil, err
	}
	defer f.Close()
	seen := map[string]bool{}
	lines := bufio.NewScanner(f)
	for lines.Scan() {
		stamp, id, _ := strings.Cut(lines.Text(), " ")
		at, err := parseStamp(stamp)
		if err != nil {
			return nil, nil, err
		}
		of, ok := fires[id]
		if !ok {
			continue // the rehearsal's
		}
		if seen[id] {
			return nil, nil, fmt.Errorf("run %s ran twice", id)
		}
		seen[id] = true
		of.stage.printed = at.Sub(of.planned)
		late, split = append(late, of.stage.printed), append(split, of.stage)
	}
	if len(seen) != len(fires) {
		return nil, nil, errors.Join(lines.Err(), fmt.Errorf("%d of %d runs have left their time", len(seen), len(fires)))
	}
	return late, split, lines.Err()
}
