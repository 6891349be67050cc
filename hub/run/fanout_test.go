package run

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"pgregory.net/rapid"
)

// targets are n hosts, h-01 and so on, that only their own label fits.
func targets(n int) []Target {
	out := make([]Target, n)
	for i := range out {
		name := fmt.Sprintf("h-%02d", i+1)
		out[i] = Target{Name: name, Labels: map[string]string{"host": name}}
	}
	return out
}

func (w *world) fanOut(f FanOut) Run {
	w.t.Helper()
	r := w.request()
	r.FanOut = &f
	return w.create(r)[0]
}

// look moves fan-outs on until there is nothing to do.
func (w *world) look() {
	w.t.Helper()
	for {
		n, err := w.FanOuts(w.ctx)
		if err != nil {
			w.t.Fatalf("FanOuts: %v", err)
		}
		if n == 0 {
			return
		}
	}
}

func (w *world) children(parent uuid.UUID) []Run {
	w.t.Helper()
	page, err := w.List(w.ctx, w.project, Filter{Parent: parent, Limit: 500})
	if err != nil {
		w.t.Fatalf("List: %v", err)
	}
	return page.Runs
}

// runOn lets the agent of a host take what is for it, and end it so; "" leaves it running.
func (w *world) runOn(host string, outcome Outcome) bool {
	w.t.Helper()
	claimed, err := w.Claim(w.ctx, w.agent, 1, map[string]string{"host": host}, w.project, 1)
	if err != nil {
		w.t.Fatalf("Claim for %s: %v", host, err)
	}
	if len(claimed) == 0 {
		return false
	}
	ref := claimed[0].Ref
	w.accept(ref)
	w.start(ref)
	if outcome != "" {
		w.finish(Result{Ref: ref, Outcome: outcome, ExitCode: map[Outcome]int{OutcomeFailed: 3}[outcome], Duration: time.Millisecond})
	}
	return true
}

func states(runs []Run) string {
	words := make([]string, len(runs))
	for i, r := range runs {
		words[i] = r.Target + " " + string(r.State)
		if r.Reason != nil {
			words[i] += " (" + r.Reason.Code + ")"
		}
	}
	return strings.Join(words, ", ")
}

func (w *world) wantChildren(parent uuid.UUID, want string) {
	w.t.Helper()
	if got := states(w.children(parent)); got != want {
		w.t.Fatalf("targets are\n %s, want\n %s", got, want)
	}
}

func TestFanOutIsOneRunForEachTargetAndSucceedsWithAll(t *testing.T) {
	w := newWorld(t)
	made := w.fanOut(FanOut{Targets: targets(3)})
	parent := w.wantState(made.ID, Queued)
	if parent.Reason.Code != ReasonTargets || *parent.Targets != (TargetCounts{Total: 3, Queued: 3}) || parent.MaxAttempts != 1 {
		t.Fatalf("parent is %+v with targets %+v", parent, parent.Targets)
	}
	w.wantChildren(made.ID, "h-01 queued (waiting_for_turn), h-02 queued (waiting_for_turn), h-03 queued (waiting_for_turn)")
	if w.runOn("h-01", "") || len(w.claim(10)) > 0 {
		t.Fatal("something was claimed before its turn")
	}
	w.look()
	w.wantChildren(made.ID, "h-01 queued (waiting_for_dispatch), h-02 queued (waiting_for_dispatch), h-03 queued (waiting_for_dispatch)")
	for _, host := range []string{"h-03", "h-01"} {
		w.runOn(host, OutcomeSucceeded)
	}
	w.look()
	parent = w.wantState(made.ID, Running)
	if parent.StartedAt == nil || *parent.Targets != (TargetCounts{Total: 3, Queued: 1, Succeeded: 2}) {
		t.Fatalf("parent started %v, targets %+v", parent.StartedAt, parent.Targets)
	}
	w.runOn("h-02", OutcomeSucceeded)
	w.look()
	parent = w.wantState(made.ID, Succeeded)
	if parent.Outcome != nil || len(parent.Attempts) > 0 || parent.FinishedAt.Before(*parent.StartedAt) || *parent.Targets != (TargetCounts{Total: 3, Succeeded: 3}) {
		t.Fatalf("parent ended as %+v with targets %+v", parent, parent.Targets)
	}
	var left int
	if err := w.pg.Pool.QueryRow(w.ctx, "select count(*) from run_queue").Scan(&left); err != nil || left > 0 {
		t.Fatalf("%d rows are left in the queue, %v", left, err)
	}
}

