package schedule

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"
	_ "time/tzdata"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/cronium/cronium/hub/postgres"
	"github.com/cronium/cronium/hub/postgres/pgtest"
	"github.com/cronium/cronium/hub/run"
	"github.com/cronium/cronium/sdk/problem"
)

// facts is what the jobs of a test are like. It is no store: what a job is, is
// none of this room's business.
type facts struct {
	mu   sync.Mutex
	jobs map[uuid.UUID]Job
}

func (f *facts) Facts(_ context.Context, _ pgx.Tx, ids []uuid.UUID) (map[uuid.UUID]Job, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	found := map[uuid.UUID]Job{}
	for _, id := range ids {
		if job, ok := f.jobs[id]; ok {
			found[id] = job
		}
	}
	return found, nil
}

func (f *facts) set(id uuid.UUID, change func(*Job)) {
	f.mu.Lock()
	defer f.mu.Unlock()
	job := f.jobs[id]
	change(&job)
	f.jobs[id] = job
}

// house is a database with one project and one job.
type house struct {
	t       testing.TB
	db      *postgres.DB
	runs    *run.Store
	facts   *facts
	store   *Store
	project uuid.UUID
	job     uuid.UUID
}

func newHouse(t testing.TB) *house {
	t.Helper()
	h := &house{t: t, db: pgtest.New(t), facts: &facts{jobs: map[uuid.UUID]Job{}}, project: newID()}
	h.runs = run.New(h.db, run.Config{})
	h.store = New(h.db, h.runs, h.facts, Config{})
	h.exec(`insert into projects (id, slug, name) values ($1, 'default', 'Default')`, h.project)
	h.job = h.addJob("report")
	return h
}

func newID() uuid.UUID { return uuid.Must(uuid.NewV7()) }

func (h *house) addJob(name string) uuid.UUID {
	h.t.Helper()
	id := newID()
	h.exec(`insert into jobs (id, project_id, name) values ($1, $2, $3)`, id, h.project, name)
	h.facts.set(id, func(j *Job) {
		*j = Job{Name: name, Version: 3, State: JobActive, Target: map[string]string{"os": "linux"}, Retry: run.Retry{Max: 2}, LostAfter: time.Hour}
	})
	return id
}

func (h *house) exec(sql string, args ...any) {
	h.t.Helper()
	if _, err := h.db.Pool.Exec(h.t.Context(), sql, args...); err != nil {
		h.t.Fatalf("%s: %v", sql, err)
	}
}

func (h *house) count(sql string, args ...any) (n int) {
	h.t.Helper()
	if err := h.db.Pool.QueryRow(h.t.Context(), sql, args...).Scan(&n); err != nil {
		h.t.Fatalf("%s: %v", sql, err)
	}
	return n
}

func (h *house) tryApply(job uuid.UUID, definitions ...Definition) (changed bool, err error) {
	h.t.Helper()
	err = h.db.InTx(h.t.Context(), func(tx pgx.Tx) error {
		changed, err = h.store.Apply(h.t.Context(), tx, h.project, job, definitions)
		return err
	})
	return changed, err
}

func (h *house) apply(definitions ...Definition) bool {
	h.t.Helper()
	changed, err := h.tryApply(h.job, definitions...)
	if err != nil {
		h.t.Fatalf("Apply: %v", err)
	}
	return changed
}

// only returns the schedule of a job that has one.
func (h *house) only() Schedule {
	h.t.Helper()
	page, err := h.store.List(h.t.Context(), h.project, Filter{JobID: &h.job})
	if err != nil || len(page.Items) != 1 {
		h.t.Fatalf("List = %v, %v, want one schedule", page.Items, err)
	}
	return page.Items[0]
}

func (h *house) fire(now time.Time) int {
	h.t.Helper()
	n, err := h.store.FireDue(h.t.Context(), now)
	if err != nil {
		h.t.Fatalf("FireDue: %v", err)
	}
	return n
}

