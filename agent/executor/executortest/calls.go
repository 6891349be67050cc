package executortest

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cronium/cronium/agent/executor"
	"github.com/cronium/cronium/agent/journal"
	runnerv1 "github.com/cronium/cronium/proto/runner/v1"
)

// attend answers calls until the test ends, as a supervisor does.
func attend(t *testing.T, r executor.Running, answer executor.Answerer) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		for ctx.Err() == nil {
			if err := r.Calls(ctx, answer); err == nil {
				return
			}
			select {
			case <-ctx.Done():
			case <-time.After(10 * time.Millisecond):
			}
		}
	}()
	stop = func() { cancel(); <-done }
	t.Cleanup(stop)
	return stop
}

// back answers with the name and the arguments of the call.
func back(_ context.Context, c *runnerv1.Call) *runnerv1.Answer {
	value, err := json.Marshal(map[string]any{"name": c.GetName(), "args": json.RawMessage(c.GetArgsJson())})
	if err != nil {
		return &runnerv1.Answer{Problem: &runnerv1.Problem{Code: "bad", Title: err.Error()}}
	}
	return &runnerv1.Answer{ValueJson: value}
}

func (s suite) scriptCalls(t *testing.T) {
	r, e := s.start(t, Case{
		Source: `call() { "$CRONIUM_RUNNER" call "$@"; }
call run.facts; call input.all; call keep_alive
printf before; call log '{"level":"info","message":"said"}'; printf before >&2; call log '{"level":"warn","message":"two\nlines"}'
call variable.get '{"name":"x"}'
call no.such || echo "code $?"
call secret.get '{"name":"T"}'
echo "value $(call secret.get '{"name":"T"}')"
call secret.get '{"name":"T"}' | tr -d '"\n' | base64`,
		Env:    map[string]string{"CRONIUM_RUN_ID": "r_1"},
		Change: func(p *runnerv1.Payload) { p.InputsJson = []byte(`{"n":9007199254740993}`) },
	})
	attend(t, r, func(ctx context.Context, c *runnerv1.Call) *runnerv1.Answer {
		if c.GetName() == "secret.get" {
			return &runnerv1.Answer{ValueJson: []byte(`"learnt-on-the-way"`)}
		}
		return back(ctx, c)
	})
	exit, log := Result(t, r, e)
	expect(t, exit, journal.Succeeded, "")
	lines := strings.Split(string(log.Out), "\n")
	var facts struct {
		RunID          string `json:"run_id"`
		Attempt        int    `json:"attempt"`
		Project, Job   string
		JobVersion     int     `json:"job_version"`
		TimeoutSeconds float64 `json:"timeout_seconds"`
		Workspace      string  `json:"workspace"`
	}
	if err := json.Unmarshal([]byte(lines[0]), &facts); err != nil || facts.RunID != "r_1" || facts.Attempt != 1 || facts.Project != "default" ||
		facts.Job != "test" || facts.JobVersion != 3 || facts.TimeoutSeconds != 60 || filepath.Base(facts.Workspace) != "work" {
		t.Errorf("run.facts = %s (%v)", lines[0], err)
	}
	want := []string{`{"n":9007199254740993}`, "null", "before", "[info] said", "null", "null",
		`{"args":{"name":"x"},"name":"variable.get"}`, "code 1", `"***"`, `value "***"`, "***k=", ""}
	if got := lines[1:]; !slices.Equal(got, want) {
		t.Errorf("the script printed\n%q, want\n%q", got, want)
	}
	if !strings.HasPrefix(string(log.Err), "before\n[warn] two lines\n") || !bytes.Contains(log.Err, []byte(`"code":"call_unknown"`)) {
		t.Errorf("on stderr: %q", log.Err)
	}
	if all := string(log.All); strings.Contains(all, "learnt-on-the-way") || strings.Contains(all, "bGVhcm50LW9uLXRoZS13YXk") {
		t.Errorf("a secret that was read is in the log: %s", all)
	}
}

