package hubtest

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cronium/cronium/agent"
	"github.com/cronium/cronium/sdk/client"
)

// threeHosts is a hub with web-1, web-2 and web-3, and another host.
func threeHosts(t *testing.T) *World {
	t.Helper()
	w := NewHub(t)
	for _, name := range []string{"web-1", "web-2", "web-3"} {
		w.AddAgentWith(name, agent.Config{Labels: map[string]string{"role": "web"}})
	}
	w.AddAgent("other", nil)
	return w
}

func onAll(name, script string, f client.FanOut) client.Definition {
	return client.Definition{
		APIVersion: "cronium/v1", Kind: "Job", Metadata: client.Metadata{Name: name},
		Spec: client.DefinitionSpec{Spec: client.Spec{
			Script: client.Script{Language: "bash", Source: script}, FanOut: &f,
			Target: &client.Target{Labels: map[string]string{"role": "web"}},
		}},
	}
}

func (w *World) targets(parent string) []client.RunSummary {
	w.t.Helper()
	page, err := w.Client.Runs(w.t.Context(), "default", client.RunFilter{Parent: parent}, client.Paging{})
	if err != nil {
		w.t.Fatal(err)
	}
	return page.Items
}

// became says what has become of the targets.
func (w *World) became(parent string) string {
	w.t.Helper()
	var words []string
	for _, r := range w.targets(parent) {
		words = append(words, r.Target+" "+r.State)
	}
	return strings.Join(words, ", ")
}

func (w *World) rawLog(run string, attempt int) string {
	w.t.Helper()
	var log bytes.Buffer
	if err := w.Client.RawLog(w.t.Context(), "default", run, attempt, "", &log); err != nil {
		w.t.Fatal(err)
	}
	return log.String()
}

// sharedDir is a directory that every script may write to.
func sharedDir(t *testing.T) string {
	t.Helper()
	dir := openDir(t)
	if err := os.Chmod(dir, 0o777); err != nil { //nolint:gosec // every script's
		t.Fatal(err)
	}
	return dir
}

// alone is a script that fails when another like it is at work in the same
// directory, and leaves a line with its run and when it was there.
const alone = `
mkdir "%[1]s/lock" || { echo "somebody else is at work"; exit 9; }
echo "$CRONIUM_RUN_ID" >> "%[1]s/order"
chmod 0666 "%[1]s/order" 2>/dev/null || true
sleep 0.3
echo "hello from $CRONIUM_RUN_ID"
rmdir "%[1]s/lock"
`

func order(t *testing.T, dir string) []string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(dir, "order"))
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		t.Fatal(err)
	}
	return strings.Fields(string(text))
}

func idsOf(runs []client.RunSummary) []string {
	ids := make([]string, len(runs))
	for i, r := range runs {
		ids[i] = r.ID
	}
	return ids
}

