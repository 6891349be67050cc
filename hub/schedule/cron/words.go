package cron

import (
	"fmt"
	"math/bits"
	"strconv"
	"strings"
	"time"
)

// clockList is how many times of the day are still listed one by one.
const clockList = 6

// Words says in English when the plan is due, without the zone: "every weekday
func (p *Plan) Words() string {
	switch {
	case p.zone == nil:
		return "never"
	case p.kind == interval:
		return "every " + intervalWords(p.every)
	case p.kind == oneShot:
		return "once, on " + dateWords(p.civil)
	}
	return p.fields.words()
}

func dateWords(civil int64) string {
	at := time.Unix(civil, 0).UTC()
	if at.Second() != 0 {
		return at.Format("2 January 2006 at 15:04:05")
	}
	return at.Format("2 January 2006 at 15:04")
}

// intervalWords keeps to hours: a day of real time is not a day of the calendar.
func intervalWords(d time.Duration) string {
	var parts []string
	for _, unit := range []struct {
		name   string
		length time.Duration
	}{{"hour", time.Hour}, {"minute", time.Minute}, {"second", time.Second}} {
		if n := int(d / unit.length); n > 0 {
			parts = append(parts, count(n, unit.name))
			d %= unit.length
		}
	}
	if text, ok := strings.CutPrefix(parts[0], "1 "); ok && len(parts) == 1 {
		return text
	}
	return strings.Join(parts, " ")
}

// words joins what is due within a day with the days on which it is.
func (f *fields) words() string {
	clock, listed := f.clockWords()
	both := f.days.restrictsMonth() && f.days.restrictsWeek()
	switch day := f.onDay(); {
	case listed && both:
		return "at " + clock + ", " + day
	case listed:
		return f.everyDay() + " at " + clock
	case day != "":
		return clock + ", " + day
	}
	return clock
}

// clockWords says what is due within a day. Listed means that they are plain
// times of the day: "02:15", "09:00 and 17:00".
func (f *fields) clockWords() (text string, listed bool) {
	if size := len(members(f.second)) * len(members(f.minute)) * len(members(f.hour)); size <= clockList {
		return f.clockTimes(), true
	}
	minutes := f.minuteWords()
	if f.second == 1 {
		return minutes, false
	}
	return f.secondWords() + within(minutes), false
}

// within turns "every minute …" into the place of something smaller.
func within(minutes string) string {
	if minutes == "every minute" {
		return ""
	}
	return ", " + minutes
}

func (f *fields) clockTimes() string {
	var times []string
	for _, h := range members(f.hour) {
		for _, m := range members(f.minute) {
			for _, s := range members(f.second) {
				if f.second == 1 {
					times = append(times, fmt.Sprintf("%02d:%02d", h, m))
				} else {
					times = append(times, fmt.Sprintf("%02d:%02d:%02d", h, m, s))
				}
			}
		}
	}
	return and(times)
}

// secondWords is said of a minute, or of every minute.
func (f *fields) secondWords() string {
	everyMinute := f.minute == minuteDomain.all() && f.hour == hourDomain.all()
	step := evenStep(f.second, &secondDomain)
	switch {
	case step == 1:
		return "every second"
	case step > 1:
		return "every " + count(step, "second")
	case everyMinute:
		return "every minute at " + numbered("second", f.second)
	}
	return "at " + numbered("second", f.second)
}

// minuteWords says which minutes of which hours.
func (f *fields) minuteWords() string {
	hours := members(f.hour)
	step := evenStep(f.minute, &minuteDomain)
	if f.hour == hourDomain.all() {
		switch {
		case step == 1:
			return "every minute"
		case f.minute == 1:
			return "every hour"
		case step > 1:
			return "every " + count(step, "minute")
		}
		return "every hour at " + numbered("minute", f.minute)
	}
	hourStep := evenStep(f.hour, &hourDomain)
	switch {
	case hourStep > 1 && f.minute == 1:
		return "every " + count(hourStep, "hour")
	case hourStep > 1 && step == 0:
		return "every " + count(hourStep, "hour") + " at " + numbered("minute", f.minute)
	case run(f.hour) && f.minute == 1:
		return fmt.Sprintf("every hour from %02d:00 to %02d:00", hours[0], hours[len(hours)-1])
	case run(f.hour) && step == 1:
		return fmt.Sprintf("every minute from %02d:00 to %02d:59", hours[0], hours[len(hours)-1])
	case run(f.hour) && step > 1:
		return fmt.Sprintf("every %s from %02d:00 to %02d:%02d", count(step, "minute"), hours[0], hours[len(hours)-1], 60-step)
	case step == 1:
		return "every minute of " + numbered("hour", f.hour)
	case step > 1:
		return "every " + count(step, "minute") + " of " + numbered("hour", f.hour)
	}
	return "at " + numbered("minute", f.minute) + " of " + numbered("hour", f.hour)
}

// evenStep returns n when the set is 0, n, 2n … with the same distance across
// its end, else 0.
func evenStep(set uint64, d *domain) int {
	n := bits.OnesCount64(set)
	if n < 2 || d.size()%n != 0 {
		return 0
	}
	if step := d.size() / n; set == sequence(d, d.min, d.size()-1, step) {
		return step
	}
	return 0
}

// run reports whether the set is two or more values in a row.
func run(set uint64) bool {
	low := set >> firstBit(set)
	return low&(low+1) == 0 && low > 1
}

func members(set uint64) (all []int) {
	for ; set != 0; set &= set - 1 {
		all = append(all, firstBit(set))
	}
	return all
}

func count(n int, unit string) string {
	if n == 1 {
		return "1 " + unit
	}
	return strconv.Itoa(n) + " " + unit + "s"
}

// numbered names values: "minute 5", "minutes 5, 20 and 35", "hours 9–17".
func numbered(unit string, set uint64) string {
	parts := ranges(set, strconv.Itoa, "–")
	if len(parts) == 1 && bits.OnesCount64(set) == 1 {
		return unit + " " + parts[0]
	}
	return unit + "s " + and(parts)
}

// ranges lists the values of a set, three or more in a row as a range.
func ranges(set uint64, name func(int) string, to string) (parts []string) {
	for set != 0 {
		from := firstBit(set)
		n := bits.TrailingZeros64(^(set >> from))
		switch {
		case n >= 3:
			parts = append(parts, name(from)+to+name(from+n-1))
		default:
			for i := range n {
				parts = append(parts, name(from+i))
			}
		}
		set = set >> (from + n) << (from + n)
	}
	return parts
}

func and(parts []string) string {
	switch len(parts) {
	case 0:
		return ""
	case 1:
		return parts[0]
	}
	last := len(parts) - 1
	return strings.Join(parts[:last], ", ") + " and " + parts[last]
}
