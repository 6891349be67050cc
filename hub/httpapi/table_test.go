package httpapi_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/cronium/cronium/hub/authz"
	"github.com/cronium/cronium/hub/httpapi"
)

// The routes that need no credentials. A new one is a decision, made here.
var publicRoutes = []string{
	"GET /api/v1/setup", "POST /api/v1/setup", "POST /api/v1/auth/login",
	"GET /api/v1/openapi.json", "GET /api/v1/schemas/job.json",
	"GET /install.sh", "GET /downloads/{file}",
	"GET /healthz", "GET /readyz", "GET /", "GET /*", "HEAD /*",
}

func TestTheTableIsReviewed(t *testing.T) {
	w := newWorld(t)
	golden(t, "routes.txt", []byte(w.api.Lines()))
	golden(t, "openapi.json", w.api.Spec())
}

func TestEveryRouteStandsInTheTableAndOnlyTheListedArePublic(t *testing.T) {
	for _, finding := range checkTable(newWorld(t).api) {
		t.Error(finding)
	}
}

func TestAPlantedRouteIsFound(t *testing.T) {
	w := newWorld(t)
	w.api.Plant("GET", "/api/v1/planted", func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("secrets")) })
	found := checkTable(w.api)
	if !slices.ContainsFunc(found, func(f string) bool { return strings.Contains(f, "GET /api/v1/planted stands in no table") }) {
		t.Fatalf("checkTable = %q, want it to name the planted route", found)
	}
	if !slices.ContainsFunc(found, func(f string) bool { return strings.Contains(f, "GET /api/v1/planted answers 200 to nobody") }) {
		t.Fatalf("checkTable = %q, want it to say that the planted route is open", found)
	}
}

func TestAnIncompleteRoutePanics(t *testing.T) {
	for _, forget := range []string{"method", "auth", "scope", "body", "rate", "change", "handler", "action", "project", "get that changes"} {
		t.Run(forget, func(t *testing.T) {
			defer func() {
				if recover() == nil {
					t.Fatalf("a route without its %s was mounted", forget)
				}
			}()
			httpapi.MountIncomplete(forget)
		})
	}
	httpapi.MountIncomplete("nothing")
}

// checkTable returns what is wrong with the reachable routes: those that stand in
// no table, those that are public and not listed, those that answer to nobody.
func checkTable(api *httpapi.API) []string {
	var found []string
	for _, r := range api.Unlisted() {
		found = append(found, r+" stands in no table")
		method, pattern, _ := strings.Cut(r, " ")
		found = append(found, anonymous(api, method, fill(pattern))...)
	}
	for _, r := range api.Table() {
		name := r.Method + " " + r.Pattern
		if r.Public != slices.Contains(publicRoutes, name) {
			found = append(found, fmt.Sprintf("%s: public %v, but the list says %v", name, r.Public, !r.Public))
		}
		if !r.Public {
			found = append(found, anonymous(api, r.Method, fill(r.Pattern))...)
		}
	}
	return found
}

// fill puts names that nothing has into a pattern.
func fill(pattern string) string {
	return strings.NewReplacer("{project}", "default", "{job}", "nightly", "{run}", "r_0dk3c9p5v4s3p9j2n0q4c7g5f8",
		"{schedule}", "01890000-0000-7000-8000-000000000000", "{host}", "db-1", "{server}", "db-1", "{variable}", "counter", "{secret}", "TOKEN", "{file}", "SHA256SUMS", "{console}", "01890000-0000-7000-8000-000000000001", "{id}", "x", "*", "x").Replace(pattern)
}

