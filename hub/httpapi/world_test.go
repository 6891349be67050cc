package httpapi_test

import (
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/santhosh-tekuri/jsonschema/v6"
	"go.uber.org/goleak"

	"github.com/cronium/cronium/hub/artifact"
	"github.com/cronium/cronium/hub/authz"
	"github.com/cronium/cronium/hub/bus"
	"github.com/cronium/cronium/hub/console"
	"github.com/cronium/cronium/hub/fleet"
	"github.com/cronium/cronium/hub/httpapi"
	"github.com/cronium/cronium/hub/identity"
	"github.com/cronium/cronium/hub/job"
	"github.com/cronium/cronium/hub/output"
	"github.com/cronium/cronium/hub/postgres"
	"github.com/cronium/cronium/hub/postgres/pgtest"
	"github.com/cronium/cronium/hub/probe"
	"github.com/cronium/cronium/hub/project"
	"github.com/cronium/cronium/hub/release"
	"github.com/cronium/cronium/hub/run"
	"github.com/cronium/cronium/hub/runlog"
	"github.com/cronium/cronium/hub/schedule"
	"github.com/cronium/cronium/hub/secret"
	"github.com/cronium/cronium/hub/server"
	"github.com/cronium/cronium/hub/setting"
	"github.com/cronium/cronium/hub/variable"
)

var update = flag.Bool("update", false, "rewrite the golden files")

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	adminEmail    = "anna@example.com"
	adminPassword = "correct horse battery staple"
)

// world is a whole door with the rooms behind it, on a database of its own.
type world struct {
	t         *testing.T
	db        *postgres.DB
	bell      *bus.Bus
	projects  *project.Store
	identity  *identity.Store
	jobs      *job.Store
	runs      *run.Store
	schedules *schedule.Store
	logs      *runlog.Store
	fleet     *fleet.Fleet
	servers   *server.Store
	variables *variable.Store
	secrets   *secret.Store
	outputs   *output.Store
	artifacts *artifact.Store
	api       *httpapi.API
	url       string
	downloads string          // a directory, empty at first
	ours      project.Project // default
	theirs    project.Project // other
	admin     string          // token of the instance's administrator
}

func newWorld(t *testing.T, change ...func(*httpapi.Config)) *world {
	t.Helper()
	w := &world{t: t, db: pgtest.New(t), downloads: t.TempDir()}
	ctx := t.Context()
	settings := setting.New(w.db)
	instance := must(settings.Instance(ctx))
	w.bell = must(bus.New(bus.Config{DB: w.db}))
	w.projects = project.New(w.db)
	w.ours = must(w.projects.EnsureDefault(ctx))
	w.theirs = w.addProject("other")
	w.identity = identity.New(w.db, w.projects, settings, identity.Config{})
	w.runs = run.New(w.db, run.Config{Changed: func(ids []uuid.UUID) {
		w.bell.Ring("runs")
		for _, id := range ids {
			w.bell.Ring("run:" + id.String())
		}
	}})
	w.logs = runlog.New(w.db, runlog.Config{Bell: w.bell})
	keys := must(secret.OpenKeys(t.TempDir()))
	w.fleet = must(fleet.Open(ctx, w.db, fleet.Config{Sealer: keys, Instance: instance.ID, Counter: w.runs, Changed: func() { w.bell.Ring("agents") }}))
	w.jobs = job.New(w.db, time.Now)
	w.servers = server.New(w.db, server.Config{Sealer: keys, Instance: instance.ID, Jobs: w.jobs.OnServer})
	w.variables, w.secrets, w.outputs = variable.New(w.db), secret.NewStore(w.db, keys, slog.New(slog.DiscardHandler)), output.New(w.db)
	w.artifacts = must(artifact.New(w.db, artifact.Config{}))
	about := facts{w.jobs, keys}
	w.schedules = schedule.New(w.db, w.runs, about, schedule.Config{})
	config := httpapi.Config{
		Version: "test", InstanceID: instance.ID, AgentsAddress: "127.0.0.1:8421", JobSchema: []byte(`{"type":"object"}`),
		Login: httpapi.Rate{PerSecond: 1e6, Burst: 1e6}, Read: httpapi.Rate{PerSecond: 1e6, Burst: 1e6}, Write: httpapi.Rate{PerSecond: 1e6, Burst: 1e6},
	}
	for _, c := range change {
		c(&config)
	}
	w.api = must(httpapi.New(config, httpapi.Deps{
		DB: w.db, Bell: w.bell, Identity: w.identity, Projects: w.projects, Jobs: w.jobs, Runs: w.runs, Schedules: w.schedules,
		Logs: w.logs, Hosts: w.fleet, Servers: w.servers, Probe: probe.New(probe.Config{Servers: w.servers, Fleet: w.fleet}), Orders: about,
		Downloads: release.In(w.downloads),
		Variables: w.variables, Secrets: w.secrets, Outputs: w.outputs, Artifacts: w.artifacts,
		Consoles:  must(console.New(w.db, console.Config{Hosts: w.fleet, People: w.identity})),
		Dashboard: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("<!doctype html>")) }),
	}))
	w.serve()
	if _, err := w.identity.EnsureAdmin(ctx, adminEmail, adminPassword); err != nil {
		t.Fatal(err)
	}
	w.admin = w.adminToken()
	return w
}

