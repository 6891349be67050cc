package server

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/cronium/cronium/hub/secret"
	"github.com/cronium/cronium/hub/server/internal/db"
	runnerv1 "github.com/cronium/cronium/proto/runner/v1"
)

// Way is how an agent reaches a server, or why none may.
type Way struct {
	Server *runnerv1.Server  // with its jump servers; nil with Err
	Labels map[string]string // that an agent needs to go there
	Err    error             // a problem: the server is gone, archived, or its key is not trusted
}

// Opened is what opens one server of a way.
type Opened struct {
	ServerID   uuid.UUID
	Password   secret.Text
	PrivateKey secret.Text
	Passphrase secret.Text
}

// Ways returns the way to each of these servers, in one question.
func (s *Store) Ways(ctx context.Context, refs []Ref) (map[Ref]Way, error) {
	return ways(ctx, s.queries(), refs)
}

// WaysTx is [Store.Ways] as the caller's transaction sees it.
func (s *Store) WaysTx(ctx context.Context, tx pgx.Tx, refs []Ref) (map[Ref]Way, error) {
	return ways(ctx, db.New(tx), refs)
}

func ways(ctx context.Context, q *db.Queries, refs []Ref) (map[Ref]Way, error) {
	if len(refs) == 0 {
		return nil, nil
	}
	m, err := load(ctx, q, refs)
	if err != nil {
		return nil, err
	}
	out := make(map[Ref]Way, len(refs))
	for _, ref := range refs {
		chain, err := m.usable(ref)
		if err != nil {
			out[ref] = Way{Err: err}
			continue
		}
		labels, err := labelsOf(chain[0])
		if err != nil {
			return nil, err
		}
		out[ref] = Way{Server: message(chain), Labels: labels}
	}
	return out, nil
}

// Credentials opens what opens a server and those on the way to it, in the order in
// which an agent passes them. The caller has checked that the agent may have them.
func (s *Store) Credentials(ctx context.Context, project uuid.UUID, name string) ([]Opened, error) {
	ref := Ref{project, name}
	m, err := load(ctx, s.queries(), []Ref{ref})
	if err != nil {
		return nil, err
	}
	chain, err := m.usable(ref)
	if err != nil {
		return nil, err
	}
	return s.openAll(chain)
}

func (s *Store) openAll(chain []db.Server) ([]Opened, error) {
	out := make([]Opened, 0, len(chain))
	for i := len(chain) - 1; i >= 0; i-- {
		o, err := s.open(chain[i])
		if err != nil {
			return nil, err
		}
		out = append(out, Opened{ServerID: chain[i].ID, Password: secret.NewText(o.Password),
			PrivateKey: secret.NewText(o.PrivateKey), Passphrase: secret.NewText(o.Passphrase)})
	}
	return out, nil
}

// network is servers and how they are connected.
type network struct {
	named map[Ref]db.Server
	byID  map[uuid.UUID]db.Server
}

func load(ctx context.Context, q *db.Queries, refs []Ref) (network, error) {
	projects, names := make([]uuid.UUID, len(refs)), make([]string, len(refs))
	for i, ref := range refs {
		projects[i], names[i] = ref.Project, ref.Name
	}
	rows, err := q.Ways(ctx, projects, names)
	if err != nil {
		return network{}, fmt.Errorf("read %d servers: %w", len(refs), err)
	}
	return mapOf(rows), nil
}

func mapOf(rows []db.Server) network {
	m := network{named: make(map[Ref]db.Server, len(rows)), byID: make(map[uuid.UUID]db.Server, len(rows))}
	for _, row := range rows {
		m.named[Ref{row.ProjectID, row.Name}], m.byID[row.ID] = row, row
	}
	return m
}

// jump is the server before this one, or nil.
func (m network) jump(row db.Server) *db.Server {
	if row.JumpID == nil {
		return nil
	}
	next, ok := m.byID[*row.JumpID]
	if !ok {
		return nil
	}
	return &next
}

// chain is the server and its jump servers, the nearest to it first.
func (m network) chain(ref Ref) ([]db.Server, error) {
	target, ok := m.named[ref]
	if !ok {
		return nil, notFound(ref.Name)
	}
	chain := []db.Server{target}
	for next := m.jump(target); next != nil; next = m.jump(*next) {
		if chain = append(chain, *next); len(chain) > 1+maxJumps {
			return nil, ErrJump.With("The way to %s leads through more than %d servers", ref.Name, maxJumps)
		}
	}
	return chain, nil
}

// usable is a chain in which every server may be given what opens it.
func (m network) usable(ref Ref) ([]db.Server, error) {
	chain, err := m.chain(ref)
	if err != nil {
		return nil, err
	}
	for _, row := range chain {
		if err := usable(row); err != nil {
			return nil, err
		}
	}
	return chain, nil
}

func usable(row db.Server) error {
	switch {
	case row.ArchivedAt != nil:
		return ErrArchived.With("Server %s was archived on %s", row.Name, row.ArchivedAt.UTC().Format(time.DateOnly))
	case Health(row.Health) == KeyMismatch:
		return mismatch(row)
	case row.HostKey == nil:
		return ErrNotTrusted.With("Nobody has confirmed the host key of server %s", row.Name)
	}
	return nil
}

// mismatch names both fingerprints.
func mismatch(row db.Server) error {
	pinned, offered := row.ExpectedKey, "another key"
	if known := shown(row.HostKey, row.ConfirmedAt, ""); known != nil {
		pinned = known.Fingerprint + " since " + known.At.UTC().Format(time.DateOnly)
	}
	if seen := shown(row.OfferedKey, row.OfferedAt, ""); seen != nil {
		offered = seen.Fingerprint
	}
	return ErrKeyMismatch.With("Server %s showed %s; confirmed is %s", row.Name, offered, pinned)
}

func message(chain []db.Server) *runnerv1.Server {
	var m *runnerv1.Server
	for i := len(chain) - 1; i >= 0; i-- {
		row := chain[i]
		m = &runnerv1.Server{Id: row.ID.String(), Name: row.Name, Address: addressOf(row), User: row.Username, HostKey: row.HostKey, Jump: m}
	}
	return m
}

// labelsOf are the labels of the agents that may go there.
func labelsOf(row db.Server) (map[string]string, error) {
	labels := map[string]string{}
	if err := json.Unmarshal(row.Via, &labels); err != nil {
		return nil, fmt.Errorf("read the labels of server %s: %w", row.Name, err)
	}
	labels[ExecutorLabel] = "true"
	return labels, nil
}
