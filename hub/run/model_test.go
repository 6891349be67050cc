package run

import (
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/google/uuid"
)

// TestModelOfFaults attacks the store with random sequences of what hubs, agents,
// networks and people do, and checks the laws of doc.go after every step.
// CRONIUM_MODEL_SEED repeats one run, CRONIUM_MODEL_STEPS makes it longer.
func TestModelOfFaults(t *testing.T) {
	t.Parallel()
	steps := 400
	if n, err := strconv.Atoi(os.Getenv("CRONIUM_MODEL_STEPS")); err == nil {
		steps = n
	}
	seeds := []uint64{1, 2, 3, rand.Uint64()}
	if n, err := strconv.ParseUint(os.Getenv("CRONIUM_MODEL_SEED"), 10, 64); err == nil {
		seeds = []uint64{n}
	}
	for _, seed := range seeds {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			t.Parallel()
			m := newModel(t, seed)
			for m.step = range steps {
				m.act()
				m.check()
			}
			m.quiesce()
		})
	}
}

// host is an agent: what it holds in memory, and what is in its journal.
type host struct {
	id       uuid.UUID
	epoch    int64
	holds    map[Ref]bool    // received, not yet granted as far as it knows
	launched map[Ref]bool    // granted: in the journal, and the script runs or has ended
	results  map[Ref]Result  // ended, on disk, not yet acknowledged
	acked    map[Ref]Answer  // first answer to the result
	sent     map[Ref]Outcome // what the first result said
}

type model struct {
	*world
	rnd       *rand.Rand
	hosts     []*host
	step      int
	log       []string
	runs      []uuid.UUID
	final     map[uuid.UUID]Run
	launched  map[uuid.UUID][]Ref // by run, in the order of their launch
	forbidden map[uuid.UUID]bool  // cancelled before anything was granted
	fences    map[uuid.UUID]int64
}

func newModel(t *testing.T, seed uint64) *model {
	m := &model{world: newWorld(t), rnd: rand.New(rand.NewPCG(seed, seed)), final: map[uuid.UUID]Run{}, launched: map[uuid.UUID][]Ref{},
		forbidden: map[uuid.UUID]bool{}, fences: map[uuid.UUID]int64{}}
	for range 3 {
		m.hosts = append(m.hosts, newHost())
	}
	return m
}

func newHost() *host {
	return &host{id: uuid.New(), epoch: 1, holds: map[Ref]bool{}, launched: map[Ref]bool{}, results: map[Ref]Result{}, acked: map[Ref]Answer{}, sent: map[Ref]Outcome{}}
}

func (m *model) failf(format string, args ...any) {
	m.t.Helper()
	for _, line := range m.log[max(0, len(m.log)-40):] {
		m.t.Log(line)
	}
	m.t.Fatalf("step %d: %s", m.step, fmt.Sprintf(format, args...))
}

func (m *model) note(format string, args ...any) {
	m.log = append(m.log, fmt.Sprintf("%4d ", m.step)+fmt.Sprintf(format, args...))
}

func (m *model) must(err error) {
	m.t.Helper()
	if err != nil {
		m.failf("%v", err)
	}
}

// lost says that a reply did not arrive, although the hub has committed.
func (m *model) lost() bool { return m.rnd.IntN(5) == 0 }

func (m *model) act() {
	h := m.hosts[m.rnd.IntN(len(m.hosts))]
	switch n := m.rnd.IntN(100); {
	case n < 12:
		m.newRuns()
	case n < 28:
		m.claimFor(h, 1+m.rnd.IntN(3))
	case n < 46:
		m.acceptFor(h)
	case n < 54:
		m.startFor(h)
	case n < 72:
		m.endFor(h)
	case n < 76:
		m.cancelOne()
	case n < 79:
		m.releaseFor(h)
	case n < 85:
		m.renewFor(h)
	case n < 89:
		m.reconnect(h, true)
	case n < 90:
		m.reconnect(h, false)
	case n < 93:
		m.steal(h)
	default:
		d := []time.Duration{2 * time.Second, 16 * time.Second, 61 * time.Second, 15 * time.Minute}[m.rnd.IntN(4)]
		m.pass(d)
		m.note("%s pass; reaped %+v", d, m.reap())
	}
}