func (h *house) ledger(id uuid.UUID) []Fire {
	h.t.Helper()
	page, err := h.store.Fires(h.t.Context(), h.project, id, FirePage{Limit: maxPage})
	if err != nil {
		h.t.Fatalf("Fires: %v", err)
	}
	return page.Items
}

func yes() *bool { b := true; return &b }
func no() *bool  { b := false; return &b }

func TestDueScheduleStartsOneRun(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.facts.set(h.job, func(j *Job) {
		j.Resolve = func(given map[string]any) (map[string]any, []byte, error) {
			return map[string]any{"path": given["path"], "depth": 3}, []byte("sealed"), nil
		}
	})
	h.apply(Definition{Name: "often", Cron: "@every 10s", Inputs: map[string]any{"path": "/srv"}})
	s := h.only()
	if n := h.fire(s.Next.Add(-time.Microsecond)); n != 0 {
		t.Fatalf("fired %d before it was due", n)
	}
	if n := h.fire(*s.Next); n != 1 {
		t.Fatalf("FireDue = %d when due, want 1", n)
	}
	if n := h.fire(*s.Next); n != 0 {
		t.Fatalf("FireDue = %d for the second time, want 0", n)
	}
	after := h.only()
	if want := s.Next.Add(10 * time.Second); !after.Next.Equal(want) || !after.Last.Equal(*s.Next) || after.Revision != s.Revision {
		t.Fatalf("next %v last %v revision %d, want %v %v %d", after.Next, after.Last, after.Revision, want, s.Next, s.Revision)
	}
	ledger := h.ledger(s.ID)
	if len(ledger) != 1 || ledger[0].Outcome != Started || !ledger[0].Planned.Equal(*s.Next) || ledger[0].RunID == nil {
		t.Fatalf("ledger %+v, want one started row", ledger)
	}
	r, err := h.runs.Get(t.Context(), h.project, *ledger[0].RunID)
	if err != nil {
		t.Fatal(err)
	}
	if r.Trigger != run.BySchedule || r.JobVersion != 3 || r.JobName != "report" || r.MaxAttempts != 3 ||
		*r.ScheduleID != s.ID || !r.ScheduledFor.Equal(*s.Next) || r.StartedBy != "often" || r.Inputs["path"] != "/srv" {
		t.Fatalf("run %+v is not what the schedule asked for", r)
	}
}

func TestTwoHubsFireEachOccurrenceOnce(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	const schedules, ticks = 60, 8
	definitions := make([]Definition, schedules)
	for i := range definitions {
		definitions[i] = Definition{Name: fmt.Sprintf("s%d", i), Cron: "@every 1s"}
	}
	h.apply(definitions...)
	page, err := h.store.List(t.Context(), h.project, Filter{})
	if err != nil {
		t.Fatal(err)
	}
	first := *page.Items[0].Next
	hubs := []*Store{
		New(h.db, h.runs, h.facts, Config{Batch: 7}),
		New(h.db, h.runs, h.facts, Config{Batch: 11}),
		New(h.db, h.runs, h.facts, Config{Batch: 500}),
	}
	started := make([]int, len(hubs))
	var wg sync.WaitGroup
	for i, hub := range hubs {
		wg.Go(func() {
			for tick := range ticks {
				n, err := hub.FireDue(t.Context(), first.Add(time.Duration(tick)*time.Second))
				if err != nil {
					t.Errorf("hub %d: %v", i, err)
				}
				started[i] += n
			}
		})
	}
	wg.Wait()
	h.fire(first.Add((ticks - 1) * time.Second)) // what one hub held while the others looked
	runs := h.count(`select count(*) from runs`)
	distinct := h.count(`select count(distinct (schedule_id, scheduled_for)) from runs`)
	ledger := h.count(`select count(*) from fires`)
	if runs != distinct || ledger != schedules*ticks || runs != h.count(`select count(*) from fires where outcome = 'started'`) {
		t.Fatalf("%d runs, %d distinct, %d ledger rows; want %d rows and each started one a run (hubs started %v)",
			runs, distinct, ledger, schedules*ticks, started)
	}
}

