package main

import (
	"context"
	"fmt"
	"time"

	"github.com/cronium/cronium/hub/postgres"
	"github.com/cronium/cronium/hub/run"
	"github.com/cronium/cronium/hub/schedule"
)

// measureSchedules is goal 6: what very many schedules, none of them due, cost a
// hub's start and an idle tick.
func measureSchedules(ctx context.Context, b *bench) ([]row, error) {
	many, db, err := b.database(ctx, "many")
	if err != nil {
		return nil, err
	}
	defer db.Close()
	none, empty, err := b.database(ctx, "none")
	if err != nil {
		return nil, err
	}
	empty.Close()
	start := func(name, address string) (time.Duration, error) {
		w, err := b.newWorld(ctx, name, address)
		if err != nil {
			return 0, err
		}
		return w.took, w.close()
	}
	for name, address := range map[string]string{"many": many, "none": none} { // migrations and the first administrator
		if _, err := start(name, address); err != nil {
			return nil, err
		}
	}
	n := b.schedules
	if err := seed(ctx, db, n); err != nil {
		return nil, fmt.Errorf("make %d schedules: %w", n, err)
	}
	var floors, ours sample
	for range b.pick(5, 2) {
		without, err := start("none", none)
		if err != nil {
			return nil, err
		}
		with, err := start("many", many)
		if err != nil {
			return nil, err
		}
		floors, ours = append(floors, without), append(ours, with)
	}
	started := row{Goal: "6", Name: fmt.Sprintf("hub start with %d schedules", n), Unit: "ms", Floor: quantile(floors, 0.5), Ours: quantile(ours, 0.5),
		Mark: atMost(10_000), Notes: "until /readyz; the floor is the same hub with no schedules; PostgreSQL runs already"}
	tick, err := measureTick(ctx, db, b.pick(500, 100))
	tick.Name = fmt.Sprintf("idle tick with %d schedules, p99", n)
	return []row{started, tick}, err
}

// seed makes schedules, a hundred to a job, that fall due over the next year, but
// not today.
func seed(ctx context.Context, db *postgres.DB, n int) error {
	const perJob = 100
	tx, err := db.Pool.Begin(ctx)
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback(context.WithoutCancel(ctx)) }()
	for _, statement := range []string{
		`set local statement_timeout = '2min'`,
		fmt.Sprintf(`insert into jobs (id, project_id, name)
			select gen_random_uuid(), p.id, 'job-' || i from (select id from projects limit 1) p, generate_series(1, %d) i`, (n+perJob-1)/perJob),
		`insert into job_versions (job_id, version, spec, script, sha256)
			select id, 1, '{"script":{"language":"bash"}}', 'true', sha256('true') from jobs`,
		fmt.Sprintf(`insert into schedules (id, project_id, job_id, name, spec, next_fire_at)
			select gen_random_uuid(), j.project_id, j.id, 's-' || i, floor(random() * 60) || ' 3 * * *', now() + interval '1 day' + random() * interval '364 days'
			from jobs j, generate_series(1, %d) i limit %d`, perJob, n),
	} {
		if _, err := tx.Exec(ctx, statement); err != nil {
			return err
		}
	}
	if err := tx.Commit(ctx); err != nil {
		return err
	}
	if _, err := db.Pool.Exec(ctx, `analyze schedules`); err != nil {
		return err
	}
	var made int
	if err := db.Pool.QueryRow(ctx, `select count(*) from schedules where enabled and next_fire_at > now()`).Scan(&made); err != nil {
		return err
	}
	if made != n {
		return fmt.Errorf("there are %d", made)
	}
	return nil
}

// measureTick looks for what is due and finds nothing: both questions of the loop,
// of which an idle turn asks the second alone.
func measureTick(ctx context.Context, db *postgres.DB, times int) (row, error) {
	store := schedule.New(db, run.New(db, run.Config{}), nil, schedule.Config{})
	var floor, ours sample
	for range times {
		begin := time.Now()
		var one int
		if err := db.Pool.QueryRow(ctx, `select 1`).Scan(&one); err != nil {
			return row{}, err
		}
		floor = append(floor, time.Since(begin))
		begin = time.Now()
		started, err := store.FireDue(ctx, time.Time{})
		if err != nil {
			return row{}, err
		}
		if _, err := store.DueLag(ctx, time.Time{}); err != nil {
			return row{}, err
		}
		ours = append(ours, time.Since(begin))
		if started != 0 {
			return row{}, fmt.Errorf("%d schedules were due, want none", started)
		}
	}
	return row{Goal: "6", Unit: "ms", Floor: quantile(floor, 0.99), Ours: quantile(ours, 0.99), Mark: atMost(50),
		Notes: "the floor is a bare round trip"}, nil
}
