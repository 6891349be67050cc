package call

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"go.uber.org/goleak"

	"github.com/cronium/cronium/hub/artifact"
	"github.com/cronium/cronium/hub/output"
	"github.com/cronium/cronium/hub/postgres"
	"github.com/cronium/cronium/hub/postgres/pgtest"
	"github.com/cronium/cronium/hub/run"
	"github.com/cronium/cronium/hub/secret"
	"github.com/cronium/cronium/hub/variable"
	"github.com/cronium/cronium/sdk/problem"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// world is calls with one project, one agent and one run that it has.
type world struct {
	*Calls
	t              *testing.T
	pg             *postgres.DB
	project, agent uuid.UUID
	ref            run.Ref
	changed        chan uuid.UUID
	last           int64
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{t: t, pg: pgtest.New(t), project: uuid.New(), agent: uuid.New(), changed: make(chan uuid.UUID, 1000)}
	keys, err := secret.OpenKeys(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	log := slog.New(slog.DiscardHandler)
	artifacts, err := artifact.New(w.pg, artifact.Config{Limits: artifact.Limits{Artifact: 2 << 20, Run: 3 << 20, Count: 3}})
	if err != nil {
		t.Fatal(err)
	}
	w.Calls = New(Deps{DB: w.pg, Runs: run.New(w.pg, run.Config{}), Variables: variable.New(w.pg), Secrets: secret.NewStore(w.pg, keys, log),
		Outputs: output.New(w.pg), Artifacts: artifacts, Jobs: w, Changed: func(id uuid.UUID) { w.changed <- id }, Log: log})
	if _, err := w.pg.Pool.Exec(context.Background(), "insert into projects (id, slug, name) values ($1, 'default', 'Default')", w.project); err != nil {
		t.Fatal(err)
	}
	w.ref = w.running()
	return w
}

// DeclaredSecrets is the job: its second version declares a secret.
func (w *world) DeclaredSecrets(_ context.Context, _ uuid.UUID, version int) ([]string, error) {
	if version == 2 {
		return []string{"TOKEN"}, nil
	}
	return nil, nil
}

func (w *world) running() run.Ref { return w.runningVersion(2) }

func (w *world) runningVersion(version int) run.Ref {
	w.t.Helper()
	ctx := context.Background()
	err := w.pg.InTx(ctx, func(tx pgx.Tx) error {
		_, err := w.Runs.Create(ctx, tx, []run.Request{{Project: w.project, JobID: uuid.New(), JobName: "nightly", JobVersion: version, Trigger: run.ByHand}})
		return err
	})
	if err != nil {
		w.t.Fatal(err)
	}
	claimed, err := w.Runs.Claim(ctx, w.agent, 1, nil, w.project, 1)
	if err != nil || len(claimed) != 1 {
		w.t.Fatalf("claimed %v, %v", claimed, err)
	}
	if _, err := w.Runs.Accept(ctx, w.agent, []run.Ref{claimed[0].Ref}); err != nil {
		w.t.Fatal(err)
	}
	return claimed[0].Ref
}

func (w *world) ask(name, args string) (string, error) {
	w.last++
	value, err := w.Answer(context.Background(), w.agent, Call{Ref: w.ref, ID: w.last, Name: name, Args: json.RawMessage(args)})
	return string(value), err
}

func code(err error) string {
	if p, ok := problem.As(err); ok && p.Hint != "" {
		return p.Code
	}
	return fmt.Sprint(err)
}

func TestEveryCallDoesWhatItSays(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	if err := w.Secrets.Set(t.Context(), w.project, "TOKEN", secret.NewText("open <sesame>"), "anna"); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ name, args, want string }{
		{"variable.get", `{"name":"x"}`, `null`},
		{"variable.increment", `{"name":"x"}`, `1`},
		{"variable.increment", `{"name":"x","by":-0.5}`, `0.5`},
		{"variable.compare_and_set", `{"name":"x","old":5e-1,"new":{"a":9007199254740993}}`, `true`},
		{"variable.compare_and_set", `{"name":"x","old":0.5,"new":1}`, `false`},
		{"variable.get", `{"name":"x"}`, `{"a":9007199254740993}`},
		{"variable.set", `{"name":"x","value":"a<b"}`, `null`},
		{"variable.get", `{"name":"x"}`, `"a<b"`},
		{"secret.get", `{"name":"TOKEN"}`, `"open <sesame>"`},
		{"output.set", `{"value":{"n":1.0}}`, `null`},
		{"output.update", `{"key":"k","value":[1,2]}`, `null`},
		{"condition.set", `{"value":true}`, `null`},
		{"progress.set", `{"fraction":0.25,"text":"a quarter"}`, `null`},
	} {
		if got, err := w.ask(c.name, c.args); err != nil || got != c.want {
			t.Errorf("%s %s = %s, %v; want %s", c.name, c.args, got, err, c.want)
		}
	}
	said, err := w.Outputs.Get(t.Context(), w.ref.RunID)
	if err != nil || string(said.Output) != `{"k":[1,2],"n":1.0}` || !*said.Condition || *said.Progress.Fraction != 0.25 || said.Progress.Text != "a quarter" {
		t.Errorf("the run said %+v, %v", said, err)
	}
	if n := len(w.changed); n != 4 {
		t.Errorf("%d changes of the run were told, want 4", n)
	}
	if v, err := w.Variables.Get(t.Context(), w.project, "x"); err != nil || v.UpdatedBy != run.FormatID(w.ref.RunID) {
		t.Errorf("the variable is %+v, %v; want that the run has changed it", v, err)
	}
}