func TestLedgerAccountsForWhatWasMissed(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.apply(
		Definition{Name: "all", Cron: "@every 1m", CatchUp: CatchUpAll},
		Definition{Name: "last", Cron: "@every 1m"},
		Definition{Name: "none", Cron: "@every 1m", CatchUp: CatchUpNone},
	)
	page, err := h.store.List(t.Context(), h.project, Filter{})
	if err != nil {
		t.Fatal(err)
	}
	first := *page.Items[0].Next
	h.fire(first.Add(129*time.Minute + 59*time.Second)) // 130 occurrences, the latest 59 s ago
	for _, s := range page.Items {
		var occurrences, started int64
		for _, f := range h.ledger(s.ID) {
			occurrences += f.Occurrences
			if f.Outcome == Started {
				started++
			}
		}
		if want := map[string]int64{"all": 100, "last": 1, "none": 1}[s.Name]; occurrences != 130 || started != want {
			t.Errorf("%s: %d occurrences in the ledger, %d started; want 130, %d", s.Name, occurrences, started, want)
		}
	}
}

func TestOverlapSkipWaitsForTheRunToFinish(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.apply(Definition{Name: "slow", Cron: "@every 10s", Overlap: OverlapSkip})
	s := h.only()
	h.fire(*s.Next)
	h.fire(s.Next.Add(10 * time.Second))
	ledger := h.ledger(s.ID)
	if diff := cmp.Diff([]string{"skipped", "started"}, outcomes(ledger)); diff != "" {
		t.Fatalf("while the run is open (-want +got):\n%s", diff)
	}
	if ledger[0].Reason != ReasonOverlap {
		t.Fatalf("reason %q, want %s", ledger[0].Reason, ReasonOverlap)
	}
	h.exec(`delete from run_queue`) // the run is over
	h.exec(`update runs set state = 'succeeded', finished_at = now()`)
	h.fire(s.Next.Add(20 * time.Second))
	if diff := cmp.Diff([]string{"started", "skipped", "started"}, outcomes(h.ledger(s.ID))); diff != "" {
		t.Fatalf("after the run (-want +got):\n%s", diff)
	}
}

func outcomes(fires []Fire) (all []string) {
	for _, f := range fires {
		all = append(all, string(f.Outcome))
	}
	return all
}

func TestPausedJobStartsNothingAndResumesWithoutMakingUp(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.apply(Definition{Name: "often", Cron: "@every 1m", CatchUp: CatchUpAll})
	s := h.only()
	h.facts.set(h.job, func(j *Job) { j.State = JobPaused })
	if n := h.fire(s.Next.Add(5 * time.Minute)); n != 0 {
		t.Fatalf("a paused job started %d runs", n)
	}
	h.facts.set(h.job, func(j *Job) { j.State = JobActive })
	if n := h.fire(s.Next.Add(6 * time.Minute)); n != 1 {
		t.Fatalf("the resumed job started %d runs, want 1", n)
	}
	if got := h.ledger(s.ID); got[1].Reason != ReasonPaused || got[1].Occurrences != 6 {
		t.Fatalf("ledger %+v, want one row for the six", got[1])
	}
}

func TestArchivedJobDisablesItsSchedules(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.apply(Definition{Name: "often", Cron: "@every 1m"})
	s := h.only()
	h.facts.set(h.job, func(j *Job) { j.State = JobArchived })
	h.fire(*s.Next)
	if after := h.only(); after.Enabled || after.Next != nil {
		t.Fatalf("enabled %v, next %v after the job was archived", after.Enabled, after.Next)
	}
	if got := h.ledger(s.ID); len(got) != 1 || got[0].Reason != ReasonArchived {
		t.Fatalf("ledger %+v, want why", got)
	}
	if err := h.db.InTx(t.Context(), func(tx pgx.Tx) error { return h.store.DisableJob(t.Context(), tx, h.job) }); err != nil {
		t.Fatal(err)
	}
}

