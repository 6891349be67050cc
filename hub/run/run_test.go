package run

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/cronium/cronium/hub/authz"
	"github.com/cronium/cronium/hub/postgres"
	"github.com/cronium/cronium/hub/postgres/pgtest"
	"github.com/cronium/cronium/sdk/problem"
)

// world is a store with one project, one job and one agent.
type world struct {
	*Store
	t       testing.TB
	ctx     context.Context
	pg      *postgres.DB
	project uuid.UUID
	job     uuid.UUID
	agent   uuid.UUID
	changed []uuid.UUID
}

func newWorld(t testing.TB) *world {
	t.Helper()
	w := &world{t: t, ctx: context.Background(), pg: pgtest.New(t), project: uuid.New(), job: uuid.New(), agent: uuid.New()}
	w.Store = New(w.pg, Config{Changed: func(ids []uuid.UUID) { w.changed = append(w.changed, ids...) }})
	return w
}

var admin = authz.Actor{UserID: uuid.New(), Email: "anna@example.com", Admin: true}

func (w *world) request() Request {
	return Request{Project: w.project, JobID: w.job, JobName: "disk-report", JobVersion: 1, Trigger: ByHand, StartedBy: "anna@example.com"}
}

func (w *world) create(reqs ...Request) []Run {
	w.t.Helper()
	var runs []Run
	err := w.pg.InTx(w.ctx, func(tx pgx.Tx) (err error) {
		runs, err = w.Create(w.ctx, tx, reqs)
		return err
	})
	if err != nil {
		w.t.Fatalf("Create: %v", err)
	}
	return runs
}

func (w *world) claim(n int) []Claimed {
	w.t.Helper()
	c, err := w.Claim(w.ctx, w.agent, 1, map[string]string{"os": "linux"}, w.project, n)
	if err != nil {
		w.t.Fatalf("Claim: %v", err)
	}
	return c
}

func (w *world) claimOne() Ref {
	w.t.Helper()
	c := w.claim(1)
	if len(c) != 1 {
		w.t.Fatalf("Claim gave %d runs, want 1", len(c))
	}
	return c[0].Ref
}

func (w *world) accept(r Ref) Decision {
	w.t.Helper()
	d, err := w.Accept(w.ctx, w.agent, []Ref{r})
	if err != nil {
		w.t.Fatalf("Accept: %v", err)
	}
	return d[0]
}

func (w *world) start(r Ref) Answer {
	w.t.Helper()
	a, err := w.Started(w.ctx, w.agent, []StartMark{{r, time.Millisecond}})
	if err != nil {
		w.t.Fatalf("Started: %v", err)
	}
	return a[0]
}

func (w *world) finish(r Result) Answer {
	w.t.Helper()
	if r.SHA256 == nil {
		r.SHA256 = []byte(r.Outcome)
	}
	a, err := w.Finish(w.ctx, w.agent, []Result{r})
	if err != nil {
		w.t.Fatalf("Finish: %v", err)
	}
	return a[0]
}

func (w *world) get(id uuid.UUID) Run {
	w.t.Helper()
	r, err := w.Get(w.ctx, w.project, id)
	if err != nil {
		w.t.Fatalf("Get: %v", err)
	}
	return r
}

func (w *world) wantState(id uuid.UUID, want State) Run {
	w.t.Helper()
	r := w.get(id)
	if r.State != want {
		w.t.Fatalf("run is %s, want %s", r.State, want)
	}
	return r
}

func (w *world) exec(sql string, args ...any) {
	w.t.Helper()
	if _, err := w.pg.Pool.Exec(w.ctx, sql, args...); err != nil {
		w.t.Fatalf("%s: %v", sql, err)
	}
}

// pass lets d go by for the queue: every time in it is earlier by d.
func (w *world) pass(d time.Duration) {
	w.t.Helper()
	w.exec(`update run_queue set lease_until = lease_until - $1::interval, unknown_since = unknown_since - $1::interval,
		not_before = not_before - $1::interval, assigned_at = assigned_at - $1::interval`, d)
}