func TestAJobRunsOnAllHostsOneAfterTheOther(t *testing.T) {
	w, dir := threeHosts(t), sharedDir(t)
	run := w.Start(onAll("roll", fmt.Sprintf(alone, dir), client.FanOut{MaxParallel: "1"}))
	if run.Targets == nil || run.Targets.Total != 3 {
		t.Fatalf("the run has the targets %+v, want 3", run.Targets)
	}
	ended := w.Finish(run.ID, time.Minute)
	if got := w.became(run.ID); ended.State != client.Succeeded || got != "web-1 succeeded, web-2 succeeded, web-3 succeeded" {
		t.Fatalf("the run is %s, %+v: %s", ended.State, ended.Outcome, got)
	}
	children := w.targets(run.ID)
	if got, want := order(t, dir), idsOf(children); !slices.Equal(got, want) {
		t.Fatalf("the targets ran as %v, want %v", got, want)
	}
	for i, c := range children {
		if c.Host != c.Target || c.Parent != run.ID {
			t.Errorf("the run of %s is on %s, of %s", c.Target, c.Host, c.Parent)
		}
		if own, want := w.rawLog(c.ID, c.Attempt), "hello from "+c.ID+"\n"; own != want {
			t.Errorf("the log of %s is %q, want %q", c.Target, own, want)
		}
		if i > 0 && c.StartedAt.Before(*children[i-1].FinishedAt) {
			t.Errorf("%s started before %s had ended", c.Target, children[i-1].Target)
		}
	}
	want := fmt.Sprintf("[web-1] hello from %s\n[web-2] hello from %s\n[web-3] hello from %s\n", children[0].ID, children[1].ID, children[2].ID)
	var followed strings.Builder
	err := w.Client.FollowTargets(t.Context(), "default", run.ID, nil, func(l client.TargetsLog) error {
		for _, line := range l.Lines {
			fmt.Fprintf(&followed, "[%s] %s\n", line.Target, line.Text)
		}
		return nil
	})
	if raw := w.rawLog(run.ID, 0); err != nil || raw != want || followed.String() != want {
		t.Errorf("the log of the run is %q, followed %q, %v; want %q", raw, followed.String(), err, want)
	}
	all, err := w.Client.Runs(t.Context(), "default", client.RunFilter{}, client.Paging{})
	if err != nil || len(all.Items) != 1 || all.Items[0].ID != run.ID {
		t.Errorf("the list has %d runs, %v; want the one", len(all.Items), err)
	}
}

// The second to start fails.
const secondFails = `
n=$(ls "%[1]s" | wc -l)
touch "%[1]s/$CRONIUM_RUN_ID"
if [ "$n" -eq 1 ]; then echo "cannot" >&2; exit 3; fi
`

func TestARunIsPartialWhenOneTargetFails(t *testing.T) {
	w := threeHosts(t)
	for _, c := range []struct {
		f             client.FanOut
		state, became string
		started       int
	}{
		{client.FanOut{MaxParallel: "1"}, client.Partial, "web-1 succeeded, web-2 failed, web-3 succeeded", 3},
		{client.FanOut{MaxParallel: "1", MaxFailures: "0"}, client.Partial, "web-1 succeeded, web-2 failed, web-3 cancelled", 2},
		{client.FanOut{MaxParallel: "33%", MaxFailures: "34%"}, client.Partial, "web-1 succeeded, web-2 failed, web-3 succeeded", 3},
	} {
		dir := sharedDir(t)
		run := w.Start(onAll("some", fmt.Sprintf(secondFails, dir), c.f))
		ended := w.Finish(run.ID, time.Minute)
		became := w.became(run.ID)
		if became != c.became || ended.State != c.state || ended.Outcome == nil || ended.Outcome.Code != "some_targets_failed" {
			t.Errorf("%+v: the run is %s, %+v: %s", c.f, ended.State, ended.Outcome, became)
		}
		if entries, err := os.ReadDir(dir); err != nil || len(entries) != c.started {
			t.Errorf("%+v: %d scripts started, %v; want %d", c.f, len(entries), err, c.started)
		}
	}
}

func TestCancellingARunCancelsItsTargets(t *testing.T) {
	w, dir := threeHosts(t), sharedDir(t)
	run := w.Start(onAll("long", fmt.Sprintf("touch %s/$CRONIUM_RUN_ID; sleep 300", dir), client.FanOut{MaxParallel: "2"}))
	Eventually(t, time.Minute, "two scripts run", func() error {
		if entries, err := os.ReadDir(dir); err != nil || len(entries) != 2 {
			return fmt.Errorf("%d scripts, %w", len(entries), err)
		}
		return nil
	})
	if _, err := w.Client.CancelRun(t.Context(), "default", run.ID); err != nil {
		t.Fatal(err)
	}
	ended := w.Finish(run.ID, time.Minute)
	if got := w.became(run.ID); ended.State != client.Cancelled || got != "web-1 cancelled, web-2 cancelled, web-3 cancelled" {
		t.Errorf("the run is %s, %+v: %s", ended.State, ended.Outcome, got)
	}
	if entries, err := os.ReadDir(dir); err != nil || len(entries) != 2 {
		t.Errorf("%d scripts started, %v; want 2", len(entries), err)
	}
}