func TestDisableJobStopsItsSchedules(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.apply(Definition{Name: "often", Cron: "@every 1m"})
	s := h.only()
	if err := h.db.InTx(t.Context(), func(tx pgx.Tx) error { return h.store.DisableJob(t.Context(), tx, h.job) }); err != nil {
		t.Fatal(err)
	}
	if after := h.only(); after.Enabled || after.Next != nil || h.fire(s.Next.Add(time.Hour)) != 0 {
		t.Fatalf("enabled %v, next %v, and it fires", after.Enabled, after.Next)
	}
}

// refusing is the run store with one job that it cannot make runs for.
type refusing struct {
	*run.Store
	job uuid.UUID
}

func (r refusing) Create(ctx context.Context, tx pgx.Tx, requests []run.Request) ([]run.Run, error) {
	for _, one := range requests {
		if one.JobID == r.job {
			_, err := tx.Exec(ctx, `select 1/0`) // spoils the transaction, as a real refusal does
			return nil, err
		}
	}
	return r.Store.Create(ctx, tx, requests)
}

func TestScheduleThatCannotStartDoesNotHoldUpTheOthers(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	bad := h.addJob("bad")
	h.apply(Definition{Name: "good", Cron: "@every 1m"}, Definition{Name: "better", Cron: "@every 1m"})
	if _, err := h.tryApply(bad, Definition{Name: "bad", Cron: "@every 1m"}); err != nil {
		t.Fatal(err)
	}
	page, err := h.store.List(t.Context(), h.project, Filter{})
	if err != nil {
		t.Fatal(err)
	}
	h.store = New(h.db, refusing{h.runs, bad}, h.facts, Config{})
	if n := h.fire(page.Items[2].Next.Add(time.Second)); n != 2 {
		t.Fatalf("FireDue = %d, want the two good ones", n)
	}
	for _, s := range page.Items {
		got := h.ledger(s.ID)
		if want := map[string]string{"bad": ReasonInternal}[s.Name]; len(got) != 1 || got[0].Reason != want {
			t.Errorf("%s: ledger %+v, want one row with reason %q", s.Name, got, want)
		}
	}
}

func TestFailedTransactionLeavesNoTrace(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.apply(Definition{Name: "often", Cron: "@every 1m"})
	s := h.only()
	ctx, cancel := context.WithCancel(t.Context())
	h.store = New(h.db, cancelling{h.runs, cancel}, h.facts, Config{})
	if _, err := h.store.FireDue(ctx, *s.Next); err == nil {
		t.Fatal("FireDue succeeded although its context was cancelled before the commit")
	}
	if n := h.count(`select (select count(*) from runs) + (select count(*) from fires)`); n != 0 {
		t.Fatalf("%d rows are left of a transaction that did not commit", n)
	}
	if after := h.only(); !after.Next.Equal(*s.Next) {
		t.Fatalf("next moved from %v to %v", s.Next, after.Next)
	}
}

type cancelling struct {
	*run.Store
	cancel func()
}

func (c cancelling) Create(ctx context.Context, tx pgx.Tx, requests []run.Request) ([]run.Run, error) {
	made, err := c.Store.Create(ctx, tx, requests)
	c.cancel()
	return made, err
}