func (w *world) reap() Reaped {
	w.t.Helper()
	r, err := w.Reap(w.ctx)
	if err != nil {
		w.t.Fatalf("Reap: %v", err)
	}
	return r
}

func TestRunGoesFromQueuedToSucceeded(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	req := w.request()
	req.Inputs = map[string]any{"path": "/", "big": int64(1) << 60}
	req.SealedInputs = []byte("sealed")
	id := w.create(req)[0].ID

	r := w.wantState(id, Queued)
	if r.Reason == nil || r.Reason.Code != ReasonWaiting || r.Attempt != 0 || r.MaxAttempts != 1 {
		t.Fatalf("a new run is %+v", r)
	}
	c := w.claim(10)
	if len(c) != 1 || c[0].RunID != id || c[0].Attempt != 1 || c[0].Fence == 0 || string(c[0].Sealed) != "sealed" ||
		fmt.Sprint(c[0].Inputs["big"]) != "1152921504606846976" || c[0].JobName != "disk-report" {
		t.Fatalf("Claim = %+v", c)
	}
	ref := c[0].Ref
	w.wantState(id, Assigned)
	if d := w.accept(ref); d != Granted {
		t.Fatalf("Accept = %v, want granted", d)
	}
	if d := w.accept(ref); d != Granted {
		t.Fatalf("second Accept = %v, want granted: the answer may have been lost", d)
	}
	if a := w.start(ref); a != Accepted {
		t.Fatalf("Started = %v", a)
	}
	r = w.wantState(id, Running)
	if r.StartedAt == nil || len(r.Attempts) != 1 || r.Attempts[0].State != "running" || *r.AgentID != w.agent {
		t.Fatalf("a running run is %+v", r)
	}
	res := Result{Ref: ref, Outcome: OutcomeSucceeded, Duration: time.Second, LogBytes: 42}
	if a := w.finish(res); a != Accepted {
		t.Fatalf("Finish = %v, want accepted", a)
	}
	if a := w.finish(res); a != Duplicate {
		t.Fatalf("Finish again = %v, want duplicate", a)
	}
	other := res
	other.Outcome = OutcomeFailed
	if a := w.finish(other); a != Late {
		t.Fatalf("Finish with another result = %v, want late", a)
	}
	r = w.wantState(id, Succeeded)
	if r.ExitCode == nil || *r.ExitCode != 0 || r.FinishedAt == nil || r.FinishedAt.Before(*r.StartedAt) || r.Attempts[0].LogBytes != 42 {
		t.Fatalf("a finished run is %+v", r)
	}
	if len(w.changed) < 4 {
		t.Errorf("Changed was told %d times, want every step", len(w.changed))
	}
}

func TestClaimTakesOnlyWhatTheAgentMayHave(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	gpu, later, foreign := w.request(), w.request(), w.request()
	gpu.Target = map[string]string{"os": "linux", "gpu": "yes"}
	later.NotBefore = time.Now().Add(time.Hour)
	foreign.Project = uuid.New()
	linux := w.request()
	linux.Target = map[string]string{"os": "linux"}
	urgent := w.request()
	urgent.Priority = 5
	runs := w.create(gpu, later, foreign, linux, urgent)
	c := w.claim(10)
	if len(c) != 2 || c[0].RunID == runs[0].ID || c[1].RunID == runs[0].ID {
		t.Fatalf("Claim = %+v, want the linux and the urgent run", c)
	}
	if got, err := w.Claim(w.ctx, w.agent, 1, map[string]string{"os": "linux", "gpu": "yes"}, w.project, 10); err != nil || len(got) != 1 || got[0].RunID != runs[0].ID {
		t.Fatalf("Claim with gpu = %+v, %v", got, err)
	}
}

func TestClaimPrefersPriority(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	urgent := w.request()
	urgent.Priority = 5
	runs := w.create(w.request(), urgent)
	if got := w.claimOne(); got.RunID != runs[1].ID {
		t.Fatalf("Claim gave the older run before the urgent one")
	}
}

