package httpapi_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/cronium/cronium/hub/authz"
	"github.com/cronium/cronium/hub/httpapi"
)

const jobPath = "/api/v1/projects/default/jobs/disk-report"

// define is a definition of disk-report with that spec.
func define(spec string) string {
	return fmt.Sprintf(`{"apiVersion":"cronium/v1","kind":"Job","metadata":{"name":"disk-report","project":"default","labels":{"team":"ops"}},"spec":%s}`, spec)
}

const fullSpec = `{
	"script":{"language":"bash","source":"df -h \"$CRONIUM_INPUT_PATH\"\n"},
	"inputs":{"path":{"type":"string","default":"/"},"count":{"type":"integer","minimum":1},"key":{"type":"string","secret":true}},
	"target":{"labels":{"os":"linux"}},"timeout":"2m","retries":{"max":2,"backoff":"exponential","delay":"10s"},"env":{"LEVEL":"info"},
	"schedules":[{"name":"nightly","cron":"15 2 * * *","zone":"Europe/Berlin","inputs":{"count":3}}]}`

func (w *world) put(t *testing.T, spec string, options ...option) httpapi.JobChange {
	t.Helper()
	return decode[httpapi.JobChange](t, w.want(200, "PUT", jobPath, define(spec), options...))
}

func TestAJobIsCreatedUpdatedAndLeftAlone(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	made := w.put(t, fullSpec)
	if made.Change != "created" || made.Job.Version != 1 || made.Job.Labels["team"] != "ops" || made.Job.UpdatedBy != adminEmail || len(made.Job.Schedules) != 1 {
		t.Fatalf("first put = %+v", made)
	}
	s := made.Job.Schedules[0]
	if s.Name != "nightly" || s.Zone != "Europe/Berlin" || s.Job != "disk-report" || !s.Enabled || s.NextAt == nil || len(s.Next) != 5 || s.Words == "" {
		t.Fatalf("schedule = %+v", s)
	}
	if again := w.put(t, fullSpec); again.Change != "unchanged" || again.Job.Version != 1 || again.Job.Schedules[0].ID != s.ID {
		t.Fatalf("the same again = %s, version %d", again.Change, again.Job.Version)
	}
	got := w.want(200, "GET", jobPath, "")
	if diff := cmp.Diff(made.Job, decode[httpapi.Job](t, got)); diff != "" || got.header.Get("ETag") != `"1"` {
		t.Fatalf("GET differs from what was put (ETag %s):\n%s", got.header.Get("ETag"), diff)
	}
	changed := w.put(t, strings.Replace(fullSpec, `"2m"`, `"3m"`, 1))
	if changed.Change != "updated" || changed.Job.Version != 2 || changed.Job.Spec.Timeout != "3m" || changed.Job.Schedules[0].ID != s.ID {
		t.Fatalf("a change = %+v", changed)
	}
	versions := decode[httpapi.Page[httpapi.JobVersion]](t, w.want(200, "GET", jobPath+"/versions?limit=1", ""))
	if len(versions.Items) != 1 || versions.Items[0].Version != 2 || versions.NextCursor == "" || !strings.Contains(versions.Items[0].Script, "df -h") {
		t.Fatalf("versions = %+v", versions)
	}
	older := decode[httpapi.Page[httpapi.JobVersion]](t, w.want(200, "GET", jobPath+"/versions?limit=1&cursor="+versions.NextCursor, ""))
	if len(older.Items) != 1 || older.Items[0].Version != 1 || older.NextCursor != "" {
		t.Fatalf("older versions = %+v", older)
	}
}

func TestSchedulesStayWhenADefinitionDoesNotMentionThem(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.put(t, fullSpec)
	var spec map[string]any
	if err := json.Unmarshal([]byte(fullSpec), &spec); err != nil {
		t.Fatal(err)
	}
	delete(spec, "schedules")
	without, _ := json.Marshal(spec)
	if got := w.put(t, string(without)); got.Change != "unchanged" || len(got.Job.Schedules) != 1 {
		t.Fatalf("without schedules = %s with %d, want the one kept", got.Change, len(got.Job.Schedules))
	}
	spec["schedules"] = []any{}
	empty, _ := json.Marshal(spec)
	if got := w.put(t, string(empty)); got.Change != "updated" || len(got.Job.Schedules) != 0 {
		t.Fatalf("with an empty list = %s with %d schedules, want none", got.Change, len(got.Job.Schedules))
	}
}

