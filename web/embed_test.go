package web

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/fstest"
)

var built = fstest.MapFS{
	"index.html":          {Data: []byte("<!doctype html><title>Cronium</title>")},
	"theme.js":            {Data: []byte("1")},
	"assets/app-1a.js":    {Data: []byte("plain script")},
	"assets/app-1a.js.gz": {Data: []byte("gz")},
	"assets/app-1a.js.br": {Data: []byte("br")},
}

func get(t *testing.T, h http.Handler, path string, header ...string) *httptest.ResponseRecorder {
	t.Helper()
	r := httptest.NewRequest(http.MethodGet, path, nil)
	for i := 0; i+1 < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

func TestAssetsAreImmutableAndPrecompressed(t *testing.T) {
	h := handlerFor(built)
	for accept, want := range map[string]string{"gzip, br": "br", "gzip": "gz", "": "plain script", "br;q=0, gzip": "gz"} {
		w := get(t, h, "/assets/app-1a.js", "Accept-Encoding", accept)
		if w.Body.String() != want {
			t.Errorf("Accept-Encoding %q: body %q, want %q", accept, w.Body, want)
		}
		if cc := w.Header().Get("Cache-Control"); !strings.Contains(cc, "immutable") {
			t.Errorf("Cache-Control %q, want immutable", cc)
		}
	}
}

func TestUnknownPathsAnswerTheApplication(t *testing.T) {
	h := handlerFor(built)
	for _, p := range []string{"/", "/runs/r_1", "/jobs/x.y", "/../../etc/passwd"} {
		w := get(t, h, p)
		if w.Code != http.StatusOK || !strings.Contains(w.Body.String(), "Cronium") {
			t.Errorf("%s: %d %q, want the page", p, w.Code, w.Body)
		}
		if cc := w.Header().Get("Cache-Control"); cc != "no-cache" {
			t.Errorf("%s: Cache-Control %q, want no-cache", p, cc)
		}
		if !strings.Contains(w.Header().Get("Content-Security-Policy"), "script-src 'self'") {
			t.Errorf("%s: no policy", p)
		}
	}
}

func TestChunkOfAnotherVersionIsNotFound(t *testing.T) {
	if w := get(t, handlerFor(built), "/assets/app-old.js"); w.Code != http.StatusNotFound {
		t.Fatalf("code %d, want 404: a page must never arrive in place of a script", w.Code)
	}
}

func TestETagSavesTheBody(t *testing.T) {
	h := handlerFor(built)
	tag := get(t, h, "/").Header().Get("ETag")
	if w := get(t, h, "/", "If-None-Match", tag); w.Code != http.StatusNotModified {
		t.Fatalf("code %d with the same ETag, want 304", w.Code)
	}
}

func TestOnlyReadingIsAllowed(t *testing.T) {
	w := httptest.NewRecorder()
	handlerFor(built).ServeHTTP(w, httptest.NewRequest(http.MethodPost, "/", nil))
	if w.Code != http.StatusMethodNotAllowed {
		t.Fatalf("POST answered %d, want 405", w.Code)
	}
}

func TestWithoutABuildItSaysWhatToRun(t *testing.T) {
	w := get(t, handlerFor(fstest.MapFS{".gitkeep": {}}), "/jobs")
	if w.Code != http.StatusServiceUnavailable || !strings.Contains(w.Body.String(), "make build") {
		t.Fatalf("%d %q, want a line naming make build", w.Code, w.Body)
	}
}

func TestEmbeddedTreeAlwaysServes(t *testing.T) {
	if w := get(t, Handler(), "/"); w.Code != http.StatusOK && w.Code != http.StatusServiceUnavailable {
		t.Fatalf("code %d", w.Code)
	}
}
