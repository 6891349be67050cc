package upgrade

import (
	"context"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/cronium/cronium/proto/payload"
)

const installed = "/opt/cronium/cronium-agent"

// host is a data directory, and the processes that an agent was.
type host struct {
	t      *testing.T
	dir    string
	became []string
	broken map[string]bool // programs that cannot be started
}

func newHost(t *testing.T) *host {
	return &host{t: t, dir: t.TempDir(), broken: map[string]bool{}}
}

// run is [Begin] for the program at path, without a timer.
func (h *host) run(path, version string) *Upgrades {
	h.t.Helper()
	u := newUpgrades(Config{DataDir: h.dir, Version: version, Log: slog.New(slog.DiscardHandler)}, store{h.dir}, path)
	u.become = func(path string) error {
		h.became = append(h.became, path)
		if h.broken[path] {
			return errors.New("exec format error")
		}
		return nil
	}
	next, err := u.decide()
	for err == nil && next != "" {
		if err = u.become(next); err == nil {
			return u
		}
		next, err = u.otherwise(err)
	}
	if err != nil {
		h.t.Fatal(err)
	}
	return u
}

// became checks which programs were started since the last time.
func (h *host) check(when string, want ...string) {
	h.t.Helper()
	if fmt.Sprint(h.became) != fmt.Sprint(want) {
		h.t.Fatalf("%s: became %q, want %q", when, h.became, want)
	}
	h.became = nil
}

func (h *host) agent(version string) string { return store{h.dir}.agent(version) }

func (h *host) have(version string) {
	h.t.Helper()
	if err := os.MkdirAll(filepath.Dir(h.agent(version)), 0o700); err != nil {
		h.t.Fatal(err)
	}
}

func (h *host) set(st state) {
	h.t.Helper()
	if err := (store{h.dir}).save(st); err != nil {
		h.t.Fatal(err)
	}
}

func (h *host) state() state {
	h.t.Helper()
	st, _, err := store{h.dir}.load()
	if err != nil {
		h.t.Fatal(err)
	}
	return st
}

func TestTheInstalledProgramBecomesTheOneInUse(t *testing.T) {
	h := newHost(t)
	h.run(installed, "v1")
	h.check("without upgrades")

	h.have("v2")
	h.set(state{Base: "v1", Program: "/elsewhere", Current: "v2"})
	h.run(installed, "v1")
	h.check("upgraded", h.agent("v2"))
	h.run(h.agent("v2"), "v2")
	h.check("as the upgraded program")

	h.run(installed, "v1.5")
	h.check("another one installed")
	if _, err := os.Stat(h.agent("v2")); err == nil {
		t.Error("the upgraded program is kept, though another one was installed")
	}
	h.run(installed, "v1.5")
	h.check("the next start")
}

func TestATrialIsStartedTwiceAndThenGivenUp(t *testing.T) {
	h := newHost(t)
	h.set(state{Base: "v1", Program: installed, Current: "v2", Trial: "v3", Starts: 1})
	h.run(installed, "v1")
	h.check("after the trial died", h.agent("v3"))
	h.run(installed, "v1")
	h.check("after it died again", h.agent("v2"))
	u := h.run(h.agent("v2"), "v2")
	f := u.Failure()
	if f == nil || f.Version != "v3" || !strings.Contains(f.Why, "2 times") {
		t.Fatalf("Failure = %+v", f)
	}
	u.Told(&Failure{})
	if u.Failure() != f {
		t.Fatal("another failure was told")
	}
	u.Told(f)
	if got := h.run(h.agent("v2"), "v2").Failure(); got != nil {
		t.Fatalf("Failure after it was told = %+v", got)
	}
}

