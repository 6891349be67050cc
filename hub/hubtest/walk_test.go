package hubtest_test

import (
	"context"
	"errors"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/cronium/cronium/agent/executor/docker/dockertest"
	"github.com/cronium/cronium/hub/hubtest"
	"github.com/cronium/cronium/sdk/client"
)

func TestMain(m *testing.M) {
	code := m.Run()
	hubtest.RemoveRunner()
	dockertest.Stop()
	os.Exit(code)
}

func definition(name, source string) client.Definition {
	return client.Definition{
		APIVersion: "cronium/v1", Kind: "Job", Metadata: client.Metadata{Name: name},
		Spec: client.DefinitionSpec{Spec: client.Spec{Script: client.Script{Language: "bash", Source: source}}},
	}
}

func put(t *testing.T, w *hubtest.World, d client.Definition) {
	t.Helper()
	if _, err := w.Client.PutJob(t.Context(), "default", d, client.PutOptions{}); err != nil {
		t.Fatalf("put %s: %v", d.Metadata.Name, err)
	}
}

// TestWalkOneAScheduleFiresAndALineAppearsInABrowser is walk one of hub/doc.go,
// seen from outside: a schedule is due, the ledger has its row, one run was
// started by it, its script's lines come over the WebSocket while it runs, and it
// ends with the script's outcome.
func TestWalkOneAScheduleFiresAndALineAppearsInABrowser(t *testing.T) {
	w := hubtest.New(t)
	d := definition("walk", `echo "line one of $CRONIUM_JOB"; echo "to stderr" >&2; sleep 0.5; echo "the last line"`)
	d.Spec.Schedules = []client.ScheduleWish{{Name: "soon", Cron: "@every 2s"}}
	put(t, w, d)

	var run client.RunSummary
	hubtest.Eventually(t, 30*time.Second, "the schedule has started a run", func() error {
		page, err := w.Client.Runs(t.Context(), "default", client.RunFilter{Job: "walk"}, client.Paging{})
		if err != nil {
			return err
		}
		if len(page.Items) == 0 {
			return errors.New("no runs yet")
		}
		run = page.Items[len(page.Items)-1]
		return nil
	})
	if run.Trigger != "schedule" || run.Schedule == "" {
		t.Errorf("run %s has trigger %q and schedule %q, want one that a schedule started", run.ID, run.Trigger, run.Schedule)
	}

	lines := follow(t, w, run.ID)
	if want := []string{"out line one of walk", "err to stderr", "out the last line"}; strings.Join(lines, "\n") != strings.Join(want, "\n") {
		t.Errorf("the followed log is\n%s\nwant\n%s", strings.Join(lines, "\n"), strings.Join(want, "\n"))
	}

	done := w.Finish(run.ID, 30*time.Second)
	if done.State != "succeeded" || done.ExitCode == nil || *done.ExitCode != 0 || done.Attempt != 1 || done.Host != "host-1" {
		t.Errorf("the run ended as %+v, want succeeded with exit code 0 at the first attempt on host-1", done.RunSummary)
	}
	checkLedger(t, w, run.ID)
}

// follow reads a log over the WebSocket until it is complete.
func follow(t *testing.T, w *hubtest.World, id string) []string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	var lines []string
	err := w.Client.FollowLog(ctx, "default", id, client.Follow{Attempt: 1}, func(batch client.LogBatch) error {
		for _, line := range batch.Lines {
			lines = append(lines[:line.N-1], line.Stream+" "+line.Text)
		}
		return nil
	})
	if err != nil {
		t.Fatalf("follow the log of %s: %v", id, err)
	}
	return lines
}

// checkLedger finds the fire that started the run, exactly once.
func checkLedger(t *testing.T, w *hubtest.World, id string) {
	t.Helper()
	schedules, err := w.Client.Schedules(t.Context(), "default", "walk", client.Paging{})
	if err != nil || len(schedules.Items) != 1 {
		t.Fatalf("the job has %d schedules (%v), want 1", len(schedules.Items), err)
	}
	found := 0
	for fire, err := range client.All(func(p client.Paging) (client.Page[client.Fire], error) {
		return w.Client.Fires(t.Context(), "default", schedules.Items[0].ID, p)
	}) {
		if err != nil {
			t.Fatal(err)
		}
		if fire.RunID == id && fire.Outcome == "started" {
			found++
		}
	}
	if found != 1 {
		t.Errorf("the ledger has the run %d times, want once", found)
	}
}
