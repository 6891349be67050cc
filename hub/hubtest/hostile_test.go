package hubtest_test

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/cronium/cronium/agent"
	"github.com/cronium/cronium/agent/executor/executortest"
	"github.com/cronium/cronium/hub/hubtest"
	"github.com/cronium/cronium/sdk/client"
	"github.com/cronium/cronium/sdk/problem"
)

// TestHostileScripts sends what scripts really do through the whole way: nothing
// is lost, nothing is stuck, and what happened is said.
func TestHostileScripts(t *testing.T) {
	w := hubtest.New(t)
	t.Run("200 MB of output arrive as written", func(t *testing.T) {
		run := w.Start(definition("flood", `yes 'the quick brown fox jumps over the lazy dog 0123456789' | head -c 200000000`))
		got := sha256.New()
		rawLog(t, w, w.Finish(run.ID, 5*time.Minute), got)
		want := sha256.New()
		line := []byte("the quick brown fox jumps over the lazy dog 0123456789\n")
		_, _ = want.Write(bytes.Repeat(line, 200_000_000/len(line)+1)[:200_000_000])
		if !bytes.Equal(got.Sum(nil), want.Sum(nil)) {
			t.Error("the log is not what the script wrote")
		}
	})
	t.Run("a line of 10 MB is one line, cut only where it is shown", func(t *testing.T) {
		run := w.Start(definition("long-line", `head -c 10000000 /dev/zero | tr '\0' x; echo; echo after`))
		done := w.Finish(run.ID, time.Minute)
		var raw bytes.Buffer
		rawLog(t, w, done, &raw)
		if want := strings.Repeat("x", 10_000_000) + "\nafter\n"; raw.String() != want {
			t.Errorf("the log has %d bytes, want %d", raw.Len(), len(want))
		}
		page, err := w.Client.Log(t.Context(), "default", run.ID, client.LogWindow{Attempt: 1, From: 1, Limit: 10})
		if err != nil || len(page.Lines) != 2 || page.Lines[1].Text != "after" {
			t.Fatalf("the first lines are %d (%v), want the long one and then %q", len(page.Lines), err, "after")
		}
		if cut := page.Lines[0]; !cut.Cut || len(cut.Text) > 1<<20 {
			t.Errorf("the long line is shown with %d bytes, cut: %v; want a piece that says so", len(cut.Text), cut.Cut)
		}
	})
	t.Run("NUL and invalid UTF-8 are bytes like others", func(t *testing.T) {
		done := w.Finish(w.Start(definition("bytes", `printf 'a\0b\377\376\xc3(\r\n\x1b[31mred'`)).ID, time.Minute)
		var raw bytes.Buffer
		rawLog(t, w, done, &raw)
		if want := "a\x00b\xff\xfe\xc3(\r\n\x1b[31mred"; raw.String() != want {
			t.Errorf("the log is %q, want %q", raw.String(), want)
		}
	})
	t.Run("what a script leaves behind ends with it", func(t *testing.T) {
		dir := executortest.OpenDir(t)
		if err := os.Chmod(dir, 0o777); err != nil { // the script has a user of its own
			t.Fatal(err)
		}
		note := filepath.Join(dir, "pid")
		done := w.Finish(w.Start(definition("leaver", `setsid sh -c 'echo $$ >`+note+`; exec sleep 300' & while [ ! -s `+note+` ]; do sleep 0.05; done`)).ID, time.Minute)
		if done.State != "succeeded" {
			t.Errorf("the run is %s (%+v), want succeeded", done.State, done.Outcome)
		}
		text, err := os.ReadFile(note)
		if err != nil {
			t.Fatal(err)
		}
		pid, _ := strconv.Atoi(strings.TrimSpace(string(text)))
		if err := syscall.Kill(pid, 0); !errors.Is(err, syscall.ESRCH) {
			t.Errorf("process %d is still there (%v)", pid, err)
		}
	})
	t.Run("a script that ignores SIGTERM is killed after the grace", func(t *testing.T) {
		run := w.Start(definition("stubborn", `trap '' TERM INT HUP; echo ready; while :; do sleep 1; done`))
		hubtest.Eventually(t, 30*time.Second, "it has printed", func() error {
			if log, err := w.Client.Log(t.Context(), "default", run.ID, client.LogWindow{Attempt: 1, From: 1, Limit: 1}); err != nil || len(log.Lines) == 0 {
				return fmt.Errorf("no line yet: %w", errors.Join(err))
			}
			return nil
		})
		if _, err := w.Client.CancelRun(t.Context(), "default", run.ID); err != nil {
			t.Fatal(err)
		}
		if done := w.Finish(run.ID, 30*time.Second); done.State != "cancelled" {
			t.Errorf("the run is %s (%+v), want cancelled", done.State, done.Outcome)
		}
	})
	t.Run("a timeout is its own state", func(t *testing.T) {
		d := definition("late", `sleep 60`)
		d.Spec.Timeout = "1s"
		if done := w.Finish(w.Start(d).ID, 30*time.Second); done.State != "timed_out" {
			t.Errorf("the run is %s (%+v), want timed_out", done.State, done.Outcome)
		}
	})
	t.Run("a run that no host can take says why it waits", func(t *testing.T) {
		d := definition("nowhere", `true`)
		d.Spec.Target = &client.Target{Labels: map[string]string{"os": "plan9"}}
		run := w.Start(d)
		hubtest.Eventually(t, 20*time.Second, "the run says why it waits", func() error {
			got, err := w.Client.Run(t.Context(), "default", run.ID)
			if err == nil && (got.State != "queued" || got.Reason == nil || !strings.Contains(got.Reason.Detail, "os=plan9")) {
				err = fmt.Errorf("it is %s because of %+v", got.State, got.Reason)
			}
			return err
		})
	})
}

