package fleet

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/cronium/cronium/hub/authz"
	"github.com/cronium/cronium/hub/fleet/internal/db"
)

// State of an agent.
type State string

// All states.
const (
	Online  State = "online"
	Offline State = "offline"
	Revoked State = "revoked"
)

// silence is how long an agent that says nothing still counts as online: three
// heartbeats and a little.
const silence = 35 * time.Second

// Agent is an agent with its host.
type Agent struct {
	ID             uuid.UUID
	ProjectID      uuid.UUID
	Name           string
	State          State
	Labels         map[string]string
	Facts          Facts
	Version        string
	Slots          int
	Running        int
	ConnectedAt    *time.Time // while online
	LastSeenAt     *time.Time
	RevokedAt      *time.Time
	CreatedAt      time.Time
	CertificateEnd time.Time
	Draining       bool   // it gets nothing new
	UpgradeVersion string // what it shall become; empty when it has, or nobody asked
	UpgradeProblem string // why it has not
}

// Filter chooses a page of agents.
type Filter struct {
	After string // the cursor of the page before
	Limit int    // default 100, at most 1,000
}

// Page is some agents by name, and where the next page begins.
type Page struct {
	Agents []Agent
	Next   string // empty: that was all
}

// Agents lists the agents of a project. Those revoked are listed for a week more.
func (f *Fleet) Agents(ctx context.Context, project uuid.UUID, filter Filter) (Page, error) {
	limit := filter.Limit
	if limit <= 0 {
		limit = 100
	}
	limit = min(limit, 1000)
	after, afterID := splitCursor(filter.After)
	rows, err := f.queries().Agents(ctx, db.AgentsParams{
		SilenceS: silence.Seconds(), ProjectID: project, After: after, AfterID: afterID, N: int32(limit + 1), //nolint:gosec // at most 1001
	})
	if err != nil {
		return Page{}, fmt.Errorf("list agents: %w", err)
	}
	var page Page
	if len(rows) > limit {
		rows = rows[:limit]
		last := rows[limit-1]
		page.Next = last.ID.String() + last.Name
	}
	for _, row := range rows {
		agent, err := toAgent(row)
		if err != nil {
			return Page{}, err
		}
		page.Agents = append(page.Agents, agent)
	}
	return page, f.countRunning(ctx, page.Agents)
}

// splitCursor reads an id and a name; anything else begins at the beginning.
func splitCursor(cursor string) (string, uuid.UUID) {
	const n = len("00000000-0000-0000-0000-000000000000")
	if len(cursor) <= n {
		return "", uuid.Nil
	}
	id, err := uuid.Parse(cursor[:n])
	if err != nil {
		return "", uuid.Nil
	}
	return cursor[n:], id
}

// Agent returns the agent of that name, or [ErrNotFound].
func (f *Fleet) Agent(ctx context.Context, project uuid.UUID, name string) (Agent, error) {
	row, err := f.queries().AgentByName(ctx, silence.Seconds(), project, name)
	if noRows(err) {
		return Agent{}, ErrNotFound.With("no host %q", name)
	}
	if err != nil {
		return Agent{}, fmt.Errorf("read agent %s: %w", name, err)
	}
	agent, err := toAgent(db.AgentsRow(row))
	if err != nil {
		return Agent{}, err
	}
	one := []Agent{agent}
	err = f.countRunning(ctx, one)
	return one[0], err
}

// Names returns the names of agents by id. Ids that nobody has are left out.
func (f *Fleet) Names(ctx context.Context, ids []uuid.UUID) (map[uuid.UUID]string, error) {
	if len(ids) == 0 {
		return nil, nil
	}
	rows, err := f.queries().AgentNames(ctx, ids)
	if err != nil {
		return nil, fmt.Errorf("read names of agents: %w", err)
	}
	names := make(map[uuid.UUID]string, len(rows))
	for _, row := range rows {
		names[row.ID] = row.Name
	}
	return names, nil
}

// Candidate is an agent as an explanation of waiting sees it.
type Candidate struct {
	ID     uuid.UUID
	Name   string
	Labels map[string]string
	Slots  int
	Online bool

	Draining bool
}

// Candidates returns the agents of a project, connected to whichever replica; at
// most 1,000.
func (f *Fleet) Candidates(ctx context.Context, project uuid.UUID) ([]Candidate, error) {
	rows, err := f.queries().Candidates(ctx, silence.Seconds(), project)
	if err != nil {
		return nil, fmt.Errorf("read candidates: %w", err)
	}
	out := make([]Candidate, 0, len(rows))
	for _, row := range rows {
		c := Candidate{ID: row.ID, Name: row.Name, Slots: int(row.Slots), Online: row.Online, Draining: row.Draining}
		if err := json.Unmarshal(row.Labels, &c.Labels); err != nil {
			return nil, fmt.Errorf("read labels of agent %s: %w", row.Name, err)
		}
		out = append(out, c)
	}
	return out, nil
}

// Revoke takes an agent's identity away: its sessions end, its certificates are
// void, its name is free. What it runs is lost when its leases end.
func (f *Fleet) Revoke(ctx context.Context, actor authz.Actor, project uuid.UUID, name string) error {
	if err := actor.Check(authz.HostEdit, project); err != nil {
		return err
	}
	var id uuid.UUID
	err := f.db.InTx(ctx, func(tx pgx.Tx) error {
		var err error
		q := db.New(tx)
		if id, err = q.RevokeAgent(ctx, project, name); err != nil {
			return err
		}
		return q.RevokeCertificates(ctx, id)
	})
	if noRows(err) {
		return ErrNotFound.With("no host %q", name)
	}
	if err != nil {
		return fmt.Errorf("revoke agent %s: %w", name, err)
	}
	f.log.InfoContext(ctx, "agent revoked", "agent", id, "name", name, "by", actor.Email)
	f.enforce(f.revoked.addAgents([]uuid.UUID{id}))
	f.config.Changed()
	return nil
}

func (f *Fleet) countRunning(ctx context.Context, agents []Agent) error {
	if f.config.Counter == nil {
		for i := range agents {
			if l := f.live.get(agents[i].ID); l != nil {
				agents[i].Running = l.Held()
			}
		}
		return nil
	}
	ids := make([]uuid.UUID, len(agents))
	for i, a := range agents {
		ids[i] = a.ID
	}
	counts, err := f.config.Counter.CountByAgent(ctx, ids)
	if err != nil {
		return fmt.Errorf("count attempts of agents: %w", err)
	}
	for i := range agents {
		agents[i].Running = counts[agents[i].ID]
	}
	return nil
}

func toAgent(row db.AgentsRow) (Agent, error) {
	a := Agent{
		ID: row.ID, ProjectID: row.ProjectID, Name: row.Name, State: Offline, Version: row.Version, Slots: int(row.Slots),
		LastSeenAt: row.LastSeenAt, RevokedAt: row.RevokedAt, CreatedAt: row.CreatedAt, CertificateEnd: row.NotAfter,
		Draining: row.Draining, UpgradeVersion: row.UpgradeVersion, UpgradeProblem: row.UpgradeProblem,
	}
	switch {
	case row.RevokedAt != nil:
		a.State = Revoked
	case row.Online:
		a.State, a.ConnectedAt = Online, row.ConnectedAt
	}
	if err := errors.Join(json.Unmarshal(row.Labels, &a.Labels), json.Unmarshal(row.Facts, &a.Facts)); err != nil {
		return a, fmt.Errorf("read agent %s: %w", row.Name, err)
	}
	return a, nil
}

func noRows(err error) bool { return errors.Is(err, pgx.ErrNoRows) }