func TestADryRunChangesNothing(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	if got := decode[httpapi.JobChange](t, w.want(200, "PUT", jobPath+"?dry_run=true", define(fullSpec))); got.Change != "created" {
		t.Fatalf("dry run = %s, want created", got.Change)
	}
	w.want(404, "GET", jobPath, "")
	w.want(422, "PUT", jobPath+"?dry_run=true", define(strings.Replace(fullSpec, "15 2", "75 2", 1)))
}

func TestAStaleChangeIsRefused(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.put(t, fullSpec)
	w.put(t, strings.Replace(fullSpec, `"2m"`, `"3m"`, 1), with("If-Match", `"1"`))
	stale := w.want(412, "PUT", jobPath, define(strings.Replace(fullSpec, `"2m"`, `"4m"`, 1)), with("If-Match", `"1"`))
	if stale.code() != "version_conflict" {
		t.Fatalf("a stale If-Match = %s", stale.body)
	}
	w.want(422, "PUT", jobPath, define(fullSpec), with("If-Match", "yesterday"))
}

func TestABadDefinitionIsRefusedByField(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	script := `"script":{"language":"bash","source":"true"}`
	for _, c := range []struct{ spec, code, field string }{
		{`{}`, "work_invalid", "spec.script"},
		{`{` + script + `,"http":{"url":"https://example.com"}}`, "work_invalid", "spec.http"},
		{`{"http":{"url":"ftp://example.com"}}`, "http_request_invalid", "spec.http.url"},
		{`{"http":{"url":"https://example.com","expect":{"json":{"/a":9007199254740993}}}}`, "http_request_invalid", "spec.http.expect.json"},
		{`{"http":{"url":"https://example.com","body":"${{ inputs.nope }}"}}`, "http_input_unknown", "spec.http.body"},
		{`{"script":{"language":"perl","source":"x"}}`, "invalid_field", "spec.script.language"},
		{`{` + script + `,"timeout":"0s"}`, "out_of_range", "spec.timeout"},
		{`{` + script + `,"timeout":5}`, "invalid_field", "spec.timeout"},
		{`{` + script + `,"env":{"LD_PRELOAD":"x"}}`, "invalid_env", ""},
		{`{` + script + `,"schedules":[{"name":"x","cron":"61 * * * *"}]}`, "invalid_schedule", ""},
		{`{` + script + `,"schedules":[{"name":"x","cron":"* * * * *","zone":"Mars/Olympus"}]}`, "unknown_timezone", ""},
		{`{` + script + `,"inputs":{"n":{"type":"integer"}},"schedules":[{"name":"x","cron":"* * * * *","inputs":{"n":"many"}}]}`, "invalid_input", "spec.schedules[0].inputs.n"},
		{`{` + script + `,"schedules":[{"name":"x","cron":"* * * * *","inputs":{"n":1}}]}`, "", "spec.schedules[0].inputs.n"},
		{`{` + script + `,"inputs":{"k":{"type":"string","secret":true}},"schedules":[{"name":"x","cron":"* * * * *","inputs":{"k":"very secret"}}]}`, "secret_in_schedule", "spec.schedules[0].inputs.k"},
		{`{` + script + `,"fence":9}`, "unknown_field", "spec.fence"},
		{`{` + script + `,"Timeout":"2m"}`, "unknown_field", "spec.Timeout"},
		{`{` + script + `,"schedules":[{"name":"x","cron":"* * * * *","id":"1"}]}`, "unknown_field", "spec.schedules[0].id"},
	} {
		got := w.want(422, "PUT", jobPath, define(c.spec))
		p := decode[httpapi.Problem](t, got)
		if (c.code != "" && p.Code != c.code) || (c.field != "" && p.Field != c.field) {
			t.Errorf("%s = %s at %q (%s), want %s at %q", c.spec, p.Code, p.Field, p.Detail, c.code, c.field)
		}
	}
	other := strings.Replace(define(`{`+script+`}`), "disk-report", "another", 1)
	w.want(422, "PUT", jobPath, other)
	w.want(422, "PUT", jobPath, strings.Replace(define(`{`+script+`}`), `"project":"default"`, `"project":"other"`, 1))
	w.want(404, "GET", jobPath, "")
}

