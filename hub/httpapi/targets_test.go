package httpapi_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/cronium/cronium/hub/httpapi"
	"github.com/cronium/cronium/hub/run"
	"github.com/cronium/cronium/proto/frame"
)

// fanOut is a run of web-1 and web-2, both let go.
func (w *world) fanOut(retries int) run.Run {
	w.t.Helper()
	var made []run.Run
	err := w.db.InTx(w.t.Context(), func(tx pgx.Tx) (err error) {
		made, err = w.runs.Create(w.t.Context(), tx, []run.Request{{
			Project: w.ours.ID, JobID: uuid.New(), JobName: "roll", JobVersion: 1, Trigger: run.ByHand, StartedBy: adminEmail, Retry: run.Retry{Max: retries},
			FanOut: &run.FanOut{Targets: []run.Target{
				{Name: "web-1", Labels: map[string]string{"host": "web-1"}}, {Name: "web-2", Labels: map[string]string{"host": "web-2"}},
			}},
		}})
		return err
	})
	if err != nil {
		w.t.Fatal(err)
	}
	w.look()
	return made[0]
}

func (w *world) look() {
	w.t.Helper()
	for n := 1; n > 0; {
		var err error
		if n, err = w.runs.FanOuts(w.t.Context()); err != nil {
			w.t.Fatal(err)
		}
	}
}

// takes lets a host take what is for it.
func (w *world) takes(host string) (agent uuid.UUID, ref run.Ref) {
	w.t.Helper()
	agent = uuid.New()
	claimed, err := w.runs.Claim(w.t.Context(), agent, 1, map[string]string{"host": host}, w.ours.ID, 1)
	if err != nil || len(claimed) != 1 {
		w.t.Fatalf("Claim for %s = %d, %v", host, len(claimed), err)
	}
	if _, err := w.runs.Accept(w.t.Context(), agent, []run.Ref{claimed[0].Ref}); err != nil {
		w.t.Fatal(err)
	}
	return agent, claimed[0].Ref
}

func texts(l httpapi.TargetsLog) string {
	var words []string
	for _, line := range l.Lines {
		words = append(words, line.Target+":"+line.Text)
	}
	return strings.Join(words, " ")
}

func TestARunOfManyTargetsIsShownWithThem(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	r := w.fanOut(0)
	agent, ref := w.takes("web-1")
	w.finish(agent, ref, 0)
	w.takes("web-2")
	w.look()
	shown := decode[httpapi.Run](t, w.want(200, "GET", "/api/v1/projects/default/runs/"+r.Public(), ""))
	if shown.State != "running" || shown.Targets == nil || *shown.Targets != (httpapi.TargetCounts{Total: 2, Running: 1, Succeeded: 1}) {
		t.Fatalf("the run is %s with %+v", shown.State, shown.Targets)
	}
	list := decode[httpapi.Page[httpapi.RunSummary]](t, w.want(200, "GET", "/api/v1/projects/default/runs", ""))
	if len(list.Items) != 1 || list.Items[0].ID != r.Public() || list.Items[0].Targets.Succeeded != 1 {
		t.Fatalf("the list is %+v, want the one run with its counts", list.Items)
	}
	list = decode[httpapi.Page[httpapi.RunSummary]](t, w.want(200, "GET", "/api/v1/projects/default/runs?parent="+r.Public(), ""))
	if len(list.Items) != 2 || list.Items[0].Target != "web-1" || list.Items[0].State != "succeeded" || list.Items[1].Target != "web-2" || list.Items[1].Parent != r.Public() {
		t.Fatalf("its targets are %+v", list.Items)
	}
	w.want(404, "GET", "/api/v1/projects/default/runs?parent=nothing", "")
}

