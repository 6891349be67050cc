package schedule

import (
	"context"
	"log/slog"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/cronium/cronium/hub/postgres"
	"github.com/cronium/cronium/hub/run"
	"github.com/cronium/cronium/hub/schedule/internal/db"
)

// Runs is where runs are asked for. *run.Store is one.
type Runs interface {
	// Create makes one run a request, in their order.
	Create(ctx context.Context, tx pgx.Tx, requests []run.Request) ([]run.Run, error)
	// Open returns those of the runs that have not finished.
	Open(ctx context.Context, tx pgx.Tx, ids []uuid.UUID) ([]uuid.UUID, error)
}

// JobState says whether a job's schedules count.
type JobState string

// All job states.
const (
	JobActive   JobState = "active"
	JobPaused   JobState = "paused"
	JobArchived JobState = "archived"
)

// Job is what a schedule needs to know of its job.
type Job struct {
	Name      string
	Version   int
	State     JobState
	Target    map[string]string
	Server    string      // that the job runs on; empty: the agent's own host
	FanOut    *run.FanOut // to all of its targets; nil: it runs once
	Retry     run.Retry
	LostAfter time.Duration
	Priority  int16
	// Resolve checks a schedule's inputs and adds defaults; sealed are the secret
	// ones. Nil takes them as they are.
	Resolve func(given map[string]any) (inputs map[string]any, sealed []byte, err error)
}

// Jobs knows jobs. One that it does not return counts as archived.
type Jobs interface {
	Facts(ctx context.Context, tx pgx.Tx, ids []uuid.UUID) (map[uuid.UUID]Job, error)
}

// Config holds what may differ. The zero value works.
type Config struct {
	Batch   int           // schedules decided in one transaction; default 500
	Workers int           // connections that share a backlog of several batches; default 2
	Poll    time.Duration // longest sleep of the loop, for a bell that was lost; default 1 s

	Started func(runs []uuid.UUID) // told after the commit; must not block; default: nobody
	Changed func()                 // told when due times changed here; must not block; default: nobody
	Bell    <-chan struct{}        // wakes the loop when due times changed; default: never

	Log *slog.Logger // default: silent
}

func (c *Config) validate() {
	if c.Batch <= 0 {
		c.Batch = 500
	}
	if c.Workers <= 0 {
		c.Workers = 2
	}
	if c.Poll <= 0 {
		c.Poll = time.Second
	}
	if c.Started == nil {
		c.Started = func([]uuid.UUID) {}
	}
	if c.Changed == nil {
		c.Changed = func() {}
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
}

// Store is the only writer of schedules and fires.
type Store struct {
	db   *postgres.DB
	q    *db.Queries
	runs Runs
	jobs Jobs
	cfg  Config
}

// New returns a store on a migrated database.
func New(database *postgres.DB, runs Runs, jobs Jobs, c Config) *Store {
	c.validate()
	return &Store{db: database, q: db.New(database.Pool), runs: runs, jobs: jobs, cfg: c}
}
