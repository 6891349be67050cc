package hubtest_test

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/cronium/cronium/agent/executor/executortest"
	"github.com/cronium/cronium/hub/hubtest"
	"github.com/cronium/cronium/sdk/client"
)

const calling = `call() { "$CRONIUM_RUNNER" call "$@"; }
`

// asking uses the whole of the API, and what it must refuse.
const asking = calling + `
call input.all
call output.set '{"value":{"began":true}}' >/dev/null
for p in 1 2 3 4; do
  (for i in $(seq 25); do call variable.increment '{"name":"hits"}' >/dev/null || exit 1; done) &
  pids="$pids $!"
done
for p in $pids; do wait "$p" || exit 9; done
echo "hits $(call variable.get '{"name":"hits"}')"
s=$(call secret.get '{"name":"TOKEN"}')
echo "secret $s"; printf 'padded %s' "$s" | base64; echo
call secret.get '{"name":"OTHER"}' || echo "other: $?"
call no.such || echo "unknown: $?"
head -c 2097152 /dev/zero | tr '\0' x | sed 's/.*/{"value":"&"}/' | call output.set - || echo "large: $?"
CRONIUM_SOCKET=$CRONIUM_INPUT_SOCKET call run.facts || echo "another's: $?"
call progress.set '{"fraction":1,"text":"done"}' >/dev/null
call condition.set '{"value":true}' >/dev/null
call output.update '{"key":"big","value":9007199254740993}' >/dev/null
call log '{"level":"warn","message":"the end"}' >/dev/null`

// TestAScriptAsks is the walk of that name in hub/doc.go, with a real hub, agent and
// runner.
func TestAScriptAsks(t *testing.T) {
	w := hubtest.New(t)
	const secret = "a-canary-of-a-secret"
	if err := w.Client.PutSecret(t.Context(), "default", "TOKEN", secret); err != nil {
		t.Fatal(err)
	}
	gate := filepath.Join(executortest.OpenDir(t), "gate") // the scripts have users of their own
	other := w.Start(definition("other", `echo "$CRONIUM_SOCKET"; until test -e `+gate+`; do sleep 0.05; done; "$CRONIUM_RUNNER" call keep_alive`))
	socket := firstLine(t, w, other.ID)

	d := definition("asking", asking)
	d.Spec.Secrets = []string{"TOKEN"}
	d.Spec.Inputs = map[string]client.Input{"socket": {Type: "string", Required: true}, "n": {Type: "integer", Default: 7}}
	put(t, w, d)
	started, err := w.Client.StartRun(t.Context(), "default", "asking", client.RunRequest{Inputs: map[string]any{"socket": socket}})
	if err != nil {
		t.Fatal(err)
	}
	done := w.Finish(started.ID, 3*time.Minute)
	var raw bytes.Buffer
	rawLog(t, w, done, &raw)
	log := raw.String()
	for _, want := range []string{
		`{"n":7,"socket":"` + socket + `"}`, "hits 100\n", `secret "***"`, `"code":"secret_not_declared"`, "other: 1\n",
		`"code":"call_unknown"`, "unknown: 1\n", `"code":"request_too_large"`, "large: 1\n", `"code":"` + map[bool]string{true: "runner_unreachable", false: "caller_refused"}[os.Geteuid() == 0] + `"`, "another's: 1\n", "[warn] the end\n",
	} {
		if !strings.Contains(log, want) {
			t.Errorf("the log has no %s", want)
		}
	}
	inside := base64.StdEncoding.EncodeToString([]byte("padded \"" + secret + "\""))
	if strings.Contains(log, secret) || strings.Contains(log, inside[12:30]) {
		t.Error("the secret is in the log")
	}
	if t.Failed() {
		t.Logf("the log:\n%s", log)
	}
	checkSaid(t, w, done)
	page, err := w.Client.Secrets(t.Context(), "default", client.Paging{})
	if err != nil || len(page.Items) != 1 || page.Items[0].LastRead == nil || page.Items[0].LastRead.Run != done.ID {
		t.Errorf("the secrets are %+v, %v; want that this run has read it", page.Items, err)
	}
	if err := os.WriteFile(gate, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if end := w.Finish(other.ID, time.Minute); end.State != "succeeded" {
		t.Errorf("the other run is %s: %+v", end.State, end.Outcome)
	}
}

func checkSaid(t *testing.T, w *hubtest.World, done client.Run) {
	t.Helper()
	const output = `{"began":true,"big":9007199254740993}`
	if string(done.Output) != output || done.OutputBytes != int64(len(output)) || done.Condition == nil || !*done.Condition {
		t.Errorf("the run has the output %s and the condition %v", done.Output, done.Condition)
	}
	if p := done.Progress; p == nil || p.Fraction == nil || *p.Fraction != 1 || p.Text != "done" {
		t.Errorf("the run's progress is %+v", p)
	}
	if whole, err := w.Client.RunOutput(t.Context(), "default", done.ID); err != nil || string(whole) != output {
		t.Errorf("its whole output is %s, %v", whole, err)
	}
}

// firstLine waits for the first line of a run's log.
func firstLine(t *testing.T, w *hubtest.World, id string) (line string) {
	t.Helper()
	hubtest.Eventually(t, 30*time.Second, "it has printed", func() error {
		log, err := w.Client.Log(t.Context(), "default", id, client.LogWindow{Attempt: 1, From: 1, Limit: 1})
		if err != nil || len(log.Lines) == 0 {
			return fmt.Errorf("no line yet: %w", errors.Join(err))
		}
		line = log.Lines[0].Text
		return nil
	})
	return line
}

// TestAHubThatIsRestartedBetweenCallsLosesAndDoublesNone: the script waits meanwhile.
func TestAHubThatIsRestartedBetweenCallsLosesAndDoublesNone(t *testing.T) {
	w := hubtest.New(t)
	run := w.Start(definition("counting", calling+`for i in $(seq 150); do call variable.increment '{"name":"n"}' || exit 3; done`))
	counted := func(least int64) func() error {
		return func() error {
			v, err := w.Client.Variable(t.Context(), "default", "n")
			var n int64
			if err == nil {
				err = json.Unmarshal(v.Value, &n)
			}
			if err == nil && n < least {
				err = fmt.Errorf("it is %d", n)
			}
			return err
		}
	}
	for _, least := range []int64{20, 70} {
		hubtest.Eventually(t, time.Minute, fmt.Sprintf("the script has counted to %d", least), counted(least))
		w.RestartHub()
	}
	done := w.Finish(run.ID, 3*time.Minute)
	var raw bytes.Buffer
	rawLog(t, w, done, &raw)
	want := ""
	for i := 1; i <= 150; i++ {
		want += fmt.Sprintf("%d\n", i)
	}
	if raw.String() != want {
		t.Errorf("the script was answered\n%s", raw.String())
	}
	if v, err := w.Client.Variable(t.Context(), "default", "n"); err != nil || string(v.Value) != "150" {
		t.Errorf("the counter is %s, %v", v.Value, err)
	}
}
