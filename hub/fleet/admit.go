package fleet

import (
	"context"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/cronium/cronium/hub/fleet/internal/db"
)

// Hello is what an agent says at the start of a control session.
type Hello struct {
	Version   string
	BootID    string
	MachineID string
	JournalID string
	Slots     int
	Labels    map[string]string
	Facts     Facts
	Draining  *bool // set on the host since we were last told; nil if not
}

// Admitted is a session that may go on.
type Admitted struct {
	AgentID   uuid.UUID
	ProjectID uuid.UUID
	Name      string
	Labels    map[string]string
	Slots     int
	Epoch     int64
	// JournalIntact says that the agent still has the journal that it had in its
	// last session.
	JournalIntact bool
	Wishes        Wishes
}

// pingWait is how long the session before gets to show that it lives.
const pingWait = 2 * time.Second

// Admit judges a Hello and begins a new epoch. The session before is ended, unless
// it answers from another machine: then the newcomer is refused. The caller
// reconciles, then calls [Fleet.Join].
func (f *Fleet) Admit(ctx context.Context, leaf *x509.Certificate, h Hello) (Admitted, error) {
	id, err := f.AgentOf(leaf)
	if err != nil {
		return Admitted{}, err
	}
	h = h.clean()
	if err := f.refuseTwin(ctx, id, h); err != nil {
		return Admitted{}, err
	}
	var out Admitted
	err = f.db.InTx(ctx, func(tx pgx.Tx) error {
		q := db.New(tx)
		agent, err := f.admissible(ctx, q, id, leaf, h)
		if err != nil {
			return err
		}
		out, err = f.connect(ctx, q, agent, h)
		return err
	})
	if err != nil {
		return Admitted{}, fmt.Errorf("admit agent %s: %w", id, err)
	}
	f.config.Changed()
	return out, nil
}

func (h Hello) clean() Hello {
	h.Version, h.BootID = cleanText(h.Version, 64), cleanText(h.BootID, 64)
	h.MachineID, h.JournalID = cleanText(h.MachineID, 64), cleanText(h.JournalID, 64)
	h.Facts = h.Facts.clean()
	h.Slots = max(0, min(h.Slots, maxSlots))
	return h
}

// refuseTwin asks the session that is connected here, if it is another machine's,
// for a sign of life.
func (f *Fleet) refuseTwin(ctx context.Context, id uuid.UUID, h Hello) error {
	before := f.live.get(id)
	if before == nil || before.machine == h.MachineID {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, pingWait)
	defer cancel()
	if err := before.link.Ping(ctx); err != nil {
		return nil //nolint:nilerr // it does not answer, so it is replaced
	}
	f.log.ErrorContext(ctx, "duplicate identity", "agent", id, "name", before.Name, "connected from", before.remote)
	return ErrDuplicate.With("agent %s is already connected from %s (machine %.8s)", before.Name, before.remote, before.machine)
}

func (f *Fleet) admissible(ctx context.Context, q *db.Queries, id uuid.UUID, leaf *x509.Certificate, h Hello) (db.LockAgentRow, error) {
	agent, err := q.LockAgent(ctx, silence.Seconds(), id)
	if noRows(err) || err == nil && agent.RevokedAt != nil {
		return agent, ErrRevoked.With("the host was removed")
	}
	if err != nil {
		return agent, fmt.Errorf("read agent: %w", err)
	}
	// A session that another replica holds cannot be asked; its presence speaks for it.
	elsewhere := agent.HubID != nil && *agent.HubID != f.config.HubID
	if elsewhere && agent.Answering && agent.MachineID != h.MachineID {
		f.log.ErrorContext(ctx, "duplicate identity", "agent", id, "name", agent.Name)
		return agent, ErrDuplicate.With("agent %s is already connected (machine %.8s)", agent.Name, agent.MachineID)
	}
	serial := serialOf(leaf)
	cert, err := q.CertificateBySerial(ctx, serial)
	switch {
	case noRows(err) || err == nil && (cert.AgentID != id || cert.RevokedAt != nil):
		return agent, ErrRevoked
	case err != nil:
		return agent, fmt.Errorf("read certificate: %w", err)
	}
	if err := q.UseCertificate(ctx, serial); err != nil {
		return agent, fmt.Errorf("mark certificate used: %w", err)
	}
	if _, err := q.RevokeOlder(ctx, id, cert.Generation); err != nil {
		return agent, fmt.Errorf("revoke older certificates: %w", err)
	}
	return agent, nil
}

func (f *Fleet) connect(ctx context.Context, q *db.Queries, agent db.LockAgentRow, h Hello) (Admitted, error) {
	var token map[string]string
	if err := json.Unmarshal(agent.TokenLabels, &token); err != nil {
		return Admitted{}, fmt.Errorf("read labels: %w", err)
	}
	out := Admitted{
		AgentID: agent.ID, ProjectID: agent.ProjectID, Name: agent.Name, Slots: h.Slots,
		Labels:        effective(h.Labels, token, agent.Name, h.Facts),
		JournalIntact: agent.JournalID != "" && agent.JournalID == h.JournalID,
	}
	labels, err1 := json.Marshal(out.Labels)
	facts, err2 := json.Marshal(h.Facts)
	if err := errors.Join(err1, err2); err != nil {
		return Admitted{}, fmt.Errorf("encode labels and facts: %w", err)
	}
	out.Wishes = Wishes{Draining: agent.Draining, Upgrade: wanted(agent.UpgradeVersion, agent.UpgradeProblem)}
	if h.Draining != nil {
		out.Wishes.Draining = *h.Draining
	}
	still := agent.UpgradeVersion
	if still == h.Version { // it has become what it should
		still, out.Wishes.Upgrade = "", ""
	}
	epoch, err := q.Connected(ctx, db.ConnectedParams{
		Draining: out.Wishes.Draining, UpgradeVersion: still,
		ID: agent.ID, HubID: f.config.HubID, BootID: h.BootID, MachineID: h.MachineID, JournalID: h.JournalID,
		Version: h.Version, Slots: int32(h.Slots), Labels: labels, Facts: facts, //nolint:gosec // at most maxSlots
	})
	if err != nil {
		return Admitted{}, fmt.Errorf("begin epoch: %w", err)
	}
	out.Epoch = epoch
	return out, nil
}

// CheckEpoch reports whether epoch is the agent's current one, on any replica.
func (f *Fleet) CheckEpoch(ctx context.Context, agent uuid.UUID, epoch int64) error {
	if l := f.live.get(agent); l != nil && l.Epoch == epoch {
		return nil
	}
	current, err := f.queries().Epoch(ctx, agent)
	if noRows(err) {
		return ErrRevoked
	}
	if err != nil {
		return fmt.Errorf("read epoch of agent %s: %w", agent, err)
	}
	if current != epoch {
		return ErrEpoch.With("epoch %d was replaced by %d", epoch, current)
	}
	return nil
}

// Elsewhere reports whether another replica holds the agent's session.
func (f *Fleet) Elsewhere(ctx context.Context, agent uuid.UUID) (bool, error) {
	holder, err := f.queries().Holder(ctx, agent)
	if noRows(err) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("read who holds agent %s: %w", agent, err)
	}
	return holder != nil && *holder != f.config.HubID, nil
}
