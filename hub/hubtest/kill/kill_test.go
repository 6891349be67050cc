// Package kill holds the hub, the agent and PostgreSQL to their promise with
// kill -9: every run ends with its true outcome, started once, and its log is
// what the script wrote.
package kill

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/cronium/cronium/hub/hubtest"
	"github.com/cronium/cronium/sdk/client"
)

// witness writes, outside the product, when it started and every byte that it
// printed, and ends with the exit code that it was asked for.
const witness = `
w=$CRONIUM_INPUT_WITNESS/$CRONIUM_RUN_ID.$CRONIUM_ATTEMPT
echo $$ >> "$w.starts"
for ((i = 1; i <= CRONIUM_INPUT_LINES; i++)); do
	line="$CRONIUM_RUN_ID line $i $RANDOM $RANDOM"
	echo "$line" >> "$w.log"
	echo "$line"
	sleep 0.1
done
echo ended >> "$w.ends"
exit "$CRONIUM_INPUT_EXIT"
`

const (
	attackFor = 75 * time.Second
	perKind   = 24
)

func TestKillNineLosesNothing(t *testing.T) {
	t.Parallel()
	m := hubtest.NewMachine(t)
	dir := m.OpenDir("witness")
	put(t, m, dir)

	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	started := attack(t, m, random, attackFor, func() (client.Run, int, error) {
		exit := random.IntN(4) % 3
		run, err := m.Client.StartRun(t.Context(), "default", "witness", client.RunRequest{Inputs: map[string]any{"exit": exit}})
		return run, exit, err
	})
	// No new fires, so that the history is finite.
	if _, err := m.Client.PauseJob(t.Context(), "default", "witness"); err != nil {
		t.Fatalf("pause the witness job: %v", err)
	}

	var checked int
	for id, exit := range started {
		checkRun(t, m.Finish(id, 3*time.Minute), exit)
	}
	runs := allRuns(t, m)
	for _, summary := range runs {
		run := m.Finish(summary.ID, 3*time.Minute)
		checkWitness(t, m, dir, run)
		checked++
	}
	checkLedger(t, m, runs)
	t.Logf("checked %d runs, %d of them started by hand", checked, len(started))
	if checked < perKind {
		t.Fatalf("only %d runs were checked, want at least %d", checked, perKind)
	}
}

func put(t *testing.T, m *hubtest.Machine, dir string) {
	t.Helper()
	_, err := m.Client.PutJob(t.Context(), "default", client.Definition{
		APIVersion: "cronium/v1", Kind: "Job", Metadata: client.Metadata{Name: "witness"},
		Spec: client.DefinitionSpec{
			Spec: client.Spec{
				Script: client.Script{Language: "bash", Source: witness},
				Inputs: map[string]client.Input{
					"witness": {Type: "string", Default: dir},
					"lines":   {Type: "integer", Default: 25},
					"exit":    {Type: "integer", Default: 0},
				},
			},
			Schedules: []client.ScheduleWish{{Name: "often", Cron: "@every 5s", CatchUp: "all"}},
		},
	}, client.PutOptions{})
	if err != nil {
		t.Fatalf("put the witness job: %v", err)
	}
}

// attack starts runs and kills processes in turn, and leaves everything running.
// It returns the runs that it started with the exit code each shall have.
func attack(t *testing.T, m *hubtest.Machine, random *rand.Rand, length time.Duration, start func() (client.Run, int, error)) map[string]int {
	t.Helper()
	started, kills := map[string]int{}, map[string]int{}
	for end := time.Now().Add(length); time.Now().Before(end); {
		if len(started) < perKind {
			if run, exit, err := start(); err == nil {
				started[run.ID] = exit
			}
		}
		pause(t, time.Duration(300+random.IntN(1500))*time.Millisecond)
		switch victim := []string{"agent", "hub", "postgres"}[random.IntN(3)]; victim {
		case "agent":
			m.Agent.Kill()
			pause(t, time.Duration(random.IntN(2000))*time.Millisecond)
			m.Agent.Start()
			kills[victim]++
		case "hub":
			m.Hub.Kill()
			pause(t, time.Duration(random.IntN(1500))*time.Millisecond)
			m.Hub.Start()
			m.AwaitHub()
			kills[victim]++
		case "postgres":
			if pid := m.PostgresPID(); pid > 0 && syscall.Kill(pid, syscall.SIGKILL) == nil {
				kills[victim]++
			}
			m.AwaitHub()
		}
	}
	m.AwaitHub()
	m.AwaitAgent()
	t.Logf("kill -9: %v; %d runs started by hand", kills, len(started))
	for _, victim := range []string{"agent", "hub", "postgres"} {
		if kills[victim] == 0 {
			t.Fatalf("the attack never killed the %s", victim)
		}
	}
	return started
}

