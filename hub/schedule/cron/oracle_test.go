package cron

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// The zones in which clocks do what clocks do: jumps of an hour, of half an
// hour, at midnight, at the date line, none at all.
var oracleZones = []string{
	"UTC", "America/New_York", "Europe/Berlin", "Australia/Lord_Howe", "America/Santiago",
	"Africa/Cairo", "Asia/Beirut", "Africa/Casablanca", "America/Havana", "Pacific/Apia",
	"Asia/Kathmandu", "Asia/Pyongyang",
}

// Midnights (UTC) before days on which at least one of the zones changes.
var oracleDays = []string{
	"2026-03-07", "2026-03-28", "2026-04-04", "2026-04-23", "2026-09-05", "2026-10-03",
	"2026-10-24", "2026-10-31", "2026-02-14", "2026-03-21", "2011-12-29", "2018-05-04", "2015-08-14",
}

// oracle decides minute by minute, on the wall clock alone, with nothing in
// common with the evaluator but the rule.
type oracle struct {
	lists    [5]map[int]bool
	dayStar  bool
	weekStar bool
	wild     bool
}

// newOracle reads the plain grammar: lists of values, ranges and steps.
func newOracle(spec string) oracle {
	var o oracle
	texts := strings.Fields(spec)
	low := []int{0, 0, 0, 1, 0}
	high := []int{59, 23, 31, 12, 7}
	low[2], low[3] = 1, 1
	for i, text := range texts {
		o.lists[i] = map[int]bool{}
		for part := range strings.SplitSeq(text, ",") {
			from, to, step := low[i], high[i], 1
			if body, s, ok := strings.Cut(part, "/"); ok {
				step, _ = strconv.Atoi(s)
				part = body
			}
			if i == 4 && part == "*" {
				to = 6
			}
			if part != "*" {
				a, b, ok := strings.Cut(part, "-")
				from, _ = strconv.Atoi(a)
				if to = from; ok {
					to, _ = strconv.Atoi(b)
				}
			}
			for v := from; v <= to; v += step {
				o.lists[i][v] = true
			}
		}
	}
	o.dayStar, o.weekStar = texts[2][0] == '*', texts[4][0] == '*'
	o.wild = strings.ContainsAny(texts[0]+texts[1], "*/") || len(o.lists[0]) == 60 || len(o.lists[1]) == 24
	return o
}

func (o oracle) matches(wall time.Time) bool {
	day := o.lists[2][wall.Day()]
	week := o.lists[4][int(wall.Weekday())] || wall.Weekday() == 0 && o.lists[4][7]
	days := day || week
	if o.dayStar || o.weekStar {
		days = day && week
	}
	return days && o.lists[0][wall.Minute()] && o.lists[1][wall.Hour()] && o.lists[3][int(wall.Month())]
}

// minute is one minute of real time: what the clock shows, the minutes that it
// left out just before, and whether it has shown, or will show, the same again.
type minute struct {
	unix          int64
	wall          time.Time
	left          []time.Time
	before, after bool
}

// minutesOf walks three days of a zone.
func minutesOf(t *testing.T, zone string, from time.Time) []minute {
	t.Helper()
	loc, err := time.LoadLocation(zone)
	if err != nil {
		t.Fatal(err)
	}
	wall := func(at time.Time) time.Time {
		y, m, d := at.In(loc).Date()
		return time.Date(y, m, d, at.In(loc).Hour(), at.In(loc).Minute(), 0, 0, time.UTC)
	}
	const margin = 6 * 60
	var all []minute
	count := map[time.Time]int{}
	last := wall(from.Add(-(margin + 1) * time.Minute))
	for i := -margin; i < 3*24*60+margin; i++ {
		at := from.Add(time.Duration(i) * time.Minute)
		m := minute{unix: at.Unix(), wall: wall(at)}
		if jump := m.wall.Sub(last); jump > time.Minute && jump <= 3*time.Hour+time.Minute {
			for skipped := last.Add(time.Minute); skipped.Before(m.wall); skipped = skipped.Add(time.Minute) {
				m.left = append(m.left, skipped)
			}
		}
		m.before = count[m.wall] > 0
		count[m.wall]++
		last = m.wall
		all = append(all, m)
	}
	for i := range all {
		all[i].after = count[all[i].wall] > 1 && !all[i].before
	}
	return all[margin : len(all)-margin]
}

func (o oracle) due(m minute, gap Gap, fold Fold) bool {
	if o.wild {
		return o.matches(m.wall)
	}
	if gap == Shift && slices.ContainsFunc(m.left, o.matches) {
		return true
	}
	if fold == First && m.before || fold == Second && m.after {
		return false
	}
	return o.matches(m.wall)
}

