package setting

import (
	"context"
	"fmt"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/cronium/cronium/hub/postgres"
	"github.com/cronium/cronium/hub/setting/internal/db"
)

// Store reads and writes the settings. Its methods may be called concurrently.
type Store struct{ db *postgres.DB }

// New returns a store on a migrated database.
func New(db *postgres.DB) *Store { return &Store{db: db} }

// Instance returns who we are, deciding it the first time it is asked.
func (s *Store) Instance(ctx context.Context) (Instance, error) {
	id, err := uuid.NewV7()
	if err != nil {
		return Instance{}, fmt.Errorf("draw an instance id: %w", err)
	}
	q := db.New(s.db.Pool)
	if err := q.EnsureInstance(ctx, id); err != nil {
		return Instance{}, fmt.Errorf("create instance: %w", err)
	}
	row, err := q.Instance(ctx)
	if err != nil {
		return Instance{}, fmt.Errorf("read instance: %w", err)
	}
	return Instance{ID: row.ID, CreatedAt: row.CreatedAt}, nil
}

// LockSetupCode returns the hash of the code that makes the first administrator,
// nil when there is none, and keeps other hubs from changing it until tx ends.
// [Store.Instance] must have been called before.
func (s *Store) LockSetupCode(ctx context.Context, tx pgx.Tx) ([]byte, error) {
	sha, err := db.New(tx).LockSetupCode(ctx)
	if err != nil {
		return nil, fmt.Errorf("lock the setup code: %w", err)
	}
	return sha, nil
}

// PutSetupCode replaces the hash; nil means that no code works any more.
func (s *Store) PutSetupCode(ctx context.Context, tx pgx.Tx, sha []byte) error {
	if err := db.New(tx).PutSetupCode(ctx, sha); err != nil {
		return fmt.Errorf("put the setup code: %w", err)
	}
	return nil
}