func TestWrongCallsAreNamedAndChangeNothing(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	if _, err := w.ask("variable.set", `{"name":"text","value":"x"}`); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ name, args, want string }{
		{"variable.read", `{}`, "call_unknown"},
		{"variable.get", `[]`, "args_invalid"}, {"variable.get", ``, "args_invalid"}, {"variable.get", `{"name":7}`, "args_invalid"},
		{"variable.get", `{"name":"../x"}`, "name_invalid"}, {"variable.get", `{"name":"x"} {}`, "args_invalid"},
		{"variable.set", `{"name":"x"}`, "args_invalid"}, {"variable.set", `{"name":"1","value":1}`, "name_invalid"},
		{"variable.set", `{"name":"x","value":"` + strings.Repeat("x", 65536) + `"}`, "value_too_large"},
		{"variable.compare_and_set", `{"name":"x","new":1}`, "args_invalid"}, {"variable.compare_and_set", `{"name":"x","old":1}`, "args_invalid"},
		{"variable.increment", `{"name":"x","by":"1"}`, "args_invalid"}, {"variable.increment", `{"name":"x","by":null}`, "args_invalid"},
		{"variable.increment", `{"name":"text"}`, "variable_not_a_number"}, {"variable.increment", `{"name":"x","by":1e999}`, "value_invalid"},
		{"secret.get", `{"name":"TOKEN"}`, "secret_not_found"}, {"secret.get", `{"name":"OTHER"}`, "secret_not_declared"}, {"secret.get", `{"name":""}`, "name_invalid"},
		{"output.set", `{}`, "args_invalid"}, {"output.update", `{"key":"k"}`, "args_invalid"}, {"output.update", `{"key":"","value":1}`, "output_key_invalid"},
		{"condition.set", `{"value":1}`, "args_invalid"}, {"condition.set", `{}`, "args_invalid"},
		{"progress.set", `{"fraction":2}`, "progress_invalid"}, {"progress.set", `{"fraction":"x"}`, "args_invalid"},
	} {
		if got, err := w.ask(c.name, c.args); code(err) != c.want {
			t.Errorf("%s %.60s = %s, %v; want %s", c.name, c.args, got, err, c.want)
		}
	}
	if page, err := w.Variables.List(t.Context(), w.project, variable.Filter{}); err != nil || len(page.Variables) != 1 {
		t.Errorf("the variables are %+v, %v", page, err)
	}
	if said, err := w.Outputs.Get(t.Context(), w.ref.RunID); err != nil || said.Attempt != 0 {
		t.Errorf("the run said %+v, %v", said, err)
	}
}

