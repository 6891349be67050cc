package job

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/cronium/cronium/hub/authz"
	"github.com/cronium/cronium/hub/postgres"
	"github.com/cronium/cronium/hub/postgres/pgtest"
	"github.com/cronium/cronium/sdk/dependency"
	"github.com/cronium/cronium/sdk/problem"
	"github.com/cronium/cronium/sdk/schema"
)

type world struct {
	*Store
	t       *testing.T
	ctx     context.Context
	pg      *postgres.DB
	project uuid.UUID
	anna    authz.Actor
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{t: t, ctx: context.Background(), pg: pgtest.New(t), project: uuid.New()}
	w.Store = New(w.pg, time.Now)
	w.anna = authz.Actor{UserID: uuid.New(), Email: "anna@example.com", Admin: true}
	for sql, args := range map[string][]any{
		"insert into projects (id, slug, name) values ($1, 'default', 'Default')":                        {w.project},
		"insert into users (id, email, name, password_hash) values ($1, 'anna@example.com', 'Anna', '')": {w.anna.UserID},
	} {
		if _, err := w.pg.Pool.Exec(w.ctx, sql, args...); err != nil {
			t.Fatal(err)
		}
	}
	return w
}

func definition() Definition {
	return Definition{
		Name: "disk-report", Labels: map[string]string{"team": "ops"},
		Spec: Spec{
			Script: Script{"bash", "df -h\n"}, Inputs: schema.Inputs{"path": {Type: schema.String, Default: "/"}},
			Target: Target{Labels: map[string]string{"os": "linux"}}, Timeout: "120s", Retries: &Retries{Max: 2, Backoff: "exponential", Delay: "10s"},
			Env: map[string]string{"LANG": "C.UTF-8"},
		},
	}
}

func (w *world) put(d Definition, ifVersion int) (Job, Change, error) {
	var j Job
	var c Change
	err := w.pg.InTx(w.ctx, func(tx pgx.Tx) (err error) {
		j, c, err = w.Put(w.ctx, tx, w.anna, w.project, d, ifVersion)
		return err
	})
	return j, c, err
}

func (w *world) mustPut(d Definition, ifVersion int, want Change) Job {
	w.t.Helper()
	j, c, err := w.put(d, ifVersion)
	if err != nil || c != want {
		w.t.Fatalf("Put = %q, %v; want %q", c, err, want)
	}
	return j
}

func TestPutWritesAVersionOnlyWhenSomethingChanged(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	d := definition()
	first := w.mustPut(d, 0, Created)
	again := definition()
	again.Spec.Timeout = "2m" // the same, spelt otherwise
	again.Spec.Retries.On = nil
	if j := w.mustPut(again, 0, Unchanged); j.Version != 1 || j.ID != first.ID {
		t.Fatalf("unchanged job is %+v", j)
	}
	for n, edit := range []func(*Definition){
		func(d *Definition) { d.Spec.Script.Source = "df -i\n" },
		func(d *Definition) { d.Labels = map[string]string{"team": "dba"} },
		func(d *Definition) { d.Spec.Env = nil },
		func(d *Definition) { d.Spec.Timeout = "3m" },
	} {
		edit(&d)
		if j := w.mustPut(d, n+1, Updated); j.Version != n+2 {
			t.Fatalf("edit %d made version %d", n, j.Version)
		}
	}
	got, err := w.Get(w.ctx, w.project, "disk-report")
	if err != nil || got.Version != 5 || got.Spec.Script.Source != "df -i\n" || got.Spec.Timeout != "3m" || got.UpdatedBy != "anna@example.com" ||
		got.Labels["team"] != "dba" || got.Spec.Limit() != 3*time.Minute || got.Spec.Retries.Wait() != 10*time.Second {
		t.Fatalf("Get = %+v, %v", got, err)
	}
	versions, err := w.Versions(w.ctx, first.ID, 0, 100)
	if err != nil || len(versions) != 5 || versions[4].Spec.Script.Source != "df -h\n" || versions[4].Spec.Timeout != "2m" {
		t.Fatalf("Versions = %d, %v", len(versions), err)
	}
	if older, err := w.Versions(w.ctx, first.ID, 3, 1); err != nil || len(older) != 1 || older[0].Version != 2 {
		t.Fatalf("Versions before 3 = %+v, %v", older, err)
	}
}