func TestOneRunPerFireHoweverOftenAsked(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	req := w.request()
	id, at := uuid.New(), time.Now().Truncate(time.Second)
	req.ScheduleID, req.ScheduledFor, req.Trigger = &id, &at, BySchedule
	first := w.create(req)[0]
	again := w.create(w.request(), req, w.request())
	if !again[1].Existed || again[1].ID != first.ID || again[0].Existed || again[2].Existed {
		t.Fatalf("Create again = %+v, want the run of %s", again, first.ID)
	}
	if c := w.claim(10); len(c) != 3 {
		t.Fatalf("%d runs in the queue, want 3", len(c))
	}
}

func TestReleasedRunIsClaimedAgainWithAHigherFence(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	id := w.create(w.request())[0].ID
	first := w.claimOne()
	if err := w.Release(w.ctx, w.agent, []Ref{first}, "agent is full"); err != nil {
		t.Fatalf("Release: %v", err)
	}
	if r := w.wantState(id, Queued); r.Reason.Detail != "agent is full" || len(r.Attempts) != 1 || r.Attempts[0].State != attemptRevoked {
		t.Fatalf("released run is %+v", r)
	}
	second := w.claimOne()
	if second.Attempt != 2 || second.Fence <= first.Fence {
		t.Fatalf("second claim = %+v after %+v", second, first)
	}
	if d := w.accept(first); d != Stale {
		t.Fatalf("Accept of the released attempt = %v, want stale", d)
	}
	if r := w.get(id); r.MaxAttempts != 2 {
		t.Errorf("max attempts = %d, want 2: a release costs no retry", r.MaxAttempts)
	}
	if err := w.Release(w.ctx, w.agent, []Ref{first, second}, "x"); err != nil {
		t.Fatalf("Release: %v", err)
	}
	w.wantState(id, Queued)
	if c := w.claim(1); len(c) != 0 {
		t.Fatalf("a run that was handed back twice is claimed at once")
	}
	w.pass(time.Second)
	w.accept(w.claimOne())
	if err := w.Release(w.ctx, w.agent, []Ref{first, second}, "x"); err != nil {
		t.Fatalf("Release: %v", err)
	}
	w.wantState(id, Running)
}

func TestCancelBeforeAcceptNeverStarts(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	runs := w.create(w.request(), w.request())
	if r, err := w.Cancel(w.ctx, admin, w.project, runs[0].ID); err != nil || r.State != Cancelled || r.CancelBy != admin.Email {
		t.Fatalf("Cancel of a queued run = %+v, %v", r, err)
	}
	ref := w.claimOne()
	if r, err := w.Cancel(w.ctx, admin, w.project, runs[1].ID); err != nil || r.State != Cancelled {
		t.Fatalf("Cancel of an assigned run = %+v, %v", r, err)
	}
	if d := w.accept(ref); d != CancelledBefore {
		t.Fatalf("Accept = %v, want cancelled", d)
	}
	_, err := w.Cancel(w.ctx, admin, w.project, runs[1].ID)
	if !errors.Is(err, ErrFinished) {
		t.Fatalf("second Cancel: %v, want %v", err, ErrFinished)
	}
	if _, err := w.Cancel(w.ctx, admin, w.project, uuid.New()); !errors.Is(err, ErrNotFound) {
		t.Fatalf("Cancel of nothing: %v", err)
	}
	if _, err := w.Cancel(w.ctx, authz.Actor{UserID: uuid.New()}, w.project, runs[0].ID); !errors.Is(err, authz.ErrForbidden) {
		t.Fatalf("Cancel by nobody: %v", err)
	}
}

