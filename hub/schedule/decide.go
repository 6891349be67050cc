package schedule

import (
	"fmt"
	"time"

	"github.com/google/uuid"

	"github.com/cronium/cronium/hub/schedule/cron"
)

// Bounds of catching up.
const (
	punctual  = 2 * time.Second // not late at all
	tolerance = time.Minute     // how late the latest may start without catch-up
	maxListed = 100             // occurrences with a ledger row of their own
	maxCount  = 20_000          // occurrences that are counted one by one
)

// due is a schedule whose time has come, and what has to be known to decide.
type due struct {
	id, project, job uuid.UUID
	name             string
	spec, zone       string
	options          Options
	overlap, catchUp string
	inputs           map[string]any
	revision         int64
	next             time.Time
	last             time.Time // zero: none was decided yet
	now              time.Time

	facts Job
	open  bool // the previous run has not finished
}

// verdict is what becomes of a due schedule.
type verdict struct {
	due
	fires   []Fire // in the order of planned time
	next    time.Time
	last    time.Time
	enabled bool

	resolved map[string]any
	sealed   []byte
}

// decide is pure: what becomes of every occurrence up to now.
func (d due) decide() verdict {
	v := verdict{due: d, last: d.next, enabled: true}
	if d.facts.State == JobArchived {
		return v.disable(Skipped, ReasonArchived, "The job was archived; the schedule is disabled.")
	}
	plan, err := cron.Parse(d.spec, d.zone, d.options)
	if err != nil {
		return v.disable(Missed, ReasonSpec, "The schedule is disabled: "+err.Error())
	}
	b := collect(&plan, d.first(&plan), d.now)
	v.next = b.next
	if b.count == 0 { // only when it was decided before
		v.last = d.last
		return v
	}
	v.last = b.recent[len(b.recent)-1]
	if d.facts.State == JobPaused {
		v.fires = []Fire{{Planned: b.first, Occurrences: b.count, Outcome: Skipped, Reason: ReasonPaused, Detail: b.detail(b.count, "to", v.last)}}
		return v
	}
	v.catchUp(b)
	v.skipOverlapping()
	v.resolve()
	return v
}

// first is where the undecided occurrences begin.
func (d due) first(plan *Plan) time.Time {
	if d.next.After(d.last) {
		return d.next
	}
	after, _ := plan.Next(d.last)
	return after
}

func (v verdict) disable(o Outcome, reason, detail string) verdict {
	v.fires = []Fire{{Planned: v.due.next, Occurrences: 1, Outcome: o, Reason: reason, Detail: detail}}
	v.next, v.enabled = time.Time{}, false
	return v
}

// catchUp divides the occurrences into those that start and those that are
// missed.
func (v *verdict) catchUp(b backlog) {
	from, reason, detail := b.starting(v.due.catchUp, v.now)
	if earlier := b.count - int64(len(b.recent)); earlier > 0 {
		v.fires = append(v.fires, Fire{Planned: b.first, Occurrences: earlier, Outcome: Missed, Reason: reason,
			Detail: b.detail(earlier, "before", b.recent[0])})
	}
	for i, at := range b.recent {
		f := Fire{Planned: at, Occurrences: 1, Outcome: Started}
		if i < from {
			f.Outcome, f.Reason, f.Detail = Missed, reason, detail
		}
		v.fires = append(v.fires, f)
	}
}

// skipOverlapping lets at most one of them start, and none while a run is open.
func (v *verdict) skipOverlapping() {
	if v.overlap != OverlapSkip {
		return
	}
	busy := v.open
	for i := range v.fires {
		if f := &v.fires[i]; f.Outcome == Started {
			if busy {
				f.Outcome, f.Reason = Skipped, ReasonOverlap
				f.Detail = "The previous run of this schedule had not finished (overlap: skip)."
			}
			busy = true
		}
	}
}

func (v *verdict) resolve() {
	v.resolved = v.inputs
	if v.facts.Resolve == nil || v.starts() == 0 {
		return
	}
	var err error
	if v.resolved, v.sealed, err = v.facts.Resolve(v.inputs); err != nil {
		v.fail(Skipped, ReasonInputs, "The job does not take the schedule's inputs: "+err.Error())
	}
}

// fail turns what would start into something else.
func (v *verdict) fail(o Outcome, reason, detail string) {
	for i := range v.fires {
		if v.fires[i].Outcome == Started {
			v.fires[i].Outcome, v.fires[i].Reason, v.fires[i].Detail = o, reason, detail
		}
	}
}

func (v *verdict) starts() (n int) {
	for _, f := range v.fires {
		if f.Outcome == Started {
			n++
		}
	}
	return n
}

// backlog is the occurrences that are due and undecided.
type backlog struct {
	first  time.Time
	recent []time.Time // the latest, in order
	count  int64       // of all; a lower bound unless exact
	exact  bool
	next   time.Time // the first one after now; zero: none
}

// collect walks the occurrences from first to now. It counts at most maxCount of
// them, so that a schedule that was asleep for years costs milliseconds.
func collect(plan *Plan, first, now time.Time) backlog {
	b := backlog{first: first, exact: true}
	if first.IsZero() {
		return b
	}
	at, ok := first, true
	for ; ok && !at.After(now); at, ok = plan.Next(at) {
		if b.count++; b.count > maxCount {
			b.exact = false
			b.recent, b.next = latest(plan, now)
			return b
		}
		b.recent = keep(b.recent, at)
	}
	if ok {
		b.next = at
	}
	return b
}

// keep appends and forgets all but the latest.
func keep(recent []time.Time, at time.Time) []time.Time {
	if len(recent) < maxListed {
		return append(recent, at)
	}
	copy(recent, recent[1:])
	recent[maxListed-1] = at
	return recent
}

// latest looks back over growing windows until enough occurrences lie in one.
func latest(plan *Plan, now time.Time) (recent []time.Time, next time.Time) {
	for window := time.Minute; ; window *= 4 {
		recent = recent[:0]
		at, ok := plan.Next(now.Add(-window))
		for ; ok && !at.After(now); at, ok = plan.Next(at) {
			recent = keep(recent, at)
		}
		if ok {
			next = at
		}
		if len(recent) == maxListed || window > 100*365*24*time.Hour {
			return recent, next
		}
	}
}

// starting returns the index in recent of the first occurrence to start, and why
// those before it do not.
func (b backlog) starting(policy string, now time.Time) (from int, reason, detail string) {
	n := len(b.recent)
	for from = n; from > 0 && now.Sub(b.recent[from-1]) <= punctual; {
		from--
	}
	switch policy {
	case CatchUpAll:
		return 0, ReasonLimit, ""
	case CatchUpNone:
		if from == n && now.Sub(b.recent[n-1]) <= tolerance {
			from--
		}
		return from, ReasonNone, "Too late to start (catch_up: none)."
	}
	return min(from, n-1), ReasonLast, "A later occurrence was made up for it (catch_up: last)."
}

// detail says what a row that stands for many stands for.
func (b backlog) detail(count int64, until string, end time.Time) string {
	if count == 1 {
		return ""
	}
	about := ""
	if !b.exact {
		about = "more than "
	}
	return fmt.Sprintf("Stands for %s%d occurrences from %s %s %s.", about, count,
		b.first.UTC().Format(time.RFC3339), until, end.UTC().Format(time.RFC3339))
}
