package run

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/cronium/cronium/hub/postgres/pgtest"
)

// BenchmarkLifecycle measures whole lives of no-op runs (create, claim, accept,
// start, finish) beside the floor of performance.md: four bare commits on one
// table (insert, claim, start, finish), same batch, same clients, same server.
//
//	go test ./hub/run -run '^$' -bench Lifecycle -benchtime 20000x
func BenchmarkLifecycle(b *testing.B) {
	for _, batch := range []int{1, 10, 100, 500} {
		b.Run(fmt.Sprintf("floor/batch=%d", batch), func(b *testing.B) { benchFloor(b, batch) })
		b.Run(fmt.Sprintf("run/batch=%d", batch), func(b *testing.B) { benchRun(b, batch) })
	}
}

const benchClients = 4

// shared runs life with batches until b.N lives are over.
func shared(b *testing.B, batch int, life func(client, n int) error) {
	b.Helper()
	var left atomic.Int64
	left.Store(int64(b.N))
	b.ResetTimer()
	began := time.Now()
	var wg sync.WaitGroup
	for client := range benchClients {
		wg.Go(func() {
			for {
				n := int(min(left.Add(int64(-batch))+int64(batch), int64(batch)))
				if n <= 0 {
					return
				}
				if err := life(client, n); err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	wg.Wait()
	b.ReportMetric(float64(b.N)/time.Since(began).Seconds(), "runs/s")
}

func benchRun(b *testing.B, batch int) {
	ctx := context.Background()
	pg := pgtest.New(b)
	s := New(pg, Config{})
	job := uuid.New()
	shared(b, batch, func(client, n int) error {
		// A project of its own for each client, so that it claims what it created.
		project, agent := uuid.UUID{1, byte(client)}, uuid.UUID{2, byte(client)}
		reqs := make([]Request, n)
		for i := range reqs {
			reqs[i] = Request{Project: project, JobID: job, JobName: "noop", JobVersion: 1, Trigger: BySchedule, Target: map[string]string{"os": "linux"}}
		}
		if err := pg.InTx(ctx, func(tx pgx.Tx) error { _, err := s.Create(ctx, tx, reqs); return err }); err != nil {
			return err
		}
		claimed, err := s.Claim(ctx, agent, 1, map[string]string{"os": "linux", "arch": "amd64"}, project, n)
		if err != nil || len(claimed) != n {
			return fmt.Errorf("claimed %d of %d: %w", len(claimed), n, err)
		}
		refs, results := make([]Ref, n), make([]Result, n)
		for i, c := range claimed {
			refs[i] = c.Ref
			results[i] = Result{Ref: c.Ref, Outcome: OutcomeSucceeded, Duration: time.Millisecond, SHA256: c.RunID[:]}
		}
		if d, err := s.Accept(ctx, agent, refs); err != nil || d[n-1] != Granted {
			return fmt.Errorf("accept: %v %w", d, err)
		}
		if a, err := s.Finish(ctx, agent, results); err != nil || a[n-1] != Accepted {
			return fmt.Errorf("finish: %v %w", a, err)
		}
		return nil
	})
	var bytes int64
	if err := pg.Pool.QueryRow(ctx, "select pg_total_relation_size('runs') + pg_total_relation_size('attempts')").Scan(&bytes); err != nil {
		b.Fatal(err)
	}
	b.ReportMetric(float64(bytes)/float64(b.N), "B/run")
}

func benchFloor(b *testing.B, batch int) {
	ctx := context.Background()
	pg := pgtest.New(b)
	if _, err := pg.Pool.Exec(ctx, `create table floor (id uuid primary key, project uuid not null, state text not null, attempt int not null default 0,
		fence bigint not null default 0, agent uuid, lease timestamptz, finished timestamptz);
		create index floor_ix on floor (project, id) where state = 'queued'; create sequence floor_fence`); err != nil {
		b.Fatal(err)
	}
	shared(b, batch, func(client, n int) error {
		project, agent := uuid.UUID{1, byte(client)}, uuid.UUID{2, byte(client)}
		ids := make([]uuid.UUID, n)
		for i := range ids {
			ids[i] = uuid.Must(uuid.NewV7())
		}
		if _, err := pg.Pool.Exec(ctx, "insert into floor (id, project, state) select unnest($1::uuid[]), $2, 'queued'", ids, project); err != nil {
			return err
		}
		rows, err := pg.Pool.Query(ctx, `with p as (select id from floor where state = 'queued' and project = $1 order by id limit $2 for update skip locked)
			update floor f set state = 'assigned', attempt = attempt + 1, fence = nextval('floor_fence'), agent = $3, lease = now() + interval '15 s'
			from p where f.id = p.id returning f.id`, project, n, agent)
		if err != nil {
			return err
		}
		if ids, err = pgx.CollectRows(rows, pgx.RowTo[uuid.UUID]); err != nil || len(ids) != n {
			return fmt.Errorf("claimed %d of %d: %w", len(ids), n, err)
		}
		if _, err := pg.Pool.Exec(ctx, "update floor set state = 'running', lease = now() + interval '60 s' where id = any ($1) and agent = $2", ids, agent); err != nil {
			return err
		}
		_, err = pg.Pool.Exec(ctx, "update floor set state = 'succeeded', finished = now() where id = any ($1) and agent = $2", ids, agent)
		return err
	})
}
