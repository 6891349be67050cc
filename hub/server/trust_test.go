package server_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/cronium/cronium/hub/server"
)

func TestNothingIsSentBeforeAKeyIsConfirmed(t *testing.T) {
	w := newWorld(t)
	w.create(wish("db-1"))
	q, err := w.Question(t.Context(), w.ref("db-1"))
	if err != nil || len(q.Credentials) != 0 || len(q.Server.GetHostKey()) != 0 {
		t.Fatalf("the first question has %d credentials, key %x, %v", len(q.Credentials), q.Server.GetHostKey(), err)
	}
	key, fingerprint := hostKey(t)
	w.probed("db-1", shows(key))
	got := w.get("db-1")
	if got.Health != server.Unknown || got.Trusted != nil || got.Offered == nil || got.Offered.Fingerprint != fingerprint || got.Offered.Type != "ssh-ed25519" {
		t.Fatalf("after the first probe: %+v", got)
	}
	if way := w.way("db-1"); !errors.Is(way.Err, server.ErrNotTrusted) {
		t.Fatalf("way = %+v, want %v", way, server.ErrNotTrusted)
	}
	if _, err := w.Credentials(t.Context(), w.project, "db-1"); !errors.Is(err, server.ErrNotTrusted) {
		t.Fatalf("Credentials = %v, want %v", err, server.ErrNotTrusted)
	}
	_, another := hostKey(t)
	if _, err := w.Trust(t.Context(), w.admin, w.project, "db-1", another); !errors.Is(err, server.ErrNotOffered) {
		t.Fatalf("Trust of a key that nobody saw = %v, want %v", err, server.ErrNotOffered)
	}
	got, err = w.Trust(t.Context(), w.admin, w.project, "db-1", fingerprint)
	if err != nil || got.Trusted == nil || got.Trusted.Fingerprint != fingerprint || got.Trusted.By != w.admin.Email || got.Offered != nil {
		t.Fatalf("Trust = %+v, %v", got, err)
	}
	q, err = w.Question(t.Context(), w.ref("db-1"))
	if err != nil || len(q.Credentials) != 1 || string(q.Server.GetHostKey()) != string(key) {
		t.Fatalf("the next question has %d credentials, %v", len(q.Credentials), err)
	}
	w.probed("db-1", lets(key))
	if got := w.get("db-1"); got.Health != server.Reachable || got.CheckedBy != "host-1" || got.Facts.OS != "linux" || got.Facts.DiskFree != 50 {
		t.Fatalf("after the second probe: %+v", got)
	}
}

func TestAnotherKeyStopsEverythingUntilItIsTrusted(t *testing.T) {
	w := newWorld(t)
	old, oldPrint := w.trusted(wish("db-1"))
	w.probed("db-1", lets(old))
	fresh, freshPrint := hostKey(t)
	w.probed("db-1", shows(fresh))
	got := w.get("db-1")
	if got.Health != server.KeyMismatch || got.Trusted.Fingerprint != oldPrint || got.Offered.Fingerprint != freshPrint {
		t.Fatalf("after another key: %+v", got)
	}
	refused := func(when string) {
		t.Helper()
		way := w.way("db-1")
		if !errors.Is(way.Err, server.ErrKeyMismatch) || !strings.Contains(way.Err.Error(), oldPrint) {
			t.Fatalf("%s: way = %+v, want a mismatch that names the confirmed key", when, way)
		}
		if _, err := w.Credentials(t.Context(), w.project, "db-1"); !errors.Is(err, server.ErrKeyMismatch) {
			t.Fatalf("%s: Credentials = %v", when, err)
		}
		if q, err := w.Question(t.Context(), w.ref("db-1")); err != nil || len(q.Credentials) != 0 || len(q.Server.GetHostKey()) != 0 {
			t.Fatalf("%s: a question with %d credentials, %v", when, len(q.Credentials), err)
		}
	}
	refused("after another key")
	w.probed("db-1", server.Answer{Checks: []server.Check{{Name: "dns"}}})
	refused("after no answer")
	address := "10.0.0.9"
	if _, err := w.Edit(t.Context(), w.admin, w.project, "db-1", server.Edit{Address: &address}); err != nil {
		t.Fatal(err)
	}
	refused("after an edit")
	// Whoever was in between is gone; that is no reason to trust anything.
	w.probed("db-1", shows(old))
	refused("with the old key back")
	if _, err := w.Trust(t.Context(), w.admin, w.project, "db-1", freshPrint); !errors.Is(err, server.ErrNotOffered) {
		t.Fatalf("Trust of a key that is no longer shown = %v, want %v", err, server.ErrNotOffered)
	}
	if got, err := w.Trust(t.Context(), w.admin, w.project, "db-1", oldPrint); err != nil || got.Health != server.Unknown {
		t.Fatalf("Trust of the old key = %+v, %v", got, err)
	}
	w.probed("db-1", shows(fresh))
	if got, err := w.Trust(t.Context(), w.admin, w.project, "db-1", freshPrint); err != nil || got.Trusted.Fingerprint != freshPrint {
		t.Fatalf("Trust of the new key = %+v, %v", got, err)
	}
	if way := w.way("db-1"); way.Err != nil || string(way.Server.GetHostKey()) != string(fresh) {
		t.Fatalf("way = %+v", way)
	}
}

