package identity

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"
)

func TestEmailRules(t *testing.T) {
	for text, want := range map[string]string{
		"ada@example.org": "ada@example.org", " Ada@Example.ORG ": "ada@example.org", "a+b@x": "a+b@x", "admin@localhost": "admin@localhost",
		"": "", "ada": "", "ada@": "", "@x": "", "a@b@c": "", "Ada <ada@example.org>": "", "ada@example.org, eve@example.org": "",
		"\"a b\"@x.y": "", "a@b (comment)": "", "ädä@example.org": "", "a@\x00b": "", "a\r\nb@c": "", strings.Repeat("a", 250) + "@b.cc": "",
	} {
		got, err := cleanEmail(text)
		if got != want || (err == nil) != (want != "") || (err != nil && !errors.Is(err, ErrEmail)) {
			t.Errorf("cleanEmail(%q) = %q, %v; want %q", text, got, err, want)
		}
	}
}

func TestPasswordRules(t *testing.T) {
	for text, ok := range map[string]bool{
		"correct horse battery": true, "xK9#mQ2$vL7p": true, "    пароль    ": true, "\x00\xff\x01\x02abcdefghij": true, strings.Repeat("ab1x9 q", 36): true,
		"": false, "short": false, "elevenchars": false, strings.Repeat("x", 257): false,
		"aaaaaaaaaaaa": false, "abababababab": false, "password1234": false, "Password1234567": false, "123456789012": false,
		"administrator": false, "qwertyuiop12": false, "ada@example.org": false, "cronium-cronium": false,
	} {
		if err := checkPassword(text, "ada@example.org"); (err == nil) != ok || (err != nil && !errors.Is(err, ErrPassword)) {
			t.Errorf("checkPassword(%q) = %v, want accepted %v", text, err, ok)
		}
	}
}

func TestHashIsVerifiedAndStaleOnesAreNoticed(t *testing.T) {
	h, ctx := newHasher(), t.Context()
	phc, err := h.hash(ctx, "correct horse battery")
	if err != nil || !strings.HasPrefix(phc, "$argon2id$v=19$m=19456,t=2,p=1$") {
		t.Fatalf("hash = %q, %v", phc, err)
	}
	cheap := cost{memory: 64, time: 1, threads: 1}
	old := format(cheap, []byte("0123456789abcdef"), cheap.key("correct horse battery", []byte("0123456789abcdef")))
	for name, c := range map[string]struct {
		phc, password string
		ok, stale     bool
	}{
		"right": {phc, "correct horse battery", true, false}, "wrong": {phc, "correct horse batterx", false, false},
		"old": {old, "correct horse battery", true, true}, "nobody": {h.nobody(), "", false, false},
	} {
		ok, stale, err := h.verify(ctx, c.phc, c.password)
		if ok != c.ok || stale != c.stale || err != nil {
			t.Errorf("%s: verify = %v, %v, %v; want %v, %v", name, ok, stale, err, c.ok, c.stale)
		}
	}
	for _, bad := range []string{"", "x", "$argon2id$v=19$m=99999999,t=2,p=1$AAAA$AAAA", "$argon2id$v=19$m=64,t=0,p=1$AAAA$AAAA", strings.Replace(phc, "argon2id", "argon2i", 1), phc[:len(phc)-4]} {
		if _, _, err := h.verify(ctx, bad, "x"); err == nil {
			t.Errorf("verify(%q) found nothing wrong", bad)
		}
	}
}

func TestAtMostFourHashesRunAndFiftyWait(t *testing.T) {
	h := newHasher()
	ctx, cancel := context.WithCancel(t.Context())
	var leaves []func()
	for range hashesAtOnce {
		leave, err := h.enter(ctx)
		if err != nil {
			t.Fatal(err)
		}
		leaves = append(leaves, leave)
	}
	var waiting sync.WaitGroup
	for range hashesWaiting {
		waiting.Go(func() { _, _ = h.enter(ctx) })
	}
	for h.waiting.Load() < hashesWaiting {
		time.Sleep(time.Millisecond)
	}
	if _, err := h.enter(ctx); !errors.Is(err, ErrBusy) {
		t.Fatalf("the 55th = %v, want ErrBusy", err)
	}
	cancel()
	waiting.Wait()
	for _, leave := range leaves {
		leave()
	}
	if leave, err := h.enter(t.Context()); err != nil {
		t.Fatalf("after the flood: %v", err)
	} else {
		leave()
	}
}

func TestBlocksGrowAndAreForgotten(t *testing.T) {
	start := time.Date(2026, 11, 23, 9, 0, 0, 0, time.UTC)
	every := func(n int, d time.Duration) (times []time.Time) {
		for i := range n {
			times = append(times, start.Add(time.Duration(i)*d))
		}
		return times
	}
	after := func(times []time.Time, gaps ...time.Duration) []time.Time {
		for _, gap := range gaps {
			times = append(times, times[len(times)-1].Add(gap))
		}
		return times
	}
	for name, c := range map[string]struct {
		failures []time.Time
		want     time.Duration // after the last failure; zero: not blocked
	}{
		"none":                    {nil, 0},
		"nine at once":            {every(9, 0), 0},
		"ten at once":             {every(10, 0), time.Minute},
		"ten in fifteen minutes":  {every(10, 100*time.Second), time.Minute},
		"ten in twenty minutes":   {every(10, 134*time.Second), 0},
		"one more after the wait": {after(every(10, 0), time.Minute), 2 * time.Minute},
		"and more":                {after(every(10, 0), time.Minute, 2*time.Minute, 4*time.Minute, 8*time.Minute, 16*time.Minute), 32 * time.Minute},
		"never more than an hour": {after(every(10, 0), time.Minute, 2*time.Minute, 4*time.Minute, 8*time.Minute, 16*time.Minute, 32*time.Minute, time.Hour, time.Hour), time.Hour},
		"calm for two hours":      {after(every(10, 0), 2*time.Hour+time.Second), 0},
	} {
		until := accountBlockedUntil(c.failures)
		last := start
		if len(c.failures) > 0 {
			last = c.failures[len(c.failures)-1]
		}
		if blocked := max(0, until.Sub(last)); blocked != c.want {
			t.Errorf("%s: blocked for %v, want %v", name, blocked, c.want)
		}
	}
}

func TestAddressesOfOneCustomerCountAsOne(t *testing.T) {
	for ip, want := range map[string]string{
		"192.0.2.1": "address:192.0.2.1", "::ffff:192.0.2.1": "address:192.0.2.1", "2001:db8::1": "address:2001:db8::/64",
		"2001:db8::ffff:1": "address:2001:db8::/64", "fe80::1%eth0": "address:fe80::/64", "": "address:unknown", "rubbish\x00": "address:unknown",
	} {
		if got := addressKey(ip); got != want {
			t.Errorf("addressKey(%q) = %q, want %q", ip, got, want)
		}
	}
}

func FuzzParseToken(f *testing.F) {
	f.Add(seal("abcdefgh", strings.Repeat("Z", 43)))
	f.Add("cro_")
	f.Fuzz(func(t *testing.T, text string) {
		id, secret, ok := parseToken(text)
		if ok && seal(id, secret) != text {
			t.Fatalf("parseToken(%q) = %q, %q", text, id, secret)
		}
	})
}
