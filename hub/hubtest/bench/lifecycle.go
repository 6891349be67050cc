package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"golang.org/x/sync/errgroup"

	"github.com/cronium/cronium/hub/bus"
	"github.com/cronium/cronium/hub/postgres"
	"github.com/cronium/cronium/hub/run"
	"github.com/cronium/cronium/sdk/client"
)

const (
	batch   = 100 // of goal 1
	clients = 4
	agents  = 4
	slots   = 1000
)

// measureLifecycle is goal 1: runs are created in batches by a few clients, as the
// floor's rows are, claimed by the hub, sent to agents over the wire, accepted,
// journalled, reported and finished.
func measureLifecycle(ctx context.Context, b *bench) (_ []row, err error) {
	address, db, err := b.database(ctx, "lifecycle")
	if err != nil {
		return nil, err
	}
	defer db.Close()
	w, err := b.newWorld(ctx, "lifecycle", address)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, w.close()) }()
	if err := w.addAgents(ctx, agents, slots); err != nil {
		return nil, err
	}
	p, stop, err := newProducer(ctx, w, db)
	if err != nil {
		return nil, err
	}
	defer stop()
	runs := b.pick(6_000, 2_000)
	if _, err := p.lives(ctx, runs/5); err != nil { // plans, pools and pages are warm as the floor's are
		return nil, err
	}
	var floors, ours []float64
	const fewest, most = 3, 9
	end := time.Now().Add(time.Duration(b.pick(30, 5)) * time.Second) // a busy machine gets fewer turns
	var spent [2]cost
	for turn := 0; turn < fewest || turn < most && time.Now().Before(end); turn++ {
		floor, err := spent[0].of(runs, func() (float64, error) { return lifecycleFloor(ctx, db, runs, batch, clients) })
		if err != nil {
			return nil, err
		}
		our, err := spent[1].of(runs, func() (float64, error) { return p.lives(ctx, runs) })
		if err != nil {
			return nil, err
		}
		floors, ours = append(floors, floor), append(ours, our)
	}
	return []row{{Goal: "1", Name: "no-op lifecycle through agents", Unit: "runs/s", Floor: repeated(floors), Ours: repeated(ours),
		Mark: atLeastOfFloor(0.10),
		Notes: fmt.Sprintf("%d agents with %d slots; %d runs in batches of %d by %d clients, %d turns; a run costs %s; the floor's %s",
			agents, slots, runs, batch, clients, len(ours), spent[1], spent[0])}}, nil
}

// cost is the time on a processor that runs take, which tells more than the clock
// when the machine is busy with something else.
type cost struct {
	runs           int
	here, database time.Duration
}

// of adds what a measurement spends.
func (c *cost) of(runs int, measure func() (float64, error)) (float64, error) {
	before, err := spentSoFar()
	if err != nil {
		return 0, err
	}
	figure, err := measure()
	if err != nil {
		return 0, err
	}
	after, err := spentSoFar()
	c.runs += runs
	c.here += after.here - before.here
	c.database += after.database - before.database
	return figure, err
}

func (c cost) String() string {
	each := func(d time.Duration) float64 { return millis(d) / float64(c.runs) }
	return fmt.Sprintf("%.3f ms of a processor here and %.3f ms in PostgreSQL", each(c.here), each(c.database))
}

func spentSoFar() (c cost, err error) {
	if c.here, err = processorTime(os.Getpid()); err != nil {
		return c, err
	}
	c.database, err = postgresTime(os.Getpid())
	return c, err
}

// producer asks for runs of one job, as a door of the hub would.
type producer struct {
	db      *postgres.DB
	store   *run.Store
	bell    *bus.Bus
	request run.Request
	done    int // runs that have succeeded before
}

func newProducer(ctx context.Context, w *world, db *postgres.DB) (*producer, func(), error) {
	if _, err := w.client.PutJob(ctx, project, definition("noop", "true", nil), client.PutOptions{}); err != nil {
		return nil, nil, err
	}
	p := &producer{db: db, store: run.New(db, run.Config{}), request: run.Request{JobName: "noop", Trigger: run.ByAPI, StartedBy: email}}
	err := db.Pool.QueryRow(ctx, `select id, project_id, version from jobs where name = 'noop'`).
		Scan(&p.request.JobID, &p.request.Project, &p.request.JobVersion)
	if err != nil {
		return nil, nil, err
	}
	if p.bell, err = bus.New(bus.Config{DB: db}); err != nil {
		return nil, nil, err
	}
	ringing, cancel := context.WithCancel(context.WithoutCancel(ctx))
	var loop sync.WaitGroup
	loop.Go(func() { _ = p.bell.Run(ringing) }) // ends with its context only
	return p, func() { cancel(); loop.Wait() }, nil
}

// lives leads n runs from their creation to their end and returns runs per second.
func (p *producer) lives(ctx context.Context, n int) (float64, error) {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	var left atomic.Int64
	left.Store(int64(n / batch))
	begin := time.Now()
	group, groupCtx := errgroup.WithContext(ctx)
	for range clients {
		group.Go(func() error {
			for left.Add(-1) >= 0 {
				if err := p.create(groupCtx); err != nil {
					return err
				}
			}
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		return 0, fmt.Errorf("create runs: %w", err)
	}
	if err := p.settle(ctx); err != nil {
		return 0, err
	}
	took := time.Since(begin)
	var succeeded int
	if err := p.db.Pool.QueryRow(ctx, `select count(*) from runs where state = 'succeeded'`).Scan(&succeeded); err != nil {
		return 0, err
	}
	if succeeded != p.done+n {
		return 0, fmt.Errorf("%d of %d runs have succeeded", succeeded-p.done, n)
	}
	p.done = succeeded
	return perSecond(n, took), nil
}

func (p *producer) create(ctx context.Context) error {
	requests := make([]run.Request, batch)
	for i := range requests {
		requests[i] = p.request
	}
	err := p.db.InTx(ctx, func(tx pgx.Tx) error {
		_, err := p.store.Create(ctx, tx, requests)
		return err
	})
	p.bell.Ring("queue")
	return err
}

// settle returns when no run is open.
func (p *producer) settle(ctx context.Context) error {
	var one uuid.UUID
	for {
		err := p.db.Pool.QueryRow(ctx, `select run_id from run_queue limit 1`).Scan(&one)
		if errors.Is(err, pgx.ErrNoRows) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("wait for the end of run %s: %w", one, err)
		}
		if !sleep(ctx, 10*time.Millisecond) {
			return fmt.Errorf("run %s is still open: %w", one, context.Cause(ctx))
		}
	}
}
