package job

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/cronium/cronium/hub/authz"
	"github.com/cronium/cronium/hub/job/internal/db"
	"github.com/cronium/cronium/hub/postgres"
)

// Store is the only writer of jobs and job_versions.
type Store struct {
	db    *postgres.DB
	q     *db.Queries
	now   func() time.Time
	cache *cache
}

// New returns a store on a migrated database.
func New(database *postgres.DB, now func() time.Time) *Store {
	return &Store{db: database, q: db.New(database.Pool), now: now, cache: newCache(maxCachedBytes)}
}

// Put makes the job of that name exactly this definition, in the caller's
// transaction, and says whether that changed anything. With ifVersion above zero it
// refuses when the job is no longer at that version.
func (s *Store) Put(ctx context.Context, tx pgx.Tx, actor authz.Actor, project uuid.UUID, d Definition, ifVersion int) (Job, Change, error) {
	if err := actor.Check(authz.JobEdit, project); err != nil {
		return Job{}, "", err
	}
	d, warnings, err := normalise(d)
	if err != nil {
		return Job{}, "", err
	}
	if len(d.Spec.Target.All()) > 0 {
		if err := actor.Check(authz.ServerUse, project); err != nil {
			return Job{}, "", err
		}
	}
	p, err := newPut(actor, project, d)
	if err != nil {
		return Job{}, "", fmt.Errorf("put job %s: %w", d.Name, err)
	}
	j, change, err := s.put(ctx, db.New(tx), p, ifVersion)
	if err != nil {
		return Job{}, "", fmt.Errorf("put job %s: %w", d.Name, err)
	}
	j.ProjectID, j.Name, j.Labels, j.Spec, j.Warnings = project, d.Name, d.Labels, d.Spec, warnings
	return j, change, nil
}

// put is a definition as it is stored.
type put struct {
	Definition
	project uuid.UUID
	author  authz.Actor
	by      *uuid.UUID
	spec    json.RawMessage // without the script
	labels  json.RawMessage
	sha256  []byte
}

func newPut(actor authz.Actor, project uuid.UUID, d Definition) (put, error) {
	p := put{Definition: d, project: project, author: actor}
	if actor.UserID != uuid.Nil {
		p.by = &actor.UserID
	}
	whole, err := json.Marshal(d.Spec)
	if err != nil {
		return p, err
	}
	sum := sha256.Sum256(whole)
	p.sha256 = sum[:]
	bare := d.Spec
	bare.Script.Source = ""
	if p.spec, err = json.Marshal(bare); err != nil {
		return p, err
	}
	p.labels, err = json.Marshal(d.Labels)
	return p, err
}

func (s *Store) put(ctx context.Context, q *db.Queries, p put, ifVersion int) (Job, Change, error) {
	now, err := q.LockJob(ctx, p.project, p.Name)
	if errors.Is(err, pgx.ErrNoRows) {
		j, err := s.create(ctx, q, p, ifVersion)
		if !errors.Is(err, pgx.ErrNoRows) {
			return j, Created, err
		}
		now, err = q.LockJob(ctx, p.project, p.Name) // somebody else took the name just now
		if err != nil {
			return Job{}, "", err
		}
	} else if err != nil {
		return Job{}, "", err
	}
	was, err := q.CurrentVersion(ctx, now.ID, now.Version)
	if err != nil {
		return Job{}, "", err
	}
	if ifVersion > 0 && int(now.Version) != ifVersion {
		return Job{}, "", s.conflict(was.CreatedBy, now.UpdatedAt, now.Version)
	}
	j := Job{ID: now.ID, State: State(now.State), Version: int(now.Version), CreatedAt: now.CreatedAt, UpdatedAt: now.UpdatedAt, UpdatedBy: was.CreatedBy}
	if string(was.Sha256) == string(p.sha256) && sameLabels(now.Labels, p.Labels) && j.State != Archived {
		return j, Unchanged, nil
	}
	return s.update(ctx, q, p, j)
}

