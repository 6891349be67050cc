package request_test

import (
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/cronium/cronium/sdk/problem"
	"github.com/cronium/cronium/sdk/request"
)

func TestWrongRequestsAreRefusedWithTheirField(t *testing.T) {
	base := func(change func(*request.Request)) request.Request {
		r := request.Request{URL: "https://example.com/a"}
		change(&r)
		return r
	}
	for name, c := range map[string]struct {
		r     request.Request
		field string
	}{
		"method":           {base(func(r *request.Request) { r.Method = "FETCH" }), "method"},
		"redirects":        {base(func(r *request.Request) { r.Redirects = 11 }), "redirects"},
		"no url":           {base(func(r *request.Request) { r.URL = "" }), "url"},
		"other scheme":     {base(func(r *request.Request) { r.URL = "file:///etc/passwd" }), "url"},
		"no host":          {base(func(r *request.Request) { r.URL = "https:///x" }), "url"},
		"user in url":      {base(func(r *request.Request) { r.URL = "https://a:b@example.com" }), "url"},
		"line in url":      {base(func(r *request.Request) { r.URL = "https://example.com/\r\nX: y" }), "url"},
		"header name":      {base(func(r *request.Request) { r.Headers = map[string]string{"a b": "x"} }), "headers"},
		"our header":       {base(func(r *request.Request) { r.Headers = map[string]string{"hOST": "x"} }), "headers.hOST"},
		"line in header":   {base(func(r *request.Request) { r.Headers = map[string]string{"X": "a\nb"} }), "headers.X"},
		"auth type":        {base(func(r *request.Request) { r.Auth = &request.Auth{Type: "ntlm"} }), "auth.type"},
		"bearer, no token": {base(func(r *request.Request) { r.Auth = &request.Auth{Type: "bearer"} }), "auth.token"},
		"basic, colon":     {base(func(r *request.Request) { r.Auth = &request.Auth{Type: "basic", Username: "a:b"} }), "auth.username"},
		"key, no name":     {base(func(r *request.Request) { r.Auth = &request.Auth{Type: "api_key", Value: "x"} }), "auth.name"},
		"both bodies":      {base(func(r *request.Request) { r.Body, r.JSON = "x", 1 }), "body"},
		"huge body":        {base(func(r *request.Request) { r.Body = strings.Repeat("x", 1<<20+1) }), "body"},
		"huge number":      {base(func(r *request.Request) { r.JSON = []any{int64(1)<<53 + 1} }), "json"},
		"proxy":            {base(func(r *request.Request) { r.Proxy = "socks5://x:1" }), "proxy"},
		"status":           {base(func(r *request.Request) { r.Expect = &request.Expect{Status: []string{"399-200"}} }), "expect.status[0]"},
		"pointer":          {base(func(r *request.Request) { r.Expect = &request.Expect{JSON: map[string]any{"a": 1}} }), "expect.json"},
		"latency":          {base(func(r *request.Request) { r.Expect = &request.Expect{MaxLatency: "soon"} }), "expect.max_latency"},
		"unknown input":    {base(func(r *request.Request) { r.JSON = map[string]any{"a": []any{"${{ inputs.nope }}"}} }), "json"},
		"misspelt input":   {base(func(r *request.Request) { r.Body = "${{ input.id }}" }), "body"},
		"open end":         {base(func(r *request.Request) { r.Body = "${{ inputs.id }" }), "body"},
	} {
		_, err := c.r.Normalise([]string{"id"})
		p, ok := problem.As(err)
		if !ok || p.Field != "spec.http."+c.field {
			t.Errorf("%s: %v (field %q), want a problem at spec.http.%s", name, err, p.Field, c.field)
		}
	}
}