func TestAnAnnouncedKeyIsTrustedWhenItIsShown(t *testing.T) {
	w := newWorld(t)
	key, fingerprint := hostKey(t)
	one := wish("db-1")
	one.Fingerprint = fingerprint
	w.create(one)
	if again := w.probed("db-1", shows(key)); !again {
		t.Fatal("the announced key did not become trusted")
	}
	if got := w.get("db-1"); got.Trusted == nil || got.Trusted.Fingerprint != fingerprint || got.Expected != "" {
		t.Fatalf("after the announced key: %+v", got)
	}
	two := wish("db-2")
	two.Fingerprint = fingerprint
	w.create(two)
	other, otherPrint := hostKey(t)
	if again := w.probed("db-2", shows(other)); again {
		t.Fatal("a key that was not announced became trusted")
	}
	got := w.get("db-2")
	if got.Health != server.KeyMismatch || got.Trusted != nil || got.Offered.Fingerprint != otherPrint || got.Expected != fingerprint {
		t.Fatalf("after another key than announced: %+v", got)
	}
	if way := w.way("db-2"); !errors.Is(way.Err, server.ErrKeyMismatch) {
		t.Fatalf("way = %+v", way)
	}
	// The announced key comes too late: somebody has to decide now.
	if again := w.probed("db-2", shows(key)); again || w.get("db-2").Health != server.KeyMismatch {
		t.Fatal("the announced key became trusted after another one")
	}
	if got, err := w.Trust(t.Context(), w.admin, w.project, "db-2", fingerprint); err != nil || got.Trusted == nil || got.Expected != "" {
		t.Fatalf("Trust of the announced key = %+v, %v", got, err)
	}
}

func TestAJumpServerThatIsNotTrustedClosesTheWay(t *testing.T) {
	w := newWorld(t)
	gateKey, _ := w.trusted(wish("gate"))
	inner := wish("db-1")
	inner.Jump = "gate"
	w.create(inner)
	// The way to the gate is open, so the inner server can be asked for its key.
	q, err := w.Question(t.Context(), w.ref("db-1"))
	if err != nil || len(q.Credentials) != 1 || q.Credentials[0].ServerID != w.get("gate").ID || len(q.Server.GetHostKey()) != 0 ||
		string(q.Server.GetJump().GetHostKey()) != string(gateKey) {
		t.Fatalf("Question(db-1) = %v, %d credentials, %v", q.Server, len(q.Credentials), err)
	}
	fresh, _ := hostKey(t)
	w.probed("gate", shows(fresh))
	if _, err := w.Question(t.Context(), w.ref("db-1")); !errors.Is(err, server.ErrKeyMismatch) {
		t.Fatalf("Question through a gate with another key = %v, want %v", err, server.ErrKeyMismatch)
	}
}

func TestHealthFollowsTheChecks(t *testing.T) {
	w := newWorld(t)
	key, _ := w.trusted(wish("db-1"))
	failed := func(name string, before ...string) server.Answer {
		var a server.Answer
		for _, b := range before {
			a.Checks = append(a.Checks, server.Check{Name: b, OK: true})
		}
		a.Checks = append(a.Checks, server.Check{Name: name, Code: "some_code", Detail: "why", Hint: "do this"})
		return a
	}
	for _, c := range []struct {
		answer server.Answer
		want   server.Health
	}{
		{failed("dns"), server.Unreachable},
		{failed("tcp", "dns"), server.Unreachable},
		{lets(key), server.Reachable},
		{failed("auth", "dns", "tcp", "host_key"), server.AuthFailed},
		{failed("shell", "dns", "tcp", "host_key", "auth"), server.Unreachable},
		{failed("directory", "dns", "tcp", "host_key", "auth", "shell"), server.Reachable},
	} {
		w.probed("db-1", c.answer)
		got := w.get("db-1")
		if got.Health != c.want {
			t.Errorf("after %+v: %s, want %s", c.answer.Checks, got.Health, c.want)
		}
		if len(got.Checks) != len(c.answer.Checks) || got.Facts.OS != "" && got.Facts.OS != "linux" {
			t.Errorf("kept %+v and %+v", got.Checks, got.Facts)
		}
	}
	if got := w.get("db-1"); got.Facts.OS != "linux" {
		t.Error("a failed check took the facts away")
	}
}