func TestApplyLeavesUnchangedSchedulesAlone(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	d := Definition{Name: "nightly", Cron: "15 2 * * *", Zone: "Europe/Berlin", Inputs: map[string]any{"n": 1.0, "path": "/"}}
	if !h.apply(d) {
		t.Fatal("the first Apply changed nothing")
	}
	first := h.only()
	if h.apply(d) {
		t.Fatal("the same again changed something")
	}
	explicit := d
	explicit.Gap, explicit.Fold, explicit.Overlap, explicit.CatchUp, explicit.Enabled = "shift", "first", "allow", "last", yes()
	explicit.Inputs = map[string]any{"path": "/", "n": 1}
	if h.apply(explicit) {
		t.Fatal("defaults written out changed something")
	}
	if diff := cmp.Diff(first, h.only(), cmp.AllowUnexported(Schedule{})); diff != "" {
		t.Fatalf("the schedule changed (-before +after):\n%s", diff)
	}
}

func TestApplyChangesWhatIsDifferent(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	base := Definition{Name: "a", Cron: "@every 1h"}
	for _, c := range []struct {
		name   string
		change func(*Definition)
		moved  bool // the next due time is another
	}{
		{"cron", func(d *Definition) { d.Cron = "@every 2h" }, true},
		{"zone", func(d *Definition) { d.Cron, d.Zone = "0 3 * * *", "Asia/Tokyo" }, true},
		{"overlap", func(d *Definition) { d.Overlap = OverlapSkip }, false},
		{"catch-up", func(d *Definition) { d.CatchUp = CatchUpAll }, false},
		{"inputs", func(d *Definition) { d.Inputs = map[string]any{"x": true} }, false},
		{"disabled", func(d *Definition) { d.Enabled = no() }, true},
	} {
		h.apply()
		h.apply(base)
		before, d := h.only(), base
		c.change(&d)
		if !h.apply(d) {
			t.Errorf("%s: Apply says nothing changed", c.name)
		}
		after := h.only()
		moved := after.Next == nil || !after.Next.Equal(*before.Next)
		if after.ID != before.ID || after.Revision != before.Revision+1 || moved != c.moved {
			t.Errorf("%s: same id %v, revision %d → %d, moved %v; want moved %v", c.name, after.ID == before.ID, before.Revision, after.Revision, moved, c.moved)
		}
	}
	if !h.apply() || h.count(`select count(*) from schedules`) != 0 {
		t.Fatal("no definitions did not remove the schedule")
	}
}

func TestApplyKeepsAScheduleDisabledUnlessItSaysOtherwise(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.apply(Definition{Name: "a", Cron: "@every 1h"})
	if _, err := h.store.SetEnabled(t.Context(), h.project, h.only().ID, false); err != nil {
		t.Fatal(err)
	}
	if h.apply(Definition{Name: "a", Cron: "@every 1h"}) || h.only().Enabled {
		t.Fatal("a definition that says nothing enabled the schedule")
	}
	if h.apply(Definition{Name: "a", Cron: "@every 2h"}); h.only().Next != nil {
		t.Fatal("a disabled schedule is due")
	}
	if h.apply(Definition{Name: "a", Cron: "@every 2h", Enabled: yes()}); h.only().Next == nil {
		t.Fatal("an enabled schedule is not due")
	}
}

func TestChangedScheduleNeverRepeatsAFire(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.apply(Definition{Name: "a", Cron: "0 * * * *"})
	planned := *h.only().Next
	h.fire(planned) // the database's clock is behind this
	for range 2 {
		h.apply(Definition{Name: "a", Cron: "0 * * * * "}, Definition{Name: "b", Cron: "@daily"})
		h.apply(Definition{Name: "a", Cron: "0 0-23 * * *"})
		if _, err := h.store.SetEnabled(t.Context(), h.project, h.only().ID, false); err != nil {
			t.Fatal(err)
		}
		s, err := h.store.SetEnabled(t.Context(), h.project, h.only().ID, true)
		if err != nil || !s.Next.After(planned) {
			t.Fatalf("next %v after %v was fired: %v", s.Next, planned, err)
		}
	}
}

