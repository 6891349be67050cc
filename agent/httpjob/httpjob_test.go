package httpjob_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/cronium/cronium/agent/httpjob"
	"github.com/cronium/cronium/sdk/request"
)

// outcome of one job.
type outcome struct {
	code     int
	out, err string
}

func run(t *testing.T, r request.Request, env map[string]string) outcome {
	t.Helper()
	spec, err := json.Marshal(r)
	if err != nil {
		t.Fatal(err)
	}
	var out, errs bytes.Buffer
	job := httpjob.Job{Spec: spec, Lookup: func(name string) (string, bool) { text, ok := env[name]; return text, ok }, Out: &out, Err: &errs, Version: "test"}
	return outcome{job.Run(t.Context()), out.String(), errs.String()}
}

// echo answers with what it was asked.
func echo(t *testing.T) *httptest.Server {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(map[string]any{"method": r.Method, "uri": r.RequestURI, "body": string(body),
			"auth": r.Header.Get("Authorization"), "key": r.Header.Get("X-Key"), "mine": r.Header.Get("X-Mine"), "from": r.Referer(), "type": r.Header.Get("Content-Type"), "agent": r.UserAgent()})
	}))
	t.Cleanup(s.Close)
	return s
}

func TestTheRequestIsWhatTheJobSays(t *testing.T) {
	s := echo(t)
	got := run(t, request.Request{
		Method: "PUT", URL: s.URL + "/items/${{ inputs.id }}?a=1", Query: map[string]string{"b": "${{ inputs.id }}"},
		JSON: map[string]any{"n": "${{ inputs.id }}"}, Auth: &request.Auth{Type: "bearer", Token: "${{ inputs.token }}"},
		Expect: &request.Expect{JSON: map[string]any{
			"/method": "PUT", "/uri": "/items/7?a=1&b=7", "/body": `{"n":7}`, "/auth": "Bearer s3cret", "/type": "application/json", "/agent": "cronium-agent/test",
		}},
	}, map[string]string{"CRONIUM_INPUTS": `{"id":7}`, "CRONIUM_INPUT_TOKEN": "s3cret"})
	if got.code != httpjob.ExitExpected || !strings.Contains(got.err, "200 OK in ") || !strings.HasPrefix(got.out, `{"agent"`) {
		t.Fatalf("%+v", got)
	}
	got = run(t, request.Request{Method: "POST", URL: s.URL, JSON: map[string]any{"none": "${{ inputs.none }}"},
		Expect: &request.Expect{JSON: map[string]any{"/body": `{"none":null}`}}}, nil)
	if got.code != httpjob.ExitExpected {
		t.Errorf("an input without a value: %+v", got)
	}
	got = run(t, request.Request{URL: s.URL, Auth: &request.Auth{Type: "basic", Username: "ada", Password: "x"},
		Expect: &request.Expect{JSON: map[string]any{"/auth": "Basic YWRhOng=", "/method": "GET", "/body": ""}}}, nil)
	if got.code != httpjob.ExitExpected {
		t.Errorf("basic: %+v", got)
	}
	got = run(t, request.Request{URL: s.URL + "/x", Auth: &request.Auth{Type: "api_key", Name: "key", Value: "a b", In: "query"},
		Expect: &request.Expect{JSON: map[string]any{"/uri": "/x?key=a+b"}}}, nil)
	if got.code != httpjob.ExitExpected {
		t.Errorf("key in the query: %+v", got)
	}
}

func TestWhatIsNotAsExpectedFailsAndSaysWhat(t *testing.T) {
	s := echo(t)
	got := run(t, request.Request{URL: s.URL, Expect: &request.Expect{Status: []string{"204"}, JSON: map[string]any{"/method": "POST"}}}, nil)
	if got.code != httpjob.ExitUnexpected || strings.Count(got.err, "not as expected: ") != 2 {
		t.Fatalf("%+v", got)
	}
}

func TestWithoutAnAnswerThereIsAReasonAndNoKey(t *testing.T) {
	s := httptest.NewServer(nil)
	s.Close()
	got := run(t, request.Request{URL: s.URL, Auth: &request.Auth{Type: "api_key", Name: "key", Value: "s3cret", In: "query"}}, nil)
	reason := strings.Split(got.err, "error: ")
	if got.code != httpjob.ExitNoAnswer || len(reason) != 2 || !strings.Contains(reason[1], "connection refused") || strings.Contains(reason[1], "s3cret") {
		t.Errorf("refused: %+v", got)
	}
	half := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", "100")
		_, _ = w.Write([]byte("half"))
	}))
	defer half.Close()
	if got := run(t, request.Request{URL: half.URL}, nil); got.code != httpjob.ExitNoAnswer || !strings.Contains(got.err, "unexpected EOF") {
		t.Errorf("half: %+v", got)
	}
	endless := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		for {
			if _, err := w.Write(make([]byte, 1<<16)); err != nil {
				return
			}
		}
	}))
	defer endless.Close()
	if got := run(t, request.Request{URL: endless.URL}, nil); got.code != httpjob.ExitNoAnswer || !strings.Contains(got.err, "larger than 10 MiB") {
		t.Errorf("endless: %+v", got)
	}
	if got := run(t, request.Request{URL: "${{ inputs.url }}"}, map[string]string{"CRONIUM_INPUTS": `{"url":"ftp://x"}`}); got.code != httpjob.ExitInvalid || !strings.Contains(got.err, "http_input_unusable") {
		t.Errorf("an unusable URL: %+v", got)
	}
}