// serve runs the real server and the bus until the test ends.
func (w *world) serve() {
	server := httptest.NewUnstartedServer(w.api)
	server.Config = w.api.Server()
	server.Start()
	w.url = server.URL
	ctx, cancel := context.WithCancel(context.Background())
	var work sync.WaitGroup
	work.Go(func() { _ = w.bell.Run(ctx) })
	w.t.Cleanup(func() {
		w.api.Close()
		server.Close()
		cancel()
		work.Wait()
		http.DefaultClient.CloseIdleConnections()
	})
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

func (w *world) addProject(slug string) project.Project {
	if _, err := w.db.Pool.Exec(w.t.Context(), "insert into projects (id, slug, name) values ($1, $2, $2)", uuid.Must(uuid.NewV7()), slug); err != nil {
		w.t.Fatal(err)
	}
	return must(w.projects.BySlug(w.t.Context(), slug))
}

func (w *world) adminToken() string {
	cookie, _, err := w.identity.Login(w.t.Context(), adminEmail, adminPassword, "", "")
	if err != nil {
		w.t.Fatal(err)
	}
	actor := must(w.identity.ActorBySession(w.t.Context(), cookie))
	return w.tokenOf(actor)
}

func (w *world) tokenOf(actor authz.Actor) string {
	plain, _, err := w.identity.CreateToken(w.t.Context(), actor, "t-"+uuid.NewString(), time.Hour)
	if err != nil {
		w.t.Fatal(err)
	}
	return plain
}

// member is a token of a new user with that role in the project; no role, no membership.
func (w *world) member(p project.Project, role authz.Role) (token string, user uuid.UUID) {
	user = uuid.Must(uuid.NewV7())
	_, err := w.db.Pool.Exec(w.t.Context(), "insert into users (id, email, name, password_hash) values ($1, $2, 'x', '')", user, user.String()+"@example.com")
	if err != nil {
		w.t.Fatal(err)
	}
	if role != "" {
		w.grant(p, user, role)
	}
	return w.tokenOf(authz.Actor{UserID: user}), user
}

func (w *world) grant(p project.Project, user uuid.UUID, role authz.Role) {
	err := w.db.InTx(w.t.Context(), func(tx pgx.Tx) error { return w.projects.Grant(w.t.Context(), tx, p.ID, user, role) })
	if err != nil {
		w.t.Fatal(err)
	}
}

// reply is an answer, already held against the OpenAPI document.
type reply struct {
	status int
	header http.Header
	body   []byte
}

func (r reply) code() string {
	var p httpapi.Problem
	_ = json.Unmarshal(r.body, &p)
	return p.Code
}

func decode[T any](t *testing.T, r reply) T {
	t.Helper()
	var v T
	if err := json.Unmarshal(r.body, &v); err != nil {
		t.Fatalf("decode %s: %v", r.body, err)
	}
	return v
}

type option func(*http.Request)

func with(name, value string) option { return func(r *http.Request) { r.Header.Set(name, value) } }

func as(token string) option { return with("Authorization", "Bearer "+token) }

// do sends a request as the administrator, unless an option says otherwise.
func (w *world) do(method, path, body string, options ...option) reply {
	w.t.Helper()
	return w.send(method, path, body, append([]option{as(w.admin)}, options...)...)
}

// send sends a request as nobody.
func (w *world) send(method, path, body string, options ...option) reply {
	w.t.Helper()
	r, err := http.NewRequestWithContext(w.t.Context(), method, w.url+path, strings.NewReader(body))
	if err != nil {
		w.t.Fatal(err)
	}
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	for _, o := range options {
		o(r)
	}
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		w.t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		w.t.Fatal(err)
	}
	got := reply{response.StatusCode, response.Header, text}
	w.validate(method, r.URL.EscapedPath(), got)
	return got
}

// want sends as the administrator and fails unless the answer has that status.
func (w *world) want(status int, method, path, body string, options ...option) reply {
	w.t.Helper()
	got := w.do(method, path, body, options...)
	if got.status != status {
		w.t.Fatalf("%s %s = %d %s, want %d", method, path, got.status, clip(got.body), status)
	}
	return got
}

func clip(b []byte) []byte { return b[:min(len(b), 400)] }

