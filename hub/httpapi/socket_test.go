package httpapi_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"
	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/cronium/cronium/hub/authz"
	"github.com/cronium/cronium/hub/httpapi"
	"github.com/cronium/cronium/hub/project"
	"github.com/cronium/cronium/hub/run"
	"github.com/cronium/cronium/hub/runlog"
	"github.com/cronium/cronium/proto/frame"
)

// socket is a client of the WebSocket.
type socket struct {
	t    *testing.T
	conn *websocket.Conn
}

type said struct {
	ID       int64                `json:"id"`
	Type     string               `json:"type"`
	From     int64                `json:"from"`
	At       []int64              `json:"at"`
	Streams  string               `json:"streams"`
	Text     string               `json:"text"`
	Open     bool                 `json:"open"`
	Total    int64                `json:"total"`
	Complete bool                 `json:"complete"`
	Attempt  int                  `json:"attempt"`
	Run      *httpapi.Run         `json:"run"`
	Runs     []httpapi.RunSummary `json:"runs"`
	Hosts    []httpapi.Host       `json:"hosts"`
	Problem  *httpapi.Problem     `json:"problem"`
}

func (w *world) dial(options ...option) (*socket, int) {
	w.t.Helper()
	r, _ := http.NewRequest(http.MethodGet, w.url, nil)
	for _, o := range options {
		o(r)
	}
	ctx, cancel := context.WithTimeout(w.t.Context(), 10*time.Second)
	defer cancel()
	conn, response, err := websocket.Dial(ctx, w.url+"/api/v1/ws", &websocket.DialOptions{
		HTTPHeader: r.Header, Subprotocols: []string{"cronium.v1"}, Host: r.Host,
	})
	if err != nil {
		if response == nil {
			w.t.Fatalf("dial: %v", err)
		}
		return nil, response.StatusCode
	}
	conn.SetReadLimit(16 << 20)
	w.t.Cleanup(func() { _ = conn.CloseNow() })
	return &socket{w.t, conn}, response.StatusCode
}

func (w *world) open(token string) *socket {
	w.t.Helper()
	s, status := w.dial(as(token))
	if s == nil {
		w.t.Fatalf("dial = %d", status)
	}
	return s
}

func (s *socket) say(format string, args ...any) {
	s.t.Helper()
	if err := s.conn.Write(s.t.Context(), websocket.MessageText, fmt.Appendf(nil, format, args...)); err != nil {
		s.t.Fatalf("write: %v", err)
	}
}

func (s *socket) hear() said {
	s.t.Helper()
	m, err := s.read()
	if err != nil {
		s.t.Fatalf("read: %v", err)
	}
	return m
}

func (s *socket) read() (said, error) {
	ctx, cancel := context.WithTimeout(s.t.Context(), 20*time.Second)
	defer cancel()
	var m said
	_, text, err := s.conn.Read(ctx)
	if err != nil {
		return m, err
	}
	return m, json.Unmarshal(text, &m)
}

// newRun makes a run in the project as a schedule would.
func (w *world) newRun(p project.Project) run.Run {
	w.t.Helper()
	var made []run.Run
	err := w.db.InTx(w.t.Context(), func(tx pgx.Tx) (err error) {
		made, err = w.runs.Create(w.t.Context(), tx, []run.Request{{
			Project: p.ID, JobID: uuid.New(), JobName: "nightly", JobVersion: 1, Trigger: run.ByHand, StartedBy: adminEmail,
			Inputs: map[string]any{"path": "/"},
		}})
		return err
	})
	if err != nil {
		w.t.Fatal(err)
	}
	return made[0]
}

// begin lets an agent take the run.
func (w *world) begin(p project.Project, id uuid.UUID) (agent uuid.UUID, ref run.Ref) {
	w.t.Helper()
	agent = uuid.New()
	claimed, err := w.runs.Claim(w.t.Context(), agent, 1, nil, p.ID, 100)
	if err != nil {
		w.t.Fatal(err)
	}
	for _, c := range claimed {
		if c.RunID == id {
			ref = c.Ref
		}
	}
	if decisions, err := w.runs.Accept(w.t.Context(), agent, []run.Ref{ref}); err != nil || decisions[0] != run.Granted {
		w.t.Fatalf("Accept = %v, %v", decisions, err)
	}
	return agent, ref
}

