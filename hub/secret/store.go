package secret

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"regexp"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/cronium/cronium/hub/postgres"
	"github.com/cronium/cronium/hub/secret/internal/db"
)

const (
	minValue   = 6 // bytes without the space around them: what agents mask
	maxValue   = 16 << 10
	maxSecrets = 1000 // in a project

	keepReads   = 90 * 24 * time.Hour
	forgetEvery = time.Hour
	forgetBatch = 10_000
)

// Secret is a named secret without its value.
type Secret struct {
	Name      string
	Version   int64 // counts its values
	CreatedAt time.Time
	UpdatedAt time.Time
	UpdatedBy string    // email
	LastRead  *LastRead // nil: nobody has read it, or not for long
}

// LastRead says who has read a secret last.
type LastRead struct {
	RunID   uuid.UUID
	Attempt int
	Job     string
	At      time.Time
}

// Reader is the attempt that reads.
type Reader struct {
	RunID   uuid.UUID
	Attempt int32
	Job     string
}

// Page is one page of secrets by name.
type Page struct {
	Secrets []Secret
	Next    string // the name to go on after; empty: this is the last page
}

// Store is the only writer of secrets and secret_reads. Its methods may be called
// concurrently.
type Store struct {
	db   *postgres.DB
	q    *db.Queries
	keys *Keys
	log  *slog.Logger
}

// NewStore returns a store on a migrated database.
func NewStore(database *postgres.DB, keys *Keys, log *slog.Logger) *Store {
	return &Store{db: database, q: db.New(database.Pool), keys: keys, log: log}
}

var nameRE = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_.-]{0,127}$`)

// CheckName refuses what cannot be the name of a secret.
func CheckName(name string) error {
	if !nameRE.MatchString(name) {
		return ErrName.With("%.64q is not the name of a secret", name).At("name")
	}
	return nil
}

// Set gives a secret a value. By says who.
func (s *Store) Set(ctx context.Context, project uuid.UUID, name string, value Text, by string) error {
	if err := CheckName(name); err != nil {
		return err
	}
	plain := value.Reveal()
	switch n := len(strings.TrimSpace(plain)); {
	case n < minValue:
		return ErrTooShort.With("It has %d characters", n).At("value")
	case len(plain) > maxValue:
		return ErrTooLarge.With("It has %d bytes, at most %d are allowed", len(plain), maxValue).At("value")
	}
	id, err := uuid.NewV7()
	if err != nil {
		return fmt.Errorf("set secret %s: %w", name, err)
	}
	sealed, err := s.keys.Seal([]byte(plain), aad(project, id))
	if err != nil {
		return fmt.Errorf("set secret %s: %w", name, err)
	}
	err = s.db.InTx(ctx, func(tx pgx.Tx) error { return put(ctx, db.New(tx), project, name, id, sealed, by) })
	if err != nil {
		return fmt.Errorf("set secret %s: %w", name, err)
	}
	return nil
}

func put(ctx context.Context, q *db.Queries, project uuid.UUID, name string, id uuid.UUID, sealed []byte, by string) error {
	n, err := q.Insert(ctx, db.InsertParams{ProjectID: project, Name: name, ID: id, Sealed: sealed, UpdatedBy: by, Most: maxSecrets})
	if err != nil || n > 0 {
		return err
	}
	if _, err := q.Lock(ctx, project, name); errors.Is(err, pgx.ErrNoRows) {
		return ErrTooMany.With("It has %d, which is as many as it may have", maxSecrets)
	} else if err != nil {
		return err
	}
	return q.Update(ctx, db.UpdateParams{ProjectID: project, Name: name, ID: id, Sealed: sealed, UpdatedBy: by})
}

// aad says what a sealed value is.
func aad(project, id uuid.UUID) string { return "secrets|" + id.String() + "|" + project.String() }

// Read opens a secret for an attempt and notes that. It returns [ErrNotFound]
// without one.
func (s *Store) Read(ctx context.Context, tx pgx.Tx, project uuid.UUID, name string, reader Reader) (Text, error) {
	if err := CheckName(name); err != nil {
		return Text{}, err
	}
	q := db.New(tx)
	row, err := q.Sealed(ctx, project, name)
	if errors.Is(err, pgx.ErrNoRows) {
		return Text{}, ErrNotFound.With("The project has no secret %s", name)
	}
	if err != nil {
		return Text{}, fmt.Errorf("read secret %s: %w", name, err)
	}
	plain, err := s.keys.Open(row.Sealed, aad(project, row.ID))
	if err != nil {
		return Text{}, fmt.Errorf("read secret %s: %w", name, err)
	}
	err = q.NoteRead(ctx, db.NoteReadParams{ProjectID: project, Name: name, RunID: reader.RunID, Attempt: reader.Attempt, JobName: reader.Job, Version: row.Version})
	if err != nil {
		return Text{}, fmt.Errorf("note who reads secret %s: %w", name, err)
	}
	return NewText(string(plain)), nil
}

// List returns up to limit secrets of the project after a name.
func (s *Store) List(ctx context.Context, project uuid.UUID, after string, limit int) (Page, error) {
	limit = min(max(limit, 1), 500)
	rows, err := s.q.List(ctx, project, after, int32(limit+1)) //nolint:gosec // at most 501
	if err != nil {
		return Page{}, fmt.Errorf("list secrets: %w", err)
	}
	var page Page
	for _, row := range rows[:min(len(rows), limit)] {
		one := Secret{Name: row.Name, Version: row.Version, CreatedAt: row.CreatedAt, UpdatedAt: row.UpdatedAt, UpdatedBy: row.UpdatedBy}
		if row.Attempt > 0 {
			one.LastRead = &LastRead{RunID: row.RunID, Attempt: int(row.Attempt), Job: row.JobName, At: row.LastAt}
		}
		page.Secrets = append(page.Secrets, one)
	}
	if len(rows) > limit {
		page.Next = page.Secrets[limit-1].Name
	}
	return page, nil
}

// Delete removes a secret, or returns [ErrNotFound].
func (s *Store) Delete(ctx context.Context, project uuid.UUID, name string) error {
	n, err := s.q.Delete(ctx, project, name)
	switch {
	case err != nil:
		return fmt.Errorf("delete secret: %w", err)
	case n == 0:
		return ErrNotFound.With("The project has no secret %.64q", name)
	}
	return nil
}

// Run forgets old reads until ctx ends.
func (s *Store) Run(ctx context.Context) error {
	tick := time.NewTicker(forgetEvery)
	defer tick.Stop()
	for {
		if err := s.forget(ctx, keepReads); err != nil && ctx.Err() == nil {
			s.log.WarnContext(ctx, "forget who has read secrets", "err", err)
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-tick.C:
		}
	}
}

func (s *Store) forget(ctx context.Context, age time.Duration) error {
	for {
		n, err := s.q.ForgetReads(ctx, age.Seconds(), forgetBatch)
		if err != nil || n < forgetBatch {
			return err
		}
	}
}