func TestJobsAreListedWithTheirSchedulesAndLastRuns(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.put(t, fullSpec)
	started := decode[httpapi.Run](t, w.want(202, "POST", jobPath+"/runs", `{"inputs":{"count":"7","key":"very secret"}}`))
	page := decode[httpapi.Page[httpapi.JobSummary]](t, w.want(200, "GET", "/api/v1/projects/default/jobs?text=DISK&label=team=ops", ""))
	if len(page.Items) != 1 {
		t.Fatalf("jobs = %+v", page)
	}
	j := page.Items[0]
	if j.Language != "bash" || len(j.Schedules) != 1 || len(j.LastRuns) != 1 || j.LastRuns[0].ID != started.ID || j.LastRuns[0].State != "queued" {
		t.Fatalf("summary = %+v", j)
	}
	for _, none := range []string{"?text=backup", "?label=team=dev", "?state=paused"} {
		if page := decode[httpapi.Page[httpapi.JobSummary]](t, w.want(200, "GET", "/api/v1/projects/default/jobs"+none, "")); len(page.Items) != 0 {
			t.Errorf("jobs%s = %d, want none", none, len(page.Items))
		}
	}
	w.want(422, "GET", "/api/v1/projects/default/jobs?label=team", "")
}

func TestARunIsStartedWithResolvedInputs(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.put(t, fullSpec)
	got := w.want(202, "POST", jobPath+"/runs", `{"inputs":{"count":"7","key":"very secret"},"trigger":"cli"}`)
	r := decode[httpapi.Run](t, got)
	if r.State != "queued" || r.Trigger != "cli" || r.StartedBy != adminEmail || r.JobVersion != 1 || r.MaxAttempts != 3 || r.Reason == nil {
		t.Fatalf("run = %+v", r)
	}
	if r.Inputs["path"] != "/" || r.Inputs["count"] != float64(7) || r.Inputs["key"] != nil || strings.Contains(string(got.body), "very secret") {
		t.Fatalf("inputs = %v, want defaults, numbers and no secret", r.Inputs)
	}
	if byToken := decode[httpapi.Run](t, w.want(202, "POST", jobPath+"/runs", `{"inputs":{"count":1}}`)); byToken.Trigger != "api" {
		t.Errorf("trigger of a token = %s, want api", byToken.Trigger)
	}
	for _, bad := range []string{`{"inputs":{"count":0}}`, `{"inputs":{"count":"x"}}`, `{"inputs":{"nobody":1}}`, `{"trigger":"schedule"}`, `{"inputs":[]}`} {
		w.want(422, "POST", jobPath+"/runs", bad)
	}
	w.want(404, "POST", "/api/v1/projects/default/jobs/nothing/runs", `{}`)
}

func TestAJobIsPausedResumedArchivedAndBroughtBack(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.put(t, fullSpec)
	if got := decode[httpapi.Job](t, w.want(200, "POST", jobPath+"/pause", "")); got.State != "paused" {
		t.Fatalf("pause = %s", got.State)
	}
	w.want(202, "POST", jobPath+"/runs", `{}`)
	if got := decode[httpapi.Job](t, w.want(200, "POST", jobPath+"/resume", "")); got.State != "active" {
		t.Fatalf("resume = %s", got.State)
	}
	w.want(204, "DELETE", jobPath, "")
	if got := w.want(409, "POST", jobPath+"/runs", `{}`); got.code() != "job_disabled" {
		t.Fatalf("run of an archived job = %s", got.body)
	}
	if page := decode[httpapi.Page[httpapi.JobSummary]](t, w.want(200, "GET", "/api/v1/projects/default/jobs", "")); len(page.Items) != 0 {
		t.Fatalf("an archived job is listed: %+v", page.Items)
	}
	if got := decode[httpapi.Job](t, w.want(200, "GET", jobPath, "")); got.State != "archived" || got.Schedules[0].Enabled {
		t.Fatalf("after archiving = %s, schedule enabled %v", got.State, got.Schedules[0].Enabled)
	}
	if back := w.put(t, fullSpec); back.Job.State != "active" {
		t.Fatalf("after putting it again = %s", back.Job.State)
	}
}

