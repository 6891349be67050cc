package project

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/cronium/cronium/hub/authz"
	"github.com/cronium/cronium/hub/postgres"
	"github.com/cronium/cronium/hub/project/internal/db"
)

// Store reads and writes projects. Its methods may be called concurrently.
type Store struct{ db *postgres.DB }

// New returns a store on a migrated database.
func New(db *postgres.DB) *Store { return &Store{db: db} }

// EnsureDefault returns the default project, making it the first time.
func (s *Store) EnsureDefault(ctx context.Context) (Project, error) {
	id, err := uuid.NewV7()
	if err != nil {
		return Project{}, fmt.Errorf("draw a project id: %w", err)
	}
	if err := db.New(s.db.Pool).EnsureProject(ctx, id, DefaultSlug, "Default"); err != nil {
		return Project{}, fmt.Errorf("create the default project: %w", err)
	}
	return s.BySlug(ctx, DefaultSlug)
}

// BySlug returns the project of that name, or [ErrNotFound]. The caller still
// asks [authz.Actor.Sees]; [Store.For] does both.
func (s *Store) BySlug(ctx context.Context, slug string) (Project, error) {
	row, err := db.New(s.db.Pool).ProjectBySlug(ctx, slug)
	return one(row, err, slug)
}

// ByID returns the project with that id, or [ErrNotFound].
func (s *Store) ByID(ctx context.Context, id uuid.UUID) (Project, error) {
	row, err := db.New(s.db.Pool).ProjectByID(ctx, id)
	return one(row, err, id.String())
}

// For returns the project of that name if the actor may know of it, else the same
// [ErrNotFound] as for one that does not exist.
func (s *Store) For(ctx context.Context, actor authz.Actor, slug string) (Project, error) {
	p, err := s.BySlug(ctx, slug)
	if err != nil {
		return Project{}, err
	}
	if !actor.Sees(p.ID) {
		return Project{}, notFound(slug)
	}
	return p, nil
}

// ListFor returns the projects that the actor may see, by name; at most 1,000.
func (s *Store) ListFor(ctx context.Context, actor authz.Actor) ([]Project, error) {
	if actor.UserID == uuid.Nil {
		return nil, nil
	}
	rows, err := db.New(s.db.Pool).Projects(ctx, actor.Admin, slices.Collect(maps.Keys(actor.Roles)))
	if err != nil {
		return nil, fmt.Errorf("list projects: %w", err)
	}
	var list []Project
	for _, row := range rows {
		if actor.Sees(row.ID) {
			list = append(list, Project(row))
		}
	}
	return list, nil
}

// Grant makes the user that role in the project, whatever they were before.
func (s *Store) Grant(ctx context.Context, tx pgx.Tx, project, user uuid.UUID, role authz.Role) error {
	if _, err := authz.ParseRole(string(role)); err != nil {
		return err
	}
	if err := db.New(tx).Grant(ctx, project, user, string(role)); err != nil {
		return fmt.Errorf("grant %s: %w", role, err)
	}
	return nil
}

// RolesOf returns what the user is, by project.
func (s *Store) RolesOf(ctx context.Context, user uuid.UUID) (map[uuid.UUID]authz.Role, error) {
	rows, err := db.New(s.db.Pool).RolesOf(ctx, user)
	if err != nil {
		return nil, fmt.Errorf("read roles: %w", err)
	}
	roles := make(map[uuid.UUID]authz.Role, len(rows))
	for _, row := range rows {
		roles[row.ProjectID] = authz.Role(row.Role)
	}
	return roles, nil
}

func one(row db.Project, err error, name string) (Project, error) {
	switch {
	case errors.Is(err, pgx.ErrNoRows):
		return Project{}, notFound(name)
	case err != nil:
		return Project{}, fmt.Errorf("read project %s: %w", name, err)
	}
	return Project(row), nil
}

func notFound(name string) error { return ErrNotFound.With("no project %q", name) }