func TestATrialThatConnectsStays(t *testing.T) {
	h := newHost(t)
	for _, version := range []string{"v1.9", "v2", "v3"} {
		h.have(version)
	}
	h.set(state{Base: "v1", Program: installed, Current: "v2", Trial: "v3", Starts: 1})
	u := h.run(h.agent("v3"), "v3")
	u.timer = time.NewTimer(time.Hour)
	if !u.OnTrial() || !u.Upgraded() {
		t.Fatal("v3 is not on trial")
	}
	u.Welcome()
	u.Welcome()
	u.RollBack("too late")
	h.check("connected")
	if st := h.state(); st.Current != "v3" || st.Trial != "" {
		t.Fatalf("state = %+v", st)
	}
	if _, err := os.Stat(filepath.Dir(h.agent("v1.9"))); err == nil {
		t.Error("v1.9 is kept")
	}
	if _, err := os.Stat(filepath.Dir(h.agent("v2"))); err != nil {
		t.Error("v2, the one before, is not kept")
	}
}

func TestATrialGoesBackByItself(t *testing.T) {
	h := newHost(t)
	h.set(state{Base: "v1", Program: installed, Trial: "v2", Starts: 1})
	u := h.run(h.agent("v2"), "v2")
	u.RollBack("it was slow")
	h.check("no version before", installed)
	if f := h.run(installed, "v1").Failure(); f == nil || f.Why != "it was slow" {
		t.Fatalf("Failure = %+v", f)
	}
	h.set(state{Base: "v1", Program: installed, Current: "v2", Trial: "v3", Starts: 1})
	h.run(h.agent("v3"), "v3").RollBack("it was slow")
	h.check("v2 before", h.agent("v2"))
}

func TestAProgramThatCannotBeStartedIsPassedOver(t *testing.T) {
	h := newHost(t)
	h.broken[h.agent("v2")], h.broken[h.agent("v3")] = true, true
	h.set(state{Base: "v1", Program: installed, Current: "v2", Trial: "v3", Starts: 1})
	u := h.run(installed, "v1")
	h.check("neither can be started", h.agent("v3"), h.agent("v2"))
	if f := u.Failure(); f == nil || f.Version != "v3" || h.state().Current != "" {
		t.Fatalf("Failure = %+v, state %+v", f, h.state())
	}
}