// decorations are ways in which other products' filters were passed by.
var decorations = []struct {
	name string
	path func(string) string
}{
	{"plain", func(p string) string { return p }},
	{"suffix health", func(p string) string { return p + "/healthz" }},
	{"suffix spec", func(p string) string { return p + "/openapi.json" }},
	{"suffix setup", func(p string) string { return p + "/setup" }},
	{"suffix login", func(p string) string { return p + "/auth/login" }},
	{"double slash", func(p string) string { return "/" + p }},
	{"double slash inside", func(p string) string { return strings.Replace(p, "/v1/", "/v1//", 1) }},
	{"dot", func(p string) string { return "/." + p }},
	{"dot dot", func(p string) string { return "/setup/.." + p }},
	{"from the spec", func(p string) string { return "/api/v1/openapi.json/../.." + p }},
	{"semicolon dot dot", func(p string) string { return p + "/..;/" }},
	{"encoded slash", func(p string) string { i := strings.LastIndex(p, "/"); return p[:i] + "%2f" + p[i+1:] }},
	{"encoded dot", func(p string) string { return p + "%2e" }},
	{"encoded first letter", func(p string) string { return fmt.Sprintf("/%%%02x%s", p[1], p[2:]) }},
	{"semicolon", func(p string) string { return p + ";x=/setup" }},
	{"trailing dot", func(p string) string { return p + "." }},
	{"trailing slash", func(p string) string { return p + "/" }},
	{"query", func(p string) string { return p + "?/healthz" }},
	{"query of a public route", func(p string) string { return p + "?x=/api/v1/auth/login" }},
	{"upper case", func(p string) string { return strings.ToUpper(p) }},
	{"backslash", func(p string) string { return strings.Replace(p, "/", "\\", 2) }},
	{"nul", func(p string) string { return p + "%00" }},
}

// spoofs are headers that some proxies believe.
var spoofs = map[string]string{
	"X-Original-URL": "/healthz", "X-Rewrite-URL": "/healthz", "X-HTTP-Method-Override": "GET", "X-Forwarded-Prefix": "/healthz",
	"X-Forwarded-User": "anna@example.com", "X-Webauth-User": "anna@example.com", "X-Forwarded-For": "127.0.0.1", "Forwarded": "for=127.0.0.1",
}

// anonymous asks without credentials in every spelling and returns where the
// answer is not a refusal.
func anonymous(api *httpapi.API, method, path string) []string {
	var found []string
	for _, d := range decorations {
		for _, spoofed := range []bool{false, true} {
			status := ask(api, method, d.path(path), spoofed)
			switch {
			case d.name == "plain" && status != http.StatusUnauthorized:
				found = append(found, fmt.Sprintf("%s %s answers %d to nobody, want 401", method, path, status))
			case status < 400 || status >= 500:
				found = append(found, fmt.Sprintf("%s %s (%s) answers %d to nobody", method, d.path(path), d.name, status))
			}
		}
	}
	return found
}

func ask(api *httpapi.API, method, target string, spoofed bool) int {
	r := httptest.NewRequest(method, "http://localhost/", nil)
	r.RequestURI = target
	u, err := url.ParseRequestURI(target)
	if err != nil {
		return http.StatusBadRequest // net/http refuses it before us
	}
	u.Scheme, u.Host = "", ""
	r.URL = u
	if spoofed {
		for name, value := range spoofs {
			r.Header.Set(name, value)
		}
	}
	recorder := httptest.NewRecorder()
	api.ServeHTTP(recorder, r)
	return recorder.Code
}

func TestEveryRoleMayExactlyWhatItsActionsSay(t *testing.T) {
	w := newWorld(t)
	roles := []authz.Role{authz.Owner, authz.Admin, authz.Editor, authz.Operator, authz.Viewer, authz.Auditor}
	for _, role := range roles {
		token, user := w.member(w.ours, role)
		actor := authz.Actor{UserID: user, Roles: map[uuidT]authz.Role{w.ours.ID: role}}
		for _, r := range w.api.Table() {
			if r.Action == "" {
				continue
			}
			got := w.send(r.Method, fill(r.Pattern), sample(r), as(token))
			allowed := actor.Check(r.Action, w.ours.ID) == nil
			if denied := got.status == http.StatusForbidden; denied == allowed || got.status == http.StatusUnauthorized {
				t.Errorf("%s %s as %s = %d %s, want allowed %v", r.Method, r.Pattern, role, got.status, got.code(), allowed)
			}
		}
	}
}

