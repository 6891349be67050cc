package httpapi_test

import (
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/cronium/cronium/hub/httpapi"
)

const agentSum = "0000000000000000000000000000000000000000000000000000000000000001"

func (w *world) publish(t *testing.T) {
	t.Helper()
	for name, text := range map[string]string{
		"VERSION":                   "v2.0.0\n",
		"SHA256SUMS":                agentSum + "  cronium-agent-linux-amd64\n" + agentSum + "  cronium-runner-linux-amd64\n",
		"cronium-agent-linux-amd64": "the agent", "cronium-runner-linux-amd64": "the runner", "key": "k",
	} {
		if err := os.WriteFile(filepath.Join(w.downloads, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

func TestAHubWithoutProgramsSaysSo(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for _, path := range []string{"/install.sh", "/downloads/SHA256SUMS", "/downloads/cronium-agent-linux-amd64"} {
		if got := w.send("GET", path, ""); got.status != http.StatusNotFound || got.code() != "downloads_missing" || !strings.Contains(string(got.body), "make release") {
			t.Errorf("GET %s = %d %s, want 404 downloads_missing", path, got.status, got.body)
		}
	}
}

func TestProgramsAreHandedOutToAnybody(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(c *httpapi.Config) { c.PublicURL, c.AgentsAddress = "https://hub.example/", "[::]:8421" })
	w.publish(t)
	for path, want := range map[string]string{
		"/downloads/VERSION": "v2.0.0\n", "/downloads/cronium-agent-linux-amd64": "the agent", "/downloads/SHA256SUMS": agentSum + "  cronium-agent-linux-amd64\n" + agentSum + "  cronium-runner-linux-amd64\n",
	} {
		if got := w.send("GET", path, ""); got.status != http.StatusOK || string(got.body) != want || got.header.Get("Cache-Control") != "no-cache" {
			t.Errorf("GET %s = %d %q, Cache-Control %q", path, got.status, got.body, got.header.Get("Cache-Control"))
		}
	}
	got := w.send("GET", "/downloads/cronium-agent-linux-amd64", "")
	if tag := got.header.Get("ETag"); tag != `"`+agentSum+`"` {
		t.Errorf("ETag %s", tag)
	}
	if got := w.send("GET", "/downloads/cronium-agent-linux-amd64", "", with("If-None-Match", got.header.Get("ETag"))); got.status != http.StatusNotModified {
		t.Errorf("GET what is known = %d, want 304", got.status)
	}
	for _, name := range []string{"key", "cronium-agent-linux-arm64", "..%2fSHA256SUMS", "..", "%2fetc%2fpasswd"} {
		if got := w.send("GET", "/downloads/"+name, ""); got.status != http.StatusNotFound {
			t.Errorf("GET /downloads/%s = %d %q, want 404", name, got.status, got.body)
		}
	}
	script := w.send("GET", "/install.sh", "")
	if script.status != http.StatusOK || !strings.Contains(string(script.body), "\turl='https://hub.example'\n\thub='hub.example:8421'\n") {
		t.Errorf("GET /install.sh = %d without our addresses", script.status)
	}
	made := decode[httpapi.NewJoinToken](t, w.want(201, "POST", "/api/v1/projects/default/hosts/join-tokens", `{}`))
	if want := "curl -fsSL https://hub.example/install.sh | CRONIUM_JOIN_TOKEN=" + made.Token + " sh"; made.Command != want {
		t.Errorf("command = %s, want %s", made.Command, want)
	}
	if want := "CRONIUM_JOIN_TOKEN=" + made.Token + " cronium-agent enrol --hub hub.example:8421 --data-dir /var/lib/cronium-agent"; made.Manual != want {
		t.Errorf("by hand = %s, want %s", made.Manual, want)
	}
}

func TestTheScriptNamesTheHubAsItWasAsked(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(c *httpapi.Config) { c.AgentsAddress = "0.0.0.0:8421" })
	w.publish(t)
	got := w.send("GET", "/install.sh", "", func(r *http.Request) { r.Host = "localhost:8420" })
	if !strings.Contains(string(got.body), "\turl='http://localhost:8420'\n\thub='localhost:8421'\n") {
		t.Errorf("GET /install.sh = %d, not for localhost", got.status)
	}
	if got := w.send("GET", "/install.sh", "", func(r *http.Request) { r.Host = "evil.example" }); got.status != http.StatusMisdirectedRequest {
		t.Errorf("GET /install.sh under another name = %d, want 421", got.status)
	}
}