func (m *model) newRuns() {
	reqs := make([]Request, 1+m.rnd.IntN(3))
	for i := range reqs {
		reqs[i] = m.request()
		reqs[i].LostAfter = 10 * time.Minute
		if m.rnd.IntN(2) == 0 {
			reqs[i].Retry = Retry{Max: m.rnd.IntN(3), Delay: time.Second, Backoff: "exponential"}
		}
		if m.rnd.IntN(4) == 0 {
			reqs[i].Retry = Retry{Max: 2, On: []Outcome{OutcomeLost, OutcomeFailed}}
		}
	}
	for _, r := range m.create(reqs...) {
		m.runs = append(m.runs, r.ID)
	}
	m.note("created %d", len(reqs))
}

func (m *model) claimFor(h *host, n int) {
	got, err := m.Claim(m.ctx, h.id, h.epoch, nil, m.project, n)
	m.must(err)
	lost := m.lost()
	for _, c := range got {
		if c.Fence <= m.fences[c.RunID] {
			m.failf("fence %d of run %s after %d", c.Fence, c.RunID, m.fences[c.RunID])
		}
		m.fences[c.RunID] = c.Fence
		if !lost {
			h.holds[c.Ref] = true
		}
	}
	m.note("claimed %d, lost %v", len(got), lost)
}

func (m *model) acceptFor(h *host) {
	refs := m.some(h.holds)
	if len(refs) == 0 {
		return
	}
	decisions, err := m.Accept(m.ctx, h.id, refs)
	m.must(err)
	lost := m.lost()
	m.note("accept %v = %v, lost %v", refs, decisions, lost)
	for i, r := range refs {
		if decisions[i] == Granted {
			m.granted(r)
		}
		if lost {
			continue
		}
		delete(h.holds, r)
		if decisions[i] == Granted {
			h.launched[r] = true
			m.launched[r.RunID] = append(m.launched[r.RunID], r)
		}
	}
}

// granted checks that this attempt may start now: it is the run's live one, nobody
// cancelled it before, and every attempt launched before it is over.
func (m *model) granted(r Ref) {
	if m.forbidden[r.RunID] {
		m.failf("run %s was cancelled before it was granted, and then granted", r.RunID)
	}
	run := m.get(r.RunID)
	if run.State != Running || len(run.Attempts) == 0 || run.Attempts[len(run.Attempts)-1].Fence != r.Fence {
		m.failf("granted %v, but the run is %+v", r, run)
	}
	for _, earlier := range m.launched[r.RunID] {
		if earlier == r {
			m.failf("granted %v again after it was launched", r)
		}
		i := slices.IndexFunc(run.Attempts, func(a Attempt) bool { return a.Fence == earlier.Fence })
		if i < 0 || run.Attempts[i].State != attemptFinished && run.Attempts[i].State != attemptLost {
			m.failf("granted %v while launched attempt %v is %+v", r, earlier, run.Attempts)
		}
	}
}

func (m *model) startFor(h *host) {
	refs := m.some(h.launched)
	marks := make([]StartMark, len(refs))
	for i, r := range refs {
		marks[i] = StartMark{r, time.Duration(m.rnd.IntN(2000)) * time.Millisecond}
	}
	answers, err := m.Started(m.ctx, h.id, marks)
	m.must(err)
	m.note("started %v = %v", refs, answers)
	for i, a := range answers {
		if a == NotYours {
			m.failf("start of %v, which was granted, is answered not yours", refs[i])
		}
	}
}