func (s suite) callWaitsForTheNextAgent(t *testing.T) {
	r, e := s.start(t, Case{Source: `"$CRONIUM_RUNNER" call variable.get '{"name":"x"}'`})
	asked := make(chan *runnerv1.Call, 10)
	stop := attend(t, r, func(ctx context.Context, c *runnerv1.Call) *runnerv1.Answer {
		asked <- c
		<-ctx.Done() // the agent ends before the hub has answered
		return &runnerv1.Answer{Problem: &runnerv1.Problem{Code: "never_seen"}}
	})
	var first *runnerv1.Call
	select {
	case first = <-asked:
	case <-Context(t).Done():
		exit, log := Result(t, r, e)
		t.Fatalf("the call did not come; the attempt ended with %+v: %q", exit, log.All)
	}
	stop()
	r.Close()
	again, err := s.create(t).Reattach(Context(t), e)
	if err != nil {
		t.Fatalf("Reattach: %v", err)
	}
	defer again.Close()
	attend(t, again, func(ctx context.Context, c *runnerv1.Call) *runnerv1.Answer {
		asked <- c
		return back(ctx, c)
	})
	exit, log := Result(t, again, e)
	expect(t, exit, journal.Succeeded, "")
	if second := <-asked; second.GetId() != first.GetId() || len(asked) > 0 {
		t.Errorf("the next agent was given call %d, want %d again", second.GetId(), first.GetId())
	}
	if want := `{"args":{"name":"x"},"name":"variable.get"}` + "\n"; string(log.Out) != want {
		t.Errorf("the script got %q, want %q", log.Out, want)
	}
}

func (s suite) callsEndWithTheAttempt(t *testing.T) {
	r, e := s.start(t, Case{Source: "true"})
	Result(t, r, e)
	if err := r.Calls(Context(t), back); err != nil {
		t.Errorf("Calls after the end: %v, want nil", err)
	}
	r, e = s.start(t, Case{Source: "echo ready; sleep 60"})
	WaitFor(t, r, e, "ready")
	defer func() {
		if err := r.Cancel(Context(t), 0); err != nil {
			t.Error(err)
		}
		Result(t, r, e)
	}()
	ctx, cancel := context.WithCancel(Context(t))
	cancel()
	if err := r.Calls(ctx, back); !errors.Is(err, context.Canceled) {
		t.Errorf("Calls of an agent that ends: %v, want that it was cancelled", err)
	}
}

func (s suite) callsFromADeepDirectory(t *testing.T) {
	x := s.create(t)
	a := Attempt(t, Journal(t, filepath.Join(OpenDir(t), strings.Repeat("d", 120))), x.Kind(),
		s.prepared(Case{Source: `"$CRONIUM_RUNNER" call keep_alive; echo "$CRONIUM_SOCKET"`}))
	r, err := x.Start(Context(t), a)
	if err != nil {
		t.Fatalf("Start: %v", err)
	}
	defer r.Close()
	exit, log := Result(t, r, a.Entry)
	expect(t, exit, journal.Succeeded, "")
	path, answered := strings.CutPrefix(strings.TrimSuffix(string(log.Out), "\n"), "null\n")
	if !answered || len(path) > 107 {
		t.Errorf("the script printed %q and %q, want an answer and a path of at most 107 bytes", log.Out, log.Err)
	}
	if _, err := os.Lstat(path); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("%s is left behind (%v)", path, err)
	}
}

// helpersTalkToTheRun holds that the helpers of the three languages and the runner
// understand each other.
func (s suite) helpersTalkToTheRun(t *testing.T) {
	for language, source := range map[string]string{
		"bash": `set -euo pipefail
echo "$(cronium run job) $(cronium input n) $(cronium get x) $(cronium increment n 2)"
cronium set big --string "$(head -c 200000 /dev/zero | tr '\0' x)"
cronium log warn "said"`,
		"python": `print(cronium.run.job, cronium.input("n"), cronium.get_variable("x"), cronium.increment("n", 2))
cronium.set_variable("big", "x" * 200000)
cronium.log.warn("said")`,
		"node": `console.log(cronium.run.job, String(cronium.input('n')), cronium.getVariable('x'), cronium.increment('n', 2));
cronium.setVariable('big', 'x'.repeat(200000));
cronium.log.warn('said');`,
	} {
		r, e := s.start(t, Case{Language: language, Source: source, Change: func(p *runnerv1.Payload) { p.InputsJson = []byte(`{"n":9007199254740993}`) }})
		attend(t, r, func(_ context.Context, c *runnerv1.Call) *runnerv1.Answer {
			switch c.GetName() {
			case "variable.get":
				return &runnerv1.Answer{ValueJson: []byte(`"ü"`)}
			case "variable.increment":
				return &runnerv1.Answer{ValueJson: []byte(`44`)}
			}
			if !bytes.Contains(c.GetArgsJson(), bytes.Repeat([]byte("x"), 200000)) {
				t.Errorf("%s: %s has %d bytes of arguments", language, c.GetName(), len(c.GetArgsJson()))
			}
			return &runnerv1.Answer{ValueJson: []byte(`null`)}
		})
		exit, log := Result(t, r, e)
		expect(t, exit, journal.Succeeded, "")
		if string(log.Out) != "test 9007199254740993 ü 44\n" || !bytes.Contains(log.Err, []byte("[warn] said\n")) {
			t.Errorf("%s printed %q; errors: %s", language, log.Out, log.Err)
		}
	}
}