func TestFanOutEndsAsItsTargetsDid(t *testing.T) {
	for _, c := range []struct {
		outcomes []Outcome
		state    State
		code     string
		detail   string
	}{
		{[]Outcome{OutcomeSucceeded, OutcomeFailed, OutcomeSucceeded}, Partial, codeSomeFailed, "2 of 3 targets succeeded; not h-02"},
		{[]Outcome{OutcomeSucceeded, OutcomeTimedOut, OutcomeFailed}, Partial, codeSomeFailed, "1 of 3 targets succeeded; not h-02, h-03"},
		{[]Outcome{OutcomeFailed, OutcomeFailed, OutcomeRejected}, Failed, codeAllFailed, "0 of 3 targets succeeded"},
		{[]Outcome{OutcomeSucceeded, OutcomeFailed, OutcomeFailed, OutcomeFailed, OutcomeFailed}, Partial, codeSomeFailed,
			"1 of 5 targets succeeded; not h-02, h-03, h-04 and 1 more"},
	} {
		w := newWorld(t)
		made := w.fanOut(FanOut{Targets: targets(len(c.outcomes))})
		w.look()
		for i, o := range c.outcomes {
			w.runOn(fmt.Sprintf("h-%02d", i+1), o)
		}
		w.look()
		r := w.wantState(made.ID, c.state)
		if r.Outcome == nil || r.Outcome.Code != c.code || r.Outcome.Detail != c.detail || r.Outcome.Hint == "" {
			t.Errorf("%v ends with %+v, want %s %q", c.outcomes, r.Outcome, c.code, c.detail)
		}
	}
}

func TestFanOutLetsGoOnlySoManyAtATimeInTheirOrder(t *testing.T) {
	w := newWorld(t)
	made := w.fanOut(FanOut{Targets: targets(4), MaxParallel: Share{N: 50, Percent: true}})
	w.look()
	w.wantChildren(made.ID, "h-01 queued (waiting_for_dispatch), h-02 queued (waiting_for_dispatch), h-03 queued (waiting_for_turn), h-04 queued (waiting_for_turn)")
	w.runOn("h-01", "")
	w.runOn("h-02", OutcomeSucceeded)
	w.look()
	w.wantChildren(made.ID, "h-01 running, h-02 succeeded, h-03 queued (waiting_for_dispatch), h-04 queued (waiting_for_turn)")
	if w.runOn("h-04", OutcomeSucceeded) {
		t.Fatal("the last target was claimed before its turn")
	}
}

func TestFanOutStopsAfterMoreFailuresThanAllowed(t *testing.T) {
	w := newWorld(t)
	made := w.fanOut(FanOut{Targets: targets(4), MaxParallel: Share{N: 1}, MaxFailures: &Share{N: 1}})
	for _, host := range []string{"h-01", "h-02"} {
		w.look()
		w.runOn(host, OutcomeFailed)
	}
	w.look()
	w.wantChildren(made.ID, "h-01 failed, h-02 failed, h-03 cancelled, h-04 cancelled")
	w.wantState(made.ID, Failed)
	if why := w.children(made.ID)[3].Outcome; why.Code != codeStopped || why.Detail != "Not started: at most 1 of 4 targets may fail, and 2 had not succeeded" {
		t.Fatalf("a target that was not let go ended with %+v", why)
	}
}

