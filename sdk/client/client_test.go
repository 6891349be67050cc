package client_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/coder/websocket"
	"go.uber.org/goleak"

	"github.com/cronium/cronium/sdk/client"
	"github.com/cronium/cronium/sdk/problem"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m, goleak.IgnoreTopFunction("net/http.(*persistConn).readLoop"), goleak.IgnoreTopFunction("net/http.(*persistConn).writeLoop"))
}

func serve(t *testing.T, h http.HandlerFunc) *client.Client {
	t.Helper()
	srv := httptest.NewServer(h)
	t.Cleanup(srv.Close)
	return connect(t, srv.URL)
}

func connect(t *testing.T, url string) *client.Client {
	t.Helper()
	c, err := client.New(client.Config{URL: url, Token: "cro_secret"})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func refuse(w http.ResponseWriter, status int, code string, more string) {
	w.Header().Set("Content-Type", "application/problem+json")
	w.WriteHeader(status)
	fmt.Fprintf(w, `{"type":"urn","title":"T","status":%d,"code":%q,"detail":"D","hint":"H","field":"f","request_id":"req1"%s}`, status, code, more)
}

func TestARefusalIsTheHubsProblem(t *testing.T) {
	c := serve(t, func(w http.ResponseWriter, _ *http.Request) { refuse(w, 404, "job.not_found", "") })
	_, err := c.Job(context.Background(), "default", "x")
	p, ok := problem.As(err)
	answer, isAnswer := errors.AsType[*client.AnswerError](err)
	if !ok || p.Code != "job.not_found" || p.Detail != "D" || p.Hint != "H" || p.Field != "f" || p.Status != 404 || !isAnswer || answer.RequestID != "req1" {
		t.Fatalf("Job = %#v", err)
	}
	if !errors.Is(err, problem.New("job.not_found", 404, "x", "")) {
		t.Fatalf("errors.Is does not know %v", err)
	}
}

func TestABusyHubIsAskedAgainAndNothingElseIs(t *testing.T) {
	var asked atomic.Int32
	c := serve(t, func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		if !strings.Contains(string(body), "cli") {
			t.Errorf("the body is gone: %q", body)
		}
		if asked.Add(1) == 1 {
			refuse(w, 429, "too_many_requests", `,"retry_after":1`)
			return
		}
		refuse(w, 503, "storage_unavailable", `,"retry_after":1`)
	})
	_, err := c.StartRun(context.Background(), "default", "x", client.RunRequest{Trigger: "cli"})
	if p, ok := problem.As(err); !ok || p.Code != "storage_unavailable" || asked.Load() != 2 {
		t.Fatalf("StartRun = %v after %d requests, want storage_unavailable after 2", err, asked.Load())
	}
}

func TestAnythingElseThanAHubIsNamed(t *testing.T) {
	cases := []struct {
		name   string
		answer http.HandlerFunc
		want   error
	}{
		{"a page of a proxy", func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(http.StatusBadGateway)
			io.WriteString(w, "<html>")
		}, client.ErrNotAHub},
		{"a page", func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "<html>") }, client.ErrNotAHub},
		{"nothing", func(http.ResponseWriter, *http.Request) {}, client.ErrNotAHub},
		{"a redirect", func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "https://elsewhere.example/", http.StatusFound)
		}, client.ErrRedirected},
		{"half an answer", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "100")
			io.WriteString(w, `{"email":"a`)
		}, client.ErrUnreachable},
	}
	for _, k := range cases {
		t.Run(k.name, func(t *testing.T) {
			if _, err := serve(t, k.answer).Me(context.Background()); !errors.Is(err, k.want) {
				t.Fatalf("Me = %v, want %v", err, k.want)
			}
		})
	}
	if _, err := connect(t, "http://127.0.0.1:1").Me(context.Background()); !errors.Is(err, client.ErrUnreachable) {
		t.Fatalf("Me of nobody = %v", err)
	}
}

func TestAddressesAreReadStrictly(t *testing.T) {
	good := map[string]string{
		"127.0.0.1:8420": "http://127.0.0.1:8420", "localhost:1/": "http://localhost:1", "[::1]:1": "http://[::1]:1",
		"hub.example.com": "https://hub.example.com", " https://hub.example.com/ ": "https://hub.example.com",
	}
	for in, want := range good {
		if u, err := client.ParseURL(in); err != nil || u.String() != want {
			t.Errorf("ParseURL(%q) = %v, %v; want %s", in, u, err, want)
		}
	}
	for _, in := range []string{"", "ftp://x", "https://u:p@x", "https://x/api", "https://x?a=b", "https://", "http://x y"} {
		if u, err := client.ParseURL(in); !errors.Is(err, client.ErrInvalidURL) {
			t.Errorf("ParseURL(%q) = %v, %v; want a refusal", in, u, err)
		}
	}
}