func TestEvaluatorEqualsTheMinuteByMinuteOracle(t *testing.T) {
	random := rand.New(rand.NewPCG(20261123, 7))
	fires := 0
	for _, zone := range oracleZones {
		for _, day := range oracleDays {
			from := instant(t, day+"T00:00Z")
			minutes := minutesOf(t, zone, from)
			for range 12 {
				spec := randomSpec(random)
				gap := []Gap{Shift, Shift, Skip}[random.IntN(3)]
				fold := []Fold{First, First, Second, Both}[random.IntN(4)]
				p, err := Parse(spec, zone, Options{Gap: gap, Fold: fold})
				if err != nil {
					continue // never fires
				}
				o := newOracle(spec)
				after := from.Add(-time.Second)
				for _, m := range minutes {
					if !o.due(m, gap, fold) {
						continue
					}
					got, ok := p.Next(after)
					if !ok || got.Unix() != m.unix {
						t.Fatalf("%q in %s gap=%s fold=%s: Next(%s) = %s, want %s", spec, zone, gap, fold,
							after.UTC().Format(time.RFC3339), got.Format(time.RFC3339), time.Unix(m.unix, 0).UTC().Format(time.RFC3339))
					}
					after = got
					fires++
				}
				if got, ok := p.Next(after); ok && got.Before(from.Add(72*time.Hour)) {
					t.Fatalf("%q in %s gap=%s fold=%s: Next(%s) = %s, want nothing in the window", spec, zone, gap, fold,
						after.UTC().Format(time.RFC3339), got.Format(time.RFC3339))
				}
			}
		}
	}
	t.Logf("%d fires compared", fires)
}

func randomSpec(r *rand.Rand) string {
	return strings.Join([]string{
		randomField(r, 0, 59, 0.15), randomHour(r), randomField(r, 1, 31, 0.6),
		randomField(r, 1, 12, 0.8), randomField(r, 0, 7, 0.6),
	}, " ")
}

// randomHour prefers the hours at which clocks change.
func randomHour(r *rand.Rand) string {
	if r.IntN(2) == 0 {
		return []string{"0", "1", "2", "3", "1,2", "0-3", "2,14", "23,0", "*/2"}[r.IntN(9)]
	}
	return randomField(r, 0, 23, 0.4)
}

func randomField(r *rand.Rand, low, high int, star float64) string {
	if r.Float64() < star {
		return "*"
	}
	value := func() int { return low + r.IntN(high-low+1) }
	var parts []string
	for range 1 + r.IntN(2) {
		a, b := value(), value()
		switch a, b = min(a, b), max(a, b); r.IntN(5) {
		case 0:
			parts = append(parts, fmt.Sprintf("%d-%d", a, b))
		case 1:
			parts = append(parts, fmt.Sprintf("%d-%d/%d", a, b, 1+r.IntN(6)))
		case 2:
			parts = append(parts, fmt.Sprintf("*/%d", 1+r.IntN(6)))
		default:
			parts = append(parts, strconv.Itoa(a))
		}
	}
	return strings.Join(parts, ",")
}

// drawSpec draws texts of the whole grammar, most of them valid.
func drawSpec() *rapid.Generator[string] {
	return rapid.Custom(func(t *rapid.T) string {
		if rapid.IntRange(0, 9).Draw(t, "kind") == 0 {
			return rapid.SampledFrom([]string{
				"@hourly", "@daily", "@weekly", "@monthly", "@yearly", "@every 1s", "@every 90m", "@every 3w",
				"@at 2026-03-29T02:30:00", "@at 2026-10-25T02:30:00", "@at 2030-01-01T00:00:00+02:00",
			}).Draw(t, "macro")
		}
		seconds := rapid.SampledFrom([]string{"", "", "0 ", "*/10 ", "30 ", "* "}).Draw(t, "second")
		seed := rapid.Uint64().Draw(t, "seed")
		spec := randomSpec(rand.New(rand.NewPCG(seed, 1)))
		if rapid.IntRange(0, 4).Draw(t, "special") == 0 {
			f := strings.Fields(spec)
			f[2] = rapid.SampledFrom([]string{"L", "LW", "L-3", "15W", "1W", "31W", "*", "?"}).Draw(t, "day")
			f[4] = rapid.SampledFrom([]string{"*", "?", "5L", "FRI#3", "SUN#5", "1-5"}).Draw(t, "weekday")
			spec = strings.Join(f, " ")
		}
		return seconds + spec
	})
}