func TestTheLogsOfTargetsAreReadAsOne(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	r := w.fanOut(1)
	path := "/api/v1/projects/default/runs/" + r.Public() + "/log/targets"
	one, a := w.takes("web-1")
	two, b := w.takes("web-2")
	offA := w.print(a, 0, frame.Stdout, "one\ntw")
	offB := w.print(b, 0, frame.Stderr, "eins\n")
	got := decode[httpapi.TargetsLog](t, w.want(200, "GET", path, ""))
	if texts(got) != "web-1:one web-2:eins" || got.Complete || got.Ended || got.Lines[1].Stream != "err" || got.Lines[0].Run == r.Public() {
		t.Fatalf("the beginning is %+v", got)
	}

	// Whoever waits is answered as soon as there is something.
	answered := make(chan reply, 1)
	go func() { answered <- w.do("GET", path+"?wait=20&cursor="+got.Cursor, "") }()
	offA = w.print(a, offA, frame.Stdout, "o\n")
	got = decode[httpapi.TargetsLog](t, <-answered)
	if texts(got) != "web-1:two" || got.Lines[0].N != 2 {
		t.Fatalf("what followed is %+v", got)
	}

	// The second attempt of a target follows the first.
	w.finish(one, a, offA)
	if _, err := w.runs.Finish(t.Context(), two, []run.Result{{Ref: b, Outcome: run.OutcomeFailed, ExitCode: 1, LogBytes: offB}}); err != nil {
		t.Fatal(err)
	}
	if err := w.logs.Complete(t.Context(), b.RunID, b.Attempt, offB); err != nil {
		t.Fatal(err)
	}
	again, b2 := w.takes("web-2")
	w.finish(again, b2, w.print(b2, 0, frame.Stdout, "zwei"))
	w.look()
	var rest []string
	for !got.Complete {
		got = decode[httpapi.TargetsLog](t, w.want(200, "GET", path+"?cursor="+got.Cursor, ""))
		for _, l := range got.Lines {
			rest = append(rest, l.Target+":"+l.Text)
		}
	}
	if len(rest) != 1 || rest[0] != "web-2:zwei" || !got.Ended {
		t.Fatalf("the rest is %q, %+v", rest, got)
	}
	raw := w.want(200, "GET", "/api/v1/projects/default/runs/"+r.Public()+"/log/raw", "")
	if text := string(raw.body); text != "[web-1] one\n[web-1] two\n[web-2] eins\n[web-2] zwei\n" {
		t.Fatalf("the download is %q", text)
	}
	raw = w.want(200, "GET", "/api/v1/projects/default/runs/"+r.Public()+"/log/raw?stream=stderr", "")
	if text := string(raw.body); text != "[web-2] eins\n" {
		t.Fatalf("the download of one stream is %q", text)
	}
}

func TestALogIsAskedForWhereItIs(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	many, single := w.fanOut(0), w.newRun(w.ours)
	runs := "/api/v1/projects/default/runs/"
	for path, code := range map[string]string{
		runs + many.Public() + "/log": "run_fans_out", runs + many.Public() + "/log/raw?attempt=1": "run_fans_out",
		runs + single.Public() + "/log/targets": "run_has_one_target",
	} {
		if got := w.want(409, "GET", path, ""); got.code() != code {
			t.Errorf("%s = %s, want %s", path, got.code(), code)
		}
	}
	for _, cursor := range []string{"!", "AA", "AQ", "AQEBAQEB", strings.Repeat("AQEB", 2000)} {
		w.want(422, "GET", runs+many.Public()+"/log/targets?cursor="+cursor, "")
	}
	for _, bad := range []string{"?wait=21", "?limit=0", "?wait=-1"} {
		w.want(422, "GET", runs+many.Public()+"/log/targets"+bad, "")
	}
	s := w.open(w.admin)
	s.say(`{"op":"sub","id":1,"topic":"log","project":"default","run":%q}`, many.Public())
	if m := s.hear(); m.Type != "error" || m.Problem == nil || m.Problem.Code != "run_fans_out" {
		t.Errorf("the socket says %+v", m)
	}
	began := time.Now()
	got := decode[httpapi.TargetsLog](t, w.want(200, "GET", runs+many.Public()+"/log/targets?wait=1", ""))
	if len(got.Lines) > 0 || got.Complete || time.Since(began) < time.Second {
		t.Errorf("without news the answer came after %s: %+v", time.Since(began), got)
	}
}