func TestOnlyTheVersionThatRunsCounts(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	if err := w.Secrets.Set(t.Context(), w.project, "TOKEN", secret.NewText("open sesame"), "anna"); err != nil {
		t.Fatal(err)
	}
	w.ref = w.runningVersion(1)
	if _, err := w.ask("secret.get", `{"name":"TOKEN"}`); code(err) != "secret_not_declared" {
		t.Errorf("version 1 declares nothing: %v", err)
	}
	if page, err := w.Secrets.List(t.Context(), w.project, "", 10); err != nil || page.Secrets[0].LastRead != nil {
		t.Errorf("a refused reading is noted: %+v, %v", page, err)
	}
}

func TestNobodyElseIsAnswered(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for name, change := range map[string]func(*uuid.UUID, *run.Ref){
		"another agent":   func(a *uuid.UUID, _ *run.Ref) { *a = uuid.New() },
		"another run":     func(_ *uuid.UUID, r *run.Ref) { r.RunID = uuid.New() },
		"another attempt": func(_ *uuid.UUID, r *run.Ref) { r.Attempt++ },
		"another fence":   func(_ *uuid.UUID, r *run.Ref) { r.Fence-- },
	} {
		agent, ref := w.agent, w.ref
		change(&agent, &ref)
		_, err := w.Answer(t.Context(), agent, Call{Ref: ref, ID: 1, Name: "variable.increment", Args: json.RawMessage(`{"name":"n"}`)})
		if !errors.Is(err, ErrNotRunning) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := w.Runs.Finish(t.Context(), w.agent, []run.Result{{Ref: w.ref, Outcome: run.OutcomeSucceeded, SHA256: []byte("x")}}); err != nil {
		t.Fatal(err)
	}
	if _, err := w.ask("variable.increment", `{"name":"n"}`); !errors.Is(err, ErrNotRunning) {
		t.Errorf("after the end: %v", err)
	}
	if _, err := w.Variables.Get(t.Context(), w.project, "n"); !errors.Is(err, variable.ErrNotFound) {
		t.Errorf("the variable was counted: %v", err)
	}
}

// The same call is asked by many at once, as after an agent came back while the hub
// was still busy with it.
func TestTheSameCallAtOnceIsMadeOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			for id := range int64(10) {
				_, err := w.Answer(t.Context(), w.agent, Call{Ref: w.ref, ID: id + 1, Name: "variable.increment", Args: json.RawMessage(`{"name":"n"}`)})
				if err != nil {
					t.Error(err)
				}
			}
		})
	}
	all.Wait()
	w.last = 100
	if got, err := w.ask("variable.get", `{"name":"n"}`); err != nil || got != "10" {
		t.Errorf("ten calls that each came eight times make %s, %v", got, err)
	}
}

func TestAnswersAreForgotten(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for range 3 {
		if _, err := w.ask("variable.increment", `{"name":"n"}`); err != nil {
			t.Fatal(err)
		}
	}
	count := func() (n int) {
		if err := w.pg.Pool.QueryRow(t.Context(), "select count(*) from runtime_calls").Scan(&n); err != nil {
			t.Fatal(err)
		}
		return n
	}
	if err := w.forget(t.Context(), time.Hour); err != nil || count() != 3 {
		t.Errorf("%d answers are left after forgetting old ones, %v", count(), err)
	}
	if err := w.forget(t.Context(), 0); err != nil || count() != 0 {
		t.Errorf("%d answers are left after forgetting all, %v", count(), err)
	}
}
