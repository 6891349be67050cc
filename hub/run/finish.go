package run

import (
	"bytes"
	"context"
	"fmt"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/cronium/cronium/hub/run/internal/db"
)

// Finish takes results, one answer for each in order. Results that end a run
// whatever its queue row says cost one statement; the others are judged under a
// lock, because a retry may follow. A result of an attempt that the run went on
// without is kept with the attempt, once, and answered late.
func (s *Store) Finish(ctx context.Context, agentID uuid.UUID, results []Result) ([]Answer, error) {
	var sure, unsure []Result
	known := make(map[Ref]Answer, len(results))
	seen := make(map[Ref]bool, len(results))
	refs := make([]Ref, len(results))
	for i, r := range results {
		refs[i] = r.Ref
		if !r.Outcome.reportable() {
			return nil, fmt.Errorf("finish run %s: %q is not an outcome", r.RunID, r.Outcome)
		}
		if seen[r.Ref] {
			continue // the same attempt twice in one batch: the first counts
		}
		seen[r.Ref] = true
		if _, ok := settles(r.Outcome); ok {
			sure = append(sure, r)
		} else {
			unsure = append(unsure, r)
		}
	}
	if err := s.finish(ctx, agentID, sure, unsure, known); err != nil {
		return nil, fmt.Errorf("finish %d attempts of agent %s: %w", len(results), agentID, err)
	}
	if err := s.keepLate(ctx, agentID, results, without(refs, known), known); err != nil {
		return nil, fmt.Errorf("finish %d attempts of agent %s: %w", len(results), agentID, err)
	}
	answers := make([]Answer, len(refs))
	for i, r := range refs {
		answers[i] = known[r]
	}
	return answers, nil
}

func (s *Store) finish(ctx context.Context, agentID uuid.UUID, sure, unsure []Result, known map[Ref]Answer) error {
	var settled, judged []Ref
	if len(sure) > 0 {
		var p settling
		for _, r := range sure {
			to, _ := settles(r.Outcome)
			what := describe(r)
			p.add(r, verdict{to: to, attempt: attemptFinished, code: what.Code, detail: what.Detail, hint: what.Hint})
		}
		err := s.write(ctx, func(q *db.Queries) (err error) {
			settled, err = p.run(ctx, q, &agentID)
			return err
		})
		if err != nil {
			return err
		}
	}
	if len(unsure) > 0 {
		err := s.db.InTx(ctx, func(tx pgx.Tx) (err error) {
			judged, err = judgeAll(ctx, db.New(tx), agentID, unsure)
			return err
		})
		if err != nil {
			return err
		}
	}
	done := append(settled, judged...)
	for _, r := range done {
		known[r] = Accepted
	}
	s.tell(idsOf(done))
	return nil
}

func judgeAll(ctx context.Context, q *db.Queries, agentID uuid.UUID, results []Result) ([]Ref, error) {
	of := make(map[Ref]Result, len(results))
	refs := make([]Ref, len(results))
	for i, r := range results {
		refs[i], of[r.Ref] = r.Ref, r
	}
	held, err := lockRefs(ctx, q, agentID, refs)
	if err != nil {
		return nil, err
	}
	var b batch
	done := make([]Ref, len(held))
	for i, l := range held {
		done[i] = l.Ref
		r := of[l.Ref]
		b.add(l, r, judge(l, r.Outcome, describe(r)))
	}
	_, err = b.apply(ctx, q, &agentID)
	return done, err
}

// keepLate answers for results whose attempt is no longer live.
func (s *Store) keepLate(ctx context.Context, agentID uuid.UUID, results []Result, missing []Ref, known map[Ref]Answer) error {
	if len(missing) == 0 {
		return nil
	}
	past, err := s.past(ctx, agentID, missing)
	if err != nil {
		return err
	}
	var p lateResults
	for _, r := range results {
		at, ok := past[r.Ref]
		switch {
		case known[r.Ref] != 0:
		case !ok:
			known[r.Ref] = NotYours
		case (at.state == attemptFinished || at.late) && bytes.Equal(at.sha256, r.SHA256):
			known[r.Ref] = Duplicate
		default:
			known[r.Ref] = Late
			if at.state != attemptFinished && !at.late {
				p.add(r)
			}
		}
	}
	if len(p.RunIds) == 0 {
		return nil
	}
	p.AgentID = agentID
	kept, err := s.q.KeepLate(ctx, db.KeepLateParams(p))
	if err != nil {
		return err
	}
	ids := make([]uuid.UUID, len(kept))
	for i, k := range kept {
		ids[i] = k.RunID
	}
	s.tell(ids)
	return nil
}

type lateResults db.KeepLateParams

