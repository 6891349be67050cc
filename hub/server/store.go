package server

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/cronium/cronium/hub/authz"
	"github.com/cronium/cronium/hub/postgres"
	"github.com/cronium/cronium/hub/server/internal/db"
)

// Sealer seals credentials. *secret.Keys is one.
type Sealer interface {
	Seal(plain []byte, aad string) ([]byte, error)
	Open(sealed []byte, aad string) ([]byte, error)
}

// Config says whom to ask. Sealer and Instance are required.
type Config struct {
	Sealer   Sealer
	Instance uuid.UUID // of this installation

	// Jobs lists the names of the jobs that run on a server. Default: there are none.
	Jobs func(ctx context.Context, project uuid.UUID, server string) ([]string, error)

	Keep  time.Duration // how long an archived server can be restored; default 30 days
	Every time.Duration // between looks at a server by the clock, ± 10 %; default 5 minutes
	Log   *slog.Logger  // default: discard
}

func (c *Config) validate() {
	if c.Sealer == nil || c.Instance == uuid.Nil {
		panic("server: Config needs Sealer and Instance")
	}
	if c.Jobs == nil {
		c.Jobs = func(context.Context, uuid.UUID, string) ([]string, error) { return nil, nil }
	}
	if c.Keep <= 0 {
		c.Keep = 30 * 24 * time.Hour
	}
	if c.Every <= 0 {
		c.Every = 5 * time.Minute
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
}

// Store is the only writer of servers. Its methods may be called concurrently.
type Store struct {
	db     *postgres.DB
	config Config
	log    *slog.Logger
}

// New returns a store on a migrated database.
func New(database *postgres.DB, config Config) *Store {
	config.validate()
	return &Store{db: database, config: config, log: config.Log}
}

func (s *Store) queries() *db.Queries { return db.New(s.db.Pool) }

// aad binds a sealed credential to its row.
func (s *Store) aad(id, project uuid.UUID, version int32) string {
	return fmt.Sprintf("%s|servers|%s|%d|%s|credential", s.config.Instance, id, version, project)
}

func (s *Store) seal(o opener, id, project uuid.UUID, version int32) ([]byte, error) {
	plain, err := json.Marshal(o)
	if err != nil {
		return nil, fmt.Errorf("encode the credential")
	}
	return s.config.Sealer.Seal(plain, s.aad(id, project, version))
}

func (s *Store) open(row db.Server) (opener, error) {
	var o opener
	plain, err := s.config.Sealer.Open(row.SealedCredential, s.aad(row.ID, row.ProjectID, row.CredentialVersion))
	if err != nil {
		return o, fmt.Errorf("open the credential of server %s: %w", row.Name, err)
	}
	if json.Unmarshal(plain, &o) != nil {
		return o, fmt.Errorf("read the credential of server %s", row.Name) // the cause could quote it
	}
	return o, nil
}

// Create adds a server. What opens it is sealed; a key that is generated here is
// returned as its public half.
func (s *Store) Create(ctx context.Context, actor authz.Actor, project uuid.UUID, w Wish) (Server, error) {
	if err := actor.Check(authz.ServerEdit, project); err != nil {
		return Server{}, err
	}
	p, err := s.newRow(actor, project, w)
	if err != nil {
		return Server{}, err
	}
	err = s.db.InTx(ctx, func(tx pgx.Tx) error {
		q := db.New(tx)
		if err := q.LockProject(ctx, project.String()); err != nil {
			return err
		}
		if p.JumpID, err = jumpOf(ctx, q, project, uuid.Nil, w.Jump); err != nil {
			return err
		}
		_, err := q.AddServer(ctx, p)
		return err
	})
	if postgres.Constraint(err) == "servers_name_uq" {
		return Server{}, ErrTaken.With("There is a server %s in this project already", w.Name).At("name")
	}
	if err != nil {
		return Server{}, fmt.Errorf("add server %s: %w", w.Name, err)
	}
	s.log.InfoContext(ctx, "server added", "server", w.Name, "address", w.Address, "by", actor.Email)
	return s.Get(ctx, project, w.Name)
}

func (s *Store) newRow(actor authz.Actor, project uuid.UUID, w Wish) (p db.AddServerParams, err error) {
	id, err := uuid.NewV7()
	if err != nil {
		return p, err
	}
	p = db.AddServerParams{ID: id, ProjectID: project, Name: w.Name, Username: w.User, ExpectedKey: w.Fingerprint, CreatedBy: actor.Email}
	if err := errors.Join(checkName(w.Name), checkUser(w.User), checkVia(w.Via)); err != nil {
		return p, err
	}
	if w.Fingerprint != "" {
		if err := checkFingerprint(w.Fingerprint); err != nil {
			return p, err
		}
	}
	host, port, err := parseAddress(w.Address)
	if err != nil {
		return p, err
	}
	p.Host, p.Port = host, int32(port) //nolint:gosec // a port
	if p.Via, err = encodeLabels(w.Via); err != nil {
		return p, err
	}
	kind, o, public, err := prepare(w.Credential, comment(w.Name))
	if err != nil {
		return p, err
	}
	p.Credential, p.PublicKey = string(kind), public
	p.SealedCredential, err = s.seal(o, id, project, 1)
	return p, err
}

// comment names a generated key where it ends up: in authorized_keys.
func comment(server string) string { return "cronium-" + server }

func encodeLabels(labels map[string]string) (json.RawMessage, error) {
	if len(labels) == 0 {
		return json.RawMessage("{}"), nil
	}
	return json.Marshal(labels)
}

// jumpOf finds the server to go through, and refuses a way that is a circle or too
// long, also for those that are reached through self.
func jumpOf(ctx context.Context, q *db.Queries, project, self uuid.UUID, name string) (*uuid.UUID, error) {
	if name == "" {
		return nil, nil
	}
	wrong := func(format string, args ...any) error { return ErrJump.With(format, args...).At("jump") }
	rows, err := q.Ways(ctx, []uuid.UUID{project}, []string{name})
	if err != nil {
		return nil, err
	}
	m := mapOf(rows)
	jump, ok := m.named[Ref{project, name}]
	switch {
	case !ok:
		return nil, wrong("There is no server %q", cut(name))
	case jump.ArchivedAt != nil:
		return nil, wrong("Server %s is archived", name)
	}
	length := 0
	for at := &jump; at != nil; at = m.jump(*at) {
		if at.ID == self {
			return nil, wrong("The way would come back to the server itself")
		}
		if length++; length > maxJumps {
			break
		}
	}
	if self != uuid.Nil {
		below, err := q.Below(ctx, self)
		if err != nil {
			return nil, err
		}
		length += int(below)
	}
	if length > maxJumps {
		return nil, wrong("The way would lead through more than %d servers", maxJumps)
	}
	return &jump.ID, nil
}

// change is [Store.within], and what the server became.
func (s *Store) change(ctx context.Context, actor authz.Actor, project uuid.UUID, name, what string, fn func(q *db.Queries, row db.Server) error) (Server, error) {
	if err := s.within(ctx, actor, project, name, what, fn); err != nil {
		return Server{}, err
	}
	return s.Get(ctx, project, name)
}

// within locks a server and lets fn change it.
func (s *Store) within(ctx context.Context, actor authz.Actor, project uuid.UUID, name, what string, fn func(q *db.Queries, row db.Server) error) error {
	if err := actor.Check(authz.ServerEdit, project); err != nil {
		return err
	}
	err := s.db.InTx(ctx, func(tx pgx.Tx) error {
		q := db.New(tx)
		if err := q.LockProject(ctx, project.String()); err != nil {
			return err
		}
		row, err := q.LockServer(ctx, project, name)
		if errors.Is(err, pgx.ErrNoRows) {
			return notFound(name)
		}
		if err != nil {
			return err
		}
		return fn(q, row)
	})
	if err != nil {
		return fmt.Errorf("%s server %s: %w", what, name, err)
	}
	s.log.InfoContext(ctx, "server changed", "server", name, "what", what, "by", actor.Email)
	return nil
}

// Edit changes what is given. A confirmed host key stays: if the server is another
// one now, it will show another key, and nothing is sent to that.
func (s *Store) Edit(ctx context.Context, actor authz.Actor, project uuid.UUID, name string, e Edit) (Server, error) {
	return s.change(ctx, actor, project, name, "edit", func(q *db.Queries, row db.Server) error {
		if row.ArchivedAt != nil {
			return ErrArchived.With("Server %s is archived", name)
		}
		p, err := s.edited(row, e)
		if err != nil {
			return err
		}
		if e.Jump != nil {
			if p.JumpID, err = jumpOf(ctx, q, project, row.ID, *e.Jump); err != nil {
				return err
			}
		}
		return q.EditServer(ctx, p)
	})
}

func (s *Store) edited(row db.Server, e Edit) (p db.EditServerParams, err error) {
	p = db.EditServerParams{ID: row.ID, Host: row.Host, Port: row.Port, Username: row.Username, Credential: row.Credential,
		CredentialVersion: row.CredentialVersion, SealedCredential: row.SealedCredential, PublicKey: row.PublicKey, JumpID: row.JumpID,
		Via: row.Via, Health: string(Unknown)}
	if Health(row.Health) == KeyMismatch {
		p.Health = row.Health
	}
	if e.Address != nil {
		host, port, err := parseAddress(*e.Address)
		if err != nil {
			return p, err
		}
		p.Host, p.Port = host, int32(port) //nolint:gosec // a port
	}
	if e.User != nil {
		if err := checkUser(*e.User); err != nil {
			return p, err
		}
		p.Username = *e.User
	}
	if e.Via != nil {
		if err := checkVia(*e.Via); err != nil {
			return p, err
		}
		if p.Via, err = encodeLabels(*e.Via); err != nil {
			return p, err
		}
	}
	if e.Credential != nil {
		kind, o, public, err := prepare(*e.Credential, comment(row.Name))
		if err != nil {
			return p, err
		}
		p.Credential, p.PublicKey = string(kind), public
		p.CredentialVersion++
		if p.SealedCredential, err = s.seal(o, row.ID, row.ProjectID, p.CredentialVersion); err != nil {
			return p, err
		}
	}
	return p, nil
}

// Archive takes a server out of use and forgets at once what opens it. Runs on it
// that have begun go on, but cannot reconnect.
func (s *Store) Archive(ctx context.Context, actor authz.Actor, project uuid.UUID, name string) (Server, error) {
	return s.change(ctx, actor, project, name, "archive", func(q *db.Queries, row db.Server) error {
		if row.ArchivedAt != nil {
			return nil
		}
		return q.Archive(ctx, actor.Email, s.config.Keep.Seconds(), row.ID)
	})
}

// Restore brings an archived server back, with a new credential. Its host key is
// still confirmed.
func (s *Store) Restore(ctx context.Context, actor authz.Actor, project uuid.UUID, name string, c Credential) (Server, error) {
	return s.change(ctx, actor, project, name, "restore", func(q *db.Queries, row db.Server) error {
		if row.ArchivedAt == nil {
			return ErrNotArchived.With("Server %s is not archived", name).Hinted("There is nothing to restore.")
		}
		kind, o, public, err := prepare(c, comment(name))
		if err != nil {
			return err
		}
		sealed, err := s.seal(o, row.ID, project, row.CredentialVersion+1)
		if err != nil {
			return err
		}
		return q.Restore(ctx, db.RestoreParams{ID: row.ID, Credential: string(kind), SealedCredential: sealed, PublicKey: public})
	})
}

// Remove deletes an archived server before its time; its name is free.
func (s *Store) Remove(ctx context.Context, actor authz.Actor, project uuid.UUID, name string) error {
	return s.within(ctx, actor, project, name, "remove", func(q *db.Queries, row db.Server) error {
		if row.ArchivedAt == nil {
			return ErrNotArchived.With("Server %s is not archived", name)
		}
		n, err := q.Remove(ctx, row.ID)
		if err == nil && n == 0 {
			return ErrJumpedThrough.With("Other servers are reached through %s", name)
		}
		return err
	})
}