func TestStaleVersionIsRefusedWithWhoChangedIt(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	d := definition()
	if _, _, err := w.put(d, 7); !errors.Is(err, ErrConflict) {
		t.Fatalf("If-Match on no job: %v, want %v", err, ErrConflict)
	}
	w.mustPut(d, 0, Created)
	d.Spec.Timeout = "5m"
	w.mustPut(d, 1, Updated)
	d.Spec.Timeout = "6m"
	_, _, err := w.put(d, 1)
	if p, ok := problem.As(err); !ok || !errors.Is(err, ErrConflict) || !strings.Contains(p.Detail, "anna@example.com") || !strings.Contains(p.Detail, "revision 2") {
		t.Fatalf("stale Put: %v", err)
	}
}

func TestConcurrentPutsMakeOneJobAndEveryVersionOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	var wg sync.WaitGroup
	for n := range 8 {
		wg.Go(func() {
			d := definition()
			d.Spec.Script.Source = fmt.Sprintf("echo %d", n)
			if _, _, err := w.put(d, 0); err != nil {
				t.Errorf("Put: %v", err)
			}
		})
	}
	wg.Wait()
	j, err := w.Get(w.ctx, w.project, "disk-report")
	if err != nil || j.Version != 8 {
		t.Fatalf("after 8 puts the job is at version %d, %v", j.Version, err)
	}
}

func TestArchivedJobComesBackByPutOnly(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.mustPut(definition(), 0, Created)
	for _, s := range []State{Paused, Active, Archived, Archived} {
		if j, err := w.SetState(w.ctx, w.anna, w.project, "disk-report", s); err != nil || j.State != s {
			t.Fatalf("SetState(%s) = %s, %v", s, j.State, err)
		}
	}
	if _, err := w.SetState(w.ctx, w.anna, w.project, "disk-report", Active); !errors.Is(err, ErrArchived) {
		t.Fatalf("resume of an archived job: %v, want %v", err, ErrArchived)
	}
	if p, err := w.List(w.ctx, w.project, Filter{}); err != nil || len(p.Jobs) != 0 {
		t.Fatalf("List shows %d archived jobs, %v", len(p.Jobs), err)
	}
	if p, err := w.List(w.ctx, w.project, Filter{State: Archived}); err != nil || len(p.Jobs) != 1 {
		t.Fatalf("List(archived) = %d, %v", len(p.Jobs), err)
	}
	if j := w.mustPut(definition(), 0, Created); j.State != Active || j.Version != 2 {
		t.Fatalf("job that came back is %+v", j)
	}
	if _, err := w.SetState(w.ctx, w.anna, w.project, "nothing", Paused); !errors.Is(err, ErrNotFound) {
		t.Fatalf("SetState of nothing: %v", err)
	}
}

func TestOnlyEditorsMayPut(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.anna = authz.Actor{UserID: w.anna.UserID, Roles: map[uuid.UUID]authz.Role{w.project: authz.Operator}}
	if _, _, err := w.put(definition(), 0); !errors.Is(err, authz.ErrForbidden) {
		t.Fatalf("Put by an operator: %v", err)
	}
	if _, err := w.SetState(w.ctx, w.anna, w.project, "disk-report", Paused); !errors.Is(err, authz.ErrForbidden) {
		t.Fatalf("SetState by an operator: %v", err)
	}
}

func TestListPagesByNameAndFilters(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for _, name := range []string{"a-one", "b-two", "c-one", "d-two"} {
		d := definition()
		d.Name = name
		d.Labels["group"] = name[2:]
		w.mustPut(d, 0, Created)
	}
	var names []string
	f := Filter{Limit: 3}
	for {
		p, err := w.List(w.ctx, w.project, f)
		if err != nil {
			t.Fatal(err)
		}
		for _, j := range p.Jobs {
			names = append(names, j.Name)
			if j.Spec.Script.Language != "bash" || j.Spec.Script.Source != "" {
				t.Errorf("listed job has script %+v, want the language only", j.Spec.Script)
			}
		}
		if f.After = p.Next; f.After == "" {
			break
		}
	}
	if diff := cmp.Diff([]string{"a-one", "b-two", "c-one", "d-two"}, names); diff != "" {
		t.Fatal(diff)
	}
	for _, c := range []struct {
		f    Filter
		want int
	}{{Filter{Text: "ONE"}, 2}, {Filter{Labels: map[string]string{"group": "two", "team": "ops"}}, 2}, {Filter{Labels: map[string]string{"group": "x"}}, 0},
		{Filter{State: Paused}, 0}, {Filter{State: Active}, 4}} {
		if p, err := w.List(w.ctx, w.project, c.f); err != nil || len(p.Jobs) != c.want {
			t.Errorf("List(%+v) = %d, %v; want %d", c.f, len(p.Jobs), err, c.want)
		}
	}
	if _, err := w.List(w.ctx, w.project, Filter{State: "odd"}); !errors.Is(err, ErrParameter) {
		t.Errorf("List(odd): %v", err)
	}
	if _, err := w.Get(w.ctx, uuid.New(), "a-one"); !errors.Is(err, ErrNotFound) {
		t.Errorf("Get through another project: %v", err)
	}
}