func TestValuesAreDataWhereverTheyStand(t *testing.T) {
	const evil = "a/../b?x=1&y=2#f \"}\r\nX: y ${{ inputs.other }}"
	r := request.Request{
		Method: "POST", URL: "${{ inputs.base }}/items/${{ inputs.evil }}?q=${{inputs.evil}}",
		Query: map[string]string{"k": "${{ inputs.evil }}"},
		JSON:  map[string]any{"whole": "${{ inputs.n }}", "part": "n=${{ inputs.n }}", "evil": "${{ inputs.evil }}", "none": "${{ inputs.none }}", "list": []any{"${{ inputs.on }}"}},
		Body:  "",
	}
	got, err := r.Fill(map[string]any{"base": "https://example.com:1/api", "evil": evil, "n": int64(7), "on": true, "other": "leak"})
	if err != nil {
		t.Fatal(err)
	}
	const escaped = "a%2F..%2Fb%3Fx=1&y=2%23f%20%22%7D%0D%0AX:%20y%20$%7B%7B%20inputs.other%20%7D%7D"
	const queried = "a%2F..%2Fb%3Fx%3D1%26y%3D2%23f+%22%7D%0D%0AX%3A+y+%24%7B%7B+inputs.other+%7D%7D"
	want := r
	want.URL = "https://example.com:1/api/items/" + escaped + "?q=" + queried
	want.Query = map[string]string{"k": evil}
	want.JSON = map[string]any{"whole": int64(7), "part": "n=7", "evil": evil, "none": nil, "list": []any{true}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	for name, c := range map[string]struct {
		r      request.Request
		values map[string]any
	}{
		"header": {request.Request{URL: "http://x", Headers: map[string]string{"X": "${{ inputs.evil }}"}}, map[string]any{"evil": evil}},
		"auth":   {request.Request{URL: "http://x", Auth: &request.Auth{Type: "bearer", Token: "${{ inputs.evil }}"}}, map[string]any{"evil": evil}},
		"url":    {request.Request{URL: "${{ inputs.base }}"}, map[string]any{"base": "file:///etc/passwd"}},
		"empty":  {request.Request{URL: "${{ inputs.base }}"}, nil},
	} {
		if _, err := c.r.Fill(c.values); !errors.Is(err, request.ErrValue) {
			t.Errorf("%s: %v, want ErrValue", name, err)
		}
	}
}

func TestExpectations(t *testing.T) {
	answer := request.Answer{Status: 200, Headers: http.Header{"Content-Type": {"application/json"}}, Latency: 300 * time.Millisecond,
		Body: []byte(`{"state":"open","n":1.0,"items":[{"id":7,"a/b":null}],"text":"1"}`)}
	for name, c := range map[string]struct {
		expect *request.Expect
		want   []string
	}{
		"nothing said":    {nil, nil},
		"all of it":       {&request.Expect{Status: []string{"404", "200-299"}, JSON: map[string]any{"/n": 1, "/items/0/id": 7.0, "/items/0/a~1b": nil}, Contains: "open", MaxLatency: "301ms"}, nil},
		"status":          {&request.Expect{Status: []string{"204", "3xx"}}, []string{"status is 200, want 204 or 3xx"}},
		"header":          {&request.Expect{Headers: map[string]string{"content-type": "text/plain"}}, []string{`header content-type is "application/json", want "text/plain"`}},
		"contains":        {&request.Expect{Contains: "closed"}, []string{`the body does not contain "closed"`}},
		"latency":         {&request.Expect{MaxLatency: "299ms"}, []string{"the answer took 300ms, at most 299ms is allowed"}},
		"value":           {&request.Expect{JSON: map[string]any{"/state": "closed"}}, []string{`/state is "open", want "closed"`}},
		"text, no number": {&request.Expect{JSON: map[string]any{"/text": 1}}, []string{`/text is "1", want 1`}},
		"not there":       {&request.Expect{JSON: map[string]any{"/items/1": 1, "/items/00": 1}}, []string{"/items/00 is not in the body", "/items/1 is not in the body"}},
	} {
		if diff := cmp.Diff(c.want, request.Request{Expect: c.expect}.Judge(answer)); diff != "" {
			t.Errorf("%s: (-want +got):\n%s", name, diff)
		}
	}
	answer.Body = []byte("<html>")
	if got := (request.Request{Expect: &request.Expect{JSON: map[string]any{"": 1}}}).Judge(answer); len(got) != 1 || got[0] != "the body is not JSON" {
		t.Errorf("of HTML: %q", got)
	}
}