func TestNamesDoNotLeaveTheirPlaceInThePath(t *testing.T) {
	var path string
	c := serve(t, func(w http.ResponseWriter, r *http.Request) { path = r.URL.EscapedPath(); io.WriteString(w, "{}") })
	for name, want := range map[string]string{"..": "%2E%2E", "a/b": "a%2Fb", "a?b#c": "a%3Fb%23c", "ä": "%C3%A4"} {
		if _, err := c.Job(context.Background(), "default", name); err != nil {
			t.Fatal(err)
		}
		if path != "/api/v1/projects/default/jobs/"+want {
			t.Errorf("Job(%q) asked for %s", name, path)
		}
	}
}

func TestListsAreWalkedPageByPage(t *testing.T) {
	c := serve(t, func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Query().Get("cursor") {
		case "":
			io.WriteString(w, `{"items":[{"id":"1"},{"id":"2"}],"next_cursor":"a b"}`)
		case "a b":
			io.WriteString(w, `{"items":[{"id":"3"}]}`)
		}
	})
	var ids string
	for r, err := range client.All(func(p client.Paging) (client.Page[client.RunSummary], error) {
		return c.Runs(context.Background(), "default", client.RunFilter{}, p)
	}) {
		if err != nil {
			t.Fatal(err)
		}
		ids += r.ID
	}
	if ids != "123" {
		t.Fatalf("All = %s, want 123", ids)
	}
}

func TestTheHubsClockIsLearnt(t *testing.T) {
	at := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	c := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("X-Hub-Time", at.Format(time.RFC3339Nano))
		io.WriteString(w, "{}")
	})
	if _, err := c.Me(context.Background()); err != nil {
		t.Fatal(err)
	}
	if d := c.Now().Sub(at); d < 0 || d > time.Minute {
		t.Fatalf("Now is %s from the hub's time", d)
	}
}

func TestLoginUsesItsSessionForATokenOnly(t *testing.T) {
	var asked []string
	c := serve(t, func(w http.ResponseWriter, r *http.Request) {
		asked = append(asked, r.URL.Path+" "+r.Header.Get("Authorization")+r.Header.Get("Cookie"))
		switch r.URL.Path {
		case "/api/v1/auth/login":
			http.SetCookie(w, &http.Cookie{Name: "sid", Value: "s1", HttpOnly: true, Secure: true})
			io.WriteString(w, "{}")
		case "/api/v1/tokens":
			io.WriteString(w, `{"token":"cro_new","id":"t1"}`)
		}
	})
	made, err := c.Login(context.Background(), "a@b", "p", client.TokenRequest{Name: "n"})
	want := "/api/v1/auth/login |/api/v1/tokens sid=s1|/api/v1/auth/logout sid=s1"
	if err != nil || made.Token != "cro_new" || strings.Join(asked, "|") != want {
		t.Fatalf("Login = %+v, %v after %q; want %s", made, err, asked, want)
	}
}

// fakeLog is a log that grows while it is followed, and a socket that breaks.
type fakeLog struct {
	lines    []string
	sockets  int
	breaking int  // the first socket breaks in the middle of this line; 0: never
	none     bool // sockets are refused
	chatty   bool // it always answers from line 1 on, whatever was asked for
}

func (f *fakeLog) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	switch {
	case r.URL.Path == "/api/v1/ws" && f.none:
		http.Error(w, "no", http.StatusBadGateway)
	case r.URL.Path == "/api/v1/ws":
		f.socket(w, r)
	default:
		var from int
		fmt.Sscan(r.URL.Query().Get("from"), &from)
		if f.chatty {
			from = 1
		}
		answer := client.Log{From: int64(from), Total: int64(len(f.lines)), Complete: true}
		for i := from; i <= min(len(f.lines), from+1) || (f.chatty && i <= len(f.lines)); i++ { // small pages
			answer.Lines = append(answer.Lines, client.LogLine{N: int64(i), Stream: "out", Text: f.lines[i-1]})
		}
		json.NewEncoder(w).Encode(answer)
	}
}

func (f *fakeLog) socket(w http.ResponseWriter, r *http.Request) {
	conn, err := websocket.Accept(w, r, &websocket.AcceptOptions{Subprotocols: []string{"cronium.v1"}})
	if err != nil {
		return
	}
	defer conn.CloseNow()
	_, text, err := conn.Read(r.Context())
	var sub struct {
		Op, Topic, Project, Run string
		From                    int
	}
	if err != nil || json.Unmarshal(text, &sub) != nil || sub.Topic != "log" || sub.Run != "r_1" {
		return
	}
	f.sockets++
	say := func(from int, texts []string, open, complete bool) {
		m := map[string]any{"id": 1, "type": "log", "from": from, "streams": strings.Repeat("o", len(texts)), "at": make([]int64, len(texts)),
			"text": strings.Join(texts, "\n"), "open": open, "complete": complete, "total": len(f.lines)}
		text, _ := json.Marshal(m)
		conn.Write(r.Context(), websocket.MessageText, text)
	}
	if n := f.breaking; n > 0 && f.sockets == 1 {
		if n > 1 {
			say(1, f.lines[:n-1], false, false)
		}
		say(n, []string{f.lines[n-1][:len(f.lines[n-1])/2]}, true, false)
		return
	}
	say(sub.From, f.lines[sub.From-1:], false, true)
}

