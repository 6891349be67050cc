package artifact

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/cronium/cronium/hub/artifact/internal/db"
	"github.com/cronium/cronium/hub/postgres"
)

const (
	abandoned  = 5 * time.Minute // without a chunk; scripts wait half a minute for the hub
	sweepEvery = time.Minute
	sweepBatch = 100
)

// Config of a store.
type Config struct {
	Limits Limits
	Log    *slog.Logger // default: silent
}

// Store is the only writer of artifacts and artifact_chunks. Its methods may be called
// concurrently, and by any number of hubs.
type Store struct {
	q      *db.Queries
	limits Limits
	log    *slog.Logger
}

// New returns a store on a migrated database, or [ErrLimits].
func New(database *postgres.DB, c Config) (*Store, error) {
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	if err := c.Limits.fill(); err != nil {
		return nil, err
	}
	return &Store{q: db.New(database.Pool), limits: c.Limits, log: c.Log}, nil
}

// List returns the artifacts of a run by name. A run of another project has none.
func (s *Store) List(ctx context.Context, project, run uuid.UUID) ([]Artifact, error) {
	rows, err := s.q.ByRun(ctx, run, project)
	if err != nil {
		return nil, fmt.Errorf("list the artifacts of run %s: %w", run, err)
	}
	all := make([]Artifact, len(rows))
	for i, r := range rows {
		all[i] = toArtifact(db.ByNameRow(r))
	}
	return all, nil
}

// Find returns one artifact, or [ErrNotFound].
func (s *Store) Find(ctx context.Context, project, run uuid.UUID, name string) (Artifact, error) {
	row, err := s.q.ByName(ctx, run, project, name)
	if errors.Is(err, pgx.ErrNoRows) {
		return Artifact{}, ErrNotFound.With("The run has no artifact %.300q", name)
	}
	if err != nil {
		return Artifact{}, fmt.Errorf("find an artifact of run %s: %w", run, err)
	}
	return toArtifact(row), nil
}

func toArtifact(row db.ByNameRow) Artifact {
	return Artifact{ID: row.ID, Attempt: int(row.Attempt), Name: row.Name, ContentType: row.ContentType,
		Size: row.Size, SHA256: row.Digest, MadeAt: *row.MadeAt}
}

// Total says what a run keeps in all.
func (s *Store) Total(ctx context.Context, run uuid.UUID) (Total, error) {
	row, err := s.q.Total(ctx, run)
	if err != nil {
		return Total{}, fmt.Errorf("count the artifacts of run %s: %w", run, err)
	}
	if row.Count == 0 {
		return Total{}, nil
	}
	return Total{Count: int(row.Count), Bytes: row.Bytes, MadeAt: &row.MadeAt}, nil
}

// Chunk returns the chunk of an artifact that begins at offset, which is a multiple
// of [ChunkBytes], or [ErrNotFound].
func (s *Store) Chunk(ctx context.Context, project, id uuid.UUID, offset int64) ([]byte, error) {
	if offset < 0 || offset%ChunkBytes != 0 || offset >= maxArtifact {
		return nil, ErrNotFound.With("No chunk begins at %d", offset)
	}
	data, err := s.q.Chunk(ctx, id, project, int32(offset/ChunkBytes)) //nolint:gosec // at most 10 GiB of 512 KiB
	if errors.Is(err, pgx.ErrNoRows) {
		return nil, ErrNotFound.With("There is nothing at %d: the artifact was replaced, or is shorter", offset)
	}
	if err != nil {
		return nil, fmt.Errorf("read the artifact %s: %w", id, err)
	}
	return data, nil
}

// Run sweeps what was begun and left, until ctx ends.
func (s *Store) Run(ctx context.Context) error {
	tick := time.NewTicker(sweepEvery)
	defer tick.Stop()
	for {
		if err := s.sweep(ctx, abandoned); err != nil && ctx.Err() == nil {
			s.log.WarnContext(ctx, "sweep unfinished artifacts", "err", err)
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-tick.C:
		}
	}
}

func (s *Store) sweep(ctx context.Context, age time.Duration) error {
	for {
		n, err := s.q.Sweep(ctx, age.Seconds(), sweepBatch)
		if err != nil || n < sweepBatch {
			return err
		}
	}
}
