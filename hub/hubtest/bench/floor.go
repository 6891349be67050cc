package main

import (
	"context"
	"fmt"
	"os/exec"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"golang.org/x/sync/errgroup"

	"github.com/cronium/cronium/hub/postgres"
)

// lifecycleFloor is what PostgreSQL itself does for whole lifecycles of a bare row:
// insert, claim, start, finish, a commit each, in batches, by several clients. It
// returns lifecycles per second.
func lifecycleFloor(ctx context.Context, db *postgres.DB, runs, batch, clients int) (float64, error) {
	const table = `drop table if exists floor_runs;
		create table floor_runs (id uuid primary key, state text not null, payload jsonb not null default '{}', started_at timestamptz, finished_at timestamptz);
		create index floor_runs_queued on floor_runs (id) where state = 'queued'`
	if _, err := db.Pool.Exec(ctx, table); err != nil {
		return 0, fmt.Errorf("make the floor's table: %w", err)
	}
	var left atomic.Int64
	left.Store(int64(runs / batch))
	begin := time.Now()
	group, ctx := errgroup.WithContext(ctx)
	for range clients {
		group.Go(func() error {
			for left.Add(-1) >= 0 {
				if err := floorBatch(ctx, db, batch); err != nil {
					return err
				}
			}
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		return 0, fmt.Errorf("lifecycle floor: %w", err)
	}
	took := time.Since(begin)
	var whole int
	// A claim skips what others are claiming, so a few rows may be left over.
	if err := db.Pool.QueryRow(context.WithoutCancel(ctx), `select count(*) from floor_runs where state = 'succeeded'`).Scan(&whole); err != nil {
		return 0, fmt.Errorf("count the floor's lifecycles: %w", err)
	}
	return perSecond(whole, took), nil
}

func floorBatch(ctx context.Context, db *postgres.DB, batch int) error {
	ids := make([]uuid.UUID, batch)
	for i := range ids {
		ids[i] = uuid.Must(uuid.NewV7())
	}
	if _, err := db.Pool.Exec(ctx, `insert into floor_runs (id, state) select id, 'queued' from unnest($1::uuid[]) id`, ids); err != nil {
		return err
	}
	rows, err := db.Pool.Query(ctx, `update floor_runs set state = 'assigned' where id in (
		select id from floor_runs where state = 'queued' order by id limit $1 for update skip locked) returning id`, batch)
	if err != nil {
		return err
	}
	claimed, err := pgx.CollectRows(rows, pgx.RowTo[uuid.UUID])
	if err != nil {
		return err
	}
	if _, err := db.Pool.Exec(ctx, `update floor_runs set state = 'running', started_at = now() where id = any($1) and state = 'assigned'`, claimed); err != nil {
		return err
	}
	_, err = db.Pool.Exec(ctx, `update floor_runs set state = 'succeeded', finished_at = now() where id = any($1) and state = 'running'`, claimed)
	return err
}

// commitFloor is the time of one inserted row and its commit.
func commitFloor(ctx context.Context, db *postgres.DB) (time.Duration, error) {
	begin := time.Now()
	if _, err := db.Pool.Exec(ctx, `insert into floor_commits values ($1)`, uuid.Must(uuid.NewV7())); err != nil {
		return 0, fmt.Errorf("commit floor: %w", err)
	}
	return time.Since(begin), nil
}

// makeCommitFloor makes the table of [commitFloor].
func makeCommitFloor(ctx context.Context, db *postgres.DB) error {
	_, err := db.Pool.Exec(ctx, `create table if not exists floor_commits (id uuid primary key)`)
	return err
}

// spawnFloor starts n shells at one moment, as many at a time as there are
// processors, without anything around them, and returns how long after that moment
// each of them was at its first line: the ideal start lag.
func spawnFloor(ctx context.Context, n int, script string) (sample, error) {
	lags := make(sample, n)
	var wait sync.WaitGroup
	group := errgroup.Group{}
	group.SetLimit(runtime.NumCPU())
	faults := make([]error, n)
	due := time.Now()
	for i := range n {
		group.Go(func() error {
			var out strings.Builder
			shell := exec.CommandContext(ctx, "bash", script)
			shell.Stdout = &out
			if err := shell.Start(); err != nil {
				return fmt.Errorf("start a shell: %w", err)
			}
			wait.Go(func() {
				var at time.Time
				if faults[i] = shell.Wait(); faults[i] == nil {
					at, faults[i] = parseStamp(out.String())
				}
				lags[i] = at.Sub(due)
			})
			return nil
		})
	}
	err := group.Wait()
	wait.Wait()
	for _, fault := range faults {
		if err == nil && fault != nil {
			err = fmt.Errorf("a shell of the floor: %w", fault)
		}
	}
	return lags, err
}

// stampScript says when the shell was at its first line, as its first bytes.
const stampScript = `echo "$EPOCHREALTIME"` + "\n"

// parseStamp reads bash's EPOCHREALTIME, whose separator depends on the locale.
func parseStamp(text string) (time.Time, error) {
	seconds, micros, ok := strings.Cut(strings.Replace(strings.TrimSpace(text), ",", ".", 1), ".")
	s, err := strconv.ParseInt(seconds, 10, 64)
	if err != nil || !ok || len(micros) != 6 {
		return time.Time{}, fmt.Errorf("%q is no time of bash (5.0 or newer)", text)
	}
	us, err := strconv.ParseInt(micros, 10, 64)
	if err != nil {
		return time.Time{}, fmt.Errorf("%q is no time of bash: %w", text, err)
	}
	return time.Unix(s, us*1000), nil
}
