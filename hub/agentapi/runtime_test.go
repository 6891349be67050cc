package agentapi_test

import (
	"bytes"
	"strings"
	"testing"

	"github.com/google/uuid"
	"google.golang.org/protobuf/proto"

	agentv1 "github.com/cronium/cronium/proto/agent/v1"
	"github.com/cronium/cronium/proto/wire"
)

// call makes one and returns the value, or the code of the problem.
func (a *agent) call(t *testing.T, ref *agentv1.AttemptRef, id int64, name, args string) string {
	t.Helper()
	out, err := a.hub.RuntimeCall(t.Context(), &agentv1.RuntimeCallRequest{Ref: ref, Id: id, Name: name, ArgsJson: []byte(args)})
	if err != nil {
		if p := wire.Problem(err); p != nil {
			return "refused: " + p.Code
		}
		t.Fatalf("RuntimeCall(%s): %v", name, err)
	}
	if p := out.GetProblem(); p != nil {
		if p.GetTitle() == "" || p.GetHint() == "" {
			t.Errorf("%s: problem %v has no title or hint", name, p)
		}
		return p.GetCode()
	}
	return string(out.GetValueJson())
}

// running is an attempt that an agent has accepted.
func running(t *testing.T, w *world, a *agent) *agentv1.AttemptRef {
	t.Helper()
	w.start(t, 1)
	ref := a.next(t).GetRef()
	a.accept(t, ref)
	return ref
}

func TestAScriptIsAnsweredWhileItsAttemptRuns(t *testing.T) {
	w := newWorld(t)
	a := w.agent(t, "a")
	w.start(t, 1)
	ref := a.next(t).GetRef()
	if got := a.call(t, ref, 1, "variable.get", `{"name":"x"}`); got != "attempt_not_running" {
		t.Errorf("before it was accepted: %s", got)
	}
	a.accept(t, ref)
	for i, step := range []struct{ name, args, want string }{
		{"variable.get", `{"name":"x"}`, "null"},
		{"variable.set", `{"name":"x","value":1.0}`, "null"},
		{"variable.get", `{"name":"x"}`, "1.0"},
		{"no.such", `{}`, "call_unknown"},
		{"variable.get", `{}`, "name_invalid"},
		{"variable.get", `{"name":"x","other":1}`, "args_invalid"},
		{"secret.get", `{"name":"TOKEN"}`, "secret_not_found"},
		{"secret.get", `{"name":"OTHER"}`, "secret_not_declared"},
		{"output.set", `{"value":"` + strings.Repeat("x", 1<<20-2) + `"}`, "null"},
		{"output.set", `{"value":"` + strings.Repeat("x", 1<<20-1) + `"}`, "output_too_large"},
		{"output.set", `{"value":"` + strings.Repeat("x", 1<<20+64<<10) + `"}`, "refused: message_invalid"},
	} {
		if got := a.call(t, ref, int64(i+2), step.name, step.args); got != step.want {
			t.Errorf("%s %.60s = %.100s, want %s", step.name, step.args, got, step.want)
		}
	}
	if got := a.call(t, ref, 0, "variable.get", `{"name":"x"}`); got != "refused: message_invalid" {
		t.Errorf("without a number: %s", got)
	}
	a.report(t, &agentv1.ReportRequest{Results: []*agentv1.Result{success(ref, 0)}})
	if got := a.call(t, ref, 99, "variable.get", `{"name":"x"}`); got != "attempt_not_running" {
		t.Errorf("after its end: %s", got)
	}
}

func TestACallThatComesAgainIsMadeOnce(t *testing.T) {
	w := newWorld(t)
	a := w.agent(t, "a")
	ref := running(t, w, a)
	for range 3 {
		if got := a.call(t, ref, 7, "variable.increment", `{"name":"n"}`); got != "1" {
			t.Errorf("increment = %s, want the answer of the first time", got)
		}
	}
	if got := a.call(t, ref, 8, "variable.increment", `{"name":"n","by":2.5}`); got != "3.5" {
		t.Errorf("the next one = %s", got)
	}
	// Another attempt counts from 1 too.
	if got := a.call(t, running(t, w, a), 7, "variable.increment", `{"name":"n"}`); got != "4.5" {
		t.Errorf("another attempt's call of that number = %s", got)
	}
}

func TestAnAgentThatAsksForTheAttemptsOfOthersIsCutOff(t *testing.T) {
	w := newWorld(t)
	a := w.agent(t, "a")
	ref := running(t, w, a)
	if got := a.call(t, ref, 1, "variable.set", `{"name":"x","value":"ours"}`); got != "null" {
		t.Fatal(got)
	}
	stranger := w.agent(t, "b")
	wrongFence := proto.CloneOf(ref)
	wrongFence.Fence++
	if got := a.call(t, wrongFence, 2, "variable.get", `{"name":"x"}`); got != "attempt_not_running" {
		t.Errorf("another fence: %s", got)
	}
	invented := &agentv1.AttemptRef{RunId: uuid.NewString(), Attempt: 1, Fence: 1}
	for i, of := range []*agentv1.AttemptRef{ref, invented, ref} {
		if got := stranger.call(t, of, int64(i+1), "variable.set", `{"name":"x","value":"theirs"}`); got != "attempt_not_running" {
			t.Errorf("a stranger's call: %s", got)
		}
	}
	<-stranger.control.Done()
	if got := a.call(t, ref, 3, "variable.get", `{"name":"x"}`); got != `"ours"` {
		t.Errorf("the variable is %s", got)
	}
	if out, err := a.hub.RuntimeCall(t.Context(), &agentv1.RuntimeCallRequest{Ref: ref, Id: 4, Name: "variable.get", ArgsJson: bytes.Repeat([]byte("x"), 100)}); err != nil || out.GetProblem().GetCode() != "args_invalid" {
		t.Errorf("arguments that are no JSON: %v, %v", out, err)
	}
}

// Bytes of artifacts come on the data connection, from who has said Hello on the other.
func TestACallWithBytesComesOnTheDataConnection(t *testing.T) {
	w := newWorld(t)
	a := w.agent(t, "a")
	ref := running(t, w, a)
	conn := w.dial(t, a.identity, wire.ALPNData)
	data := agentv1.NewHubDataServiceClient(conn.Client())
	ask := func(epoch int64, ref *agentv1.AttemptRef) (*agentv1.RuntimeCallResponse, error) {
		return data.RuntimeCall(wire.WithEpoch(t.Context(), epoch), &agentv1.RuntimeCallRequest{Ref: ref, Id: 7, Name: "artifact.list", ArgsJson: []byte(`{}`)})
	}
	if out, err := ask(a.hello.GetEpoch(), ref); err != nil || string(out.GetValueJson()) != "[]" {
		t.Errorf("the artifacts are %v, %v", out, err)
	}
	if _, err := ask(a.hello.GetEpoch()+1, ref); err == nil || wire.Problem(err) == nil {
		t.Errorf("with another session's epoch: %v", err)
	}
	if _, err := data.RuntimeCall(t.Context(), &agentv1.RuntimeCallRequest{Ref: ref, Id: 8, Name: "artifact.list", ArgsJson: []byte(`{}`)}); err == nil {
		t.Error("a call without an epoch was answered")
	}
	foreign := proto.Clone(ref).(*agentv1.AttemptRef)
	foreign.RunId = uuid.NewString()
	if out, err := ask(a.hello.GetEpoch(), foreign); err != nil || out.GetProblem().GetCode() != "attempt_not_running" {
		t.Errorf("for another run: %v, %v", out, err)
	}
}