// validate holds an answer against the document: the schema of its status, or
// the problem's.
func (w *world) validate(method, path string, r reply) {
	w.t.Helper()
	if r.header.Get("X-Request-Id") == "" || r.header.Get("X-Hub-Time") == "" {
		w.t.Errorf("%s %s: no X-Request-Id or X-Hub-Time", method, path)
	}
	if r.status >= 400 {
		w.problem(method, path, r)
		return
	}
	pattern := w.api.PatternOf(method, path)
	if r.status == http.StatusNoContent || !strings.HasPrefix(r.header.Get("Content-Type"), "application/json") || strings.HasSuffix(pattern, "openapi.json") {
		return
	}
	at := fmt.Sprintf("openapi.json#/paths/%s/%s/responses/%d/content/application~1json/schema", escape(pattern), strings.ToLower(method), r.status)
	w.against(at, method, path, r)
}

func (w *world) problem(method, path string, r reply) {
	w.t.Helper()
	if r.header.Get("Content-Type") != "application/problem+json" {
		w.t.Errorf("%s %s: error %d is %s, want application/problem+json: %s", method, path, r.status, r.header.Get("Content-Type"), clip(r.body))
		return
	}
	w.against("openapi.json#/components/schemas/Problem", method, path, r)
	var p httpapi.Problem
	_ = json.Unmarshal(r.body, &p)
	if p.Status != r.status || p.RequestID != r.header.Get("X-Request-Id") || p.Hint == "" {
		w.t.Errorf("%s %s: %d with a problem of %d, request %q, hint %q", method, path, r.status, p.Status, p.RequestID, p.Hint)
	}
}

func (w *world) against(schema, method, path string, r reply) {
	w.t.Helper()
	s, err := w.compiler().Compile(schema)
	if err != nil {
		w.t.Fatalf("%s %s: compile %s: %v", method, path, schema, err)
	}
	body, err := jsonschema.UnmarshalJSON(bytes.NewReader(r.body))
	if err != nil {
		w.t.Errorf("%s %s: the body is no JSON: %s", method, path, clip(r.body))
		return
	}
	if err := s.Validate(body); err != nil {
		w.t.Errorf("%s %s: the answer breaks the document: %v\n%s", method, path, err, clip(r.body))
	}
}

// shared between the tests: the document is the same for all.
var compile struct {
	sync.Mutex
	compiler *jsonschema.Compiler
}

func (w *world) compiler() *lockedCompiler {
	compile.Lock()
	defer compile.Unlock()
	if compile.compiler == nil {
		c := jsonschema.NewCompiler()
		c.DefaultDraft(jsonschema.Draft2020)
		c.AssertFormat()
		c.UseLoader(noLoader{})
		doc := must(jsonschema.UnmarshalJSON(bytes.NewReader(w.api.Spec())))
		if err := c.AddResource("openapi.json", doc); err != nil {
			w.t.Fatal(err)
		}
		compile.compiler = c
	}
	return &lockedCompiler{compile.compiler}
}

type lockedCompiler struct{ c *jsonschema.Compiler }

func (l *lockedCompiler) Compile(at string) (*jsonschema.Schema, error) {
	compile.Lock()
	defer compile.Unlock()
	return l.c.Compile(at)
}

type noLoader struct{}

func (noLoader) Load(url string) (any, error) {
	return nil, fmt.Errorf("the document refers to %s", url)
}

func escape(pattern string) string {
	return strings.NewReplacer("~", "~0", "/", "~1", "{", "%7B", "}", "%7D").Replace(pattern)
}

// golden compares with a file under testdata, or writes it.
func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, got, 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Fatalf("%s is not what the code says. Run `go test ./hub/httpapi -update` and review the diff.", path)
	}
}

type uuidT = uuid.UUID

// sample is a body that the route accepts, or nothing.
func sample(r httpapi.Route) string {
	switch r.Method + " " + strings.TrimPrefix(r.Pattern, "/api/v1") {
	case "POST /setup":
		return `{"code":"x","email":"x@example.com","password":"long enough to be one"}`
	case "POST /auth/login":
		return `{"email":"nobody@example.com","password":"long enough to be one"}`
	case "POST /tokens":
		return `{"name":"sample"}`
	case "PUT /projects/{project}/jobs/{job}":
		return `{"apiVersion":"cronium/v1","kind":"Job","metadata":{"name":"nightly"},"spec":{"script":{"language":"bash","source":"true"}}}`
	case "POST /projects/{project}/jobs/{job}/runs", "POST /projects/{project}/hosts/join-tokens":
		return `{}`
	case "POST /projects/{project}/servers":
		return `{"name":"db-1","address":"10.0.0.5","user":"deploy","credential":{"generate":true}}`
	case "PATCH /projects/{project}/servers/{server}":
		return `{"address":"10.0.0.6"}`
	case "POST /projects/{project}/servers/{server}/trust":
		return `{"fingerprint":"SHA256:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU"}`
	case "POST /projects/{project}/servers/{server}/restore":
		return `{"credential":{"generate":true}}`
	case "PUT /projects/{project}/variables/{variable}":
		return `{"value":[1,"two"]}`
	case "PUT /projects/{project}/secrets/{secret}":
		return `{"value":"sesame-open"}`
	case "POST /schedules/preview":
		return `{"cron":"0 * * * *"}`
	}
	return ""
}