func TestATargetThatIsOfflineFailsInTimeAndTheOthersRun(t *testing.T) {
	w := NewHub(t)
	w.AddAgent("web-1", map[string]string{"role": "web"})
	w.enrolled("web-2", agent.Config{Labels: map[string]string{"role": "web"}}) // and never seen
	run := w.Start(onAll("all", "true", client.FanOut{StartWithin: "3s"}))
	ended := w.Finish(run.ID, time.Minute)
	late := w.targets(run.ID)[1]
	if got := w.became(run.ID); ended.State != client.Partial || got != "web-1 succeeded, web-2 failed" {
		t.Fatalf("the run is %s: %s", ended.State, got)
	}
	if late.Outcome.Code != "target_not_started" || !strings.Contains(late.Outcome.Detail, "Offline: web-2") {
		t.Errorf("the late target ended with %+v", late.Outcome)
	}
}

func TestARunWithoutATargetFailsAlsoWhenAScheduleStartsIt(t *testing.T) {
	w := NewHub(t)
	d := onAll("nobody", "true", client.FanOut{})
	d.Spec.Schedules = []client.ScheduleWish{{Name: "soon", Cron: "@every 1s"}}
	if ended := w.Finish(w.Start(d).ID, time.Minute); ended.State != client.Failed || ended.Outcome.Code != "no_targets" ||
		ended.Outcome.Detail != "No host has the labels role=web" {
		t.Errorf("the run is %s, %+v", ended.State, ended.Outcome)
	}
	Eventually(t, 30*time.Second, "a scheduled run has failed", func() error {
		page, err := w.Client.Runs(t.Context(), "default", client.RunFilter{Trigger: "schedule", States: []string{client.Failed}}, client.Paging{})
		if err != nil || len(page.Items) == 0 || page.Items[0].Outcome.Code != "no_targets" {
			return fmt.Errorf("%d runs, %w", len(page.Items), err)
		}
		return nil
	})
}

func TestARunOnServersEndsPartlyWhenOneMayNotBeUsed(t *testing.T) {
	w := NewHub(t)
	w.AddAgent("host-1", map[string]string{"executor.ssh": "true"})
	for _, name := range []string{"db-1", "db-2"} {
		_, err := w.Client.AddServer(t.Context(), "default", client.ServerRequest{Name: name, Address: "192.0.2.1", User: "deploy", Credential: client.Opener{Generate: true}})
		if err != nil {
			t.Fatal(err)
		}
	}
	d := onAll("backup", "true", client.FanOut{})
	d.Spec.FanOut, d.Spec.Target = nil, &client.Target{Servers: []string{"db-2", "db-1"}}
	run := w.Start(d)
	ended := w.Finish(run.ID, time.Minute)
	if got := w.became(run.ID); ended.State != client.Failed || ended.Outcome.Code != "all_targets_failed" || got != "db-2 failed, db-1 failed" {
		t.Errorf("the run is %s, %+v: %s", ended.State, ended.Outcome, got)
	}
	if c := w.targets(run.ID)[0]; c.Outcome.Code != "host_key_unconfirmed" || c.Server != "db-2" {
		t.Errorf("a target ended on %s with %+v", c.Server, c.Outcome)
	}
}

func TestAFanOutGoesOnWhereItWasWhenTheHubRestarts(t *testing.T) {
	w, dir := threeHosts(t), sharedDir(t)
	run := w.Start(onAll("roll", fmt.Sprintf(alone, dir), client.FanOut{MaxParallel: "1"}))
	for n := range 2 {
		Eventually(t, time.Minute, "the next target has started", func() error {
			if got := len(order(t, dir)); got <= n {
				return fmt.Errorf("%d have", got)
			}
			return nil
		})
		w.RestartHub()
	}
	ended := w.Finish(run.ID, 2*time.Minute)
	if got := w.became(run.ID); ended.State != client.Succeeded || got != "web-1 succeeded, web-2 succeeded, web-3 succeeded" {
		t.Fatalf("the run is %s, %+v: %s", ended.State, ended.Outcome, got)
	}
	if got, want := order(t, dir), idsOf(w.targets(run.ID)); !slices.Equal(got, want) {
		t.Fatalf("the targets ran as %v, want each once: %v", got, want)
	}
}

