package fleet_test

import (
	"errors"
	"testing"

	"github.com/cronium/cronium/hub/authz"
	"github.com/cronium/cronium/hub/fleet"
	"github.com/cronium/cronium/proto/payload"
)

func (w *world) host(t *testing.T, name string) fleet.Agent {
	t.Helper()
	a, err := w.Agent(t.Context(), w.project, name)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func hello(version string) fleet.Hello {
	return fleet.Hello{Version: version, MachineID: "m", JournalID: "j", Slots: 4, Facts: fleet.Facts{OS: "linux", Arch: "amd64"}}
}

func (w *world) connect(t *testing.T, m member, h fleet.Hello) *fleet.Live {
	t.Helper()
	a, err := w.Admit(t.Context(), m.leaf, h)
	if err != nil {
		t.Fatal(err)
	}
	return w.Join(a, h.MachineID, newLink(), nil)
}

func TestDrainingHoldsUntilTheContraryIsSaid(t *testing.T) {
	w := newWorld(t)
	m := w.enrol(t, "web")
	live := w.connect(t, m, hello("v1"))
	free := func(want int, when string) {
		t.Helper()
		if got := live.Free(); got != want {
			t.Fatalf("%s the agent may be given %d, want %d", when, got, want)
		}
	}
	free(4, "at first")
	if err := w.SetDraining(t.Context(), root, w.project, "web", true); err != nil {
		t.Fatal(err)
	}
	free(0, "while it drains")
	if a := w.host(t, "web"); !a.Draining || a.State != fleet.Online {
		t.Fatalf("the host is %s, draining %v", a.State, a.Draining)
	}
	live = w.connect(t, m, hello("v1"))
	free(0, "after it came back")

	if err := w.SaysDraining(t.Context(), live, false); err != nil { // resumed on the host
		t.Fatal(err)
	}
	free(4, "after it was resumed there")
	h, on := hello("v1"), true
	h.Draining = &on // drained there while it was away
	live = w.connect(t, m, h)
	free(0, "when it says so")
	if !w.host(t, "web").Draining {
		t.Fatal("the hub does not know that the host drains")
	}

	viewer := authz.Actor{Email: "v@example.com"}
	if err := w.SetDraining(t.Context(), viewer, w.project, "web", false); err == nil {
		t.Error("somebody without a role resumed a host")
	}
	if err := w.SetDraining(t.Context(), root, w.project, "nobody", true); !errors.Is(err, fleet.ErrNotFound) {
		t.Errorf("SetDraining of nobody = %v, want ErrNotFound", err)
	}
}

func TestAnUpgradeIsWantedUntilItHasHappenedOrFailed(t *testing.T) {
	w := newWorld(t)
	m := w.enrol(t, "web")
	live := w.connect(t, m, hello("v1"))
	want := func(upgrade, version, problem, when string) {
		t.Helper()
		a := w.host(t, "web")
		if got := live.Wishes().Upgrade; got != upgrade || a.UpgradeVersion != version || a.UpgradeProblem != problem {
			t.Fatalf("%s: the agent is asked for %q, the host says %q %q; want %q, %q, %q", when, got, a.UpgradeVersion, a.UpgradeProblem, upgrade, version, problem)
		}
	}
	if err := w.Upgrade(t.Context(), root, w.project, "web", "v1"); err != nil {
		t.Fatal(err)
	}
	want("", "", "", "that version already")
	if err := w.Upgrade(t.Context(), root, w.project, "web", "v2"); err != nil {
		t.Fatal(err)
	}
	live = w.connect(t, m, hello("v1"))
	want("v2", "v2", "", "asked for")
	if err := w.UpgradeFailed(t.Context(), live, "v1.5", "of another time"); err != nil {
		t.Fatal(err)
	}
	want("v2", "v2", "", "another's failure")
	if err := w.UpgradeFailed(t.Context(), live, "v2", "no \x1b[31mspace"); err != nil {
		t.Fatal(err)
	}
	want("", "v2", "no [31mspace", "failed")
	live = w.connect(t, m, hello("v1"))
	want("", "v2", "no [31mspace", "failed, and back again")
	if err := w.Upgrade(t.Context(), root, w.project, "web", "v2"); err != nil {
		t.Fatal(err)
	}
	live = w.connect(t, m, hello("v2"))
	want("", "", "", "it has become that version")
}

func TestAnOrderToUpgradeIsForOneAgentHere(t *testing.T) {
	w := newWorld(t)
	m := w.enrol(t, "web")
	program := payload.File{Name: "x", Size: 1, SHA256: "0000000000000000000000000000000000000000000000000000000000000001"}
	signed, err := w.SignUpgrade(m.AgentID, payload.Upgrade{Version: "v2", Agent: program, Runner: program, AgentID: "a lie"})
	if err != nil {
		t.Fatal(err)
	}
	u, err := payload.Keys(m.SigningKeys).OpenUpgrade(signed)
	if err != nil || u.AgentID != m.AgentID.String() || u.Instance != m.Instance.String() {
		t.Fatalf("OpenUpgrade = %+v, %v; want it for agent %s of %s", u, err, m.AgentID, m.Instance)
	}
}