func TestFanOutIsCancelledWithAllItsTargets(t *testing.T) {
	w := newWorld(t)
	made := w.fanOut(FanOut{Targets: targets(4), MaxParallel: Share{N: 3}})
	w.look()
	w.runOn("h-01", OutcomeSucceeded)
	w.runOn("h-02", "")
	w.changed = nil
	parent, err := w.Cancel(w.ctx, admin, w.project, made.ID)
	if err != nil || !parent.CancelRequested {
		t.Fatalf("Cancel = %+v, %v", parent, err)
	}
	w.wantChildren(made.ID, "h-01 succeeded, h-02 running, h-03 cancelled, h-04 cancelled")
	wanted, err := w.Cancelling(w.ctx, []uuid.UUID{w.agent})
	if err != nil || len(wanted[w.agent]) != 1 {
		t.Fatalf("Cancelling = %v, %v; want the attempt that runs", wanted, err)
	}
	w.look()
	w.wantState(made.ID, Running) // its last target has not ended
	if got := w.finish(Result{Ref: wanted[w.agent][0], Outcome: OutcomeCancelled}); got != Accepted {
		t.Fatalf("Finish = %v", got)
	}
	w.look()
	r := w.wantState(made.ID, Cancelled)
	if r.CancelBy != admin.Email || r.Outcome.Detail != "Cancelled: 1 of 4 targets succeeded; not h-02, h-03, h-04" {
		t.Fatalf("cancelled by %q, %+v", r.CancelBy, r.Outcome)
	}
	if _, err := w.Cancel(w.ctx, admin, w.project, made.ID); !errors.Is(err, ErrFinished) {
		t.Fatalf("Cancel of a cancelled fan-out = %v, want %v", err, ErrFinished)
	}
}

func TestFanOutThatIsCancelledBeforeItsFirstTargetEndsAtOnce(t *testing.T) {
	w := newWorld(t)
	made := w.fanOut(FanOut{Targets: targets(2)})
	if _, err := w.Cancel(w.ctx, admin, w.project, made.ID); err != nil {
		t.Fatalf("Cancel: %v", err)
	}
	w.look()
	w.wantState(made.ID, Cancelled)
	w.wantChildren(made.ID, "h-01 cancelled, h-02 cancelled")
}

func TestOneTargetThatIsCancelledLeavesTheOthersAlone(t *testing.T) {
	w := newWorld(t)
	made := w.fanOut(FanOut{Targets: targets(2), MaxParallel: Share{N: 1}})
	w.look()
	if _, err := w.Cancel(w.ctx, admin, w.project, w.children(made.ID)[1].ID); err != nil {
		t.Fatalf("Cancel: %v", err)
	}
	w.runOn("h-01", OutcomeSucceeded)
	w.look()
	w.wantState(made.ID, Partial)
}

func TestTargetThatNobodyTakesIsGivenUp(t *testing.T) {
	w := newWorld(t)
	made := w.fanOut(FanOut{Targets: targets(3), MaxParallel: Share{N: 2}, StartWithin: time.Minute})
	w.look()
	w.runOn("h-01", OutcomeSucceeded)
	w.look()
	late := w.children(made.ID)[1].ID
	if err := w.SetReasons(w.ctx, []Waiting{{late, "matching_agents_offline", "Offline: h-02"}}); err != nil {
		t.Fatal(err)
	}
	w.runOn("h-03", "")
	w.pass(59 * time.Second)
	w.look()
	w.wantState(late, Queued)
	w.pass(2 * time.Second)
	w.look()
	w.wantChildren(made.ID, "h-01 succeeded, h-02 failed, h-03 running")
	if why := w.get(late).Outcome; why.Code != codeNotTaken || why.Detail != "No host has taken it within 1m0s: Offline: h-02" {
		t.Fatalf("it ended with %+v", why)
	}
}

func TestTargetIsRetriedLikeAnyRun(t *testing.T) {
	w := newWorld(t)
	r := w.request()
	r.Retry, r.FanOut = Retry{Max: 1}, &FanOut{Targets: targets(1)}
	made := w.create(r)[0]
	w.look()
	w.runOn("h-01", OutcomeFailed)
	w.look()
	w.wantState(made.ID, Running)
	w.runOn("h-01", OutcomeSucceeded)
	w.look()
	w.wantState(made.ID, Succeeded)
	if n := len(w.get(w.children(made.ID)[0].ID).Attempts); n != 2 {
		t.Fatalf("the target had %d attempts, want 2", n)
	}
}