func TestAnotherProjectIsNotFoundAsIfItDidNotExist(t *testing.T) {
	w := newWorld(t)
	token, _ := w.member(w.theirs, authz.Owner)
	for _, r := range w.api.Table() {
		if !r.Project {
			continue
		}
		existing := w.send(r.Method, fill(r.Pattern), sample(r), as(token))
		invented := w.send(r.Method, strings.Replace(fill(r.Pattern), "/default/", "/nowhere/", 1), sample(r), as(token))
		if existing.status != http.StatusNotFound || invented.status != http.StatusNotFound || existing.code() != invented.code() {
			t.Errorf("%s %s: another's project = %d %s, no project = %d %s; want the same 404", r.Method, r.Pattern,
				existing.status, existing.code(), invented.status, invented.code())
		}
	}
}

func TestAnotherSiteCanChangeNothing(t *testing.T) {
	w := newWorld(t)
	for _, r := range w.api.Table() {
		if r.Method == http.MethodGet || r.Method == http.MethodHead {
			continue
		}
		attempts := []struct {
			name    string
			options []option
			body    string
			want    []int
		}{
			{"cross-site", []option{with("Sec-Fetch-Site", "cross-site")}, sample(r), []int{403}},
			{"same-site", []option{with("Sec-Fetch-Site", "same-site")}, sample(r), []int{403}},
			{"foreign origin", []option{with("Origin", "https://evil.example")}, sample(r), []int{403}},
			{"null origin", []option{with("Origin", "null")}, sample(r), []int{403}},
			{"plain text", []option{with("Content-Type", "text/plain")}, `{"a":1}`, []int{403, 415}},
			{"a form", []option{with("Content-Type", "application/x-www-form-urlencoded")}, `{"a":1}`, []int{403, 415}},
			{"no type", []option{func(r *http.Request) { r.Header.Del("Content-Type") }}, `{"a":1}`, []int{403, 415}},
		}
		for _, a := range attempts {
			if got := w.do(r.Method, fill(r.Pattern), a.body, a.options...); !slices.Contains(a.want, got.status) {
				t.Errorf("%s %s (%s) = %d %s, want %v", r.Method, r.Pattern, a.name, got.status, got.code(), a.want)
			}
		}
	}
}

// Names of columns, which no body may carry.
var columns = []string{"id", "owner_id", "project_id", "user_id", "role", "admin", "created_at", "fence", "state", "agent_id", "password_hash", "version", "Name", "SPEC"}

func TestABodyCarriesNothingThatIsNotDescribed(t *testing.T) {
	w := newWorld(t)
	for _, r := range w.api.Table() {
		if r.Method == http.MethodGet || r.Method == http.MethodHead {
			continue
		}
		for _, column := range columns {
			got := w.do(r.Method, fill(r.Pattern), overPost(sample(r), column))
			if got.status != http.StatusUnprocessableEntity || got.code() != "unknown_field" {
				t.Errorf("%s %s with %s = %d %s, want 422 unknown_field", r.Method, r.Pattern, column, got.status, clip(got.body))
			}
		}
	}
}

func overPost(body, column string) string {
	rest := strings.TrimPrefix(body, "{")
	if body == "" || rest == "}" {
		return fmt.Sprintf(`{%q:9}`, column)
	}
	return fmt.Sprintf(`{%q:9,%s`, column, rest)
}

func TestABodyOneByteTooLongIsRefused(t *testing.T) {
	w := newWorld(t)
	for _, r := range w.api.Table() {
		if r.Method == http.MethodHead { // its answer has no body to look at
			continue
		}
		body := `{"a":"` + strings.Repeat("x", int(r.Body)-7) + `"}`
		got := w.do(r.Method, fill(r.Pattern), body)
		if got.status != http.StatusRequestEntityTooLarge || got.code() != "body_too_large" {
			t.Errorf("%s %s with %d bytes = %d %s, want 413", r.Method, r.Pattern, len(body), got.status, clip(got.body))
		}
	}
}

