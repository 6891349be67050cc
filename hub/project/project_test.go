package project_test

import (
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"golang.org/x/sync/errgroup"

	"github.com/cronium/cronium/hub/authz"
	"github.com/cronium/cronium/hub/postgres"
	"github.com/cronium/cronium/hub/postgres/pgtest"
	"github.com/cronium/cronium/hub/project"
)

func TestHubsThatStartAtOnceShareOneDefaultProject(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	store := project.New(db)
	var group errgroup.Group
	for range 20 {
		group.Go(func() error {
			_, err := store.EnsureDefault(t.Context())
			return err
		})
	}
	if err := group.Wait(); err != nil {
		t.Fatal(err)
	}
	all, err := store.ListFor(t.Context(), authz.Actor{UserID: uuid.New(), Admin: true})
	if err != nil || len(all) != 1 || all[0].Slug != "default" {
		t.Fatalf("projects = %+v, %v; want the default one", all, err)
	}
	byID, err := store.ByID(t.Context(), all[0].ID)
	if err != nil || byID != all[0] {
		t.Fatalf("ByID = %+v, %v; want %+v", byID, err, all[0])
	}
}

func TestHiddenProjectLooksLikeNoProject(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	store := project.New(db)
	p, err := store.EnsureDefault(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	stranger := authz.Actor{UserID: uuid.New()}
	_, hidden := store.For(t.Context(), stranger, "default")
	_, missing := store.For(t.Context(), authz.Actor{UserID: uuid.New(), Admin: true}, "nowhere")
	if !errors.Is(hidden, project.ErrNotFound) || !errors.Is(missing, project.ErrNotFound) {
		t.Fatalf("For(hidden), For(missing) = %v, %v; want ErrNotFound twice", hidden, missing)
	}
	if list, err := store.ListFor(t.Context(), stranger); err != nil || len(list) != 0 {
		t.Fatalf("ListFor(stranger) = %+v, %v", list, err)
	}
	member := authz.Actor{UserID: uuid.New(), Roles: map[uuid.UUID]authz.Role{p.ID: authz.Viewer}}
	if got, err := store.For(t.Context(), member, "default"); err != nil || got != p {
		t.Fatalf("For(member) = %+v, %v", got, err)
	}
	if list, err := store.ListFor(t.Context(), member); err != nil || len(list) != 1 {
		t.Fatalf("ListFor(member) = %+v, %v", list, err)
	}
}

func TestGrantReplacesTheRole(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	store := project.New(db)
	p, err := store.EnsureDefault(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	user := addUser(t, db)
	for _, role := range []authz.Role{authz.Viewer, authz.Owner} {
		if err := grant(t, db, store, p.ID, user, role); err != nil {
			t.Fatal(err)
		}
		roles, err := store.RolesOf(t.Context(), user)
		if diff := cmp.Diff(map[uuid.UUID]authz.Role{p.ID: role}, roles); err != nil || diff != "" {
			t.Fatalf("RolesOf: %v\n%s", err, diff)
		}
	}
	if err := grant(t, db, store, p.ID, user, "root"); !errors.Is(err, authz.ErrUnknownRole) {
		t.Fatalf("Grant(root) = %v, want ErrUnknownRole", err)
	}
}

func grant(t *testing.T, db *postgres.DB, store *project.Store, p, user uuid.UUID, role authz.Role) error {
	return db.InTx(t.Context(), func(tx pgx.Tx) error { return store.Grant(t.Context(), tx, p, user, role) })
}

func addUser(t *testing.T, db *postgres.DB) uuid.UUID {
	t.Helper()
	id := uuid.New()
	_, err := db.Pool.Exec(t.Context(), "insert into users (id, email, name, password_hash) values ($1, 'a@b.c', 'A', '')", id)
	if err != nil {
		t.Fatal(err)
	}
	return id
}