func (w *world) finish(agent uuid.UUID, ref run.Ref, logBytes int64) {
	w.t.Helper()
	answers, err := w.runs.Finish(w.t.Context(), agent, []run.Result{{Ref: ref, Outcome: run.OutcomeSucceeded, LogBytes: logBytes}})
	if err != nil || answers[0] != run.Accepted {
		w.t.Fatalf("Finish = %v, %v", answers, err)
	}
	if err := w.logs.Complete(w.t.Context(), ref.RunID, ref.Attempt, logBytes); err != nil {
		w.t.Fatal(err)
	}
}

// print appends to the attempt's log and returns its new length.
func (w *world) print(ref run.Ref, off int64, stream frame.Stream, text string) int64 {
	w.t.Helper()
	frames := frame.Append(nil, stream, time.UnixMilli(1_700_000_000_123), []byte(text))
	durable, err := w.logs.Append(w.t.Context(), []runlog.Chunk{{RunID: ref.RunID, Attempt: ref.Attempt, Offset: off, Frames: frames}})
	if err != nil {
		w.t.Fatal(err)
	}
	return durable[0]
}

func TestALogIsFollowedFromQueuedToItsEnd(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	r := w.newRun(w.ours)
	s := w.open(w.admin)
	s.say(`{"op":"sub","id":7,"topic":"log","project":"default","run":%q}`, r.Public())
	agent, ref := w.begin(w.ours, r.ID)
	if m := s.hear(); m.Type != "log" || m.ID != 7 || m.From != 1 || m.Total != 0 || m.Attempt != 1 {
		t.Fatalf("first message = %+v, want an empty log of attempt 1", m)
	}
	off := w.print(ref, 0, frame.Stdout, "one\ntw")
	if m := s.hear(); m.From != 1 || m.Text != "one\ntw" || m.Streams != "oo" || !m.Open || len(m.At) != 2 || m.At[0] != 1_700_000_000_123 || m.Total != 2 {
		t.Fatalf("after the first print = %+v", m)
	}
	off = w.print(ref, off, frame.Stderr, "o\n\xff!\n")
	if m := s.hear(); m.From != 2 || m.Text != "two\n\uFFFD!" || m.Streams != "oe" || m.Open {
		t.Fatalf("after the second print = %+v", m)
	}
	w.finish(agent, ref, off)
	if m := s.hear(); m.Type != "log" || !m.Complete || m.From != 4 {
		t.Fatalf("at the end = %+v, want complete", m)
	}
	if m := s.hear(); m.Type != "end" || m.ID != 7 {
		t.Fatalf("after the end = %+v, want end", m)
	}
	s.say(`{"op":"sub","id":7,"topic":"log","project":"default","run":%q,"attempt":1,"from":3}`, r.Public())
	if m := s.hear(); m.From != 3 || m.Text != "\uFFFD!" || !m.Complete {
		t.Fatalf("again from line 3 = %+v", m)
	}
}

func TestALineThatIsPrintedIsSeenAtOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	r := w.newRun(w.ours)
	_, ref := w.begin(w.ours, r.ID)
	s := w.open(w.admin)
	s.say(`{"op":"sub","id":1,"topic":"log","project":"default","run":%q}`, r.Public())
	s.hear()
	off, slowest := int64(0), time.Duration(0)
	for range 20 {
		began := time.Now()
		off = w.print(ref, off, frame.Stdout, "tick\n")
		s.hear()
		slowest = max(slowest, time.Since(began))
	}
	if slowest > 900*time.Millisecond { // a lost doorbell would cost a second
		t.Fatalf("the slowest line took %s", slowest)
	}
}

func TestTheLogOfALostAttemptEnds(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	r := w.newRun(w.ours)
	if _, err := w.runs.Cancel(t.Context(), authz.Actor{UserID: uuid.New(), Admin: true}, w.ours.ID, r.ID); err != nil {
		t.Fatal(err)
	}
	s := w.open(w.admin)
	s.say(`{"op":"sub","id":1,"topic":"log","project":"default","run":%q}`, r.Public())
	if m := s.hear(); m.Type != "end" {
		t.Fatalf("the log of a run that was never attempted = %+v, want end", m)
	}
}

