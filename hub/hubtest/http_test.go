package hubtest

import (
	"bytes"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/cronium/cronium/sdk/client"
)

// The job of the page about HTTP jobs does what the page says: it has inputs, secret
// ones too, retries, a log and an outcome; and who asks is the agent's host.
func TestTheHTTPJobOfThePageAsksFromTheAgentsHost(t *testing.T) {
	const secret = "hunter2-hunter2"
	asked := 0
	service := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked++
		if r.Header.Get("Authorization") != "Bearer "+secret {
			http.Error(w, "who are you?", http.StatusUnauthorized)
			return
		}
		var got struct{ ID any }
		_ = json.NewDecoder(r.Body).Decode(&got)
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(map[string]any{"path": r.URL.Path, "id": got.ID, "said": r.Header.Get("Authorization"), "state": "open"})
	}))
	defer service.Close()

	m := NewMachine(t)
	m.CLI("apply", "-f", firstYAML(t, "../../docs/http-jobs.md"))
	if shown := m.CLI("jobs", "get", "order-check"); !strings.Contains(shown, "POST ${{ inputs.base }}/orders/") {
		t.Errorf("cronium jobs get:\n%s", shown)
	}
	ask := func(token string) (client.Run, string) {
		run, err := m.Client.StartRun(t.Context(), "default", "order-check", client.RunRequest{Inputs: map[string]any{"base": service.URL, "token": token}})
		if err != nil {
			t.Fatal(err)
		}
		run = m.Finish(run.ID, time.Minute)
		var log bytes.Buffer
		if err := m.Client.RawLog(t.Context(), "default", run.ID, run.Attempt, "all", &log); err != nil {
			t.Fatal(err)
		}
		return run, log.String()
	}
	run, log := ask(secret)
	if run.State != "succeeded" || !strings.Contains(log, `"path":"/orders/7","said":"Bearer ***"`) || strings.Contains(log, secret) || asked != 1 {
		t.Errorf("with its token the run is %s after %d requests (%+v), its log:\n%s", run.State, asked, run.Outcome, log)
	}
	run, log = ask("another-token")
	if run.State != "failed" || run.ExitCode == nil || *run.ExitCode != 1 || !strings.Contains(log, "status is 401, want 2xx") || run.Attempt != 3 {
		t.Errorf("with another token the run is %s at attempt %d (%+v), its log:\n%s", run.State, run.Attempt, run.Outcome, log)
	}
}

// firstYAML writes the first YAML of a page to a file.
func firstYAML(t *testing.T, page string) string {
	t.Helper()
	text, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	_, rest, found := strings.Cut(string(text), "```yaml\n")
	yaml, _, closed := strings.Cut(rest, "```")
	if !found || !closed {
		t.Fatalf("%s has no YAML", page)
	}
	path := filepath.Join(t.TempDir(), "job.yaml")
	if err := os.WriteFile(path, []byte(yaml), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}