func checkRun(t *testing.T, run client.Run, exit int) {
	t.Helper()
	want := "succeeded"
	if exit != 0 {
		want = "failed"
	}
	if run.State != want || run.ExitCode == nil || *run.ExitCode != exit {
		t.Errorf("run %s is %s (exit %v, %+v), want %s with exit code %d", run.ID, run.State, run.ExitCode, run.Outcome, want, exit)
	}
}

// checkWitness holds a finished run against what its script wrote outside.
func checkWitness(t *testing.T, m *hubtest.Machine, dir string, run client.Run) {
	t.Helper()
	if run.State == "cancelled" || run.State == "skipped" {
		return
	}
	checkStarts(t, dir, run)
	base := filepath.Join(dir, fmt.Sprintf("%s.%d", run.ID, run.Attempt))
	want, err := os.ReadFile(base + ".log")
	if err != nil {
		t.Errorf("run %s: %v", run.ID, err)
		return
	}
	var got bytes.Buffer
	hubtest.Eventually(t, time.Minute, "the log of "+run.ID+" is what the script wrote", func() error {
		got.Reset()
		if err := m.Client.RawLog(t.Context(), "default", run.ID, run.Attempt, "all", &got); err != nil {
			return err
		}
		if !bytes.Equal(got.Bytes(), want) {
			return fmt.Errorf("got %d bytes, the script wrote %d", got.Len(), len(want))
		}
		return nil
	})
}

// checkStarts wants one start of the script, in the last attempt. The attempts
// before it were taken back while it was proven that nothing had started.
func checkStarts(t *testing.T, dir string, run client.Run) {
	t.Helper()
	for _, a := range run.Attempts {
		want := 0
		if a.Attempt == run.Attempt {
			want = 1
		} else if a.State != "revoked" {
			t.Errorf("run %s: attempt %d of %d is %s, want revoked: nothing was lost", run.ID, a.Attempt, run.Attempt, a.State)
		}
		starts, err := os.ReadFile(filepath.Join(dir, fmt.Sprintf("%s.%d.starts", run.ID, a.Attempt)))
		if err != nil && !os.IsNotExist(err) {
			t.Errorf("run %s: %v", run.ID, err)
		}
		if got := strings.Count(string(starts), "\n"); got != want {
			t.Errorf("run %s: the script of attempt %d was started %d times, want %d", run.ID, a.Attempt, got, want)
		}
	}
}

// checkLedger holds the scheduled runs against the fire ledger: each started fire
// has its run, and no two fires share one.
func checkLedger(t *testing.T, m *hubtest.Machine, runs []client.RunSummary) {
	t.Helper()
	byRun := map[string]bool{}
	for _, run := range runs {
		if run.Trigger == "schedule" {
			byRun[run.ID] = true
		}
	}
	schedules, err := m.Client.Schedules(t.Context(), "default", "witness", client.Paging{})
	if err != nil || len(schedules.Items) != 1 {
		t.Fatalf("schedules of the witness job: %d, %v; want 1", len(schedules.Items), err)
	}
	var planned []time.Time
	for fire, err := range client.All(func(p client.Paging) (client.Page[client.Fire], error) {
		return m.Client.Fires(t.Context(), "default", schedules.Items[0].ID, p)
	}) {
		if err != nil {
			t.Fatalf("fires: %v", err)
		}
		planned = append(planned, fire.PlannedAt)
		if fire.Outcome == "started" && !byRun[fire.RunID] {
			t.Errorf("the fire of %s says run %q, which is not there or belongs to another fire", fire.PlannedAt, fire.RunID)
		}
		delete(byRun, fire.RunID)
	}
	for id := range byRun {
		t.Errorf("run %s was started by a schedule and has no fire in the ledger", id)
	}
	for i := 1; i < len(planned); i++ {
		if gap := planned[i-1].Sub(planned[i]); gap != 5*time.Second {
			t.Errorf("between the fires of %s and %s lie %s, want 5s", planned[i], planned[i-1], gap)
		}
	}
	t.Logf("ledger: %d due occurrences, a row each", len(planned))
}

func allRuns(t *testing.T, m *hubtest.Machine) []client.RunSummary {
	t.Helper()
	var runs []client.RunSummary
	for run, err := range client.All(func(p client.Paging) (client.Page[client.RunSummary], error) {
		return m.Client.Runs(t.Context(), "default", client.RunFilter{Job: "witness"}, p)
	}) {
		if err != nil {
			t.Fatalf("list runs: %v", err)
		}
		runs = append(runs, run)
	}
	return runs
}

func pause(t *testing.T, d time.Duration) {
	select {
	case <-time.After(d):
	case <-t.Context().Done():
		t.Fatal(t.Context().Err())
	}
}