func TestARunIsSeenChanging(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	r := w.newRun(w.ours)
	s := w.open(w.admin)
	s.say(`{"op":"sub","id":1,"topic":"run","project":"default","run":%q}`, r.Public())
	if m := s.hear(); m.Type != "run" || m.Run.State != "queued" || m.Run.Reason == nil || m.Run.Inputs["path"] != "/" {
		t.Fatalf("snapshot = %+v", m.Run)
	}
	agent, ref := w.begin(w.ours, r.ID)
	var m said
	for m = s.hear(); m.Run.State == "assigned"; m = s.hear() {
	}
	if m.Run.State != "running" || len(m.Run.Attempts) != 1 {
		t.Fatalf("after the claim = %+v, want running", m.Run)
	}
	w.finish(agent, ref, 0)
	if m := s.hear(); m.Run.State != "succeeded" || m.Run.Timeline[len(m.Run.Timeline)-1].What != "ended" {
		t.Fatalf("after the end = %+v", m.Run)
	}
}

func TestChangedRunsAreTold(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	old := w.newRun(w.ours)
	s := w.open(w.admin)
	s.say(`{"op":"sub","id":1,"topic":"runs","project":"default"}`)
	if m := s.hear(); m.Type != "runs" || len(m.Runs) != 0 {
		t.Fatalf("first message = %+v, want an empty one", m)
	}
	s.say(`{"op":"sub","id":2,"topic":"hosts","project":"default"}`)
	if m := s.hear(); m.ID != 2 || m.Type != "hosts" || len(m.Hosts) != 0 {
		t.Fatalf("hosts = %+v, want none", m)
	}
	w.newRun(w.theirs)
	fresh := w.newRun(w.ours)
	w.bell.Ring("runs")
	if m := s.hear(); m.Type != "runs" || len(m.Runs) != 1 || m.Runs[0].ID != fresh.Public() {
		t.Fatalf("after a new run = %+v, want it alone", m)
	}
	w.begin(w.ours, old.ID)
	seen := map[string]string{}
	for seen[old.Public()] != "running" {
		for _, r := range s.hear().Runs {
			seen[r.ID] = r.State
		}
	}
}

func TestASocketIsOpenedOnlyByOurOwnPages(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(c *httpapi.Config) { c.PublicURL = "http://hub.example" })
	_, c := w.login()
	cookie := with("Cookie", c.Name+"="+c.Value)
	origin := func(o string) option { return with("Origin", o) }
	for name, try := range map[string]struct {
		options []option
		want    int
	}{
		"nobody":                 {nil, 401},
		"a cookie, our origin":   {[]option{cookie, origin(w.url)}, 101},
		"a cookie, public URL":   {[]option{cookie, origin("http://hub.example")}, 101},
		"a cookie, no origin":    {[]option{cookie}, 403},
		"a cookie, foreign":      {[]option{cookie, origin("https://evil.example")}, 403},
		"a cookie, null":         {[]option{cookie, origin("null")}, 403},
		"a cookie, other port":   {[]option{cookie, origin("http://127.0.0.1:1")}, 403},
		"a cookie, odd scheme":   {[]option{cookie, origin(strings.Replace(w.url, "http", "file", 1))}, 403},
		"a token, no origin":     {[]option{as(w.admin)}, 101},
		"a token, foreign":       {[]option{as(w.admin), origin("https://evil.example")}, 403},
		"a cut token, no origin": {[]option{as(w.admin[:20])}, 401},
	} {
		if _, got := w.dial(try.options...); got != try.want {
			t.Errorf("%s: dial = %d, want %d", name, got, try.want)
		}
	}
}

