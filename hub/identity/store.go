package identity

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/cronium/cronium/hub/authz"
	"github.com/cronium/cronium/hub/identity/internal/db"
	"github.com/cronium/cronium/hub/postgres"
)

// Memberships says what a user is in which project; hub/project does.
type Memberships interface {
	RolesOf(ctx context.Context, user uuid.UUID) (map[uuid.UUID]authz.Role, error)
}

// SetupCodes keeps the hash of the setup code; hub/setting does.
type SetupCodes interface {
	LockSetupCode(ctx context.Context, tx pgx.Tx) ([]byte, error)
	PutSetupCode(ctx context.Context, tx pgx.Tx, sha []byte) error
}

// Config is optional.
type Config struct {
	Now func() time.Time // default: the system's clock
	Log *slog.Logger     // default: discard
}

// Store knows people. Its methods may be called concurrently.
type Store struct {
	db     *postgres.DB
	roles  Memberships
	codes  SetupCodes
	hasher *hasher
	now    func() time.Time
	log    *slog.Logger
}

// New returns a store on a migrated database whose instance row exists.
func New(database *postgres.DB, roles Memberships, codes SetupCodes, c Config) *Store {
	s := &Store{db: database, roles: roles, codes: codes, hasher: newHasher(), now: c.Now, log: c.Log}
	if s.now == nil {
		s.now = time.Now
	}
	if s.log == nil {
		s.log = slog.New(slog.DiscardHandler)
	}
	return s
}

// Run removes what has expired, once an hour, until ctx ends.
func (s *Store) Run(ctx context.Context) error {
	tick := time.NewTicker(time.Hour)
	defer tick.Stop()
	for {
		if err := s.Sweep(ctx); err != nil && ctx.Err() == nil {
			s.log.WarnContext(ctx, "remove expired sessions", "err", err)
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-tick.C:
		}
	}
}

// Sweep removes expired sessions and forgotten failures.
func (s *Store) Sweep(ctx context.Context) error {
	return s.db.InTx(ctx, func(tx pgx.Tx) error {
		q, now := db.New(tx), s.now()
		if err := q.SweepSessions(ctx, now, now.Add(-SessionIdle)); err != nil {
			return err
		}
		return q.SweepFailures(ctx, now.Add(-memory))
	})
}

// ActorByUser returns who a user is now, for what they began and did not end.
// [ErrUnauthenticated]: the account is disabled or gone.
func (s *Store) ActorByUser(ctx context.Context, user uuid.UUID) (authz.Actor, error) {
	row, err := db.New(s.db.Pool).ActiveUser(ctx, user)
	switch {
	case errors.Is(err, pgx.ErrNoRows):
		return authz.Actor{}, ErrUnauthenticated.With("the account is gone")
	case err != nil:
		return authz.Actor{}, fmt.Errorf("read user: %w", err)
	}
	return s.actor(ctx, row.ID, row.Email, row.Name, row.Admin)
}

// actor is the user with today's roles.
func (s *Store) actor(ctx context.Context, id uuid.UUID, email, name string, admin bool) (authz.Actor, error) {
	roles, err := s.roles.RolesOf(ctx, id)
	if err != nil {
		return authz.Actor{}, err
	}
	return authz.Actor{UserID: id, Email: email, Name: name, Admin: admin, Roles: roles}, nil
}