func TestSpecsComeFromTheCacheTheSecondTime(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	j := w.mustPut(definition(), 0, Created)
	ref := VersionRef{j.ID, 1}
	for range 2 {
		got, err := w.Specs(w.ctx, []VersionRef{ref, ref, {uuid.New(), 1}})
		if err != nil || len(got) != 1 || got[ref].Spec.Script.Source != "df -h\n" || len(got[ref].ScriptSHA256) != 32 {
			t.Fatalf("Specs = %+v, %v", got, err)
		}
	}
	if found, _ := w.cache.get([]VersionRef{ref}); len(found) != 1 {
		t.Fatal("the version is not in the cache")
	}
	err := w.pg.InTx(w.ctx, func(tx pgx.Tx) error {
		jobs, err := w.ByIDs(w.ctx, tx, []uuid.UUID{j.ID, uuid.New()})
		if err == nil && (len(jobs) != 1 || jobs[j.ID].Spec.Timeout != "2m") {
			t.Errorf("ByIDs = %+v", jobs)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestCacheIsBoundedInBytesAndKeepsWhatIsUsed(t *testing.T) {
	c := newCache(3 * 5000)
	refs := make([]VersionRef, 10)
	for i := range refs {
		refs[i] = VersionRef{uuid.New(), i}
		c.put(refs[i], Version{Spec: Spec{Script: Script{Source: strings.Repeat("x", 2952)}}})
		c.get(refs[:1])
	}
	found, missing := c.get(refs)
	if len(found) != 3 || len(missing) != 7 || c.bytes > 15000 {
		t.Fatalf("%d in the cache with %d bytes, want 3", len(found), c.bytes)
	}
	if _, ok := found[refs[0]]; !ok {
		t.Fatal("the version that is used all the time was dropped")
	}
}

func TestBadDefinitionsAreRefusedWithCodeAndField(t *testing.T) {
	many := map[string]string{}
	for i := range 1000 {
		many[fmt.Sprintf("V%d", i)] = "x"
	}
	for _, c := range []struct {
		name   string
		edit   func(*Definition)
		is     error
		field  string
		detail string
	}{
		{"control character in name", func(d *Definition) { d.Name = "a\x00b" }, ErrText, "metadata.name", "Name contains a control character at position 2"},
		{"bidi in name", func(d *Definition) { d.Name = "ab\u202ec" }, ErrText, "metadata.name", "position 3"},
		{"long name", func(d *Definition) { d.Name = strings.Repeat("a", 300) }, ErrName, "metadata.name", "1–64"},
		{"spaces", func(d *Definition) { d.Name = "   " }, ErrName, "metadata.name", ""},
		{"traversal", func(d *Definition) { d.Name = "../etc" }, ErrName, "metadata.name", ""},
		{"empty name", func(d *Definition) { d.Name = "" }, ErrName, "metadata.name", ""},
		{"label key", func(d *Definition) { d.Labels = map[string]string{"a b": "c"} }, ErrLabel, "metadata.labels", ""},
		{"label value", func(d *Definition) { d.Labels = map[string]string{"a": "b\x01"} }, ErrLabel, "metadata.labels.a", ""},
		{"target label", func(d *Definition) { d.Spec.Target.Labels = map[string]string{"": "b"} }, ErrLabel, "spec.target.labels", ""},
		{"no language", func(d *Definition) { d.Spec.Script.Language = "perl" }, ErrScript, "spec.script.language", "bash, python, node"},
		{"empty script", func(d *Definition) { d.Spec.Script.Source = " \n" }, ErrScript, "spec.script.source", "empty"},
		{"5 MiB", func(d *Definition) { d.Spec.Script.Source = strings.Repeat("x", 5<<20) }, ErrScript, "spec.script.source", "Script is 5.0 MiB, limit 1 MiB"},
		{"NUL", func(d *Definition) { d.Spec.Script.Source = "a\nb\x00" }, ErrScript, "spec.script.source", "Line 2: NUL byte"},
		{"not UTF-8", func(d *Definition) { d.Spec.Script.Source = "a\nb\n\xff" }, ErrScript, "spec.script.source", "Line 3: not valid UTF-8"},
		{"timeout 0", func(d *Definition) { d.Spec.Timeout = "0" }, ErrRange, "spec.timeout", "from 1s to 168h"},
		{"timeout 5", func(d *Definition) { d.Spec.Timeout = "5" }, ErrRange, "spec.timeout", `"5"`},
		{"timeout -1", func(d *Definition) { d.Spec.Timeout = "-1s" }, ErrRange, "spec.timeout", ""},
		{"timeout 1e400", func(d *Definition) { d.Spec.Timeout = "1e400s" }, ErrRange, "spec.timeout", ""},
		{"timeout 169h", func(d *Definition) { d.Spec.Timeout = "169h" }, ErrRange, "spec.timeout", ""},
		{"retries", func(d *Definition) { d.Spec.Retries = &Retries{Max: 21} }, ErrRange, "spec.retries.max", "0–20"},
		{"backoff", func(d *Definition) { d.Spec.Retries.Backoff = "random" }, ErrParameter, "spec.retries.backoff", ""},
		{"delay", func(d *Definition) { d.Spec.Retries.Delay = "25h" }, ErrRange, "spec.retries.delay", "from 0s to 24h"},
		{"image", func(d *Definition) { d.Spec.Container = &Container{Image: "-v /:/host"} }, ErrImage, "spec.container.image", "-v /:/host"},
		{"image's id", func(d *Definition) { d.Spec.Container = &Container{Image: "sha256:" + strings.Repeat("0a", 32)} }, ErrImage, "spec.container.image", ""},
		{"digest of wrong length", func(d *Definition) { d.Spec.Container = &Container{Image: "a@sha256:0a"} }, ErrImage, "spec.container.image", ""},
		{"mount by path", func(d *Definition) { d.Spec.Container = &Container{Mounts: []string{"/etc"}} }, ErrParameter, "spec.container.mounts", "/etc"},
		{"mount twice", func(d *Definition) { d.Spec.Container = &Container{Mounts: []string{"a", "a"}} }, ErrParameter, "spec.container.mounts", "a"},
		{"mounts", func(d *Definition) { d.Spec.Container = &Container{Mounts: make([]string, 17)} }, ErrRange, "spec.container.mounts", "17"},
		{"pull", func(d *Definition) { d.Spec.Container = &Container{Image: "a:1", Pull: "sometimes"} }, ErrParameter, "spec.container.pull", "missing, always, never"},
		{"host's network", func(d *Definition) { d.Spec.Container = &Container{Image: "a:1", Network: "host"} }, ErrParameter, "spec.container.network", "host"},
		{"another's network", func(d *Definition) { d.Spec.Container = &Container{Image: "a:1", Network: "container:db"} }, ErrParameter, "spec.container.network", ""},
		{"file size", func(d *Definition) { d.Spec.Limits = &Limits{FileSize: "1025GiB"} }, ErrRange, "spec.limits.file_size", "1025GiB"},
		{"workspace", func(d *Definition) { d.Spec.Limits = &Limits{Workspace: "0MiB"} }, ErrRange, "spec.limits.workspace", "from 1MiB to 1024GiB"},
		{"memory of a process", func(d *Definition) { d.Spec.Limits = &Limits{Memory: "1MiB"} }, ErrRange, "spec.limits.memory", "from 16MiB to 1024GiB"},
		{"two places", func(d *Definition) { d.Spec.Target.Server = "db-1" }, ErrTarget, "spec.target", "db-1"},
		{"server's name", func(d *Definition) { d.Spec.Target = Target{Server: "-oProxyCommand=x"} }, ErrName, "spec.target.server", "-oProxyCommand"},
		{"two kinds of servers", func(d *Definition) { d.Spec.Target = Target{Server: "a", Servers: []string{"b"}} }, ErrTarget, "spec.target", ""},
		{"labels and servers", func(d *Definition) { d.Spec.Target.Servers = []string{"db-1"} }, ErrTarget, "spec.target", "db-1"},
		{"server twice", func(d *Definition) { d.Spec.Target = Target{Servers: []string{"a", "a"}} }, ErrTarget, "spec.target.servers", "a"},
		{"names of servers", func(d *Definition) { d.Spec.Target = Target{Servers: []string{"a b"}} }, ErrName, "spec.target.servers", "a b"},
		{"servers", func(d *Definition) { d.Spec.Target = Target{Servers: make([]string, 201)} }, ErrRange, "spec.target.servers", "201"},
		{"container on servers", func(d *Definition) {
			d.Spec.Target, d.Spec.Container = Target{Servers: []string{"db-1"}}, &Container{}
		}, ErrContainerOnServer, "spec.container", "db-1"},
		{"fan-out to one server", func(d *Definition) { d.Spec.Target, d.Spec.FanOut = Target{Server: "db-1"}, &FanOut{} }, ErrTarget, "spec.fan_out", "db-1"},
		{"none at a time", func(d *Definition) { d.Spec.FanOut = &FanOut{MaxParallel: "0"} }, ErrRange, "spec.fan_out.max_parallel", "1% to 100%"},
		{"101%", func(d *Definition) { d.Spec.FanOut = &FanOut{MaxParallel: "101%"} }, ErrRange, "spec.fan_out.max_parallel", "101%"},
		{"1001 failures", func(d *Definition) { d.Spec.FanOut = &FanOut{MaxFailures: "1001"} }, ErrRange, "spec.fan_out.max_failures", "0 to 1000"},
		{"some failures", func(d *Definition) { d.Spec.FanOut = &FanOut{MaxFailures: "some"} }, ErrRange, "spec.fan_out.max_failures", "some"},
		{"start at once", func(d *Definition) { d.Spec.FanOut = &FanOut{StartWithin: "0s"} }, ErrRange, "spec.fan_out.start_within", "from 1s to 168h"},
		{"container on a server", func(d *Definition) {
			d.Spec.Target, d.Spec.Container = Target{Server: "db-1"}, &Container{Image: "a:1"}
		}, ErrContainerOnServer, "spec.container", "db-1"},
		{"memory", func(d *Definition) {
			d.Spec.Container, d.Spec.Limits = &Container{Image: "a:1"}, &Limits{Memory: "15MiB"}
		}, ErrRange, "spec.limits.memory", "15MiB"},
		{"memory without unit", func(d *Definition) {
			d.Spec.Container, d.Spec.Limits = &Container{Image: "a:1"}, &Limits{Memory: "512"}
		}, ErrRange, "spec.limits.memory", ""},
		{"cpus", func(d *Definition) { d.Spec.Container, d.Spec.Limits = &Container{Image: "a:1"}, &Limits{CPUs: 0.001} }, ErrRange, "spec.limits.cpus", ""},
		{"processes", func(d *Definition) {
			d.Spec.Container, d.Spec.Limits = &Container{Image: "a:1"}, &Limits{Processes: -1}
		}, ErrRange, "spec.limits.processes", ""},
		{"on", func(d *Definition) { d.Spec.Retries.On = []string{"succeeded"} }, ErrParameter, "spec.retries.on", ""},
		{"option as dependency", func(d *Definition) {
			d.Spec.Script.Language, d.Spec.Dependencies = "python", []string{"requests", "--index-url=x"}
		}, dependency.ErrInvalid, "spec.dependencies[1]", "--index-url=x"},
		{"dependencies of bash", func(d *Definition) { d.Spec.Dependencies = []string{"jq"} }, dependency.ErrInvalid, "spec.dependencies", "bash"},
		{"dependencies in a container", func(d *Definition) {
			d.Spec.Script.Language, d.Spec.Dependencies, d.Spec.Container = "python", []string{"requests"}, &Container{}
		}, ErrDependencies, "spec.dependencies", "container"},
		{"dependencies on a server", func(d *Definition) {
			d.Spec.Script.Language, d.Spec.Dependencies, d.Spec.Target = "python", []string{"requests"}, Target{Server: "db-1"}
		}, ErrDependencies, "spec.dependencies", "db-1"},
		{"dependencies on servers", func(d *Definition) {
			d.Spec.Script.Language, d.Spec.Dependencies, d.Spec.Target = "python", []string{"requests"}, Target{Servers: []string{"db-1", "db-2"}}
		}, ErrDependencies, "spec.dependencies", "db-1, db-2"},
		{"LD_PRELOAD", func(d *Definition) { d.Spec.Env = map[string]string{"LD_PRELOAD": "x"} }, ErrEnv, "spec.env.LD_PRELOAD", "LD_PRELOAD may not be set"},
		{"A=B", func(d *Definition) { d.Spec.Env = map[string]string{"A=B": "x"} }, ErrEnv, "spec.env", "name must match"},
		{"empty variable", func(d *Definition) { d.Spec.Env = map[string]string{"": "x"} }, ErrEnv, "spec.env", ""},
		{"1000 variables", func(d *Definition) { d.Spec.Env = many }, ErrEnv, "spec.env", "1000 variables"},
		{"reserved", func(d *Definition) { d.Spec.Env = map[string]string{"CRONIUM_RUN_ID": "x"} }, ErrEnv, "spec.env.CRONIUM_RUN_ID", "reserved"},
		{"NUL in variable", func(d *Definition) { d.Spec.Env = map[string]string{"A": "\x00"} }, ErrEnv, "spec.env.A", "NUL"},
		{"input", func(d *Definition) { d.Spec.Inputs = schema.Inputs{"a": {Type: "text"}} }, schema.ErrDefinition, "spec.inputs.a.type", ""},
		{"note", func(d *Definition) { d.Note = "a\x1b" }, ErrText, "note", ""},
	} {
		d := definition()
		c.edit(&d)
		_, _, err := normalise(d)
		p, ok := problem.As(err)
		if !ok || !errors.Is(err, c.is) || p.Field != c.field || !strings.Contains(p.Detail, c.detail) || p.Hint == "" || p.Status != 422 {
			t.Errorf("%s: %v (field %q), want %v at %q with %q", c.name, err, p.Field, c.is, c.field, c.detail)
		}
	}
}

func TestJobsOnAServerAreFound(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for _, name := range []string{"b-job", "a-job", "gone", "elsewhere"} {
		d := definition()
		d.Name, d.Spec.Target = name, Target{Server: "db-1"}
		if name == "elsewhere" {
			d.Spec.Target.Server = "db-2"
		}
		w.mustPut(d, 0, Created)
	}
	if _, err := w.SetState(w.ctx, w.anna, w.project, "gone", Archived); err != nil {
		t.Fatal(err)
	}
	got, err := w.OnServer(w.ctx, w.project, "db-1")
	if err != nil || !slices.Equal(got, []string{"a-job", "b-job"}) {
		t.Fatalf("OnServer(db-1) = %v, %v", got, err)
	}
}

func TestVariablesThatChangeWhatRunsAreDenied(t *testing.T) {
	for _, name := range []string{"LD_LIBRARY_PATH", "PATH", "BASH_ENV", "ENV", "NODE_OPTIONS", "PYTHONPATH", "PYTHONSTARTUP", "RUBYOPT", "PERL5LIB", "GIT_SSH_COMMAND",
		"SSH_AUTH_SOCK", "JAVA_TOOL_OPTIONS", "DOCKER_HOST", "HTTP_PROXY", "HTTPS_PROXY", "https_proxy", "PROMPT_COMMAND", "IFS", "CRONIUM_X"} {
		if err := checkEnv(map[string]string{name: "x"}); !errors.Is(err, ErrEnv) {
			t.Errorf("%s: %v, want %v", name, err, ErrEnv)
		}
	}
	if err := checkEnv(map[string]string{"LANG": "C", "_x": "", "PGHOST": "db", "PATHS": "x"}); err != nil {
		t.Errorf("harmless variables: %v", err)
	}
}

func TestCRLFIsAcceptedWithAWarning(t *testing.T) {
	d := definition()
	d.Spec.Script.Source = "echo a\necho b\r\n"
	_, warnings, err := normalise(d)
	if err != nil || len(warnings) != 1 || warnings[0].Code != "crlf_line_endings" || !strings.HasPrefix(warnings[0].Detail, "Line 2") {
		t.Fatalf("normalise = %v, %v", warnings, err)
	}
}

func TestDurationsAreWrittenShort(t *testing.T) {
	for in, want := range map[string]string{"120s": "2m", "3600s": "1h", "90m": "1h30m", "1h0m5s": "1h0m5s", "1500ms": "1.5s", "": "1h", "168h": "168h", "1s": "1s"} {
		if got, err := duration(in, "timeout", "spec.timeout", time.Hour, time.Second, 168*time.Hour); err != nil || got != want {
			t.Errorf("duration(%q) = %q, %v; want %q", in, got, err, want)
		}
	}
}

func TestHostsMustBeAbleToDoWhatTheJobNeeds(t *testing.T) {
	target := Target{Labels: map[string]string{"team": "dba"}}
	for name, c := range map[string]struct {
		spec Spec
		want map[string]string
	}{
		"no limits":      {Spec{Target: target}, map[string]string{"team": "dba"}},
		"all of them":    {Spec{Target: target, Limits: &Limits{Memory: "1GiB", CPUs: 0.5, Processes: 9}}, map[string]string{"team": "dba", "limits.memory": "true", "limits.cpus": "true", "limits.processes": "true"}},
		"the runner's":   {Spec{Target: target, Limits: &Limits{FileSize: "1GiB", Workspace: "1GiB"}}, map[string]string{"team": "dba"}},
		"dependencies":   {Spec{Target: target, Script: Script{Language: "node"}, Dependencies: []string{"a"}}, map[string]string{"team": "dba", "dependencies.node": "true"}},
		"both":           {Spec{Script: Script{Language: "python"}, Dependencies: []string{"a"}, Limits: &Limits{CPUs: 1}}, map[string]string{"dependencies.python": "true", "limits.cpus": "true"}},
		"of a container": {Spec{Target: target, Limits: &Limits{Memory: "1GiB"}, Container: &Container{Image: "a:1"}}, map[string]string{"team": "dba", ContainerLabel: "true"}},
	} {
		if diff := cmp.Diff(c.want, c.spec.Hosts()); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
}

func TestSecretsAreNamesInOrder(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	d := definition()
	d.Spec.Secrets = []string{"TOKEN", "db.password", "TOKEN", "A"}
	j := w.mustPut(d, 0, Created)
	if diff := cmp.Diff([]string{"A", "TOKEN", "db.password"}, j.Spec.Secrets); diff != "" {
		t.Error(diff)
	}
	d.Spec.Secrets = []string{"db.password", "A", "TOKEN"}
	w.mustPut(d, 0, Unchanged)
	for _, bad := range [][]string{{"1X"}, {""}, {"A B"}, {strings.Repeat("x", 129)}, make([]string, 33)} {
		d.Spec.Secrets = bad
		_, _, err := w.put(d, 0)
		if p, ok := problem.As(err); !ok || p.Code != "secrets_invalid" || p.Field != "spec.secrets" || p.Hint == "" {
			t.Errorf("secrets %q: %v", bad, err)
		}
	}
}

func TestAFanOutHasItsDefaultsWrittenOutAndAListOfServersIsOne(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	d := definition()
	d.Spec.FanOut = &FanOut{MaxFailures: "10%"}
	if got := w.mustPut(d, 0, Created).Spec.FanOut; *got != (FanOut{MaxParallel: "100%", MaxFailures: "10%", StartWithin: "10m"}) || got.Wait() != 10*time.Minute {
		t.Errorf("the fan-out is %+v", *got)
	}
	n, percent := FanOut{MaxParallel: "25%"}.Parallel()
	failures, of, bounded := FanOut{MaxFailures: "3"}.Failures()
	if n != 25 || !percent || failures != 3 || of || !bounded {
		t.Errorf("the shares are %d %v, %d %v %v", n, percent, failures, of, bounded)
	}
	if _, _, bounded := (FanOut{}).Failures(); bounded {
		t.Error("without max_failures there is a bound")
	}
	d.Spec.FanOut, d.Spec.Target = nil, Target{Servers: []string{"db-2", "db-1"}}
	if got := w.mustPut(d, 0, Updated).Spec; got.FanOut == nil || got.FanOut.MaxParallel != "100%" || !slices.Equal(got.Target.All(), []string{"db-2", "db-1"}) {
		t.Errorf("a job of servers is %+v, %+v", got.Target, got.FanOut)
	}
	for _, name := range []string{"db-1", "db-2"} {
		if jobs, err := w.OnServer(w.ctx, w.project, name); err != nil || !slices.Equal(jobs, []string{d.Name}) {
			t.Errorf("jobs on %s = %v, %v", name, jobs, err)
		}
	}
}