func TestCancelOfRunningRunIsOrderedUntilTheResult(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	req := w.request()
	req.Retry = Retry{Max: 3}
	id := w.create(req)[0].ID
	ref := w.claimOne()
	w.accept(ref)
	w.start(ref)
	for range 2 {
		if r, err := w.Cancel(w.ctx, admin, w.project, id); err != nil || r.State != Running || !r.CancelRequested {
			t.Fatalf("Cancel = %+v, %v", r, err)
		}
	}
	if got, err := w.Cancelling(w.ctx, []uuid.UUID{w.agent}); err != nil || len(got[w.agent]) != 1 || got[w.agent][0] != ref {
		t.Fatalf("Cancelling = %v, %v", got, err)
	}
	o, err := w.Renew(w.ctx, []Renewal{{w.agent, []Ref{ref}}})
	if err != nil || len(o[w.agent].Cancel) != 1 || len(o[w.agent].Drop) != 0 {
		t.Fatalf("Renew = %+v, %v", o, err)
	}
	if d := w.accept(ref); d != Granted {
		t.Fatalf("Accept of a started attempt = %v, want granted", d)
	}
	if a := w.finish(Result{Ref: ref, Outcome: OutcomeFailed, ExitCode: 3}); a != Accepted {
		t.Fatalf("Finish = %v", a)
	}
	if r := w.wantState(id, Failed); *r.ExitCode != 3 || r.Outcome.Code != codeExit {
		t.Fatalf("run = %+v", r)
	}
}

func TestCancelBetweenGrantAndStartIsFinalWhenAskedAgain(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	id := w.create(w.request())[0].ID
	ref := w.claimOne()
	w.accept(ref) // the answer is lost
	if _, err := w.Cancel(w.ctx, admin, w.project, id); err != nil {
		t.Fatal(err)
	}
	if d := w.accept(ref); d != CancelledBefore {
		t.Fatalf("Accept = %v, want cancelled", d)
	}
	w.wantState(id, Cancelled)
}

func TestFailedAttemptIsRetriedAfterItsDelay(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	req := w.request()
	req.Retry = Retry{Max: 2, Backoff: "exponential", Delay: 10 * time.Second}
	id := w.create(req)[0].ID
	for n, wait := range []time.Duration{10 * time.Second, 20 * time.Second} {
		ref := w.claimOne()
		w.accept(ref)
		if a := w.finish(Result{Ref: ref, Outcome: OutcomeFailed, ExitCode: 1}); a != Accepted {
			t.Fatalf("Finish = %v", a)
		}
		r := w.wantState(id, Queued)
		if r.Reason.Code != ReasonRetryDelay || r.NotBefore == nil || r.Attempt != n+1 || r.MaxAttempts != 3 {
			t.Fatalf("after attempt %d: %+v", n+1, r)
		}
		if c := w.claim(1); len(c) != 0 {
			t.Fatalf("claimed before the delay")
		}
		w.pass(wait - time.Second)
		if c := w.claim(1); len(c) != 0 {
			t.Fatalf("claimed a second before the delay of %s was over", wait)
		}
		w.pass(time.Second)
	}
	ref := w.claimOne()
	w.accept(ref)
	w.finish(Result{Ref: ref, Outcome: OutcomeTimedOut, Signal: "KILL", ExitCode: 0})
	r := w.wantState(id, TimedOut)
	if len(r.Attempts) != 3 || r.Attempts[0].Outcome != OutcomeFailed || r.Attempts[2].Outcome != OutcomeTimedOut || r.ExitCode != nil {
		t.Fatalf("run = %+v", r)
	}
}

func TestNotStartedIsAFreeRetryButNotForEver(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	id := w.create(w.request())[0].ID
	for range maxMisses - 1 {
		ref := w.claimOne()
		w.accept(ref)
		w.finish(Result{Ref: ref, Outcome: OutcomeNotStarted, Problem: &problem.Problem{Code: "disk_full", Detail: "No space"}})
		w.wantState(id, Queued)
		w.pass(time.Minute)
	}
	ref := w.claimOne()
	w.accept(ref)
	w.finish(Result{Ref: ref, Outcome: OutcomeNotStarted})
	if r := w.wantState(id, Failed); r.Outcome.Code != codeNeverStarted || r.MaxAttempts < r.Attempt-1 {
		t.Fatalf("run = %+v", r)
	}
}

