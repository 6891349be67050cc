package server

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/cronium/cronium/hub/server/internal/db"
	"github.com/cronium/cronium/hub/server/sshkey"
	runnerv1 "github.com/cronium/cronium/proto/runner/v1"
)

// Question is what an agent is asked about a server: the way to it, and what opens
// those servers whose keys are trusted.
type Question struct {
	Ref
	Server      *runnerv1.Server // without a host key where none is trusted: the agent stops there
	Credentials []Opened
	Labels      map[string]string // that the agent needs

	id       uuid.UUID
	revision int64
}

// Answer is what an agent found. It is hostile until it is recorded.
type Answer struct {
	Checks  []Check
	HostKey []byte // that the server showed
	Facts   *Facts // nil: a check before them failed
}

// Question prepares a probe. A jump server whose key is not trusted makes it
// impossible; the server itself is then asked for its key only.
func (s *Store) Question(ctx context.Context, ref Ref) (Question, error) {
	m, err := load(ctx, s.queries(), []Ref{ref})
	if err != nil {
		return Question{}, err
	}
	chain, err := m.chain(ref)
	if err != nil {
		return Question{}, err
	}
	target := chain[0]
	if target.ArchivedAt != nil {
		return Question{}, usable(target)
	}
	for _, row := range chain[1:] {
		if err := usable(row); err != nil {
			return Question{}, err
		}
	}
	q := Question{Ref: ref, id: target.ID, revision: target.Revision}
	opens := chain
	if usable(target) != nil {
		target.HostKey, opens = nil, chain[1:]
		chain[0] = target
	}
	q.Server = message(chain)
	if q.Credentials, err = s.openAll(opens); err != nil {
		return Question{}, err
	}
	q.Labels, err = labelsOf(target)
	return q, err
}

// Record stores what an agent found, if the server is still what it was asked
// about. again is true when an announced key was shown just now and so became
// trusted: the next question will go further.
func (s *Store) Record(ctx context.Context, q Question, agent string, a Answer) (again bool, err error) {
	err = s.db.InTx(ctx, func(tx pgx.Tx) error {
		again = false
		queries := db.New(tx)
		row, err := queries.LockServerByID(ctx, q.id)
		if errors.Is(err, pgx.ErrNoRows) || err == nil && row.Revision != q.revision {
			return nil // it was changed meanwhile, and this is about what it was
		}
		if err != nil {
			return err
		}
		again, err = s.record(ctx, queries, row, agent, a)
		return err
	})
	if err != nil {
		return false, fmt.Errorf("record the probe of server %s: %w", q.Name, err)
	}
	return again, nil
}

func (s *Store) record(ctx context.Context, q *db.Queries, row db.Server, agent string, a Answer) (again bool, err error) {
	f := weigh(row, a)
	if f.announced {
		if err := q.Trust(ctx, a.HostKey, row.CreatedBy, row.ID); err != nil {
			return false, err
		}
		s.log.InfoContext(ctx, "announced host key was shown", "server", row.Name, "fingerprint", row.ExpectedKey)
	}
	checks, err1 := json.Marshal(cleanChecks(a.Checks))
	facts, err2 := json.Marshal(cleanFacts(a.Facts))
	if err := errors.Join(err1, err2); err != nil {
		return false, err
	}
	if before := Health(row.Health); f.health != before {
		s.log.InfoContext(ctx, "server's health changed", "server", row.Name, "from", before, "to", f.health, "by", agent)
	}
	return f.announced, q.Record(ctx, db.RecordParams{ID: row.ID, Checks: checks, Facts: facts, Health: string(f.health),
		OfferedKey: f.offered, CheckedBy: cleanText(agent, 64), EveryS: s.every()})
}

// finding is what an answer means for a server.
type finding struct {
	health    Health
	offered   []byte // to be confirmed
	announced bool   // the key shown is the one announced beforehand
}

// weigh is pure.
func weigh(row db.Server, a Answer) finding {
	_, fingerprint, err := sshkey.HostKey(a.HostKey)
	key := a.HostKey
	if err != nil {
		key = nil
	}
	f := finding{health: judge(a.Checks)}
	mismatched := Health(row.Health) == KeyMismatch
	switch {
	case row.HostKey == nil && row.ExpectedKey != "" && key != nil:
		if f.announced = fingerprint == row.ExpectedKey && !mismatched; !f.announced {
			f.health, f.offered = KeyMismatch, key
		}
	case row.HostKey == nil:
		f.offered = key
		if key == nil {
			f.offered = row.OfferedKey // what it showed before may still be compared
		}
	case key != nil && !bytes.Equal(key, row.HostKey):
		f.health, f.offered = KeyMismatch, key
	}
	if mismatched {
		f.health = KeyMismatch // until somebody decides
		if key == nil {
			f.offered = row.OfferedKey
		}
	}
	return f
}

// judge is what the checks say. Without a directory or a runner scripts can run
// still, attached to the connection.
func judge(checks []Check) Health {
	health := Unknown
	for _, c := range checks {
		switch {
		case c.OK && c.Name == "auth":
			health = Reachable
		case c.OK, c.Name == "directory", c.Name == "runner":
		case c.Name == "auth":
			return AuthFailed
		default:
			return Unreachable
		}
	}
	return health
}
