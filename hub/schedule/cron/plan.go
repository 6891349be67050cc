package cron

import (
	"strings"
	"time"
)

// Gap says what becomes of a wall-clock time that a clock change leaves out.
type Gap string

// Fold says which of two equal wall-clock times counts.
type Fold string

// The policies; the empty text is the first of each.
const (
	Shift Gap = "shift" // due at the first instant after the gap
	Skip  Gap = "skip"  // not due that day

	First  Fold = "first"
	Second Fold = "second"
	Both   Fold = "both"
)

// Options are the parts of a schedule besides its text and zone.
type Options struct {
	Gap    Gap       // Shift when empty
	Fold   Fold      // First when empty
	Anchor time.Time // what @every counts from, cut to whole seconds; the epoch when zero
}

// Bounds of a text.
const (
	maxSpec  = 256
	minEvery = time.Second
	maxEvery = 10 * 365 * 24 * time.Hour
)

type kind uint8

const (
	calendar kind = iota
	interval
	oneShot
)

// Plan is a parsed schedule. Get one from [Parse]; the zero value is never due.
type Plan struct {
	kind kind
	zone *zone
	gap  Gap
	fold Fold

	fields fields // calendar

	every  time.Duration // interval
	anchor int64         // interval: Unix seconds

	civil int64    // oneShot: the wall-clock time as if it were UTC
	at    [2]int64 // oneShot: when that is, in order
	times int      // oneShot: how many of them
}

// Parse reads a schedule. Its errors are [ErrInvalid] and [ErrZone], and name the
// field and the reason; a text that would never be due is an error.
func Parse(spec, zoneName string, o Options) (Plan, error) {
	p := Plan{gap: o.Gap, fold: o.Fold}
	if err := p.policies(); err != nil {
		return Plan{}, err
	}
	var err error
	if p.zone, err = loadZone(zoneName); err != nil {
		return Plan{}, err
	}
	if len(spec) > maxSpec {
		return Plan{}, invalid("Schedule is %d characters long, at most %d are allowed", len(spec), maxSpec)
	}
	spec = strings.TrimSpace(spec)
	switch {
	case spec == "":
		return Plan{}, invalid("Schedule is empty")
	case spec[0] == '@':
		err = p.parseMacro(spec, o.Anchor)
	default:
		err = p.parseCalendar(spec)
	}
	if err != nil {
		return Plan{}, err
	}
	return p, nil
}

func (p *Plan) policies() error {
	switch p.gap {
	case "":
		p.gap = Shift
	case Shift, Skip:
	default:
		return ErrInvalid.With("Gap policy %q is unknown: it is shift or skip", p.gap).At("gap")
	}
	switch p.fold {
	case "":
		p.fold = First
	case First, Second, Both:
	default:
		return ErrInvalid.With("Fold policy %q is unknown: it is first, second or both", p.fold).At("fold")
	}
	return nil
}

var macros = map[string]string{
	"@hourly":   "0 * * * *",
	"@daily":    "0 0 * * *",
	"@midnight": "0 0 * * *",
	"@weekly":   "0 0 * * 0",
	"@monthly":  "0 0 1 * *",
	"@yearly":   "0 0 1 1 *",
	"@annually": "0 0 1 1 *",
}

func (p *Plan) parseMacro(spec string, anchor time.Time) error {
	word, rest, _ := strings.Cut(spec, " ")
	rest = strings.TrimSpace(rest)
	switch word = strings.ToLower(word); {
	case word == "@every":
		return p.parseEvery(rest, anchor)
	case word == "@at":
		return p.parseAt(rest)
	case word == "@reboot":
		return invalid("@reboot is not a time: nothing restarts when the hub does")
	case macros[word] == "":
		return invalid("%q is unknown: there are @hourly, @daily, @weekly, @monthly, @yearly, @every and @at", word)
	case rest != "":
		return invalid("%s takes nothing after it, found %q", word, rest)
	}
	return p.parseCalendar(macros[word])
}

// Zone is the name of the zone that the plan was parsed with.
func (p *Plan) Zone() string { return p.zone.name }

// Location is the zone, for showing times.
func (p *Plan) Location() *time.Location { return p.zone.loc }

// OneShot reports whether the plan is due at most once or, with [Both], twice.
func (p *Plan) OneShot() bool { return p.kind == oneShot }

// Next returns the first due instant after the given one, in UTC. False means
// that there is none. It is never at or before after.
func (p *Plan) Next(after time.Time) (time.Time, bool) {
	unix, ok := p.next(after)
	if !ok {
		return time.Time{}, false
	}
	return time.Unix(unix, 0).UTC(), true
}

func (p *Plan) next(after time.Time) (int64, bool) {
	if p.zone == nil {
		return 0, false
	}
	t := max(after.Unix(), firstInstant-1) + 1 // the first whole second after
	switch p.kind {
	case interval:
		return p.nextInterval(t)
	case oneShot:
		return p.nextOneShot(t)
	default:
		return p.nextCalendar(t)
	}
}