// threeMachines is a machine with two more agents, all of them with the role web.
func threeMachines(t *testing.T) *Machine {
	t.Helper()
	m := NewHubMachine(t)
	bin := binDir(t)
	for _, name := range []string{"web-1", "web-2", "web-3"} {
		token, err := m.Client.CreateJoinToken(t.Context(), "default", client.JoinTokenRequest{Name: name, Labels: map[string]string{"role": "web"}})
		if err != nil {
			t.Fatal(err)
		}
		dir := filepath.Join(m.Dir, name)
		enrol := exec.CommandContext(t.Context(), filepath.Join(bin, "cronium-agent"), "enrol", "--hub", m.AgentsAddr, "--token-file", "-", "--data-dir", dir)
		enrol.Stdin = strings.NewReader(token.Token)
		if out, err := enrol.CombinedOutput(); err != nil {
			t.Fatalf("cronium-agent enrol: %v\n%s", err, out)
		}
		newProcess(t, m.Dir, filepath.Join(bin, "cronium-agent"), nil, "run", "--data-dir", dir, "--runner", filepath.Join(bin, "cronium-runner")).Start()
		Eventually(t, 30*time.Second, name+" is online", func() error { return online(t.Context(), m.Client, name) })
	}
	return m
}

// The job of the page about many targets does what the page says.
func TestTheJobOfThePageAboutManyTargetsRunsOnAll(t *testing.T) {
	m := threeMachines(t)
	m.CLI("apply", "-f", firstYAML(t, "../../docs/many-targets.md"))
	if log, want := m.CLI("run", "upgrade-web", "-w", "-q"), "[web-1] upgrading\n[web-1] done\n[web-2] upgrading\n[web-2] done\n[web-3] upgrading\n[web-3] done\n"; log != want {
		t.Errorf("the log is %q, want %q", log, want)
	}
	if shown := m.CLI("runs", "get", "upgrade-web"); !strings.Contains(shown, "targets\t3: 3 succeeded") {
		t.Errorf("cronium runs get:\n%s", shown)
	}
}

// A hub that is killed between any two targets goes on with the next one, and starts
// none twice.
func TestAFanOutSurvivesKillsOfTheHub(t *testing.T) {
	m := threeMachines(t)
	dir := m.OpenDir("witness")
	if _, err := m.Client.PutJob(t.Context(), "default", onAll("roll", fmt.Sprintf(alone, dir), client.FanOut{MaxParallel: "1"}), client.PutOptions{}); err != nil {
		t.Fatal(err)
	}
	run, err := m.Client.StartRun(t.Context(), "default", "roll", client.RunRequest{})
	if err != nil {
		t.Fatal(err)
	}
	for n := range 3 {
		Eventually(t, time.Minute, "the next target has started", func() error {
			if got := len(order(t, dir)); got <= n {
				return fmt.Errorf("%d have", got)
			}
			return nil
		})
		m.Hub.Kill()
		m.Hub.Start()
		m.AwaitHub()
	}
	ended := m.Finish(run.ID, 2*time.Minute)
	page, err := m.Client.Runs(t.Context(), "default", client.RunFilter{Parent: run.ID}, client.Paging{})
	if err != nil {
		t.Fatal(err)
	}
	if got, want := order(t, dir), idsOf(page.Items); ended.State != client.Succeeded || !slices.Equal(got, want) {
		t.Fatalf("the run is %s, %+v; the targets ran as %v, want each once: %v", ended.State, ended.Outcome, got, want)
	}
}
