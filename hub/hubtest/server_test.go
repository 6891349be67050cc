package hubtest_test

import (
	"errors"
	"testing"
	"time"

	"github.com/cronium/cronium/hub/hubtest"
	"github.com/cronium/cronium/sdk/client"
	"github.com/cronium/cronium/sdk/problem"
)

// A person who starts a job is told at once why its server cannot be used. A
// schedule has nobody to tell: its run is there, failed, with the same reason.
func TestAJobOnAServerThatNobodyTrustsSaysSo(t *testing.T) {
	w := hubtest.NewHub(t)
	w.AddAgent("host-1", map[string]string{"executor.ssh": "true"})
	_, err := w.Client.AddServer(t.Context(), "default", client.ServerRequest{Name: "db-1", Address: "192.0.2.1", User: "deploy", Credential: client.Opener{Generate: true}})
	if err != nil {
		t.Fatal(err)
	}
	d := definition("backup", "date")
	d.Spec.Target = &client.Target{Server: "db-1"}
	d.Spec.Schedules = []client.ScheduleWish{{Name: "soon", Cron: "@every 1s"}}
	put(t, w, d)
	if _, err := w.Client.StartRun(t.Context(), "default", "backup", client.RunRequest{}); !errors.Is(err, &problem.Problem{Code: "host_key_unconfirmed"}) {
		t.Fatalf("StartRun = %v, want host_key_unconfirmed", err)
	}
	var run client.RunSummary
	hubtest.Eventually(t, 30*time.Second, "a scheduled run has ended", func() error {
		page, err := w.Client.Runs(t.Context(), "default", client.RunFilter{Job: "backup", States: []string{client.Failed}}, client.Paging{})
		if err != nil {
			return err
		}
		if len(page.Items) == 0 {
			return errors.New("no runs yet")
		}
		run = page.Items[0]
		return nil
	})
	if run.Outcome == nil || run.Outcome.Code != "host_key_unconfirmed" || run.Outcome.Hint == "" || run.Host != "db-1" || run.Server != "db-1" {
		t.Fatalf("the scheduled run is %+v, %+v", run, run.Outcome)
	}
}