func TestBadBodiesAreRefusedInTheWordsOfTheCatalogue(t *testing.T) {
	w := newWorld(t)
	cases := []struct {
		name, body string
		status     int
		code       string
	}{
		{"no json", `name`, 400, "malformed_json"},
		{"truncated", `{"name":"x"`, 400, "malformed_json"},
		{"empty", ` `, 400, "malformed_json"},
		{"trailing", `{"name":"x"}{}`, 400, "malformed_json"},
		{"duplicate", `{"name":"x","name":"y"}`, 400, "duplicate_key"},
		{"deep", `{"name":` + strings.Repeat("[", 70) + strings.Repeat("]", 70) + `}`, 400, "json_too_complex"},
		{"not utf-8", "{\"name\":\"\xff\"}", 422, "invalid_text"},
		{"nul", `{"name":"a\u0000b"}`, 422, "invalid_text"},
		{"huge number", `{"name":1e400}`, 422, "out_of_range"},
		{"missing", `{}`, 422, "missing_field"},
		{"wrong type", `{"name":7}`, 422, "invalid_field"},
		{"too long", `{"name":"` + strings.Repeat("x", 200) + `"}`, 422, "invalid_field"},
		{"an array", `[]`, 422, "invalid_field"},
		{"null", `null`, 422, "invalid_field"},
	}
	for _, c := range cases {
		got := w.do("POST", "/api/v1/tokens", c.body)
		if got.status != c.status || got.code() != c.code {
			t.Errorf("%s: %d %s, want %d %s", c.name, got.status, clip(got.body), c.status, c.code)
		}
	}
}

func TestAProblemNeverRepeatsAValue(t *testing.T) {
	w := newWorld(t)
	for _, body := range []string{
		`{"email":"a@b.c","password":{"x":"hunter2"}}`, `{"email":"a@b.c","password":"hunter2","extra":"hunter2"}`,
		`{"email":"a@b.c","password":"hunter2`, `{"email":"` + strings.Repeat("hunter2", 100) + `","password":"x"}`,
		`{"email":"a@b.c","password":"hunter2","password":"hunter2"}`,
	} {
		if got := w.send("POST", "/api/v1/auth/login", body); got.status < 400 || strings.Contains(string(got.body), "hunter2") {
			t.Errorf("login with %s = %d %s, which repeats the value", body, got.status, got.body)
		}
	}
}

// The database refuses every write while all GET routes are asked: whoever
// follows a link changes nothing.
func TestGETChangesNothing(t *testing.T) {
	w := newWorld(t)
	w.want(200, "PUT", "/api/v1/projects/default/jobs/nightly", strings.Replace(define(fullSpec), "disk-report", "nightly", 1))
	r, _ := w.running(w.ours)
	w.want(200, "GET", "/api/v1/me", "") // notes the token's first use
	if _, err := w.db.Pool.Exec(t.Context(), "alter database "+w.db.Pool.Config().ConnConfig.Database+" set default_transaction_read_only = on"); err != nil {
		t.Fatal(err)
	}
	w.db.Pool.Reset()
	for _, route := range w.api.Table() {
		if route.Method != http.MethodGet || strings.HasSuffix(route.Pattern, "/ws") {
			continue
		}
		path := strings.Replace(fill(route.Pattern), "r_0dk3c9p5v4s3p9j2n0q4c7g5f8", r.Public(), 1)
		if got := w.do("GET", path, ""); got.status >= 500 {
			t.Errorf("GET %s wrote to the database: %d %s", path, got.status, got.body)
		}
	}
	if got := w.do("POST", "/api/v1/projects/default/jobs/nightly/runs", `{}`); got.status != http.StatusInternalServerError {
		t.Errorf("a write to a read-only database = %d, so this test proves nothing", got.status)
	}
}