func TestExpiredAssignmentReturnsToTheQueue(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	id := w.create(w.request())[0].ID
	ref := w.claimOne()
	if got := w.reap(); got != (Reaped{}) {
		t.Fatalf("Reap = %+v before the lease is over", got)
	}
	w.pass(16 * time.Second)
	if got := w.reap(); got.Requeued != 1 {
		t.Fatalf("Reap = %+v, want one requeued", got)
	}
	w.wantState(id, Queued)
	if d := w.accept(ref); d != Stale {
		t.Fatalf("Accept after the lease = %v, want stale", d)
	}
	if a := w.finish(Result{Ref: ref, Outcome: OutcomeSucceeded}); a != Late {
		t.Fatalf("Finish of a revoked attempt = %v, want late", a)
	}
	w.wantState(id, Queued)
}

func TestSilentAgentMakesRunUnknownThenLost(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	req := w.request()
	req.LostAfter = 10 * time.Minute
	id := w.create(req)[0].ID
	ref := w.claimOne()
	w.accept(ref)
	w.pass(61 * time.Second)
	if got := w.reap(); got.Unknown != 1 || got.Lost != 0 {
		t.Fatalf("Reap = %+v, want one unknown", got)
	}
	w.wantState(id, Unknown)
	if _, err := w.Renew(w.ctx, []Renewal{{w.agent, []Ref{ref}}}); err != nil {
		t.Fatal(err)
	}
	w.wantState(id, Running)
	w.pass(61 * time.Second)
	w.reap()
	w.pass(10*time.Minute + time.Second)
	if got := w.reap(); got.Lost != 1 {
		t.Fatalf("Reap = %+v, want one lost", got)
	}
	if r := w.wantState(id, Lost); r.Outcome.Code != codeLost || r.Attempts[0].State != attemptLost {
		t.Fatalf("run = %+v", r)
	}
	late := Result{Ref: ref, Outcome: OutcomeSucceeded, Duration: time.Second}
	if a := w.finish(late); a != Late {
		t.Fatalf("Finish after lost = %v, want late", a)
	}
	if a := w.finish(late); a != Duplicate {
		t.Fatalf("Finish after lost again = %v, want duplicate", a)
	}
	r := w.wantState(id, Lost)
	if !r.Attempts[0].Late || r.Attempts[0].Outcome != OutcomeSucceeded {
		t.Fatalf("late result was not kept: %+v", r.Attempts)
	}
	o, err := w.Renew(w.ctx, []Renewal{{w.agent, []Ref{ref}}})
	if err != nil || len(o[w.agent].Drop) != 1 {
		t.Fatalf("Renew of a lost attempt = %+v, %v; want drop", o, err)
	}
}

func TestLostRunIsRetriedOnlyIfAskedFor(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	req := w.request()
	req.Retry = Retry{Max: 1, On: []Outcome{OutcomeLost}}
	id := w.create(req)[0].ID
	first := w.claimOne()
	w.accept(first)
	w.pass(2 * time.Minute)
	w.reap()
	w.pass(2 * time.Hour)
	w.reap()
	w.wantState(id, Queued)
	second := w.claimOne()
	w.accept(second)
	if a := w.finish(Result{Ref: first, Outcome: OutcomeFailed}); a != Late {
		t.Fatalf("Finish of the lost attempt = %v, want late", a)
	}
	w.wantState(id, Running)
	w.finish(Result{Ref: second, Outcome: OutcomeSucceeded})
	w.wantState(id, Succeeded)
}

