package httpapi_test

import (
	"bytes"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/cronium/cronium/hub/httpapi"
	"github.com/cronium/cronium/hub/project"
	"github.com/cronium/cronium/hub/run"
	"github.com/cronium/cronium/hub/runlog"
	"github.com/cronium/cronium/proto/frame"
)

// running is a run whose script has begun.
func (w *world) running(p project.Project) (run.Run, run.Ref) {
	r := w.newRun(p)
	_, ref := w.begin(p, r.ID)
	return r, ref
}

func TestALogIsReadByLine(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	r, ref := w.running(w.ours)
	off := w.print(ref, 0, frame.Stdout, "one\n\xfe\ntw")
	off = w.print(ref, off, frame.Stderr, "o\n")
	off = w.print(ref, off, frame.System, "output was dropped\n")
	w.print(ref, off, frame.Stdout, "open")
	path := "/api/v1/projects/default/runs/" + r.Public() + "/log"
	log := decode[httpapi.Log](t, w.want(200, "GET", path+"?from=2&limit=3", ""))
	if log.From != 2 || log.Total != 5 || log.Complete || log.Open || len(log.Lines) != 3 {
		t.Fatalf("lines 2 to 4 = %+v", log)
	}
	for i, want := range []httpapi.LogLine{{N: 2, Stream: "out", Text: "\uFFFD"}, {N: 3, Stream: "out", Text: "two"}, {N: 4, Stream: "sys", Text: "output was dropped"}} {
		if got := log.Lines[i]; got.N != want.N || got.Stream != want.Stream || got.Text != want.Text || got.Cut {
			t.Errorf("line %d = %+v, want %+v", i, got, want)
		}
	}
	if log = decode[httpapi.Log](t, w.want(200, "GET", path, "")); !log.Open || len(log.Lines) != 5 || log.Lines[4].Text != "open" {
		t.Fatalf("the whole log = %+v, want an open last line", log)
	}
	if log = decode[httpapi.Log](t, w.want(200, "GET", path+"?from=6", "")); len(log.Lines) != 0 || log.Total != 5 {
		t.Fatalf("beyond the end = %+v", log)
	}
	w.want(404, "GET", path+"?attempt=2", "")
	for _, bad := range []string{"?from=0", "?limit=0", "?limit=5001", "?attempt=x"} {
		w.want(422, "GET", path+bad, "")
	}
}

func TestALongLineIsCutInAnAnswer(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	r, ref := w.running(w.ours)
	off := int64(0)
	for range 3 {
		off = w.print(ref, off, frame.Stdout, strings.Repeat("x", frame.MaxData))
	}
	w.print(ref, off, frame.Stdout, "\n")
	log := decode[httpapi.Log](t, w.want(200, "GET", "/api/v1/projects/default/runs/"+r.Public()+"/log", ""))
	if line := log.Lines[0]; !line.Cut || line.Length != 3*frame.MaxData || len(line.Text) != runlog.MaxLine {
		t.Fatalf("the line = cut %v, length %d, %d bytes of text", line.Cut, line.Length, len(line.Text))
	}
}

func TestTheRawLogIsExactlyWhatTheScriptWrote(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	r, ref := w.running(w.ours)
	off := w.print(ref, 0, frame.Stdout, "out\x00\xff<script>\n")
	off = w.print(ref, off, frame.Stderr, "err\n")
	w.print(ref, off, frame.System, "ours\n")
	path := "/api/v1/projects/default/runs/" + r.Public() + "/log/raw"
	for query, want := range map[string]string{
		"": "out\x00\xff<script>\nerr\n", "?stream=all": "out\x00\xff<script>\nerr\n",
		"?stream=stdout&attempt=1": "out\x00\xff<script>\n", "?stream=stderr": "err\n",
	} {
		got := w.want(200, "GET", path+query, "")
		if string(got.body) != want {
			t.Errorf("raw%s = %q, want %q", query, got.body, want)
		}
		if got.header.Get("Content-Type") != "application/octet-stream" || !strings.HasPrefix(got.header.Get("Content-Disposition"), "attachment") ||
			got.header.Get("X-Content-Type-Options") != "nosniff" {
			t.Errorf("raw%s headers = %v", query, got.header)
		}
	}
	for _, bad := range []string{"?stream=both", "?attempt=0", "?attempt=x", "?download=1"} {
		w.want(422, "GET", path+bad, "")
	}
	w.want(404, "GET", path+"?attempt=2", "")
	w.want(404, "GET", "/api/v1/projects/other/runs/"+r.Public()+"/log/raw", "")
	if queued := w.want(200, "GET", "/api/v1/projects/default/runs/"+w.newRun(w.ours).Public()+"/log/raw", ""); len(queued.body) != 0 {
		t.Errorf("the raw log of a queued run has %d bytes", len(queued.body))
	}
}

// A result overtakes the log that was sent before it, and a download right after
// the end must be whole all the same.
func TestADownloadWaitsForTheRestOfAnEndedLog(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	r := w.newRun(w.ours)
	agent, ref := w.begin(w.ours, r.ID)
	off := w.print(ref, 0, frame.Stdout, "one\n")
	rest := frame.Append(nil, frame.Stdout, time.UnixMilli(1_700_000_000_123), []byte("two\n"))
	w.finish(agent, ref, off+int64(len(rest)))
	got := make(chan string)
	go func() { got <- string(w.do("GET", "/api/v1/projects/default/runs/"+r.Public()+"/log/raw", "").body) }()
	select {
	case early := <-got:
		t.Fatalf("the download ended with %q before the log did", early)
	case <-time.After(300 * time.Millisecond):
	}
	w.print(ref, off, frame.Stdout, "two\n")
	if body := <-got; body != "one\ntwo\n" {
		t.Errorf("the download is %q, want both lines", body)
	}
}

