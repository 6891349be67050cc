//go:build bench

package main

import (
	"context"
	"fmt"
	"os/exec"
	"sync"
	"sync/atomic"
	"time"

	"github.com/google/uuid"
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
	return perSecond(runs, time.Since(begin)), nil
}

func floorBatch(ctx context.Context, db *postgres.DB, batch int) error {
	ids := make([]uuid.UUID, batch)
	for i := range ids {
		ids[i] = uuid.Must(uuid.NewV7())
	}
	if _, err := db.Pool.Exec(ctx, `insert into floor_runs (id, state) select id, 'queued' from unnest($1::uuid[]) id`, ids); err != nil {
		return err
	}
	claimed := make([]uuid.UUID, 0, batch)
	rows, err := db.Pool.Query(ctx, `update floor_runs set state = 'assigned' where id in (
		select id from floor_runs where state = 'queued' order by id limit $1 for update skip locked) returning id`, batch)
	if err != nil {
		return err
	}
	for rows.Next() {
		var id uuid.UUID
		if err := rows.Scan(&id); err != nil {
			return err
		}
		claimed = append(claimed, id)
	}
	if err := rows.Err(); err != nil {
		return err
	}
	if _, err := db.Pool.Exec(ctx, `update floor_runs set state = 'running', started_at = now() where id = any($1) and state = 'assigned'`, claimed); err != nil {
		return err
	}
	_, err = db.Pool.Exec(ctx, `update floor_runs set state = 'succeeded', finished_at = now() where id = any($1) and state = 'running'`, claimed)
	return err
}

// spawnFloor starts n processes of the program at once, as many at a time as there
// are processors, and returns for each how long after the common due time it had
// been started: the ideal start lag.
func spawnFloor(ctx context.Context, n int, name string, args ...string) (sample, error) {
	lags := make(sample, n)
	var wait sync.WaitGroup
	defer wait.Wait()
	due := time.Now()
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(2)
	for i := range n {
		group.Go(func() error {
			command := exec.CommandContext(context.WithoutCancel(ctx), name, args...)
			if err := command.Start(); err != nil {
				return fmt.Errorf("start %s: %w", name, err)
			}
			lags[i] = time.Since(due)
			wait.Go(func() { _ = command.Wait() })
			return nil
		})
	}
	return lags, group.Wait()
}

// commitFloor is the median time of one inserted row and its commit.
func commitFloor(ctx context.Context, db *postgres.DB, times int) (time.Duration, error) {
	if _, err := db.Pool.Exec(ctx, `create table if not exists floor_commits (id uuid primary key)`); err != nil {
		return 0, err
	}
	var took sample
	for range times {
		begin := time.Now()
		if _, err := db.Pool.Exec(ctx, `insert into floor_commits values ($1)`, uuid.Must(uuid.NewV7())); err != nil {
			return 0, fmt.Errorf("commit floor: %w", err)
		}
		took = append(took, time.Since(begin))
	}
	return took.median(), nil
}