func TestApplyErrorsNameTheSchedule(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	good := Definition{Name: "good", Cron: "@daily"}
	cases := []struct {
		name        string
		definitions []Definition
		code, field string
		detail      string
	}{
		{"text", []Definition{good, {Name: "a", Cron: "61 * * * *"}}, "invalid_schedule", "spec.schedules[1].cron", "Minute 61 is out of range 0–59"},
		{"zone", []Definition{{Name: "a", Cron: "@daily", Zone: "Europe/Berln"}}, "unknown_timezone", "spec.schedules[0].zone", "Europe/Berln"},
		{"gap", []Definition{{Name: "a", Cron: "@daily", Gap: "x"}}, "invalid_schedule", "spec.schedules[0].gap", "shift or skip"},
		{"overlap", []Definition{{Name: "a", Cron: "@daily", Overlap: "queue"}}, "invalid_schedule", "spec.schedules[0].overlap", "allow or skip"},
		{"catch-up", []Definition{{Name: "a", Cron: "@daily", CatchUp: "some"}}, "invalid_schedule", "spec.schedules[0].catch_up", "none, last or all"},
		{"name", []Definition{{Name: "A b", Cron: "@daily"}}, "invalid_schedule", "spec.schedules[0].name", "lower-case"},
		{"twice", []Definition{good, good}, "invalid_schedule", "spec.schedules[1].name", `Two schedules are called "good"`},
		{"over", []Definition{{Name: "a", Cron: "@at 2020-01-01T00:00:00"}}, "invalid_schedule", "spec.schedules[0].cron", "2020-01-01T00:00:00 is over"},
		{"NUL", []Definition{{Name: "a", Cron: "@daily", Inputs: map[string]any{"x": "a\x00b"}}}, "invalid_schedule", "spec.schedules[0].inputs", "NUL"},
		{"too many", make([]Definition, MaxPerJob+1), "invalid_schedule", "schedules", "at most 64"},
	}
	for _, c := range cases {
		_, err := h.tryApply(h.job, c.definitions...)
		p, ok := problem.As(err)
		if !ok || p.Code != c.code || p.Field != c.field || !strings.Contains(p.Detail, c.detail) {
			t.Errorf("%s: %v (field %q), want %s at %s with %q", c.name, err, p.Field, c.code, c.field, c.detail)
		}
	}
	if n := h.count(`select count(*) from schedules`); n != 0 {
		t.Fatalf("%d schedules were written by refused definitions", n)
	}
}

func TestOneShotThatHasFiredMayBeAppliedAgain(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	at := time.Now().UTC().Add(time.Hour).Format("2006-01-02T15:04:05")
	d := Definition{Name: "once", Cron: "@at " + at}
	h.apply(d)
	s := h.only()
	if n := h.fire(*s.Next); n != 1 {
		t.Fatalf("FireDue = %d, want 1", n)
	}
	if after := h.only(); after.Next != nil || !after.Enabled {
		t.Fatalf("next %v enabled %v after the only time", after.Next, after.Enabled)
	}
	if h.apply(d) {
		t.Fatal("the same definition changed something")
	}
}

func TestListAndLedgerArePaged(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	var definitions []Definition
	for i := range 5 {
		definitions = append(definitions, Definition{Name: fmt.Sprintf("s%d", i), Cron: "@every 1s", CatchUp: CatchUpAll})
	}
	h.apply(definitions...)
	var names []string
	for cursor := ""; ; {
		page, err := h.store.List(t.Context(), h.project, Filter{Limit: 2, Cursor: cursor})
		if err != nil {
			t.Fatal(err)
		}
		for _, s := range page.Items {
			names = append(names, s.Name)
			if s.JobName != "report" || s.Words != "every second" {
				t.Fatalf("schedule of job %q in words %q", s.JobName, s.Words)
			}
		}
		if cursor = page.Next; cursor == "" {
			break
		}
	}
	if got := strings.Join(names, " "); got != "s0 s1 s2 s3 s4" {
		t.Fatalf("pages hold %s", got)
	}
	page, _ := h.store.List(t.Context(), h.project, Filter{Limit: 1})
	s := page.Items[0]
	h.fire(s.Next.Add(6 * time.Second))
	var planned []time.Time
	for cursor := ""; ; {
		page, err := h.store.Fires(t.Context(), h.project, s.ID, FirePage{Limit: 3, Cursor: cursor})
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range page.Items {
			planned = append(planned, f.Planned)
		}
		if cursor = page.Next; cursor == "" {
			break
		}
	}
	if len(planned) != 7 || !planned[0].Equal(s.Next.Add(6*time.Second)) || !planned[6].Equal(*s.Next) {
		t.Fatalf("ledger pages hold %v", planned)
	}
}