func TestFinishedAttemptIsNotDroppedWhileItsLogUploads(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.create(w.request())
	ref := w.claimOne()
	w.accept(ref)
	w.finish(Result{Ref: ref, Outcome: OutcomeSucceeded})
	o, err := w.Renew(w.ctx, []Renewal{{w.agent, []Ref{ref, {uuid.New(), 1, 99}}}})
	if err != nil || len(o[w.agent].Drop) != 1 || o[w.agent].Drop[0] == ref {
		t.Fatalf("Renew = %+v, %v; want only the unknown ref dropped", o, err)
	}
	if own, err := w.OwnedBy(w.ctx, w.agent, []Ref{ref, {ref.RunID, 1, ref.Fence + 1}}); err != nil || !own[0] || own[1] {
		t.Fatalf("OwnedBy = %v, %v", own, err)
	}
	if own, err := w.OwnedBy(w.ctx, uuid.New(), []Ref{ref}); err != nil || own[0] {
		t.Fatalf("OwnedBy another agent = %v, %v", own, err)
	}
}

func TestAnotherAgentCanDoNothing(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	id := w.create(w.request())[0].ID
	ref := w.claimOne()
	w.accept(ref)
	mine := w.agent
	w.agent = uuid.New()
	if d := w.accept(ref); d != Stale {
		t.Errorf("Accept = %v, want stale", d)
	}
	if a := w.start(ref); a != NotYours {
		t.Errorf("Started = %v, want not yours", a)
	}
	for _, o := range []Outcome{OutcomeSucceeded, OutcomeFailed} {
		if a := w.finish(Result{Ref: ref, Outcome: o}); a != NotYours {
			t.Errorf("Finish(%s) = %v, want not yours", o, a)
		}
	}
	if err := w.Release(w.ctx, w.agent, []Ref{ref}, ""); err != nil {
		t.Fatal(err)
	}
	if o, err := w.Renew(w.ctx, []Renewal{{w.agent, []Ref{ref}}}); err != nil || len(o[w.agent].Drop) != 1 {
		t.Errorf("Renew = %+v, %v", o, err)
	}
	w.agent = mine
	if r := w.wantState(id, Running); r.StartedAt != nil {
		t.Errorf("another agent started it")
	}
}

func TestHelloSettlesWhatTheAgentNoLongerHolds(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	runs := w.create(w.request(), w.request(), w.request(), w.request(), w.request())
	refs := map[uuid.UUID]Ref{}
	for _, c := range w.claim(5) {
		refs[c.RunID] = c.Ref
	}
	assigned, granted, started, held, gone := refs[runs[0].ID], refs[runs[1].ID], refs[runs[2].ID], refs[runs[3].ID], refs[runs[4].ID]
	w.accept(granted)
	w.accept(started)
	w.start(started)
	w.accept(held)
	w.accept(gone)
	w.finish(Result{Ref: gone, Outcome: OutcomeSucceeded})
	drop, err := w.Reconcile(w.ctx, w.agent, 2, []Held{{held, PhaseRunning}, {gone, PhaseFinished}, {Ref{uuid.New(), 1, 7}, PhaseRunning}}, true)
	if err != nil || len(drop) != 1 || drop[0].Fence != 7 {
		t.Fatalf("Reconcile = %v, %v; want the unknown ref", drop, err)
	}
	w.wantState(assigned.RunID, Queued)
	w.wantState(granted.RunID, Queued)
	w.wantState(started.RunID, Lost)
	w.wantState(held.RunID, Running)
	w.wantState(gone.RunID, Succeeded)

	if _, err := w.Reconcile(w.ctx, w.agent, 3, nil, false); err != nil {
		t.Fatal(err)
	}
	w.wantState(held.RunID, Unknown)
	if _, err := w.Reconcile(w.ctx, w.agent, 4, []Held{{held, PhaseRunning}}, false); err != nil {
		t.Fatal(err)
	}
	w.wantState(held.RunID, Running)
	c, err := w.Claim(w.ctx, w.agent, 5, nil, w.project, 1)
	if err != nil || len(c) != 1 {
		t.Fatalf("Claim = %v, %v", c, err)
	}
	if _, err := w.Reconcile(w.ctx, w.agent, 5, []Held{{held, PhaseRunning}}, true); err != nil {
		t.Fatal(err)
	}
	w.wantState(c[0].RunID, Assigned) // claimed in this session, on its way
}

