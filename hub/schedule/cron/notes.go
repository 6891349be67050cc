package cron

import (
	"fmt"
	"time"
)

// Notes says what the zone's clock changes in [from, to) do to the plan: "On 29
// Mar 2026 02:30 does not exist in Europe/Berlin: runs at 03:00." Plans that the
// changes leave alone have none.
func (p *Plan) Notes(from, to time.Time) (notes []string) {
	if p.zone == nil || p.kind == interval {
		return nil
	}
	for i := p.zone.segment(from.Unix()); i < p.zone.segments() && p.zone.start(i) < to.Unix(); i++ {
		if p.zone.start(i) < from.Unix() {
			continue
		}
		if note := p.gapNote(i); note != "" {
			notes = append(notes, note)
		}
		if note := p.repeatNote(i); note != "" {
			notes = append(notes, note)
		}
	}
	return notes
}

func (p *Plan) gapNote(i int) string {
	from, to := p.zone.gap(i)
	what, many := p.within(from, to)
	switch {
	case what == "":
		return ""
	case !p.bound():
		return p.note(from, what, verb(many, "does not exist", "do not exist"), "does not run then")
	case p.gap == Skip:
		return p.note(from, what, verb(many, "does not exist", "do not exist"), "does not run")
	case many:
		return p.note(from, what, "do not exist", "runs once, at "+clockText(to))
	}
	return p.note(from, what, "does not exist", "runs at "+clockText(to))
}

func (p *Plan) repeatNote(i int) string {
	from, to := p.zone.repeat(i)
	what, many := p.within(from, to)
	then := "runs the first time"
	switch {
	case what == "":
		return ""
	case !p.bound() || p.fold == Both:
		then = "runs both times"
	case p.fold == Second:
		then = "runs the second time"
	}
	return p.note(from, what, verb(many, "happens twice", "happen twice"), then)
}

// bound reports whether the policies apply.
func (p *Plan) bound() bool { return p.kind == oneShot || p.fields.fixed }

// within names the due times between two civil times of one clock change, and
// says whether they are more than one. A plan that is due in every hour has no
// times of its own there.
func (p *Plan) within(from, to int64) (what string, many bool) {
	if p.kind == oneShot {
		if p.civil >= from && p.civil < to {
			return clockText(p.civil), false
		}
		return "", false
	}
	if p.fields.hour == hourDomain.all() {
		return "", false
	}
	first, ok := p.fields.nextCivil(from, to)
	if !ok {
		return "", false
	}
	second, ok := p.fields.nextCivil(first+1, to)
	if !ok {
		return clockText(first), false
	}
	if _, ok := p.fields.nextCivil(second+1, to); !ok {
		return clockText(first) + " and " + clockText(second), true
	}
	return "the times from " + clockText(from) + " to " + clockText(to), true
}

func (p *Plan) note(civil int64, what, happens, then string) string {
	day := time.Unix(civil, 0).UTC().Format("2 Jan 2006")
	return fmt.Sprintf("On %s %s %s in %s: %s.", day, what, happens, p.zone.name, then)
}

func clockText(civil int64) string {
	at := time.Unix(civil, 0).UTC()
	if at.Second() != 0 {
		return at.Format("15:04:05")
	}
	return at.Format("15:04")
}

func verb(many bool, one, more string) string {
	if many {
		return more
	}
	return one
}