func TestALostStateIsNoReasonNotToRun(t *testing.T) {
	h := newHost(t)
	if err := os.WriteFile(filepath.Join(h.dir, stateFile), []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	h.run(installed, "v1")
	h.check("with half a file")
	h.run(installed, "v1")
	h.check("afterwards")
}

// hub signs orders and hands out programs that are shell scripts.
type hub struct {
	key   ed25519.PrivateKey
	files map[string]string
}

func newHub() *hub {
	return &hub{key: ed25519.NewKeyFromSeed(make([]byte, ed25519.SeedSize)), files: map[string]string{}}
}

func (h *hub) source() Source {
	return Source{Keys: payload.Keys{h.key.Public().(ed25519.PublicKey)}, Instance: "here", AgentID: "us",
		Fetch: func(_ context.Context, name string, to io.Writer) error {
			for _, b := range []byte(h.files[name]) {
				if _, err := to.Write([]byte{b}); err != nil {
					return err
				}
			}
			return nil
		}}
}

func (h *hub) order(version string) payload.Upgrade {
	file := func(program string) payload.File {
		h.files[program] = fmt.Sprintf("#!/bin/sh\necho %s %s\n", program, version)
		sum := sha256.Sum256([]byte(h.files[program]))
		return payload.File{Name: program, Size: int64(len(h.files[program])), SHA256: hex.EncodeToString(sum[:])}
	}
	return payload.Upgrade{Instance: "here", AgentID: "us", Version: version, Agent: file("cronium-agent"), Runner: file("cronium-runner")}
}

func (h *hub) sign(t *testing.T, u payload.Upgrade) []byte {
	t.Helper()
	signed, err := payload.SignUpgrade(h.key, u)
	if err != nil {
		t.Fatal(err)
	}
	return signed
}

func TestAnOrderPutsAVersionInItsPlace(t *testing.T) {
	h, hub := newHost(t), newHub()
	u := h.run(installed, "v1")
	u.Order(hub.sign(t, hub.order("v2")))
	err := u.Run(t.Context(), hub.source())
	next, ok := errors.AsType[*Switch](err)
	if !ok || next.Version != "v2" {
		t.Fatalf("Run = %v, want a switch to v2", err)
	}
	if err := next.Become(); err != nil {
		t.Fatal(err)
	}
	h.check("ordered", h.agent("v2"))
	if st := h.state(); st.Trial != "v2" || st.Starts != 1 || st.Base != "v1" || st.Program != installed {
		t.Fatalf("state = %+v", st)
	}
	for name, mode := range map[string]os.FileMode{"cronium-agent": 0o755, "cronium-runner": 0o755} {
		if info, err := os.Stat(filepath.Join(h.dir, "versions/v2", name)); err != nil || info.Mode() != mode {
			t.Errorf("%s: %v, %v; want %v", name, info, err, mode)
		}
	}
}

func TestOnlyTheHubsOrdersAreObeyedAndOnlyToTheLetter(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*hub, *payload.Upgrade)
		sign   func(*hub)
		why    string // what the hub hears; "" for nothing
	}{
		"another hub's key":     {sign: func(h *hub) { h.key = ed25519.NewKeyFromSeed([]byte(strings.Repeat("x", ed25519.SeedSize))) }},
		"for another agent":     {change: func(_ *hub, u *payload.Upgrade) { u.AgentID = "them" }},
		"of another hub":        {change: func(_ *hub, u *payload.Upgrade) { u.Instance = "there" }},
		"the version that runs": {change: func(_ *hub, u *payload.Upgrade) { u.Version = "v1" }},
		"a byte more":           {change: func(h *hub, _ *payload.Upgrade) { h.files["cronium-agent"] += "#" }, why: "longer than"},
		"a byte less":           {change: func(h *hub, u *payload.Upgrade) { u.Runner.Size++ }, why: "SHA-256"},
		"another byte": {change: func(h *hub, _ *payload.Upgrade) {
			h.files["cronium-runner"] = strings.Replace(h.files["cronium-runner"], "v2", "v3", 1)
		}, why: "SHA-256"},
		"no program":         {change: func(h *hub, u *payload.Upgrade) { h.replace(u, "not a program") }, why: "does not run"},
		"one that fails":     {change: func(h *hub, u *payload.Upgrade) { h.replace(u, "#!/bin/sh\nexit 1\n") }, why: "does not run"},
		"one that is other":  {change: func(h *hub, u *payload.Upgrade) { u.Version = "v2.1" }, why: "not version v2.1"},
		"one that says more": {change: func(h *hub, u *payload.Upgrade) { h.replace(u, "#!/bin/sh\necho cronium-agent v2 and more\n") }},
	} {
		t.Run(name, func(t *testing.T) {
			h, hub := newHost(t), newHub()
			u := h.run(installed, "v1")
			order, from := hub.order("v2"), hub.source()
			if c.change != nil {
				c.change(hub, &order)
			}
			if c.sign != nil {
				c.sign(hub)
			}
			next, _ := u.obey(t.Context(), from, hub.sign(t, order))
			if ok := name == "one that says more"; (next != nil) != ok {
				t.Fatalf("obeyed: %v, want %v", next != nil, ok)
			}
			f := u.Failure()
			if (f == nil) != (c.why == "") || f != nil && !strings.Contains(f.Why, c.why) {
				t.Fatalf("the hub hears %+v, want %q", f, c.why)
			}
			if f == nil {
				return
			}
			if _, err := os.Stat(h.agent("v2")); err == nil {
				t.Error("the program is in its place all the same")
			}
			if again, err := u.obey(t.Context(), from, hub.sign(t, order)); again != nil || err != nil || u.Failure() != f {
				t.Error("the order is tried again before the hub has heard of the failure")
			}
			select {
			case <-u.Bell():
			default:
				t.Error("the bell did not ring")
			}
		})
	}
}

func (h *hub) replace(u *payload.Upgrade, text string) {
	sum := sha256.Sum256([]byte(text))
	h.files["cronium-agent"] = text
	u.Agent.Size, u.Agent.SHA256 = int64(len(text)), hex.EncodeToString(sum[:])
}