func TestNothingFollowsFromAJournalThatIsGone(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	id := w.create(w.request())[0].ID
	ref := w.claimOne()
	w.accept(ref) // and the script runs, but its start was not yet reported
	for epoch, intact := range []bool{false, true, true} {
		if _, err := w.Reconcile(w.ctx, w.agent, int64(epoch)+2, nil, intact); err != nil {
			t.Fatal(err)
		}
		w.wantState(id, Unknown)
	}
	if a := w.finish(Result{Ref: ref, Outcome: OutcomeSucceeded}); a != Accepted {
		t.Fatalf("Finish = %v, want accepted", a)
	}
}

func TestListPagesFiltersAndShowsOpenRunsAsTheyAre(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	reqs := make([]Request, 7)
	for i := range reqs {
		reqs[i] = w.request()
	}
	reqs[6].Trigger = ByAPI
	runs := w.create(reqs...)
	ref := w.claimOne()
	w.accept(ref)
	w.finish(Result{Ref: ref, Outcome: OutcomeSucceeded})
	w.claimOne()
	var got []uuid.UUID
	f := Filter{Limit: 3}
	for {
		p, err := w.List(w.ctx, w.project, f)
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range p.Runs {
			got = append(got, r.ID)
		}
		if f.Cursor = p.Next; f.Cursor == "" {
			break
		}
	}
	if len(got) != 7 || got[0] != runs[6].ID || got[6] != runs[0].ID {
		t.Fatalf("pages = %v, want newest first, all 7", got)
	}
	for _, c := range []struct {
		f    Filter
		want int
	}{
		{Filter{States: []State{Succeeded}}, 1}, {Filter{States: []State{Assigned}}, 1}, {Filter{States: []State{Queued, Assigned}}, 6},
		{Filter{States: []State{Queued, Succeeded}}, 6}, {Filter{Trigger: ByAPI}, 1}, {Filter{JobID: w.job}, 7}, {Filter{JobID: uuid.New()}, 0},
		{Filter{Since: time.Now().Add(time.Hour)}, 0}, {Filter{Since: time.Now().Add(-time.Hour)}, 7},
	} {
		if p, err := w.List(w.ctx, w.project, c.f); err != nil || len(p.Runs) != c.want {
			t.Errorf("List(%+v) = %d runs, %v; want %d", c.f, len(p.Runs), err, c.want)
		}
	}
	for _, f := range []Filter{{States: []State{"odd"}}, {Trigger: "odd"}, {Cursor: "odd"}} {
		if _, err := w.List(w.ctx, w.project, f); !errors.Is(err, ErrParameter) {
			t.Errorf("List(%+v): %v, want %v", f, err, ErrParameter)
		}
	}
	if last, err := w.RecentByJob(w.ctx, []uuid.UUID{w.job, uuid.New()}, 4); err != nil || len(last[w.job]) != 4 || last[w.job][0].ID != runs[6].ID {
		t.Errorf("RecentByJob = %v, %v", last, err)
	}
	if by, err := w.ByIDs(w.ctx, w.project, []uuid.UUID{runs[0].ID, uuid.New()}); err != nil || len(by) != 1 {
		t.Errorf("ByIDs = %v, %v", by, err)
	}
	if n, err := w.Counts(w.ctx); err != nil || n[Queued] != 5 || n[Assigned] != 1 {
		t.Errorf("Counts = %v, %v", n, err)
	}
	if n, err := w.CountByAgent(w.ctx, []uuid.UUID{w.agent}); err != nil || n[w.agent] != 1 {
		t.Errorf("CountByAgent = %v, %v", n, err)
	}
	if n, err := w.RunningByAgent(w.ctx); err != nil || len(n) != 1 || n[w.agent] != 1 {
		t.Errorf("RunningByAgent = %v, %v", n, err)
	}
	err := w.pg.InTx(w.ctx, func(tx pgx.Tx) error {
		open, err := w.Open(w.ctx, tx, []uuid.UUID{runs[0].ID, runs[1].ID, uuid.New()})
		if err == nil && (len(open) != 1 || open[0] != runs[1].ID) {
			t.Errorf("Open = %v, want the second run", open)
		}
		return err
	})
	if err != nil {
		t.Errorf("Open: %v", err)
	}
	if _, err := w.Get(w.ctx, uuid.New(), runs[0].ID); !errors.Is(err, ErrNotFound) {
		t.Errorf("Get through another project: %v, want %v", err, ErrNotFound)
	}
}