func TestAnAnswerAboutWhatTheServerWasIsDropped(t *testing.T) {
	w := newWorld(t)
	key, _ := w.trusted(wish("db-1"))
	q, err := w.Question(t.Context(), w.ref("db-1"))
	if err != nil {
		t.Fatal(err)
	}
	address := "10.0.0.7"
	if _, err := w.Edit(t.Context(), w.admin, w.project, "db-1", server.Edit{Address: &address}); err != nil {
		t.Fatal(err)
	}
	if _, err := w.Record(t.Context(), q, "host-1", lets(key)); err != nil {
		t.Fatal(err)
	}
	if got := w.get("db-1"); got.Health != server.Unknown || got.CheckedAt != nil {
		t.Fatalf("an answer about the old address was kept: %+v", got)
	}
}

func TestWhatAHostSaysIsCleanedAndCut(t *testing.T) {
	w := newWorld(t)
	key, _ := w.trusted(wish("db-1"))
	evil := "a\x1b[31m\u202eb\x00" + strings.Repeat("x", 10_000)
	a := lets(key)
	a.Facts = &server.Facts{Hostname: evil, OS: evil, CPUs: -1, MemoryBytes: -5, DiskBytes: -1, DiskFree: -1,
		Interpreters: map[string]string{"bash": evil, "../../x": "1", "": "2"}}
	a.Checks = append(a.Checks, server.Check{Name: "<script>", OK: true}, server.Check{Name: "runner", Detail: evil, Hint: evil, Code: evil, Took: -time.Hour})
	for range 100 {
		a.Checks = append(a.Checks, server.Check{Name: "directory", OK: true})
	}
	w.probed("db-1", a)
	got := w.get("db-1")
	if len(got.Checks) != 64 {
		t.Errorf("%d checks are kept, want 64", len(got.Checks))
	}
	clean := func(what, s string, most int) {
		if strings.ContainsAny(s, "\x1b\x00\u202e") || len([]rune(s)) > most {
			t.Errorf("%s is kept as %q", what, s[:min(len(s), 80)])
		}
	}
	clean("hostname", got.Facts.Hostname, 128)
	clean("an interpreter", got.Facts.Interpreters["bash"], 128)
	for _, c := range got.Checks {
		clean("a detail", c.Detail, 500)
		clean("a hint", c.Hint, 500)
		clean("a code", c.Code, 64)
		if c.Name == "<script>" || c.Took < 0 {
			t.Errorf("kept %+v", c)
		}
	}
	if len(got.Facts.Interpreters) != 1 || got.Facts.CPUs != 0 || got.Facts.MemoryBytes != 0 || got.Facts.DiskBytes != 0 {
		t.Errorf("kept %+v", got.Facts)
	}
}

func TestServersComeDueForTheAgentsThatReachThem(t *testing.T) {
	w := newWorld(t)
	one := wish("db-1")
	one.Via = map[string]string{"zone": "eu"}
	key, _ := w.trusted(one)
	w.create(wish("untrusted"))
	eu := []server.Asker{{Project: w.project, Labels: map[string]string{"zone": "eu", "os": "linux"}}}
	us := []server.Asker{{Project: w.project, Labels: map[string]string{"zone": "us"}}}
	claim := func(agents []server.Asker) []server.Ref {
		t.Helper()
		refs, err := w.ClaimDue(t.Context(), agents, 10)
		if err != nil {
			t.Fatal(err)
		}
		return refs
	}
	if got := claim(us); len(got) != 0 {
		t.Fatalf("an agent that may not reach it claimed %v", got)
	}
	if got := claim(eu); !cmp.Equal(got, []server.Ref{w.ref("db-1")}) {
		t.Fatalf("ClaimDue = %v, want db-1: it was trusted just now", got)
	}
	if got := claim(eu); len(got) != 0 {
		t.Fatalf("claimed twice: %v", got)
	}
	w.probed("db-1", lets(key))
	var wait time.Duration
	if err := w.db.Pool.QueryRow(t.Context(), "select next_check_at - checked_at from servers where name = 'db-1'").Scan(&wait); err != nil {
		t.Fatal(err)
	}
	if wait < 270*time.Second || wait > 330*time.Second {
		t.Fatalf("the next look is in %s, want 5 minutes ± 10 %%", wait)
	}
	if err := w.AskSoon(t.Context(), w.get("untrusted").ID); err != nil {
		t.Fatal(err)
	}
	if got := claim(us); !cmp.Equal(got, []server.Ref{w.ref("untrusted")}) {
		t.Fatalf("ClaimDue = %v, want untrusted: somebody asked", got)
	}
	if _, err := w.Archive(t.Context(), w.admin, w.project, "db-1"); err != nil {
		t.Fatal(err)
	}
	if err := w.AskSoon(t.Context(), w.get("db-1").ID); !errors.Is(err, server.ErrArchived) {
		t.Fatalf("AskSoon of an archived server = %v", err)
	}
}