func TestFanOutToNobodyHasFailedAtOnce(t *testing.T) {
	w := newWorld(t)
	for _, c := range []struct {
		f    FanOut
		code string
	}{
		{FanOut{}, CodeNoTargets},
		{FanOut{Refused: &Ending{CodeNoTargets, "No host has the label role=web", "Add one."}}, CodeNoTargets},
		{FanOut{Targets: targets(MaxTargets + 1)}, CodeManyTargets},
	} {
		made := w.fanOut(c.f)
		if made.State != Failed || made.Outcome.Code != c.code {
			t.Errorf("Create = %s %+v, want failed %s", made.State, made.Outcome, c.code)
		}
		if r := w.wantState(made.ID, Failed); r.Outcome.Code != c.code || r.Outcome.Hint == "" || len(w.children(made.ID)) > 0 {
			t.Errorf("it is kept as %+v with %d children, want %s and none", r.Outcome, len(w.children(made.ID)), c.code)
		}
	}
}

func TestOneFanOutPerFireHoweverOftenAsked(t *testing.T) {
	w := newWorld(t)
	schedule, at := uuid.New(), time.Now().Truncate(time.Second)
	r := w.request()
	r.Trigger, r.ScheduleID, r.ScheduledFor, r.FanOut = BySchedule, &schedule, &at, &FanOut{Targets: targets(3)}
	first, second := w.create(r)[0], w.create(r)[0]
	if second.ID != first.ID || !second.Existed {
		t.Fatalf("the second is %s, want %s", second.ID, first.ID)
	}
	var n int
	if err := w.pg.Pool.QueryRow(w.ctx, "select count(*) from runs").Scan(&n); err != nil || n != 4 {
		t.Fatalf("there are %d runs, %v; want one and three targets", n, err)
	}
}

func TestListsLeaveTheRunsOfTargetsOutUnlessAskedFor(t *testing.T) {
	w := newWorld(t)
	before, made := w.create(w.request())[0], w.fanOut(FanOut{Targets: targets(5)})
	for name, f := range map[string]Filter{"all": {}, "open": {States: []State{Queued}}, "of the job": {JobID: w.job}} {
		page, err := w.List(w.ctx, w.project, f)
		if err != nil || len(page.Runs) != 2 || page.Runs[0].ID != made.ID || page.Runs[1].ID != before.ID {
			t.Errorf("%s: List = %d runs, %v; want the two", name, len(page.Runs), err)
		}
	}
	recent, err := w.RecentByJob(w.ctx, []uuid.UUID{w.job}, 10)
	if err != nil || len(recent[w.job]) != 2 {
		t.Errorf("RecentByJob = %d runs, %v; want 2", len(recent[w.job]), err)
	}
	var names []string
	for cursor := ""; ; {
		page, err := w.List(w.ctx, w.project, Filter{Parent: made.ID, Limit: 2, Cursor: cursor})
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range page.Runs {
			names = append(names, r.Target)
			if r.ParentID == nil || *r.ParentID != made.ID {
				t.Errorf("parent of %s is %v, want %s", r.Target, r.ParentID, made.ID)
			}
		}
		if cursor = page.Next; cursor == "" {
			break
		}
	}
	if want := []string{"h-01", "h-02", "h-03", "h-04", "h-05"}; !slices.Equal(names, want) {
		t.Errorf("targets are listed as %v, want %v", names, want)
	}
}

// TestFanOutSurvivesAnyAccident moves a fan-out on with several hubs at once, two of
// which are cut off somewhere in every look, and without any bell.
func TestFanOutSurvivesAnyAccident(t *testing.T) {
	w := newWorld(t)
	const hosts, parallel = 8, 2
	made := w.fanOut(FanOut{Targets: targets(hosts), MaxParallel: Share{N: parallel}})
	hub := New(w.pg, Config{})
	for round := range 4 * hosts {
		var looks sync.WaitGroup
		for i := range 2 {
			looks.Go(func() {
				ctx, cancel := context.WithTimeout(w.ctx, time.Duration(1+(round*7+i*5)%9)*500*time.Microsecond)
				defer cancel()
				_, _ = hub.FanOuts(ctx) // cut off where it was
			})
		}
		looks.Go(w.look)
		looks.Wait()
		busy, open := 0, 0
		for _, r := range w.children(made.ID) {
			switch {
			case r.State.Final():
				continue
			case r.Reason == nil || r.Reason.Code == ReasonWaiting:
				busy++
			}
			open++
		}
		if busy > parallel {
			t.Fatalf("round %d: %d targets are let go at the same time, want at most %d", round, busy, parallel)
		}
		if open == 0 {
			break
		}
		w.runOn(fmt.Sprintf("h-%02d", 1+(round*3)%hosts), OutcomeSucceeded)
	}
	w.look()
	if r := w.wantState(made.ID, Succeeded); r.Targets.Succeeded != hosts {
		t.Fatalf("%d targets succeeded, want %d", r.Targets.Succeeded, hosts)
	}
}

