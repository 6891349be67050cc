package cron

import (
	"math/bits"
	"strings"
)

// domain is what one field may hold.
type domain struct {
	name     string // as errors say it
	min, max int
	names    []string // of the values from nameFrom on
	nameFrom int
	question bool // ? is a synonym of *
}

var (
	secondDomain  = domain{name: "Second", max: 59}
	minuteDomain  = domain{name: "Minute", max: 59}
	hourDomain    = domain{name: "Hour", max: 23}
	dayDomain     = domain{name: "Day of month", min: 1, max: 31, question: true}
	monthDomain   = domain{name: "Month", min: 1, max: 12, nameFrom: 1, names: []string{"JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"}}
	weekdayDomain = domain{name: "Day of week", max: 6, names: []string{"SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"}, question: true}
)

func (d *domain) size() int { return d.max - d.min + 1 }

// all is the bit set with every value of the domain.
func (d *domain) all() uint64 { return (1<<d.size() - 1) << d.min }

// top is the largest number that may be written: Sunday is 0 and 7.
func (d *domain) top() int {
	if d == &weekdayDomain {
		return 7
	}
	return d.max
}

// fields is a calendar spec as bit sets: bit n is the value n.
type fields struct {
	second, minute, hour, month uint64
	days                        days
	fixed                       bool // bound to the wall clock
}

func (p *Plan) parseCalendar(spec string) error {
	var texts [6]string
	n := 0
	for text := range strings.FieldsSeq(spec) {
		if n == len(texts) {
			return invalid("Schedule has more than 6 fields: a year is not supported")
		}
		texts[n] = text
		n++
	}
	switch {
	case strings.HasPrefix(texts[0], "TZ=") || strings.HasPrefix(texts[0], "CRON_TZ="):
		return invalid("The zone does not belong into the text: write it in the field zone")
	case n == 5:
		copy(texts[1:], texts[:5])
		texts[0] = "0"
	case n != 6:
		return invalid("Schedule has %d of the 5 fields minute, hour, day of month, month and day of week (or 6 with the second first)", n)
	}
	f := &p.fields
	if err := f.parse(&texts); err != nil {
		return err
	}
	f.fixed = !followsRealTime(texts[1], f.minute, &minuteDomain) && !followsRealTime(texts[2], f.hour, &hourDomain)
	if !f.everMatches() {
		return invalid("Never fires: no year has a day that matches %q %q %q (day of month, month, day of week)", texts[3], texts[4], texts[5])
	}
	return nil
}

func (f *fields) parse(texts *[6]string) (err error) {
	if f.second, err = parseSet(texts[0], &secondDomain); err != nil {
		return err
	}
	if f.minute, err = parseSet(texts[1], &minuteDomain); err != nil {
		return err
	}
	if f.hour, err = parseSet(texts[2], &hourDomain); err != nil {
		return err
	}
	if f.month, err = parseSet(texts[4], &monthDomain); err != nil {
		return err
	}
	return f.days.parse(texts[3], texts[5])
}

// followsRealTime tells a spec like */15 from one like 0,15,30,45.
func followsRealTime(text string, set uint64, d *domain) bool {
	return strings.ContainsAny(text, "*/") || set == d.all()
}

// parseSet reads a list without day specials.
func parseSet(text string, d *domain) (set uint64, err error) {
	for element := range strings.SplitSeq(text, ",") {
		bit, err := parseElement(element, d)
		if err != nil {
			return 0, err
		}
		set |= bit
	}
	return set, nil
}

// parseElement reads *, a, a-b, and each of them with /step.
func parseElement(text string, d *domain) (uint64, error) {
	body, stepText, stepped := strings.Cut(text, "/")
	step := 1
	if stepped {
		var err error
		if step, err = parseStep(stepText, d); err != nil {
			return 0, err
		}
	}
	if body == "*" || body == "?" && d.question {
		return sequence(d, d.min, d.size()-1, step), nil
	}
	fromText, toText, ranged := strings.Cut(body, "-")
	from, err := parseValue(fromText, d)
	if err != nil {
		return 0, err
	}
	to := from
	switch {
	case ranged:
		if to, err = parseValue(toText, d); err != nil {
			return 0, err
		}
	case stepped:
		to = d.max
	}
	return sequence(d, from, span(d, from, to), step), nil
}

// span is how many steps of one lead from a value to another, wrapping.
func span(d *domain, from, to int) int {
	if from == d.top() && from > d.max && to <= d.max {
		from = d.min // 7-2 is 0-2
	}
	if to < from {
		return to - from + d.size()
	}
	return to - from
}

func sequence(d *domain, from, span, step int) (set uint64) {
	for i := 0; i <= span; i += step {
		set |= 1 << (d.min + (from-d.min+i)%d.size())
	}
	return set
}

func parseStep(text string, d *domain) (int, error) {
	step, ok := number(text)
	switch {
	case !ok:
		return 0, invalid("%s: step %q is not a number", d.name, text)
	case step == 0:
		return 0, invalid("%s: step 0 never moves on, it must be at least 1", d.name)
	case step > d.size():
		return 0, invalid("%s: step %d is larger than the range %d–%d; for intervals write @every, such as @every 90m", d.name, step, d.min, d.max)
	}
	return step, nil
}

func parseValue(text string, d *domain) (int, error) {
	if v, ok := number(text); ok {
		if v < d.min || v > d.top() {
			return 0, invalid("%s %s is out of range %d–%d", d.name, text, d.min, d.top())
		}
		return v, nil
	}
	for i, name := range d.names {
		if strings.EqualFold(text, name) {
			return d.nameFrom + i, nil
		}
	}
	switch {
	case text == "":
		return 0, invalid("%s: a value is missing", d.name)
	case text == "?":
		return 0, invalid("%s: ? is only for days, write *", d.name)
	case d.names != nil:
		return 0, invalid("%s: %q is neither a number nor one of %s", d.name, text, strings.Join(d.names, ", "))
	}
	return 0, invalid("%s: %q is not a number", d.name, text)
}

// number reads up to four digits.
func number(text string) (n int, ok bool) {
	if text == "" || len(text) > 4 {
		return 0, false
	}
	for i := range len(text) {
		c := text[i]
		if c < '0' || c > '9' {
			return 0, false
		}
		n = n*10 + int(c-'0')
	}
	return n, true
}

// nextBit returns the first value at or after from.
func nextBit(set uint64, from int) (int, bool) {
	rest := set >> uint(from)
	if rest == 0 {
		return 0, false
	}
	return from + bits.TrailingZeros64(rest), true
}

func firstBit(set uint64) int { return bits.TrailingZeros64(set) }
