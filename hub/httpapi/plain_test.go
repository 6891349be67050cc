package httpapi_test

import (
	"bufio"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"strings"
	"testing"

	"github.com/cronium/cronium/hub/authz"
	"github.com/cronium/cronium/hub/httpapi"
)

func TestEveryAnswerHasTheSecurityHeaders(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for _, path := range []string{"/api/v1/me", "/api/v1/nothing", "/healthz", "/api/v1/openapi.json", "/runs"} {
		h := w.do("GET", path, "").header
		for name, want := range map[string]string{
			"X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer", "Cross-Origin-Opener-Policy": "same-origin",
			"Cross-Origin-Resource-Policy": "same-origin",
		} {
			if h.Get(name) != want {
				t.Errorf("GET %s: %s is %q, want %q", path, name, h.Get(name), want)
			}
		}
		if !strings.Contains(h.Get("Content-Security-Policy"), "frame-ancestors 'none'") {
			t.Errorf("GET %s: policy %q", path, h.Get("Content-Security-Policy"))
		}
		if strings.HasPrefix(path, "/api") && h.Get("Cache-Control") != "no-store" {
			t.Errorf("GET %s: Cache-Control %q, want no-store", path, h.Get("Cache-Control"))
		}
	}
}

func TestOnlyKnownHostsAreAnswered(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(c *httpapi.Config) { c.PublicURL, c.Hosts = "http://hub.example:8420", []string{"Backup.Example"} })
	host := func(name string) option { return func(r *http.Request) { r.Host = name } }
	for _, name := range []string{"localhost", "localhost:9999", "127.0.0.1", "[::1]:80", "app.localhost", "hub.example:8420", "HUB.example.", "backup.example"} {
		if got := w.do("GET", "/api/v1/me", "", host(name)); got.status != http.StatusOK {
			t.Errorf("host %s = %d, want 200", name, got.status)
		}
	}
	for _, name := range []string{"evil.example", "hub.example.evil.example", "192.0.2.7", "localhost.evil.example", "hub.example@evil.example"} {
		got := w.do("GET", "/api/v1/me", "", host(name))
		if got.status != http.StatusMisdirectedRequest || got.code() != "unknown_host" || strings.Contains(string(got.body), "evil") {
			t.Errorf("host %s = %d %s, want 421", name, got.status, got.body)
		}
	}
}

func TestABadPublicURLIsRefusedAtStart(t *testing.T) {
	t.Parallel()
	for _, c := range []httpapi.Config{
		{PublicURL: "automation.example"}, {PublicURL: "ftp://x"}, {PublicURL: "https://"}, {TrustedProxies: []string{"10.0.0.1"}},
	} {
		if _, err := httpapi.New(c, httpapi.Deps{}); err == nil {
			t.Errorf("New(%+v) = nil, want an error", c)
		}
	}
}

func TestUnknownPathsAndMethodsAreProblems(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for _, c := range []struct {
		method, path string
		status       int
		allow        string
	}{
		{"GET", "/api/v1/nothing", 404, ""}, {"POST", "/api/v1/nothing", 404, ""}, {"DELETE", "/api/v1/me", 405, "GET"},
		{"PUT", "/api/v1/tokens", 405, "GET, POST"}, {"POST", "/metrics", 405, "GET"}, {"POST", "/runs", 405, "GET"},
		{"GET", "/api", 404, ""}, {"GET", "/api/v2/me", 404, ""}, {"GET", "/api/v1/me/", 404, ""},
	} {
		got := w.do(c.method, c.path, "")
		if got.status != c.status || got.header.Get("Allow") != c.allow {
			t.Errorf("%s %s = %d, Allow %q; want %d, %q", c.method, c.path, got.status, got.header.Get("Allow"), c.status, c.allow)
		}
	}
	if got := w.do("GET", "/api/v1/me?unknown=1", ""); got.status != 422 || got.code() != "invalid_parameter" {
		t.Errorf("an unknown parameter = %d %s, want 422 invalid_parameter", got.status, got.code())
	}
	for _, query := range []string{"?a=%00", "?a=%ff", "?a=%zz"} {
		if got := w.do("GET", "/api/v1/me"+query, ""); got.status != 422 {
			t.Errorf("GET /me%s = %d, want 422", query, got.status)
		}
	}
}

