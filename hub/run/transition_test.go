package run

import (
	"bytes"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"pgregory.net/rapid"
)

func TestNoPathLeavesAFinalState(t *testing.T) {
	for _, tr := range transitions {
		if tr.from.Final() {
			t.Errorf("%s → %s on %q leaves a final state", tr.from, tr.to, tr.on)
		}
	}
}

func TestTableIsAFunctionAndKnowsEveryState(t *testing.T) {
	seen := map[transition]bool{}
	reached := map[State]bool{Queued: true}
	for _, tr := range transitions {
		key := transition{from: tr.from, on: tr.on}
		if seen[key] {
			t.Errorf("%s has two rows for %q", tr.from, tr.on)
		}
		seen[key] = true
		reached[tr.to] = true
	}
	for _, s := range States() {
		if !reached[s] {
			t.Errorf("nothing leads to %s", s)
		}
		if !s.Final() && !slices.ContainsFunc(transitions, func(tr transition) bool { return tr.from == s && tr.to.Final() }) {
			t.Errorf("%s has no way to an end", s)
		}
	}
	if State("odd").Final() != true {
		t.Error("a state that we do not know must not be treated as open")
	}
}

func TestEveryResultIsJudgedFromEveryLiveState(t *testing.T) {
	outcomes := []Outcome{OutcomeSucceeded, OutcomeFailed, OutcomeTimedOut, OutcomeCancelled, OutcomeNotStarted, OutcomeInfrastructure, OutcomeRejected, OutcomeLost}
	rapid.Check(t, func(t *rapid.T) {
		l := live{
			Ref: Ref{Attempt: 3}, state: rapid.SampledFrom([]State{Assigned, Running, Unknown}).Draw(t, "state"),
			retry: Retry{Max: rapid.IntRange(0, 3).Draw(t, "max"), Backoff: rapid.SampledFrom([]string{"", "linear", "exponential"}).Draw(t, "backoff"),
				Delay: time.Duration(rapid.IntRange(0, 100000).Draw(t, "delay")) * time.Second,
				On:    rapid.SliceOf(rapid.SampledFrom([]Outcome{OutcomeFailed, OutcomeTimedOut, OutcomeLost})).Draw(t, "on")},
			retries: rapid.IntRange(0, 4).Draw(t, "retries"), misses: rapid.IntRange(0, 25).Draw(t, "misses"),
			cancelling: rapid.Bool().Draw(t, "cancelling"), started: rapid.Bool().Draw(t, "started"),
		}
		o := rapid.SampledFrom(outcomes).Draw(t, "outcome")
		if o == OutcomeLost && l.state == Assigned {
			t.Skip("an assignment is handed back, never lost")
		}
		v := judge(l, o, describe(Result{Outcome: o}))
		switch {
		case v.to != Queued && !v.to.Final():
			t.Fatalf("a result leads to %s", v.to)
		case v.to == Queued && l.cancelling:
			t.Fatal("a run that is to be cancelled goes back to the queue")
		case v.on == evRetry && l.retries >= l.retry.Max:
			t.Fatal("more retries than allowed")
		case v.to == Queued && v.code == "":
			t.Fatal("a queued run has no reason")
		case v.delay < 0 || v.delay > max(maxBackoff, l.retry.Delay):
			t.Fatalf("delay is %s", v.delay)
		}
		if to, ok := settles(o); ok && to != v.to {
			t.Fatalf("settles says %s, judge says %s", to, v.to)
		}
	})
}

func TestBackoffGrowsAsItsNameSays(t *testing.T) {
	for _, c := range []struct {
		backoff string
		want    []time.Duration
	}{
		{"fixed", []time.Duration{10, 10, 10, 10}}, {"linear", []time.Duration{10, 20, 30, 40}}, {"exponential", []time.Duration{10, 20, 40, 80}},
	} {
		for n, want := range c.want {
			if got := (Retry{Backoff: c.backoff, Delay: 10 * time.Second}).wait(n + 1); got != want*time.Second {
				t.Errorf("%s retry %d waits %s, want %s", c.backoff, n+1, got, want*time.Second)
			}
		}
	}
	if got := (Retry{Backoff: "exponential", Delay: time.Minute}).wait(1000); got != maxBackoff {
		t.Errorf("retry 1000 waits %s, want %s", got, maxBackoff)
	}
	if got := (Retry{Delay: 2 * time.Hour}).wait(3); got != 2*time.Hour {
		t.Errorf("a delay beyond the limit waits %s, want as asked", got)
	}
}

func TestPublicIDsKeepTheOrderAndComeBack(t *testing.T) {
	id := rapid.Custom(func(t *rapid.T) uuid.UUID {
		return uuid.UUID(rapid.SliceOfN(rapid.Byte(), 16, 16).Draw(t, "bytes"))
	})
	rapid.Check(t, func(t *rapid.T) {
		a, b := id.Draw(t, "a"), id.Draw(t, "b")
		x, y := FormatID(a), FormatID(b)
		if strings.Compare(x, y) != bytes.Compare(a[:], b[:]) {
			t.Fatalf("%s and %s do not sort as their ids", x, y)
		}
		if back, err := ParseID(x); err != nil || back != a || len(x) != 28 {
			t.Fatalf("ParseID(%s) = %s, %v; want %s", x, back, err, a)
		}
	})
}

func FuzzParseIDAcceptsOnlyWhatFormatIDWrites(f *testing.F) {
	for _, s := range []string{"", "r_", "r_00000000000000000000000000", "r_00000000000000000000000001", "r_0000000000000000000000000v", "R_00000000000000000000000000",
		"r_ABCDEFGHIJKLMNOPQRSTUV0000", "../../etc/passwd", "1 OR 1=1", "r_0000000000000000000000000\n", FormatID(uuid.New())} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		id, err := ParseID(s)
		if err != nil {
			if !errors.Is(err, ErrNotFound) {
				t.Fatalf("ParseID(%q): %v", s, err)
			}
			return
		}
		if FormatID(id) != s {
			t.Fatalf("ParseID(%q) = %s, which is written %s", s, id, FormatID(id))
		}
	})
}
