package dispatch

import (
	"encoding/json"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"github.com/cronium/cronium/hub/fleet"
	"github.com/cronium/cronium/hub/run"
)

func TestReasonsNameWhatIsMissing(t *testing.T) {
	linux := map[string]string{"os": "linux"}
	agent := func(name string, online bool, labels map[string]string) fleet.Candidate {
		return fleet.Candidate{ID: uuid.New(), Name: name, Online: online, Slots: 1, Labels: labels}
	}
	drained := agent("d", true, linux)
	drained.Draining = true
	a, b := agent("a", true, linux), agent("b", false, map[string]string{"os": "linux", "gpu": "yes"})
	for name, c := range map[string]struct {
		agents       []fleet.Candidate
		busy         map[uuid.UUID]int
		target       map[string]string
		code, detail string
	}{
		"no agents":     {nil, nil, linux, NoAgents, "No host has been added to this project yet"},
		"label nowhere": {[]fleet.Candidate{a, b}, nil, map[string]string{"os": "linux", "zone": "eu"}, NoMatching, "No host has the label zone=eu"},
		"labels not together": {[]fleet.Candidate{a, agent("c", true, map[string]string{"zone": "eu", "arch": "arm64"})}, nil,
			map[string]string{"os": "linux", "zone": "eu", "arch": "arm64"}, NoMatching, "No host has all labels; c, the closest, lacks os=linux"},
		"offline":    {[]fleet.Candidate{a, b}, nil, map[string]string{"gpu": "yes"}, Offline, "Offline: b"},
		"full":       {[]fleet.Candidate{a, b}, map[uuid.UUID]int{a.ID: 1}, linux, Full, "All slots are taken on a"},
		"draining":   {[]fleet.Candidate{drained, b}, nil, linux, Draining, "Draining, so nothing new starts there: d"},
		"one of two": {[]fleet.Candidate{drained, a}, map[uuid.UUID]int{a.ID: 1}, linux, Full, "All slots are taken on a"},
		"any moment": {[]fleet.Candidate{a, b}, nil, linux, "", ""},
	} {
		e := explainer{agents: c.agents, busy: c.busy}
		if code, detail := e.why(c.target); code != c.code || detail != c.detail {
			t.Errorf("%s: %q %q, want %q %q", name, code, detail, c.code, c.detail)
		}
	}
}

func TestPlanAsksOnlyForAgentsThatSomethingIsFor(t *testing.T) {
	project := uuid.New()
	waiting := func(target map[string]string, n int) []run.Queueing {
		out := make([]run.Queueing, n)
		for i := range out {
			out[i] = run.Queueing{RunID: uuid.New(), ProjectID: project, Target: target}
		}
		return out
	}
	gpu, plain := waiting(map[string]string{"gpu": "yes"}, 3), waiting(nil, 2)
	late := waiting(nil, 1)
	late[0].Delayed = true
	p := newPlan(append(append(gpu, plain...), late...))
	with := &fleet.Live{ProjectID: project, Labels: map[string]string{"gpu": "yes", "os": "linux"}}
	without := &fleet.Live{ProjectID: project, Labels: map[string]string{"os": "linux"}}
	foreign := &fleet.Live{ProjectID: uuid.New(), Labels: map[string]string{"gpu": "yes"}}
	if a, b, c := p.takenBy(with), p.takenBy(without), p.takenBy(foreign); a != 5 || b != 2 || c != 0 {
		t.Fatalf("could take %d, %d, %d; want 5, 2, 0", a, b, c)
	}
	p.done([]run.Claimed{{Ref: run.Ref{RunID: plain[0].RunID}}, {Ref: run.Ref{RunID: plain[1].RunID}}})
	if n := p.takenBy(without); n != 0 {
		t.Fatalf("could still take %d", n)
	}
	if left := p.left(); len(left) != 3 {
		t.Fatalf("%d are left, want the three for a GPU", len(left))
	}
}

func TestScriptsFindTheirInputsInTheEnvironment(t *testing.T) {
	id := uuid.MustParse("0190163d-8694-739b-aea5-966c26f8ad91")
	c := run.Claimed{
		Ref: run.Ref{RunID: id, Attempt: 2, Fence: 9}, JobName: "j", InputsJSON: json.RawMessage(`{"n":1.50}`),
		Inputs: map[string]any{"n": json.Number("1.50"), "on": true, "a-b": "x", "none": nil},
	}
	got := environment(c, JobVersion{Env: map[string]string{"MINE": "1", "CRONIUM_JOB": "a lie"}}, "p")
	want := map[string]string{
		"MINE": "1", "CRONIUM_JOB": "j", "CRONIUM_PROJECT": "p", "CRONIUM_ATTEMPT": "2", "CRONIUM_RUN_ID": run.FormatID(id),
		"CRONIUM_INPUTS": `{"n":1.50}`, "CRONIUM_INPUT_N": "1.50", "CRONIUM_INPUT_ON": "true", "CRONIUM_INPUT_A_B": "x", "CRONIUM_INPUT_NONE": "",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Fatalf("(-want +got):\n%s", diff)
	}
}