func TestTheDashboardHasEveryPathThatIsNotOurs(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for _, path := range []string{"/", "/runs", "/jobs/nightly", "/settings/tokens/"} {
		if got := w.send("GET", path, ""); got.status != http.StatusOK || !strings.HasPrefix(string(got.body), "<!doctype") {
			t.Errorf("GET %s = %d, want the dashboard", path, got.status)
		}
	}
	for _, path := range []string{"/API/v1/me", "/apis", "//runs", "/runs/../metrics", "/metrics.", "/healthz/x", "/a%2fb", "/a;b", "/a%00b", "/..%2f..%2fetc/passwd"} {
		if status := ask(w.api, "GET", path, false); status != http.StatusNotFound {
			t.Errorf("GET %s = %d, want 404", path, status)
		}
	}
}

func TestProbesSayWhetherTheHubCanAnswer(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for _, path := range []string{"/healthz", "/readyz"} {
		if got := w.send("GET", path, ""); got.status != http.StatusOK {
			t.Errorf("GET %s = %d %s, want 200", path, got.status, got.body)
		}
	}
	w.db.Close()
	if got := w.send("GET", "/healthz", ""); got.status != http.StatusOK {
		t.Errorf("GET /healthz without a database = %d, want 200", got.status)
	}
	if got := w.send("GET", "/readyz", ""); got.status != http.StatusServiceUnavailable || got.header.Get("Retry-After") == "" {
		t.Errorf("GET /readyz without a database = %d, want 503", got.status)
	}
}

func TestMetricsNeedATokenOfAnAdministrator(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	member, _ := w.member(w.ours, authz.Owner)
	_, cookie := w.login()
	for name, c := range map[string]struct {
		option option
		want   int
	}{
		"administrator": {as(w.admin), 200}, "owner of a project": {as(member), 403},
		"a cookie": {with("Cookie", cookie.Name+"="+cookie.Value), 401},
	} {
		got := w.send("GET", "/metrics", "", c.option)
		if got.status != c.want {
			t.Errorf("%s: GET /metrics = %d, want %d", name, got.status, c.want)
		}
		if got.status == 200 {
			for _, want := range []string{"cronium_runs_open{state=\"queued\"} 0", "cronium_queue_depth 0", "cronium_schedule_due_lag_seconds 0",
				"cronium_agents_online 0", "cronium_log_bytes_total 0", "cronium_http_request_duration_seconds_bucket", "cronium_build_info"} {
				if !strings.Contains(string(got.body), want) {
					t.Errorf("GET /metrics lacks %s", want)
				}
			}
		}
	}
}

func TestTheSpecificationDescribesThisHub(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	got := w.send("GET", "/api/v1/openapi.json", "")
	var spec struct {
		OpenAPI string                    `json:"openapi"`
		Paths   map[string]map[string]any `json:"paths"`
	}
	if err := json.Unmarshal(got.body, &spec); err != nil || spec.OpenAPI != "3.1.0" || len(spec.Paths) < 25 {
		t.Fatalf("GET /openapi.json = %s %d paths, %v", spec.OpenAPI, len(spec.Paths), err)
	}
	if got := w.send("GET", "/api/v1/schemas/job.json", ""); got.status != 200 || !strings.HasPrefix(got.header.Get("Content-Type"), "application/schema+json") {
		t.Fatalf("GET /schemas/job.json = %d %s", got.status, got.header.Get("Content-Type"))
	}
}

func TestHugeHeadersAreRefused(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	conn, err := net.Dial("tcp", strings.TrimPrefix(w.url, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	go func() {
		_, _ = fmt.Fprintf(conn, "GET /healthz HTTP/1.1\r\nHost: localhost\r\nX: %s\r\n\r\n", strings.Repeat("x", 24<<10))
	}()
	response, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	if response.StatusCode != http.StatusRequestHeaderFieldsTooLarge {
		t.Fatalf("24 KiB of headers = %d, want 431", response.StatusCode)
	}
}

func TestAnAnswerIsJSONWhateverIsAskedFor(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for _, accept := range []string{"", "*/*", "text/html", "application/problem+json", "application/xml;q=0.9", "json", "a/b/c;;"} {
		if got := w.do("GET", "/api/v1/me", "", with("Accept", accept)); got.status != 200 || got.header.Get("Content-Type") != "application/json" {
			t.Errorf("Accept %q = %d %s, want 200 application/json", accept, got.status, got.header.Get("Content-Type"))
		}
		if got := w.do("GET", "/api/v1/projects/nowhere/runs", "", with("Accept", accept)); got.status != 404 {
			t.Errorf("Accept %q of nothing = %d, want 404", accept, got.status)
		}
	}
}