// A client that reads nothing must delay nobody else and cost little.
func TestASlowSocketWaitsAlone(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	r, ref := w.running(w.ours)
	var chunks []runlog.Chunk
	off, line := int64(0), strings.Repeat("z", 199)+"\n"
	for range 400 { // about 25 MB
		frames := frame.Append(nil, frame.Stdout, time.UnixMilli(1), []byte(strings.Repeat(line, 160)))
		frames = frame.Append(frames, frame.Stdout, time.UnixMilli(1), []byte(strings.Repeat(line, 160)))
		chunks = append(chunks, runlog.Chunk{RunID: ref.RunID, Attempt: 1, Offset: off, Frames: frames})
		off += int64(len(frames))
	}
	if _, err := w.logs.Append(t.Context(), chunks); err != nil {
		t.Fatal(err)
	}
	slow := w.open(w.admin)
	slow.say(`{"op":"sub","id":1,"topic":"log","project":"default","run":%q}`, r.Public())
	fast := w.open(w.admin)
	fast.say(`{"op":"sub","id":1,"topic":"log","project":"default","run":%q}`, r.Public())
	for next := int64(1); next <= 400*320; {
		m := fast.hear()
		if m.Type != "log" || m.From != next || len(m.At) > 2000 || len(m.Text) > 512<<10 {
			t.Fatalf("batch from %d: type %s from %d, %d lines, %d bytes", next, m.Type, m.From, len(m.At), len(m.Text))
		}
		next += int64(len(m.At))
	}
	if m := slow.hear(); m.From != 1 {
		t.Fatalf("the slow reader begins at %d", m.From)
	}
}

// Whatever a script prints, an answer is JSON that the browser shows as text.
func TestHostileOutputStaysText(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	r, ref := w.running(w.ours)
	w.print(ref, 0, frame.Stdout, "</script><img src=x onerror=alert(1)>\x1b]0;title\x07\u2028\n")
	got := w.want(200, "GET", "/api/v1/projects/default/runs/"+r.Public()+"/log", "")
	if ct := got.header.Get("Content-Type"); ct != "application/json" {
		t.Fatalf("Content-Type = %s", ct)
	}
	if bytes.ContainsRune(got.body, 0x1b) {
		t.Fatal("the answer holds a raw escape character")
	}
}

func TestOddIDsAreNotFound(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for _, id := range []string{"r_1", "1%20OR%201=1", "..%2f..%2fetc", "%2e%2e", "r_" + strings.Repeat("v", 26), "R_0DK3C9P5V4S3P9J2N0Q4C7G5F8", "nil"} {
		for _, path := range []string{"/runs/" + id, "/runs/" + id + "/log", "/schedules/" + id, "/hosts/" + id} {
			if got := w.do("GET", "/api/v1/projects/default"+path, ""); got.status != http.StatusNotFound {
				t.Errorf("GET %s = %d %s, want 404", path, got.status, clip(got.body))
			}
		}
		if got := w.do("GET", "/api/v1/projects/"+id+"/runs", ""); got.status != http.StatusNotFound {
			t.Errorf("project %s = %d %s, want 404", id, got.status, clip(got.body))
		}
	}
}

func TestRunsAreListedFilteredAndPaged(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	var made []string
	for range 5 {
		made = append(made, w.newRun(w.ours).Public())
	}
	w.newRun(w.theirs)
	var seen []string
	for cursor := ""; ; {
		page := decode[httpapi.Page[httpapi.RunSummary]](t, w.want(200, "GET", "/api/v1/projects/default/runs?limit=2&state=queued,running&cursor="+cursor, ""))
		for _, r := range page.Items {
			seen = append(seen, r.ID)
		}
		if cursor = page.NextCursor; cursor == "" {
			break
		}
	}
	if len(seen) != 5 || seen[0] != made[4] || seen[4] != made[0] {
		t.Fatalf("listed %v, want %v newest first", seen, made)
	}
	if none := decode[httpapi.Page[httpapi.RunSummary]](t, w.want(200, "GET", "/api/v1/projects/default/runs?state=failed,skipped", "")); len(none.Items) != 0 {
		t.Fatalf("failed runs = %v, want none", none.Items)
	}
	for _, bad := range []string{"limit=0", "limit=201", "state=done", "cursor=x", "trigger=cat", "sort=password_hash"} {
		w.want(422, "GET", "/api/v1/projects/default/runs?"+bad, "")
	}
}

func TestARunIsCancelledOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	r := w.newRun(w.ours)
	path := "/api/v1/projects/default/runs/" + r.Public()
	if got := decode[httpapi.Run](t, w.want(202, "POST", path+"/cancel", "")); got.State != "cancelled" || got.Outcome == nil {
		t.Fatalf("cancel of a queued run = %+v", got)
	}
	if got := w.want(409, "POST", path+"/cancel", ""); got.code() != "run_already_finished" {
		t.Fatalf("second cancel = %s", got.body)
	}
}