func TestReasonsExplainWaitingRuns(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	req := w.request()
	req.Target = map[string]string{"gpu": "yes"}
	id := w.create(req)[0].ID
	q, err := w.Queued(w.ctx, 10)
	if err != nil || len(q) != 1 || q[0].Target["gpu"] != "yes" || q[0].Reason.Code != ReasonWaiting {
		t.Fatalf("Queued = %+v, %v", q, err)
	}
	why := []Waiting{{id, "no_matching_agent", "No agent has the label gpu=yes"}, {uuid.New(), "x", ""}}
	w.changed = nil
	for range 2 {
		if err := w.SetReasons(w.ctx, why); err != nil {
			t.Fatal(err)
		}
	}
	if r := w.get(id); r.Reason.Code != "no_matching_agent" || len(w.changed) != 1 {
		t.Fatalf("reason = %+v, told %d times; want once", r.Reason, len(w.changed))
	}
}

func TestFenceIsRaisedAboveWhatAnAgentHasSeen(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.create(w.request(), w.request())
	first := w.claimOne()
	if raised, err := w.RaiseFence(w.ctx, first.Fence); err != nil || raised {
		t.Fatalf("RaiseFence(%d) = %v, %v; want no", first.Fence, raised, err)
	}
	if raised, err := w.RaiseFence(w.ctx, 5000); err != nil || !raised {
		t.Fatalf("RaiseFence(5000) = %v, %v; want yes", raised, err)
	}
	if next := w.claimOne(); next.Fence <= 5000 {
		t.Fatalf("next fence = %d, want above 5000", next.Fence)
	}
}

func TestHostileResultTextIsCleaned(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	id := w.create(w.request())[0].ID
	ref := w.claimOne()
	w.accept(ref)
	long := make([]byte, 10_000)
	for i := range long {
		long[i] = 0xc3
	}
	w.finish(Result{Ref: ref, Outcome: OutcomeRejected, Age: -time.Hour, Duration: 1 << 62,
		Problem: &problem.Problem{Code: "bad\x00code", Detail: "a\x00b\x1b[31m" + string(long)}})
	r := w.wantState(id, Failed)
	if r.Outcome.Code != "badcode" || r.Outcome.Detail != "ab[31m" {
		t.Fatalf("outcome = %+v", r.Outcome)
	}
}

func TestReaperWaitsAfterAnOutageOrAJumpOfTheClock(t *testing.T) {
	p := pause{grace: 90 * time.Second}
	us, db := time.Unix(1000, 0), time.Unix(5000, 0)
	at := func(after, dbAfter time.Duration) bool { return p.trust(us.Add(after), db.Add(dbAfter)) }
	sec := func(n int) time.Duration { return time.Duration(n) * time.Second }
	for i := 0; i < 90; i += 2 {
		if at(sec(i), sec(i)) {
			t.Fatalf("leases count %d s after the start, within the grace", i)
		}
	}
	if !at(sec(90), sec(90)) {
		t.Fatal("leases do not count after the grace")
	}
	if at(sec(97), sec(97)) {
		t.Fatal("leases count after 7 s without the database")
	}
	for i := 98; i < 187; i++ {
		at(sec(i), sec(i))
	}
	if !at(sec(187), sec(187)) {
		t.Fatal("leases do not count after the second grace")
	}
	if at(sec(188), sec(3600)) {
		t.Fatal("leases count after the database's clock jumped")
	}
}
