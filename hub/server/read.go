package server

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"strconv"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/cronium/cronium/hub/server/internal/db"
	"github.com/cronium/cronium/hub/server/sshkey"
)

// Filter chooses a page of servers.
type Filter struct {
	Archived bool   // those instead of the others
	After    string // the last name of the page before
	Limit    int    // default 100, at most 500
}

// Page is some servers by name, and where the next page begins.
type Page struct {
	Servers []Server
	Next    string // empty: that was all
}

// List returns a page of a project's servers.
func (s *Store) List(ctx context.Context, project uuid.UUID, f Filter) (Page, error) {
	limit := f.Limit
	if limit <= 0 {
		limit = 100
	}
	limit = min(limit, 500)
	rows, err := s.queries().Servers(ctx, db.ServersParams{ProjectID: project, After: f.After, Archived: f.Archived, N: int32(limit + 1)}) //nolint:gosec // at most 501
	if err != nil {
		return Page{}, fmt.Errorf("list servers: %w", err)
	}
	var page Page
	if page.Servers, err = s.toServers(ctx, rows[:min(len(rows), limit)]); err != nil {
		return Page{}, err
	}
	if len(rows) > limit {
		page.Next = page.Servers[limit-1].Name
	}
	return page, nil
}

// Get returns the server of that name, archived or not, or [ErrNotFound].
func (s *Store) Get(ctx context.Context, project uuid.UUID, name string) (Server, error) {
	row, err := s.queries().ServerByName(ctx, project, name)
	if errors.Is(err, pgx.ErrNoRows) {
		return Server{}, notFound(name)
	}
	if err != nil {
		return Server{}, fmt.Errorf("read server %s: %w", name, err)
	}
	one, err := s.toServers(ctx, []db.Server{row})
	if err != nil {
		return Server{}, err
	}
	return one[0], nil
}

// Impact lists what needs the server: the jobs that run on it and the servers that
// are reached through it.
func (s *Store) Impact(ctx context.Context, project uuid.UUID, name string) (Impact, error) {
	one, err := s.Get(ctx, project, name)
	if err != nil {
		return Impact{}, err
	}
	var i Impact
	if i.Jobs, err = s.config.Jobs(ctx, project, name); err != nil {
		return i, fmt.Errorf("list the jobs of server %s: %w", name, err)
	}
	if i.Servers, err = s.queries().JumpedThrough(ctx, &one.ID); err != nil {
		return i, fmt.Errorf("list what is reached through server %s: %w", name, err)
	}
	return i, nil
}

func notFound(name string) error { return ErrNotFound.With("No server %q", cut(name)) }

func addressOf(row db.Server) string { return net.JoinHostPort(row.Host, strconv.Itoa(int(row.Port))) }

// toServers asks once for the names of all jump servers.
func (s *Store) toServers(ctx context.Context, rows []db.Server) ([]Server, error) {
	var ids []uuid.UUID
	for _, row := range rows {
		if row.JumpID != nil {
			ids = append(ids, *row.JumpID)
		}
	}
	names := map[uuid.UUID]string{}
	if len(ids) > 0 {
		named, err := s.queries().ServerNames(ctx, ids)
		if err != nil {
			return nil, fmt.Errorf("read names of servers: %w", err)
		}
		for _, n := range named {
			names[n.ID] = n.Name
		}
	}
	out := make([]Server, len(rows))
	for i, row := range rows {
		jump := ""
		if row.JumpID != nil {
			jump = names[*row.JumpID]
		}
		var err error
		if out[i], err = toServer(row, jump); err != nil {
			return nil, err
		}
	}
	return out, nil
}

func toServer(row db.Server, jump string) (Server, error) {
	out := Server{
		ID: row.ID, ProjectID: row.ProjectID, Name: row.Name, Address: addressOf(row), User: row.Username, Kind: Kind(row.Credential),
		PublicKey: row.PublicKey, Expected: row.ExpectedKey, Jump: jump, Health: Health(row.Health), CheckedAt: row.CheckedAt,
		CheckedBy: row.CheckedBy, ArchivedAt: row.ArchivedAt, ArchivedBy: row.ArchivedBy, PurgeAfter: row.PurgeAfter,
		CreatedAt: row.CreatedAt, CreatedBy: row.CreatedBy, UpdatedAt: row.UpdatedAt,
		Trusted: shown(row.HostKey, row.ConfirmedAt, row.ConfirmedBy), Offered: shown(row.OfferedKey, row.OfferedAt, ""),
	}
	err := errors.Join(json.Unmarshal(row.Via, &out.Via), json.Unmarshal(row.Checks, &out.Checks), json.Unmarshal(row.Facts, &out.Facts))
	if err != nil {
		return out, fmt.Errorf("read server %s: %w", row.Name, err)
	}
	return out, nil
}

// shown is a stored host key for people; it was judged before it was stored.
func shown(wire []byte, at *time.Time, by string) *HostKey {
	if wire == nil || at == nil {
		return nil
	}
	kind, fingerprint, err := sshkey.HostKey(wire)
	if err != nil {
		return nil
	}
	return &HostKey{Type: kind, Fingerprint: fingerprint, At: *at, By: by}
}
