package cron

import (
	_ "embed"
	"math"
	"slices"
	"strings"
	"sync"
	"time"
)

// The calendar's ends, in Unix seconds: 1970-01-01 and 2200-01-01.
const (
	firstInstant = 0
	lastInstant  = 7258118400
	maxOffset    = 26 * 3600    // more than any zone differs from UTC
	smallShift   = 3 * 3600     // a clock change; more is a change of calendar
	daySeconds   = 24 * 60 * 60 // of a civil day
)

// zone is a time zone as segments of constant offset. Segment i begins at
// starts[i] and ends where the next one begins.
type zone struct {
	name    string
	loc     *time.Location
	starts  []int64
	offsets []int32
}

func (z *zone) segments() int      { return len(z.starts) }
func (z *zone) start(i int) int64  { return z.starts[i] }
func (z *zone) offset(i int) int64 { return int64(z.offsets[i]) }

func (z *zone) end(i int) int64 {
	if i+1 < len(z.starts) {
		return z.starts[i+1]
	}
	return lastInstant
}

// segment returns the index of the segment that holds t.
func (z *zone) segment(t int64) int {
	lo, hi := 0, len(z.starts) // starts[lo] <= t < starts[hi]
	for hi-lo > 1 {
		if mid := int(uint(lo+hi) >> 1); z.starts[mid] <= t {
			lo = mid
		} else {
			hi = mid
		}
	}
	return lo
}

// gap returns the civil times that were left out where segment i begins, or an
// empty range. Only small shifts count.
func (z *zone) gap(i int) (from, to int64) {
	if i == 0 {
		return 0, 0
	}
	from, to = z.starts[i]+z.offset(i-1), z.starts[i]+z.offset(i)
	if to <= from || to-from > smallShift {
		return 0, 0
	}
	return from, to
}

// repeat returns the civil times that happen a second time where segment i
// begins, or an empty range. Only small shifts count.
func (z *zone) repeat(i int) (from, to int64) {
	if i == 0 || i >= len(z.starts) {
		return 0, 0
	}
	from, to = z.starts[i]+z.offset(i), z.starts[i]+z.offset(i-1)
	if to <= from || to-from > smallShift {
		return 0, 0
	}
	return from, to
}

// zones holds every zone that was loaded: a few hundred names at most, because
// only names that exist get in.
var zones sync.Map // name → *zone

func loadZone(name string) (*zone, error) {
	if name == "" {
		name = "UTC"
	}
	if z, ok := zones.Load(name); ok {
		return z.(*zone), nil
	}
	loc, err := location(name)
	if err != nil {
		return nil, err
	}
	z, _ := zones.LoadOrStore(name, tabulate(name, loc))
	return z.(*zone), nil
}

// location refuses what time.LoadLocation takes but is not a zone's name: the
// machine's own zone, and the trees of zones that count leap seconds.
func location(name string) (*time.Location, error) {
	head, _, _ := strings.Cut(name, "/")
	switch head {
	case "Local", "localtime", "posixrules", "Factory", "right", "posix":
		return nil, unknownZone(name)
	}
	loc, err := time.LoadLocation(name)
	if err != nil {
		return nil, unknownZone(name)
	}
	return loc, nil
}

// tabulate walks the zone's transitions.
func tabulate(name string, loc *time.Location) *zone {
	z := &zone{name: name, loc: loc}
	for t := int64(firstInstant); t < lastInstant; {
		at := time.Unix(t, 0).In(loc)
		if _, offset := at.Zone(); len(z.offsets) == 0 || z.offsets[len(z.offsets)-1] != int32(offset) {
			z.starts = append(z.starts, t)
			z.offsets = append(z.offsets, int32(offset))
		}
		t = boundary(at, t)
	}
	if len(z.starts) == 0 {
		panic("cron: zone " + name + " has no offset")
	}
	z.starts[0] = math.MinInt64
	return z
}

// boundary returns where the zone's offset may change after t. ZoneBounds gives
// an end before t on 31 December of leap years that lie beyond the zone's
// table; stepping on by the hour finds the next true answer.
func boundary(at time.Time, t int64) int64 {
	_, end := at.ZoneBounds()
	switch {
	case end.IsZero():
		return lastInstant
	case end.Unix() <= t:
		return t + 3600
	}
	return end.Unix()
}

//go:embed zones.txt
var zoneNames string

// unknownZone says which name was probably meant.
func unknownZone(name string) error {
	if len(name) > 64 {
		name = name[:64] + "…"
	}
	problem := ErrZone.With("There is no time zone %q", name).At("zone")
	if meant := nearestZone(name); meant != "" {
		return problem.Hinted("Did you mean %q?", meant)
	}
	return problem
}

// What people write for a zone and the database does not know.
var nicknames = map[string]string{
	"pst": "America/Los_Angeles", "pdt": "America/Los_Angeles", "mdt": "America/Denver",
	"cst": "America/Chicago", "cdt": "America/Chicago", "edt": "America/New_York",
	"cest": "Europe/Berlin", "bst": "Europe/London", "eest": "Europe/Athens", "msk": "Europe/Moscow",
	"ist": "Asia/Kolkata", "jst": "Asia/Tokyo", "kst": "Asia/Seoul", "sgt": "Asia/Singapore",
	"aest": "Australia/Sydney", "aedt": "Australia/Sydney", "nzst": "Pacific/Auckland",
	"z": "UTC", "local": "UTC", "localtime": "UTC", "gmt+0": "UTC",
}

func nearestZone(name string) string {
	want := fold(name)
	if meant := nicknames[want]; meant != "" {
		return meant
	}
	best, bestDistance := "", len(want)/3+1
	for line := range strings.Lines(zoneNames) {
		have := strings.TrimSpace(line)
		folded := fold(have)
		if folded == want {
			return have
		}
		_, city, _ := cutLast(folded)
		if d := min(distance(folded, want), distance(city, want)); d < bestDistance {
			best, bestDistance = have, d
		}
	}
	return best
}

func fold(name string) string {
	return strings.NewReplacer(" ", "_", "-", "_").Replace(strings.ToLower(strings.TrimSpace(name)))
}

func cutLast(name string) (area, city string, found bool) {
	i := strings.LastIndexByte(name, '/')
	return name[:max(i, 0)], name[i+1:], i >= 0
}

// distance is the number of letters to change, add or remove.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := diagonal
			if a[i] != b[j] {
				cost++
			}
			diagonal = row[j+1]
			row[j+1] = slices.Min([]int{cost, row[j] + 1, row[j+1] + 1})
		}
	}
	return row[len(b)]
}
