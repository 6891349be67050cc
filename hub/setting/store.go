package setting

import (
	"context"
	"fmt"

	"github.com/google/uuid"

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