func rawLog(t *testing.T, w *hubtest.World, run client.Run, to interface{ Write([]byte) (int, error) }) {
	t.Helper()
	if run.State != "succeeded" {
		t.Fatalf("run %s is %s (%+v), want succeeded", run.ID, run.State, run.Outcome)
	}
	if err := w.Client.RawLog(t.Context(), "default", run.ID, run.Attempt, "all", to); err != nil {
		t.Fatal(err)
	}
}

// TestBadSchedulesAreRefusedWithTheirReason asks as the CLI and the dashboard do.
func TestBadSchedulesAreRefusedWithTheirReason(t *testing.T) {
	w := hubtest.NewHub(t)
	for _, c := range []struct{ cron, zone, code, field string }{
		{"0 0 30 2 *", "", "invalid_schedule", "spec.schedules[0].cron"},
		{"61 * * * *", "", "invalid_schedule", "spec.schedules[0].cron"},
		{"0 0 * *", "", "invalid_schedule", "spec.schedules[0].cron"},
		{"0 0 * * *", "Mars/Olympus", "unknown_timezone", "spec.schedules[0].zone"},
	} {
		d := definition("never", "true")
		d.Spec.Schedules = []client.ScheduleWish{{Name: "s", Cron: c.cron, Zone: c.zone}}
		_, err := w.Client.PutJob(t.Context(), "default", d, client.PutOptions{})
		p, ok := problem.As(err)
		if !ok || p.Code != c.code || p.Field != c.field || p.Hint == "" {
			t.Errorf("cron %q in zone %q: %+v at %q (hint %q), want %s at %s with a hint", c.cron, c.zone, err, p.Field, p.Hint, c.code, c.field)
		}
	}
}

// TestBadJoinTokensAreNamed enrols as cronium-agent does.
func TestBadJoinTokensAreNamed(t *testing.T) {
	w, other := hubtest.NewHub(t), hubtest.NewHub(t)
	fresh := func(w *hubtest.World) string {
		token, err := w.Client.CreateJoinToken(t.Context(), "default", client.JoinTokenRequest{})
		if err != nil {
			t.Fatal(err)
		}
		return token.Token
	}
	used := fresh(w)
	enrol := func(token string) error {
		_, err := agent.Enrol(t.Context(), agent.Enrolment{Hub: w.AgentsAddr, Token: token, DataDir: t.TempDir()})
		return err
	}
	if err := enrol(used); err != nil {
		t.Fatalf("enrol with a fresh token: %v", err)
	}
	cut := fresh(w)
	for name, c := range map[string]struct{ token, code string }{
		"used":      {used, "join_token_used"},
		"truncated": {cut[:len(cut)-5], "join_token_invalid"},
		"mistyped":  {cut[:len(cut)-1] + map[bool]string{true: "b", false: "a"}[cut[len(cut)-1] == 'a'], "join_token_invalid"},
		"empty":     {"", "join_token_invalid"},
		"of another hub, whose authority it pins": {fresh(other), "hub_identity_mismatch"},
	} {
		if p, ok := problem.As(enrol(c.token)); !ok || p.Code != c.code || p.Hint == "" {
			t.Errorf("a token that is %s: %+v, want %s with a hint", name, p, c.code)
		}
	}
	if err := enrol(cut); err != nil {
		t.Errorf("a token that was only mistyped before is good for nothing now: %v", err)
	}
}