func (p *lateResults) add(r Result) {
	p.RunIds = append(p.RunIds, r.RunID)
	p.Attempts = append(p.Attempts, r.Attempt)
	p.Fences = append(p.Fences, r.Fence)
	p.Outcomes = append(p.Outcomes, string(r.Outcome))
	p.ExitCodes = append(p.ExitCodes, r.exitCode())
	p.Signals = append(p.Signals, clean(r.Signal, 20))
	p.AgesS = append(p.AgesS, seconds(r.Age))
	p.DurationsS = append(p.DurationsS, seconds(r.Duration))
	p.LogsBytes = append(p.LogsBytes, r.LogBytes)
	p.DroppedsBytes = append(p.DroppedsBytes, r.DroppedBytes)
	p.Problems = append(p.Problems, encodeProblem(r.Problem))
	p.Rans = append(p.Rans, encodeRan(r.Ran))
	p.Sha256s = append(p.Sha256s, notNil(r.SHA256))
}

// batch gathers what becomes of locked runs and writes it in at most two statements.
type batch struct {
	settling settling
	requeue  requeue
}

func (b *batch) add(l live, r Result, v verdict) {
	if v.to == Queued {
		b.requeue.add(r, v)
		return
	}
	b.settling.add(r, v)
}

// apply returns the runs that changed. agentID is nil for runs without an attempt.
func (b *batch) apply(ctx context.Context, q *db.Queries, agentID *uuid.UUID) ([]uuid.UUID, error) {
	settled, err := b.settling.run(ctx, q, agentID)
	if err != nil {
		return nil, err
	}
	ids := idsOf(settled)
	if len(b.requeue.RunIds) == 0 {
		return ids, nil
	}
	b.requeue.FromStates = fromRequeue
	requeued, err := q.Requeue(ctx, db.RequeueParams(b.requeue))
	return append(ids, requeued...), err
}

// settling and requeue are the arrays of their statements.
type (
	settling db.SettleParams
	requeue  db.RequeueParams
)

func (p *settling) add(r Result, v verdict) {
	p.RunIds = append(p.RunIds, r.RunID)
	p.Attempts = append(p.Attempts, r.Attempt)
	p.Fences = append(p.Fences, r.Fence)
	p.States = append(p.States, string(v.to))
	p.AttemptStates = append(p.AttemptStates, v.attempt)
	p.Outcomes = append(p.Outcomes, attemptOutcome(r, v))
	p.Codes = append(p.Codes, v.code)
	p.Details = append(p.Details, v.detail)
	p.Hints = append(p.Hints, v.hint)
	p.ExitCodes = append(p.ExitCodes, r.exitCode())
	p.Signals = append(p.Signals, clean(r.Signal, 20))
	p.AgesS = append(p.AgesS, seconds(r.Age))
	p.DurationsS = append(p.DurationsS, seconds(r.Duration))
	p.LogsBytes = append(p.LogsBytes, r.LogBytes)
	p.DroppedsBytes = append(p.DroppedsBytes, r.DroppedBytes)
	p.Problems = append(p.Problems, encodeProblem(r.Problem))
	p.Rans = append(p.Rans, encodeRan(r.Ran))
	p.Sha256s = append(p.Sha256s, notNil(r.SHA256))
}

func (p *settling) run(ctx context.Context, q *db.Queries, agentID *uuid.UUID) ([]Ref, error) {
	if len(p.RunIds) == 0 {
		return nil, nil
	}
	p.AgentID, p.FromStates = agentID, fromSettle
	rows, err := q.Settle(ctx, db.SettleParams(*p))
	refs := make([]Ref, len(rows))
	for i, r := range rows {
		refs[i] = Ref{r.ID, r.Attempt, r.Fence}
	}
	return refs, err
}

func (p *requeue) add(r Result, v verdict) {
	retried, missed := int32(0), int32(1)
	if v.on == evRetry {
		retried, missed = 1, 0
	}
	p.RunIds = append(p.RunIds, r.RunID)
	p.Attempts = append(p.Attempts, r.Attempt)
	p.Fences = append(p.Fences, r.Fence)
	p.AttemptStates = append(p.AttemptStates, v.attempt)
	p.Outcomes = append(p.Outcomes, attemptOutcome(r, v))
	p.DelaysS = append(p.DelaysS, v.delay.Seconds())
	p.Retried = append(p.Retried, retried)
	p.Missed = append(p.Missed, missed)
	p.Reasons = append(p.Reasons, v.code)
	p.ReasonDetails = append(p.ReasonDetails, v.detail)
	p.ExitCodes = append(p.ExitCodes, r.exitCode())
	p.Signals = append(p.Signals, clean(r.Signal, 20))
	p.AgesS = append(p.AgesS, seconds(r.Age))
	p.DurationsS = append(p.DurationsS, seconds(r.Duration))
	p.LogsBytes = append(p.LogsBytes, r.LogBytes)
	p.DroppedsBytes = append(p.DroppedsBytes, r.DroppedBytes)
	p.Problems = append(p.Problems, encodeProblem(r.Problem))
	p.Rans = append(p.Rans, encodeRan(r.Ran))
	p.Sha256s = append(p.Sha256s, notNil(r.SHA256))
}

// attemptOutcome is what the attempt's row says: the agent's word, or ours.
func attemptOutcome(r Result, v verdict) string {
	switch {
	case r.Outcome != "":
		return string(r.Outcome)
	case v.attempt == attemptLost:
		return string(OutcomeLost)
	case v.to == Cancelled:
		return string(OutcomeCancelled)
	default:
		return string(OutcomeNotStarted)
	}
}