func TestRedirectsAreCountedAndKeepKeysAtHome(t *testing.T) {
	away := echo(t)
	// 127.0.0.1 and localhost are two hosts to a client.
	elsewhere, err := url.Parse(away.URL)
	if err != nil {
		t.Fatal(err)
	}
	elsewhere.Host = "localhost:" + elsewhere.Port()
	home := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var n int
		if _, err := fmt.Sscanf(r.URL.Path, "/%d", &n); err == nil && n > 0 {
			http.Redirect(w, r, fmt.Sprintf("/%d", n-1), http.StatusFound)
			return
		}
		http.Redirect(w, r, elsewhere.String(), http.StatusFound)
	}))
	defer home.Close()
	if got := run(t, request.Request{URL: home.URL + "/2", Expect: &request.Expect{Status: []string{"302"}}}, nil); got.code != httpjob.ExitExpected {
		t.Errorf("none is allowed: %+v", got)
	}
	if got := run(t, request.Request{URL: home.URL + "/2", Redirects: 2}, nil); got.code != httpjob.ExitNoAnswer || !strings.Contains(got.err, "more redirects") {
		t.Errorf("two of three: %+v", got)
	}
	for _, auth := range []*request.Auth{
		nil, {Type: "api_key", Name: "key", Value: "s3cret", In: "query"}, {Type: "bearer", Token: "s3cret"}, {Type: "basic", Username: "a", Password: "s3cret"}, {Type: "api_key", Name: "X-Key", Value: "s3cret"},
	} {
		got := run(t, request.Request{URL: home.URL + "/2", Redirects: 3, Auth: auth, Headers: map[string]string{"X-Mine": "s3cret"},
			Expect: &request.Expect{JSON: map[string]any{"/auth": "", "/key": "", "/mine": "", "/from": ""}}}, nil)
		if got.code != httpjob.ExitExpected {
			t.Errorf("%+v went to another host: %+v", auth, got)
		}
	}
	got := run(t, request.Request{URL: home.URL + "/1", Redirects: 1, Headers: map[string]string{"X-Mine": "s3cret"}, Expect: &request.Expect{Status: []string{"2xx"}}}, nil)
	if got.code != httpjob.ExitNoAnswer || !strings.Contains(got.err, "more redirects") {
		t.Errorf("one of two: %+v", got)
	}
	nextDoor := httptest.NewServer(http.RedirectHandler(away.URL, http.StatusFound)) // the same host, another port
	defer nextDoor.Close()
	if got := run(t, request.Request{URL: nextDoor.URL, Redirects: 1, Auth: &request.Auth{Type: "bearer", Token: "s3cret"},
		Expect: &request.Expect{JSON: map[string]any{"/auth": ""}}}, nil); got.code != httpjob.ExitExpected {
		t.Errorf("to another port: %+v", got)
	}
	moved := httptest.NewServer(http.RedirectHandler(elsewhere.String(), http.StatusTemporaryRedirect))
	defer moved.Close()
	if got := run(t, request.Request{Method: "POST", URL: moved.URL, Body: "s3cret", Redirects: 1}, nil); got.code != httpjob.ExitNoAnswer || !strings.Contains(got.err, "another host") {
		t.Errorf("a body for another host: %+v", got)
	}
}

func TestOnlyTheJobsOwnProxyIsUsed(t *testing.T) {
	t.Setenv("HTTP_PROXY", "http://127.0.0.1:1")
	s := echo(t)
	if got := run(t, request.Request{URL: s.URL}, nil); got.code != httpjob.ExitExpected {
		t.Errorf("the environment's proxy was used: %+v", got)
	}
	proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = fmt.Fprintf(w, "asked for %s", r.URL)
	}))
	defer proxy.Close()
	got := run(t, request.Request{URL: "http://service.invalid/x", Proxy: proxy.URL, Expect: &request.Expect{Contains: "asked for http://service.invalid/x"}}, nil)
	if got.code != httpjob.ExitExpected {
		t.Errorf("by the job's proxy: %+v", got)
	}
}

func TestBodiesAreShownAsTextOrNotAtAll(t *testing.T) {
	body := []byte{}
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(body) }))
	defer s.Close()
	for _, c := range []struct {
		body      []byte
		out, said string
	}{
		{nil, "", "0 bytes"},
		{[]byte("line\n"), "line\n", "5 bytes"},
		{[]byte{0xff, 0xfe, 0}, "", "not text"},
		{bytes.Repeat([]byte("x"), 1<<20+1), strings.Repeat("x", 1<<20) + "\n", "The first 1048576 of 1048577 bytes"},
	} {
		body = c.body
		got := run(t, request.Request{URL: s.URL}, nil)
		if got.code != httpjob.ExitExpected || got.out != c.out || !strings.Contains(got.err, c.said) {
			t.Errorf("%d bytes: exit %d, %d bytes out, said %q", len(c.body), got.code, len(got.out), got.err)
		}
	}
}