func TestSchedulesOfOtherProjectsAreNotFound(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.apply(Definition{Name: "a", Cron: "@daily"})
	id, other := h.only().ID, newID()
	_, get := h.store.Get(t.Context(), other, id)
	_, set := h.store.SetEnabled(t.Context(), other, id, false)
	_, fires := h.store.Fires(t.Context(), other, id, FirePage{})
	for name, err := range map[string]error{"Get": get, "SetEnabled": set, "Fires": fires} {
		if !errors.Is(err, ErrNotFound) {
			t.Errorf("%s from another project = %v, want ErrNotFound", name, err)
		}
	}
	for _, cursor := range []string{"x", "'; drop table fires"} {
		if _, err := h.store.List(t.Context(), h.project, Filter{Cursor: cursor}); !errors.Is(err, ErrCursor) {
			t.Errorf("List with cursor %q = %v, want ErrCursor", cursor, err)
		}
		if _, err := h.store.Fires(t.Context(), h.project, id, FirePage{Cursor: cursor}); !errors.Is(err, ErrCursor) {
			t.Errorf("Fires with cursor %q = %v, want ErrCursor", cursor, err)
		}
	}
}

func TestByJobsGroupsByJob(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	other := h.addJob("other")
	h.apply(Definition{Name: "b", Cron: "@daily"}, Definition{Name: "a", Cron: "@hourly"})
	if _, err := h.tryApply(other, Definition{Name: "c", Cron: "@weekly"}); err != nil {
		t.Fatal(err)
	}
	got, err := h.store.ByJobs(t.Context(), []uuid.UUID{h.job, other, newID()})
	if err != nil {
		t.Fatal(err)
	}
	if len(got) != 2 || len(got[h.job]) != 2 || got[h.job][0].Name != "a" || got[other][0].JobName != "other" {
		t.Fatalf("ByJobs = %v", got)
	}
	if up := got[h.job][0].Upcoming(5); len(up) != 5 || !up[4].Equal(up[0].Add(4*time.Hour)) || !up[0].Equal(*got[h.job][0].Next) {
		t.Fatalf("Upcoming = %v", up)
	}
}

func TestPreviewShowsTimesInTheZone(t *testing.T) {
	from := time.Date(2026, 3, 27, 12, 0, 0, 0, time.UTC)
	p, err := Preview("30 2 * * *", "Europe/Berlin", Options{}, 3, from)
	if err != nil {
		t.Fatal(err)
	}
	var local []string
	for _, at := range p.Next {
		local = append(local, at.Format(time.RFC3339))
	}
	want := []string{"2026-03-28T02:30:00+01:00", "2026-03-29T03:00:00+02:00", "2026-03-30T02:30:00+02:00"}
	if diff := cmp.Diff(want, local); diff != "" {
		t.Fatalf("next (-want +got):\n%s", diff)
	}
	if p.Words != "every day at 02:30" || len(p.Notes) != 2 || p.Notes[0] != "On 29 Mar 2026 02:30 does not exist in Europe/Berlin: runs at 03:00." {
		t.Fatalf("words %q, notes %q", p.Words, p.Notes)
	}
}