func follow(t *testing.T, f *fakeLog) string {
	t.Helper()
	c := serve(t, f.ServeHTTP)
	var got bytes.Buffer
	err := c.FollowLog(context.Background(), "default", "r_1", client.Follow{}, func(b client.LogBatch) error {
		for i, l := range b.Lines {
			if b.Open && i == len(b.Lines)-1 {
				fmt.Fprintf(&got, "(%d %s)", l.N, l.Text)
				continue
			}
			fmt.Fprintf(&got, "%d %s\n", l.N, l.Text)
		}
		return nil
	})
	if err != nil {
		t.Fatalf("FollowLog = %v", err)
	}
	return got.String()
}

func TestALogResumesAtTheLineThatWasNotFinal(t *testing.T) {
	got := follow(t, &fakeLog{lines: []string{"one", "two", "three", "", "five"}, breaking: 3})
	if want := "1 one\n2 two\n(3 th)3 three\n4 \n5 five\n"; got != want {
		t.Fatalf("followed %q, want %q", got, want)
	}
}

func TestALogIsWholeAndOnceWhereverItBreaks(t *testing.T) {
	lines := []string{"one", "two", "three", "", "five", "six"}
	for cut := 1; cut <= len(lines); cut++ {
		for _, chatty := range []bool{false, true} {
			t.Run(fmt.Sprintf("in line %d, chatty %v", cut, chatty), func(t *testing.T) {
				got := follow(t, &fakeLog{lines: lines, breaking: cut, chatty: chatty})
				var want string
				for i, line := range lines {
					if i == cut-1 {
						want += fmt.Sprintf("(%d %s)", i+1, line[:len(line)/2])
					}
					want += fmt.Sprintf("%d %s\n", i+1, line)
				}
				if got != want {
					t.Fatalf("followed %q, want %q", got, want)
				}
			})
		}
	}
}

func TestALogIsFollowedFromTheLineThatIsAskedFor(t *testing.T) {
	for _, none := range []bool{false, true} {
		c := serve(t, (&fakeLog{lines: []string{"one", "two", "three", "four"}, none: none}).ServeHTTP)
		var got []int64
		err := c.FollowLog(context.Background(), "default", "r_1", client.Follow{From: 3}, func(b client.LogBatch) error {
			for _, l := range b.Lines {
				got = append(got, l.N)
			}
			return nil
		})
		if err != nil || fmt.Sprint(got) != "[3 4]" {
			t.Errorf("without sockets %v: lines %v, %v; want 3 and 4", none, got, err)
		}
	}
}

func TestALogIsPolledWhereSocketsDoNotPass(t *testing.T) {
	got := follow(t, &fakeLog{lines: []string{"one", "two", "three", "four", "five"}, none: true})
	if want := "1 one\n2 two\n3 three\n4 four\n5 five\n"; got != want {
		t.Fatalf("followed %q, want %q", got, want)
	}
}

func TestFollowingReturnsWhatItsReaderSays(t *testing.T) {
	c := serve(t, (&fakeLog{lines: []string{"one"}}).ServeHTTP)
	full := errors.New("disk full")
	err := c.FollowLog(context.Background(), "default", "r_1", client.Follow{}, func(client.LogBatch) error { return full })
	if !errors.Is(err, full) {
		t.Fatalf("FollowLog = %v, want %v", err, full)
	}
}

func TestWatchingARunThatIsNotThereEnds(t *testing.T) {
	c := serve(t, func(w http.ResponseWriter, _ *http.Request) { refuse(w, 404, "run.not_found", "") })
	err := c.WatchRun(context.Background(), "default", "r_1", nil, func(client.Run) error { return nil })
	if p, ok := problem.As(err); !ok || p.Code != "run.not_found" {
		t.Fatalf("WatchRun = %v", err)
	}
}

func TestWatchingSurvivesAHubThatGoesAway(t *testing.T) {
	var asked atomic.Int32
	c := serve(t, func(w http.ResponseWriter, r *http.Request) {
		switch {
		case r.URL.Path == "/api/v1/ws" || asked.Add(1) == 1:
			panic(http.ErrAbortHandler)
		default:
			io.WriteString(w, `{"id":"r_1","state":"succeeded"}`)
		}
	})
	var told []bool
	var last client.Run
	err := c.WatchRun(context.Background(), "default", "r_1", func(lost error) { told = append(told, lost != nil) }, func(r client.Run) error { last = r; return nil })
	if err != nil || last.State != client.Succeeded || fmt.Sprint(told) != "[true false]" {
		t.Fatalf("WatchRun = %v, %+v, told %v", err, last, told)
	}
}