func TestSchedulesAreListedSwitchedAndPreviewed(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	id := w.put(t, fullSpec).Job.Schedules[0].ID
	page := decode[httpapi.Page[httpapi.Schedule]](t, w.want(200, "GET", "/api/v1/projects/default/schedules?job=disk-report", ""))
	if len(page.Items) != 1 || page.Items[0].ID != id || page.Items[0].Inputs["count"] != float64(3) {
		t.Fatalf("schedules = %+v", page.Items)
	}
	path := "/api/v1/projects/default/schedules/" + id
	if s := decode[httpapi.Schedule](t, w.want(200, "POST", path+"/pause", "")); s.Enabled || s.NextAt != nil || len(s.Next) != 0 {
		t.Fatalf("paused = %+v", s)
	}
	if s := decode[httpapi.Schedule](t, w.want(200, "POST", path+"/resume", "")); !s.Enabled || s.NextAt == nil {
		t.Fatalf("resumed = %+v", s)
	}
	if fires := decode[httpapi.Page[httpapi.Fire]](t, w.want(200, "GET", path+"/fires", "")); len(fires.Items) != 0 {
		t.Fatalf("fires = %+v", fires.Items)
	}
	w.want(404, "GET", strings.Replace(path, "/default/", "/other/", 1), "")
	p := decode[httpapi.Preview](t, w.want(200, "POST", "/api/v1/schedules/preview", `{"cron":"30 2 * * *","zone":"Europe/Berlin","n":3}`))
	if p.Words == "" || len(p.Next) != 3 || !strings.Contains(p.Next[0].Local, "T02:30:00+0") || p.Notes == nil {
		t.Fatalf("preview = %+v", p)
	}
	for bad, code := range map[string]string{
		`{"cron":"61 * * * *"}`: "invalid_schedule", `{"cron":"* * 31 4 *"}`: "invalid_schedule", `{"cron":"@every 0s"}`: "invalid_schedule",
		`{"cron":"* * * * *","zone":"Mars/Olympus"}`: "unknown_timezone", `{"cron":"* * * * *","n":101}`: "invalid_field",
	} {
		if got := w.want(422, "POST", "/api/v1/schedules/preview", bad); got.code() != code {
			t.Errorf("preview of %s = %s, want %s", bad, got.body, code)
		}
	}
}

func TestAHostIsInvitedWithACommandToType(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	got := decode[httpapi.NewJoinToken](t, w.want(201, "POST", "/api/v1/projects/default/hosts/join-tokens", `{"name":"db-1","labels":{"tier":"db"},"expires_in":"10m","uses":2}`))
	if got.Command != got.Manual || !strings.HasPrefix(got.Command, "CRONIUM_JOIN_TOKEN="+got.Token+" cronium-agent enrol --hub 127.0.0.1:8421 ") {
		t.Fatalf("command = %s", got.Command)
	}
	w.want(422, "POST", "/api/v1/projects/default/hosts/join-tokens", `{"expires_in":"900h"}`)
	w.want(404, "GET", "/api/v1/projects/default/hosts/db-1", "")
	w.want(404, "DELETE", "/api/v1/projects/default/hosts/db-1", "")
	if hosts := decode[httpapi.Page[httpapi.Host]](t, w.want(200, "GET", "/api/v1/projects/default/hosts", "")); len(hosts.Items) != 0 {
		t.Fatalf("hosts = %+v", hosts)
	}
	operator, _ := w.member(w.ours, authz.Operator)
	if got := w.send("POST", "/api/v1/projects/default/hosts/join-tokens", `{}`, as(operator)); got.status != 403 {
		t.Fatalf("an operator invites a host: %d", got.status)
	}
}