func (m *model) endFor(h *host) {
	outcomes := []Outcome{OutcomeSucceeded, OutcomeSucceeded, OutcomeFailed, OutcomeTimedOut, OutcomeCancelled, OutcomeInfrastructure, OutcomeRejected}
	for _, r := range m.some(h.launched) {
		if _, ended := h.results[r]; !ended {
			o := outcomes[m.rnd.IntN(len(outcomes))]
			h.results[r] = Result{Ref: r, Outcome: o, ExitCode: m.rnd.IntN(3), Duration: time.Second, SHA256: []byte(fmt.Sprint(r, o))}
		}
	}
	refs := m.some(h.results)
	if len(refs) == 0 {
		return
	}
	results := make([]Result, 0, len(refs)+1)
	for _, r := range refs {
		results = append(results, h.results[r])
	}
	if m.rnd.IntN(4) == 0 {
		results = append(results, results[0])
	}
	answers, err := m.Finish(m.ctx, h.id, results)
	m.must(err)
	lost := m.lost()
	m.note("finish %v = %v, lost %v", refs, answers, lost)
	for i, res := range results {
		first, before := h.acked[res.Ref]
		switch {
		case answers[i] == 0 || answers[i] == NotYours:
			m.failf("result of %v is answered %d", res.Ref, answers[i])
		case before && answers[i] != Duplicate && i < len(refs):
			m.failf("result of %v was answered %d, and repeated %d", res.Ref, first, answers[i])
		case !before && answers[i] == Duplicate:
			m.failf("first result of %v is answered duplicate", res.Ref)
		}
		if !before {
			h.acked[res.Ref], h.sent[res.Ref] = answers[i], res.Outcome
		}
	}
	for _, r := range refs {
		if !lost {
			delete(h.results, r)
			delete(h.launched, r)
		}
	}
}

func (m *model) cancelOne() {
	if len(m.runs) == 0 {
		return
	}
	id := m.runs[m.rnd.IntN(len(m.runs))]
	before := m.get(id)
	r, err := m.Cancel(m.ctx, admin, m.project, id)
	m.note("cancel %s: %s → %s, %v", id, before.State, r.State, err)
	if (err != nil) != before.State.Final() {
		m.failf("cancel of a %s run: %v", before.State, err)
	}
	if r.State == Cancelled && (before.State == Queued || before.State == Assigned) {
		m.forbidden[id] = true
	}
}

func (m *model) releaseFor(h *host) {
	refs := m.some(h.holds)
	m.must(m.Release(m.ctx, h.id, refs, "full"))
	m.note("release %v", refs)
	for _, r := range refs {
		delete(h.holds, r)
	}
}

func (m *model) renewFor(h *host) {
	held := slices.Concat(keys(h.holds), keys(h.launched))
	orders, err := m.Renew(m.ctx, []Renewal{{h.id, held}})
	m.must(err)
	m.note("renew %d = %+v", len(held), orders[h.id])
	m.drop(h, orders[h.id].Drop)
}

// drop is what a good agent does: it forgets what it has not started, and reports
// what it has.
func (m *model) drop(h *host, refs []Ref) {
	for _, r := range refs {
		if a, ok := h.acked[r]; ok && a == Accepted {
			m.failf("told to drop %v, whose result was accepted", r)
		}
		delete(h.holds, r)
	}
}

func (m *model) reconnect(h *host, journal bool) {
	h.epoch++
	if !journal { // a new disk: whatever ran there is not known any more
		clear(h.launched)
		clear(h.results)
	}
	if m.rnd.IntN(2) == 0 || !journal {
		clear(h.holds) // the process is new
	}
	var held []Held
	for _, r := range keys(h.holds) {
		held = append(held, Held{r, PhaseAssigned})
	}
	for _, r := range keys(h.launched) {
		held = append(held, Held{r, PhaseRunning})
	}
	drop, err := m.Reconcile(m.ctx, h.id, h.epoch, held, journal)
	m.must(err)
	m.note("hello with %v, journal %v: drop %v", held, journal, drop)
	m.drop(h, drop)
}

