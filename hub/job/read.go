package job

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/cronium/cronium/hub/job/internal/db"
)

// Filter narrows List. The zero value lists all jobs that are not archived.
type Filter struct {
	Labels map[string]string // all of them
	State  State
	Text   string // part of the name
	After  string // the last name of the page before
	Limit  int    // default 50, at most 500
}

// Page is one page of jobs by name, without their scripts' sources.
type Page struct {
	Jobs []Job
	Next string // for Filter.After; empty: this is the last page
}

// Get returns the job at its current version, archived or not.
func (s *Store) Get(ctx context.Context, project uuid.UUID, name string) (Job, error) {
	row, err := s.q.GetJob(ctx, project, name)
	if errors.Is(err, pgx.ErrNoRows) {
		return Job{}, ErrNotFound.With("No such job")
	}
	if err != nil {
		return Job{}, fmt.Errorf("get job %s: %w", name, err)
	}
	j, err := jobOf(db.ListJobsRow{ID: row.ID, ProjectID: row.ProjectID, Name: row.Name, Labels: row.Labels, State: row.State, Version: row.Version,
		CreatedAt: row.CreatedAt, UpdatedAt: row.UpdatedAt, Spec: row.Spec, UpdatedBy: row.UpdatedBy})
	j.Spec.Script.Source = row.Script // empty, as all of it, for an HTTP job
	return j, err
}

// ByIDs returns jobs without their scripts' sources, as the caller's transaction
// sees them. Unknown ids are left out.
func (s *Store) ByIDs(ctx context.Context, tx pgx.Tx, ids []uuid.UUID) (map[uuid.UUID]Job, error) {
	rows, err := s.q.WithTx(tx).JobsByID(ctx, ids)
	if err != nil {
		return nil, fmt.Errorf("get %d jobs: %w", len(ids), err)
	}
	jobs := make(map[uuid.UUID]Job, len(rows))
	for _, row := range rows {
		if jobs[row.ID], err = jobOf(db.ListJobsRow(row)); err != nil {
			return nil, err
		}
	}
	return jobs, nil
}

// List returns a page of the project's jobs.
func (s *Store) List(ctx context.Context, project uuid.UUID, f Filter) (Page, error) {
	if f.State != "" && f.State != Active && f.State != Paused && f.State != Archived {
		return Page{}, ErrParameter.With("state %q is not one of active, paused, archived", f.State).At("state")
	}
	limit := f.Limit
	if limit <= 0 {
		limit = 50
	}
	limit = min(limit, 500)
	labels, err := json.Marshal(f.Labels)
	if err != nil {
		return Page{}, fmt.Errorf("list jobs: %w", err)
	}
	if f.Labels == nil {
		labels = []byte("{}")
	}
	rows, err := s.q.ListJobs(ctx, db.ListJobsParams{ProjectID: project, After: f.After, State: string(f.State), Labels: labels,
		Search: f.Text, N: int32(limit + 1)}) //nolint:gosec // at most 501
	if err != nil {
		return Page{}, fmt.Errorf("list jobs: %w", err)
	}
	var page Page
	for _, row := range rows[:min(len(rows), limit)] {
		j, err := jobOf(row)
		if err != nil {
			return Page{}, err
		}
		page.Jobs = append(page.Jobs, j)
	}
	if len(rows) > limit {
		page.Next = page.Jobs[limit-1].Name
	}
	return page, nil
}

// OnServer returns the names of the jobs that run on that server, archived ones left
// out; at most 1,000.
func (s *Store) OnServer(ctx context.Context, project uuid.UUID, server string) ([]string, error) {
	names, err := s.q.JobsOnServer(ctx, project, server)
	if err != nil {
		return nil, fmt.Errorf("list jobs on server %s: %w", server, err)
	}
	return names, nil
}

func jobOf(row db.ListJobsRow) (Job, error) {
	j := Job{ID: row.ID, ProjectID: row.ProjectID, Name: row.Name, State: State(row.State), Version: int(row.Version),
		CreatedAt: row.CreatedAt, UpdatedAt: row.UpdatedAt, UpdatedBy: row.UpdatedBy}
	var err error
	if j.Labels, err = decodeLabels(row.Labels); err != nil {
		return Job{}, fmt.Errorf("labels of job %s: %w", row.Name, err)
	}
	if err := json.Unmarshal(row.Spec, &j.Spec); err != nil {
		return Job{}, fmt.Errorf("spec of job %s: %w", row.Name, err)
	}
	return j, nil
}

func decodeLabels(raw json.RawMessage) (map[string]string, error) {
	labels := map[string]string{}
	err := json.Unmarshal(raw, &labels)
	return labels, err
}

// Versions returns up to limit versions older than before (0: from the current
// one), newest first, with their scripts.
func (s *Store) Versions(ctx context.Context, jobID uuid.UUID, before, limit int) ([]Version, error) {
	rows, err := s.q.Versions(ctx, jobID, int32(before), int32(min(max(limit, 1), 500))) //nolint:gosec // bounded; counts edits
	if err != nil {
		return nil, fmt.Errorf("list versions of job %s: %w", jobID, err)
	}
	versions := make([]Version, len(rows))
	for i, row := range rows {
		if versions[i], err = versionOf(row); err != nil {
			return nil, err
		}
	}
	return versions, nil
}

func versionOf(row db.VersionsRow) (Version, error) {
	v := Version{JobID: row.JobID, Version: int(row.Version), SHA256: row.Sha256, Note: row.Note, CreatedAt: row.CreatedAt, CreatedBy: row.CreatedBy}
	if err := json.Unmarshal(row.Spec, &v.Spec); err != nil {
		return Version{}, fmt.Errorf("spec of job %s version %d: %w", row.JobID, row.Version, err)
	}
	v.Spec.Script.Source = row.Script
	sum := sha256.Sum256([]byte(row.Script))
	v.ScriptSHA256 = sum[:]
	return v, nil
}

// Specs returns versions with their scripts, for dispatch: in one query those that
// are not in the cache. Unknown ones are left out. Callers do not change what they get.
func (s *Store) Specs(ctx context.Context, refs []VersionRef) (map[VersionRef]Version, error) {
	found, missing := s.cache.get(refs)
	if len(missing) == 0 {
		return found, nil
	}
	ids, versions := make([]uuid.UUID, len(missing)), make([]int32, len(missing))
	for i, r := range missing {
		ids[i], versions[i] = r.JobID, int32(r.Version) //nolint:gosec // counts edits
	}
	rows, err := s.q.VersionsByRef(ctx, ids, versions)
	if err != nil {
		return nil, fmt.Errorf("get %d versions of jobs: %w", len(missing), err)
	}
	for _, row := range rows {
		v, err := versionOf(db.VersionsRow(row))
		if err != nil {
			return nil, err
		}
		ref := VersionRef{v.JobID, v.Version}
		found[ref] = v
		s.cache.put(ref, v)
	}
	return found, nil
}
