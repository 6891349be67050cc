package run

import (
	"context"
	"fmt"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/cronium/cronium/hub/run/internal/db"
)

// Renew extends the leases of what agents say they hold; unknown runs are running
// again. The answer has an entry for every agent: what somebody wants cancelled,
// and what the agent should give up because the run went on without it. An attempt
// whose result has been accepted is neither: its log may still be on the way.
func (s *Store) Renew(ctx context.Context, renewals []Renewal) (map[uuid.UUID]Orders, error) {
	orders := make(map[uuid.UUID]Orders, len(renewals))
	var refs []Ref
	holder := make(map[Ref]uuid.UUID)
	for _, r := range renewals {
		orders[r.AgentID] = Orders{}
		for _, ref := range r.Refs {
			refs = append(refs, ref)
			holder[ref] = r.AgentID
		}
	}
	if len(refs) == 0 {
		return orders, nil
	}
	kept, err := s.renew(ctx, s.q, refs, holder, 0)
	if err != nil {
		return nil, fmt.Errorf("renew %d leases: %w", len(refs), err)
	}
	var missing []Ref
	for _, ref := range refs {
		cancelling, ok := kept[ref]
		switch {
		case !ok:
			missing = append(missing, ref)
		case cancelling:
			o := orders[holder[ref]]
			o.Cancel = append(o.Cancel, ref)
			orders[holder[ref]] = o
		}
	}
	superseded, err := s.superseded(ctx, missing, holder)
	if err != nil {
		return nil, fmt.Errorf("renew %d leases: %w", len(refs), err)
	}
	for _, ref := range superseded {
		o := orders[holder[ref]]
		o.Drop = append(o.Drop, ref)
		orders[holder[ref]] = o
	}
	return orders, nil
}

// renew returns, for each lease it extended, whether its run is to be cancelled.
// It skips rows that somebody is changing at this moment: a lease outlives three of
// these, and waiting in another order than the others could deadlock.
func (s *Store) renew(ctx context.Context, q *db.Queries, refs []Ref, holder map[Ref]uuid.UUID, epoch int64) (map[Ref]bool, error) {
	c := columnsOf(refs)
	agents := make([]uuid.UUID, len(c.runs))
	for i := range c.runs {
		agents[i] = holder[Ref{c.runs[i], c.attempts[i], c.fences[i]}]
	}
	rows, err := q.Renew(ctx, db.RenewParams{RunIds: c.runs, Attempts: c.attempts, Fences: c.fences, AgentIds: agents, Epoch: epoch,
		FromStates: fromRenew, AssignS: s.cfg.AssignmentLease.Seconds(), LeaseS: s.cfg.AttemptLease.Seconds()})
	if err != nil {
		return nil, err
	}
	kept := make(map[Ref]bool, len(rows))
	var back []uuid.UUID
	for _, r := range rows {
		kept[Ref{r.RunID, r.Attempt, r.Fence}] = r.Cancelling
		if r.WasUnknown {
			back = append(back, r.RunID)
		}
	}
	s.tell(back)
	return kept, nil
}

// superseded returns those of refs that are neither live nor finished.
func (s *Store) superseded(ctx context.Context, refs []Ref, holder map[Ref]uuid.UUID) ([]Ref, error) {
	if len(refs) == 0 {
		return nil, nil
	}
	c := columnsOf(refs)
	rows, err := s.q.Known(ctx, c.runs, c.attempts, c.fences)
	if err != nil {
		return nil, err
	}
	mine := make(map[Ref]bool, len(rows))
	for _, r := range rows {
		ref := Ref{r.RunID, r.Attempt, r.Fence}
		mine[ref] = r.AgentID == holder[ref]
	}
	var gone []Ref
	for _, r := range refs {
		if !mine[r] {
			gone = append(gone, r)
		}
	}
	return gone, nil
}

// Reconcile settles what an agent holds with what the hub thinks it holds, at the
// start of a session of this epoch, and returns what the agent should drop.
//
// What is held and live is kept. What the hub thinks is there and is not held: an
// assignment returns to the queue, for it was never accepted; so does an accepted
// attempt that never reported its start, if the journal is intact, because nothing
// is launched before it is in the journal; one that had started is lost then. With
// a new journal nobody can know, and the run is unknown until it is given up: that
// the next session finds the new journal intact says nothing about the old one.
func (s *Store) Reconcile(ctx context.Context, agentID uuid.UUID, epoch int64, held []Held, journalIntact bool) ([]Ref, error) {
	refs := make([]Ref, len(held))
	holder := make(map[Ref]uuid.UUID, len(held))
	for i, h := range held {
		refs[i], holder[h.Ref] = h.Ref, agentID
	}
	var changed []uuid.UUID
	var missing []Ref
	err := s.db.InTx(ctx, func(tx pgx.Tx) error {
		q := db.New(tx)
		rows, err := q.LockAgent(ctx, agentID, epoch)
		if err != nil {
			return err
		}
		there, err := livesOf(rows)
		if err != nil {
			return err
		}
		kept, err := s.renew(ctx, q, refs, holder, epoch)
		if err != nil {
			return err
		}
		missing = missing[:0]
		for _, r := range refs {
			if _, ok := kept[r]; !ok {
				missing = append(missing, r)
			}
		}
		changed, err = reconcile(ctx, q, agentID, there, kept, journalIntact)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("reconcile agent %s: %w", agentID, err)
	}
	s.tell(changed)
	drop, err := s.superseded(ctx, missing, holder)
	if err != nil {
		return nil, fmt.Errorf("reconcile agent %s: %w", agentID, err)
	}
	return drop, nil
}

func reconcile(ctx context.Context, q *db.Queries, agentID uuid.UUID, there []live, kept map[Ref]bool, journalIntact bool) ([]uuid.UUID, error) {
	var b batch
	var unclear []Ref
	for _, l := range there {
		_, ok := kept[l.Ref]
		switch {
		case ok, l.orphan:
		case l.state == Assigned, journalIntact && !l.started:
			b.add(l, Result{Ref: l.Ref}, l.handBack(outcome{Detail: "The agent came back without it"}))
		case journalIntact:
			b.add(l, Result{Ref: l.Ref}, judge(l, OutcomeLost, lostByAgent))
		default:
			unclear = append(unclear, l.Ref)
		}
	}
	changed, err := b.apply(ctx, q, &agentID)
	if err != nil || len(unclear) == 0 {
		return changed, err
	}
	c := columnsOf(unclear)
	ids, err := q.Orphan(ctx, db.OrphanParams{RunIds: c.runs, Attempts: c.attempts, Fences: c.fences, FromStates: fromOrphan})
	return append(changed, ids...), err
}

// RaiseFence lifts the fence sequence above what an agent has seen and reports
// whether it had to: only after the database was restored from an older backup.
func (s *Store) RaiseFence(ctx context.Context, seen int64) (bool, error) {
	raised, err := s.q.RaiseFence(ctx, seen)
	if err != nil {
		return false, fmt.Errorf("raise fence above %d: %w", seen, err)
	}
	return raised > 0, nil
}