// steal tries everything with another agent's attempts: nothing may change.
func (m *model) steal(h *host) {
	var refs []Ref
	for _, other := range m.hosts {
		if other != h {
			refs = append(refs, slices.Concat(keys(other.holds), keys(other.launched))...)
		}
	}
	if len(refs) == 0 {
		return
	}
	refs = refs[:1]
	decisions, err := m.Accept(m.ctx, h.id, refs)
	m.must(err)
	answers, err := m.Finish(m.ctx, h.id, []Result{{Ref: refs[0], Outcome: OutcomeSucceeded}})
	m.must(err)
	if decisions[0] == Granted || answers[0] != NotYours {
		m.failf("a foreign agent got %v and %v for %v", decisions, answers, refs)
	}
}

// check holds the database against the laws.
func (m *model) check() {
	rows, err := m.pg.Pool.Query(m.ctx, `select r.id, r.state, q.state, r.finished_at is not null,
		(select count(*) from attempts a where a.run_id = r.id and a.state = 'finished' and not a.late
			and a.outcome in ('succeeded', 'failed', 'timed_out', 'infrastructure', 'rejected')),
		(select count(*) from attempts a join attempts b using (run_id) where a.run_id = r.id and a.attempt < b.attempt and a.fence >= b.fence),
		(select coalesce(max(a.fence), 0) from attempts a where a.run_id = r.id), coalesce(q.fence, 0)
		from runs r left join run_queue q on q.run_id = r.id`)
	m.must(err)
	defer rows.Close()
	for rows.Next() {
		var id uuid.UUID
		var state string
		var queue *string
		var ended bool
		var finished, disorder, past, live int64
		m.must(rows.Scan(&id, &state, &queue, &ended, &finished, &disorder, &past, &live))
		if (state == "open") != (queue != nil) || ended != (queue == nil) {
			m.failf("run %s is %s and in the queue %v", id, state, queue)
		}
		if disorder > 0 {
			m.failf("fences of run %s do not rise", id)
		}
		if queue != nil && *queue != "queued" && live <= past {
			m.failf("live fence %d of run %s is not above %d", live, id, past)
		}
		if was, ok := m.final[id]; ok && string(was.State) != state {
			m.failf("run %s was %s and is %s", id, was.State, state)
		}
		if state != "open" {
			m.final[id] = Run{State: State(state)}
		}
	}
	m.must(rows.Err())
}

// quiesce lets every agent report all it has and time pass: then every run has its end,
// and every result that was accepted as the last word is what the run says.
func (m *model) quiesce() {
	for range 60 {
		for _, h := range m.hosts {
			m.reconnect(h, true)
			for len(h.launched) > 0 {
				m.endFor(h)
			}
			clear(h.holds)
		}
		m.pass(2 * time.Hour)
		m.reap()
		open, err := m.Counts(m.ctx)
		m.must(err)
		if open[Queued]+open[Assigned]+open[Running]+open[Unknown] == 0 {
			break
		}
		for _, h := range m.hosts {
			m.claimFor(h, 100)
			m.acceptFor(h)
		}
	}
	m.check()
	for _, id := range m.runs {
		r := m.get(id)
		if !r.State.Final() {
			m.failf("run %s is still %s", id, r.State)
		}
		for _, a := range r.Attempts {
			for _, h := range m.hosts {
				ref := Ref{id, int32(a.Number), a.Fence}
				if h.id == a.AgentID && h.acked[ref] != 0 && (a.Outcome != h.sent[ref] || a.Late != (h.acked[ref] == Late)) {
					m.failf("attempt %+v was reported as %s and answered %d", a, h.sent[ref], h.acked[ref])
				}
			}
		}
	}
}

// some picks about half of the refs, in random order.
func (m *model) some(from any) []Ref {
	var all []Ref
	switch from := from.(type) {
	case map[Ref]bool:
		all = keys(from)
	case map[Ref]Result:
		all = keys(from)
	}
	m.rnd.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
	return all[:(len(all)+1)/2]
}

func keys[V any](from map[Ref]V) []Ref {
	refs := make([]Ref, 0, len(from))
	for r := range from {
		refs = append(refs, r)
	}
	slices.SortFunc(refs, byRun)
	return refs
}