func (s *Store) create(ctx context.Context, q *db.Queries, p put, ifVersion int) (Job, error) {
	if ifVersion > 0 {
		return Job{}, ErrConflict.With("There is no job %s, so it cannot be at revision %d", p.Name, ifVersion)
	}
	id, err := uuid.NewV7()
	if err != nil {
		return Job{}, err
	}
	at, err := q.InsertJob(ctx, db.InsertJobParams{ID: id, ProjectID: p.project, Name: p.Name, Labels: p.labels, CreatedBy: p.by})
	if err != nil {
		return Job{}, err
	}
	err = q.InsertVersion(ctx, db.InsertVersionParams{JobID: id, Version: 1, Spec: p.spec, Script: p.Spec.Script.Source,
		Sha256: p.sha256, Note: p.Note, CreatedBy: p.by})
	return Job{ID: id, State: Active, Version: 1, CreatedAt: at, UpdatedAt: at, UpdatedBy: p.author.Email}, err
}

// update writes the next version. Labels are part of a version's change although
// they are not in it: whoever holds an ETag must notice.
func (s *Store) update(ctx context.Context, q *db.Queries, p put, j Job) (Job, Change, error) {
	change := Updated
	if j.State == Archived {
		j.State, change = Active, Created
	}
	j.Version++
	err := q.InsertVersion(ctx, db.InsertVersionParams{JobID: j.ID, Version: int32(j.Version), Spec: p.spec, Script: p.Spec.Script.Source, //nolint:gosec // counts edits
		Sha256: p.sha256, Note: p.Note, CreatedBy: p.by})
	if err != nil {
		return Job{}, "", err
	}
	j.UpdatedAt, err = q.UpdateJob(ctx, db.UpdateJobParams{ID: j.ID, Version: int32(j.Version), Labels: p.labels, State: string(j.State)}) //nolint:gosec // counts edits
	j.UpdatedBy = p.author.Email
	return j, change, err
}

func (s *Store) conflict(by string, at time.Time, version int32) error {
	if by == "" {
		by = "somebody"
	}
	return ErrConflict.With("Job was changed by %s %s ago (revision %d); reload", by, max(s.now().Sub(at), 0).Round(time.Second), version)
}

func sameLabels(stored json.RawMessage, labels map[string]string) bool {
	was, err := decodeLabels(stored)
	if err != nil || len(was) != len(labels) {
		return false
	}
	for k, v := range labels {
		if w, ok := was[k]; !ok || w != v {
			return false
		}
	}
	return true
}

// SetState pauses or resumes a job, or archives it. It does not bring an archived
// job back; Put does.
func (s *Store) SetState(ctx context.Context, actor authz.Actor, project uuid.UUID, name string, state State) (Job, error) {
	err := s.db.InTx(ctx, func(tx pgx.Tx) error { return s.SetStateTx(ctx, tx, actor, project, name, state) })
	if err != nil {
		return Job{}, err
	}
	return s.Get(ctx, project, name)
}

// Archive is [Store.SetState] to archived, in the caller's transaction.
func (s *Store) Archive(ctx context.Context, tx pgx.Tx, actor authz.Actor, project uuid.UUID, name string) error {
	return s.SetStateTx(ctx, tx, actor, project, name, Archived)
}

// SetStateTx is [Store.SetState] in the caller's transaction.
func (s *Store) SetStateTx(ctx context.Context, tx pgx.Tx, actor authz.Actor, project uuid.UUID, name string, state State) error {
	if err := actor.Check(authz.JobEdit, project); err != nil {
		return err
	}
	if state != Active && state != Paused && state != Archived {
		return ErrParameter.With("state %q is not one of active, paused, archived", state).At("state")
	}
	q := db.New(tx)
	_, err := q.SetState(ctx, string(state), project, name)
	if !errors.Is(err, pgx.ErrNoRows) {
		return err
	}
	if _, err := q.LockJob(ctx, project, name); err == nil {
		return ErrArchived.With("Job %s is archived", name)
	}
	return ErrNotFound.With("No such job")
}