func TestASubscriptionNeedsPermission(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ours := w.newRun(w.ours)
	token, _ := w.member(w.theirs, authz.Owner)
	s := w.open(token)
	for _, topic := range []string{"log", "run", "runs", "hosts"} {
		s.say(`{"op":"sub","id":1,"topic":%q,"project":"default","run":%q}`, topic, ours.Public())
		if m := s.hear(); m.Type != "error" || m.Problem.Status != 404 {
			t.Errorf("%s of another's project = %+v, want 404", topic, m)
		}
		s.say(`{"op":"sub","id":1,"topic":%q,"project":"nowhere","run":%q}`, topic, ours.Public())
		if m := s.hear(); m.Type != "error" || m.Problem.Status != 404 {
			t.Errorf("%s of no project = %+v, want 404", topic, m)
		}
	}
	// The right project, but a run of another.
	s.say(`{"op":"sub","id":1,"topic":"run","project":"other","run":%q}`, ours.Public())
	if m := s.hear(); m.Type != "error" || m.Problem.Status != 404 {
		t.Errorf("a run of another's project through ours = %+v, want 404", m)
	}
	s.say(`{"op":"sub","id":1,"topic":"log","project":"other","run":%q}`, ours.Public())
	if m := s.hear(); m.Type != "error" || m.Problem.Status != 404 {
		t.Errorf("a log of another's project through ours = %+v, want 404", m)
	}
}

func TestAPermissionThatIsTakenAwayEndsTheSubscription(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(c *httpapi.Config) { c.Recheck = 20 * time.Millisecond })
	token, user := w.member(w.ours, authz.Viewer)
	s := w.open(token)
	s.say(`{"op":"sub","id":1,"topic":"hosts","project":"default"}`)
	s.hear()
	if _, err := w.db.Pool.Exec(t.Context(), "delete from memberships where user_id = $1", user); err != nil {
		t.Fatal(err)
	}
	if m := s.hear(); m.Type != "error" || m.Problem.Status != 404 || m.ID != 1 {
		t.Fatalf("after the role was taken = %+v, want the subscription's end", m)
	}
	if _, err := w.db.Pool.Exec(t.Context(), "update api_tokens set revoked_at = now() where user_id = $1", user); err != nil {
		t.Fatal(err)
	}
	if _, err := s.read(); websocket.CloseStatus(err) != websocket.StatusPolicyViolation {
		t.Fatalf("after the token was revoked = %v, want the socket closed for policy", err)
	}
}

func TestBadMessagesAndTooManySubscriptionsAreRefusedOneByOne(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	r := w.newRun(w.ours)
	s := w.open(w.admin)
	for _, bad := range []string{
		`hello`, `{}`, `{"op":"dance","id":1}`, `{"op":"sub","id":1,"topic":"secrets","project":"default"}`,
		`{"op":"sub","id":1,"topic":"run","project":"default","run":"r_1"}`, `{"op":"sub","id":"x"}`,
	} {
		s.say("%s", bad)
		if m := s.hear(); m.Type != "error" || m.Problem.Code == "" {
			t.Errorf("%s = %+v, want an error", bad, m)
		}
	}
	for i := range 32 {
		s.say(`{"op":"sub","id":%d,"topic":"run","project":"default","run":%q}`, i+1, r.Public())
		s.hear()
	}
	s.say(`{"op":"sub","id":5,"topic":"runs","project":"default"}`)
	if m := s.hear(); m.Type != "error" || m.ID != 5 {
		t.Fatalf("an id in use = %+v, want an error", m)
	}
	s.say(`{"op":"sub","id":33,"topic":"hosts","project":"default"}`)
	if m := s.hear(); m.Type != "error" || m.Problem.Code != "too_many_subscriptions" {
		t.Fatalf("the 33rd subscription = %+v, want too_many_subscriptions", m)
	}
}

func TestAHubThatClosesTellsItsSockets(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	s := w.open(w.admin)
	s.say(`{"op":"sub","id":1,"topic":"hosts","project":"default"}`)
	s.hear()
	closed := make(chan struct{})
	go func() { w.api.Close(); close(closed) }()
	if _, err := s.read(); websocket.CloseStatus(err) != websocket.StatusGoingAway {
		t.Fatalf("read = %v, want going away", err)
	}
	<-closed
	if _, status := w.dial(as(w.admin)); status != http.StatusServiceUnavailable {
		t.Fatalf("dial afterwards = %d, want 503", status)
	}
}