// A request that was rolled back leaves neither the parent nor any of its targets.
func TestFanOutIsMadeWholeOrNotAtAll(t *testing.T) {
	w := newWorld(t)
	r := w.request()
	r.FanOut = &FanOut{Targets: targets(3)}
	gone := errors.New("the hub was killed")
	err := w.pg.InTx(w.ctx, func(tx pgx.Tx) error {
		if _, err := w.Create(w.ctx, tx, []Request{r}); err != nil {
			return err
		}
		return gone
	})
	var n int
	if scan := w.pg.Pool.QueryRow(w.ctx, "select (select count(*) from runs) + (select count(*) from run_queue)").Scan(&n); scan != nil || n != 0 || !errors.Is(err, gone) {
		t.Fatalf("%d rows are left, %v, %v", n, scan, err)
	}
}

// TestEveryFanOutEnds plays fan-outs with any rules and any outcomes, by the moves
// alone: at most so many at work, nothing let go after too many failures, and an end.
func TestEveryFanOutEnds(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		total := rapid.IntRange(1, 40).Draw(t, "total")
		f := FanOut{Targets: make([]Target, total), MaxParallel: Share{rapid.IntRange(0, 100).Draw(t, "parallel"), rapid.Bool().Draw(t, "percent")}}
		if rapid.Bool().Draw(t, "bounded") {
			f.MaxFailures = &Share{rapid.IntRange(0, 100).Draw(t, "failures"), rapid.Bool().Draw(t, "percent")}
		}
		s := spread{rules: f.rules(), state: Queued, total: total, held: total}
		for step := 0; ; step++ {
			m := s.next()
			if s.busy > s.Parallel || step > 4*total+10 {
				t.Fatalf("after %d steps: %+v", step, s)
			}
			if m.end {
				if s.held+s.busy > 0 {
					t.Fatalf("ends with %+v", s)
				}
				if m.begin {
					s.state = Running
				}
				on, what := s.verdict(nil)
				to, ok := next(s.state, on)
				if !ok || !to.Final() || (to == Succeeded) != (s.succeeded == total) || (to == Partial) && s.succeeded == 0 || (to != Succeeded) != (what.Code != "") {
					t.Fatalf("%+v ends as %s by %s, %+v", s, to, on, what)
				}
				return
			}
			switch {
			case m.stop:
				s.held, s.ended = 0, s.ended+s.held
			case m.letGo > 0:
				s.held, s.busy = s.held-m.letGo, s.busy+m.letGo
			case s.busy == 0:
				t.Fatalf("stuck: %+v", s)
			default:
				s.busy, s.ended = s.busy-1, s.ended+1
				if rapid.Bool().Draw(t, "succeeds") {
					s.succeeded, s.begun = s.succeeded+1, true
				}
				s.cancelling = s.cancelling || rapid.IntRange(0, 20).Draw(t, "cancel") == 0
			}
		}
	})
}

func TestSharesAreRoundedSoThatSomethingHappens(t *testing.T) {
	for _, c := range []struct {
		share       Share
		total       int
		least, most int
	}{
		{Share{N: 3}, 10, 3, 3}, {Share{N: 25, Percent: true}, 10, 3, 2}, {Share{N: 1, Percent: true}, 10, 1, 0},
		{Share{N: 100, Percent: true}, 7, 7, 7}, {Share{N: 0}, 5, 1, 0},
	} {
		if got := c.share.atLeastOne(c.total); got != c.least {
			t.Errorf("%+v of %d, rounded up, is %d, want %d", c.share, c.total, got, c.least)
		}
		if got := c.share.atMost(c.total); got != c.most {
			t.Errorf("%+v of %d, rounded down, is %d, want %d", c.share, c.total, got, c.most)
		}
	}
}
