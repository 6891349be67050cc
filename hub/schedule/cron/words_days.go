package cron

import (
	"fmt"
	"math/bits"
	"strconv"
	"strings"
	"time"
)

const (
	workweek = 0b0111110
	weekend  = 0b1000001
)

// everyDay begins a sentence: "every weekday", "every month on day 1".
func (f *fields) everyDay() string {
	month, week := f.days.restrictsMonth(), f.days.restrictsWeek()
	switch {
	case !month && !week:
		return "every day" + f.inMonths()
	case !month && !f.days.hasWeekSpecials():
		return everyWeekday(f.days.weekday) + f.inMonths()
	case month && !week && f.singleDate() != "":
		return "every year on " + f.singleDate()
	}
	return f.onDay()
}

// onDay follows a comma: "on weekdays", "on day 1 of every month". It is empty
// when nothing is restricted.
func (f *fields) onDay() string {
	month, week := f.days.restrictsMonth(), f.days.restrictsWeek()
	switch {
	case !month && !week:
		return strings.TrimPrefix(f.inMonths(), " ")
	case !week && f.singleDate() != "":
		return "on " + f.singleDate()
	case !week:
		return "on " + f.days.monthWords() + f.ofMonths()
	case !month:
		return "on " + f.weekWords()
	case f.days.dayStar || f.days.weekStar:
		return "on " + f.days.monthWords() + f.ofMonths() + " if it is " + f.days.conditionWords()
	}
	return "on " + f.days.monthWords() + f.ofMonths() + " and on " + f.weekWords()
}

// everyDayByEither reports that one of the two fields is enough, and one takes every day.
func (s *days) everyDayByEither() bool {
	return !s.dayStar && !s.weekStar && (s.day == dayDomain.all() || s.weekday == weekdayDomain.all())
}

func (s *days) restrictsMonth() bool {
	if s.everyDayByEither() {
		return false
	}
	return s.day != dayDomain.all() || s.fromLast|s.workday != 0 || s.lastWork
}

func (s *days) restrictsWeek() bool {
	if s.everyDayByEither() {
		return false
	}
	return s.weekday != weekdayDomain.all() || s.hasWeekSpecials()
}

func (s *days) hasWeekSpecials() bool {
	return s.lastOf != 0 || s.nth != [6]uint64{}
}

// singleDate is "1 January" when there is only one date a year.
func (f *fields) singleDate() string {
	s := &f.days
	if bits.OnesCount64(f.month) != 1 || bits.OnesCount64(s.day) != 1 || s.fromLast|s.workday != 0 || s.lastWork {
		return ""
	}
	return strconv.Itoa(firstBit(s.day)) + " " + monthName(firstBit(f.month))
}

// inMonths is empty for all months: " in January and July".
func (f *fields) inMonths() string {
	if f.month == monthDomain.all() {
		return ""
	}
	return " in " + and(ranges(f.month, monthName, " to "))
}

func (f *fields) ofMonths() string {
	if f.month == monthDomain.all() {
		return " of every month"
	}
	return " of " + and(ranges(f.month, monthName, " to "))
}

// monthWords names days of a month: "day 1", "days 1 and 15", "the last day".
func (s *days) monthWords() string {
	var parts []string
	if s.day != 0 {
		parts = append(parts, numbered("day", s.day))
	}
	for _, n := range members(s.fromLast) {
		switch n {
		case 0:
			parts = append(parts, "the last day")
		case 1:
			parts = append(parts, "the day before the last")
		default:
			parts = append(parts, fmt.Sprintf("the day %d days before the last", n))
		}
	}
	for _, n := range members(s.workday) {
		parts = append(parts, fmt.Sprintf("the weekday nearest to day %d", n))
	}
	if s.lastWork {
		parts = append(parts, "the last weekday")
	}
	return and(parts)
}

// weekWords names weekdays: "weekdays", "Mondays and Fridays", "the third Friday
// of every month".
func (f *fields) weekWords() string {
	var parts []string
	if f.days.weekday != 0 {
		parts = append(parts, onWeekdays(f.days.weekday)+f.inMonths())
	}
	for _, one := range f.days.weekSpecials() {
		parts = append(parts, one+f.ofMonths())
	}
	return and(parts)
}

// weekSpecials names what # and L select: "the third Friday".
func (s *days) weekSpecials() (parts []string) {
	for n := 1; n <= 5; n++ {
		for _, day := range weekOrder(s.nth[n]) {
			parts = append(parts, "the "+ordinals[n]+" "+weekdayName(day))
		}
	}
	for _, day := range weekOrder(s.lastOf) {
		parts = append(parts, "the last "+weekdayName(day))
	}
	return parts
}

// conditionWords follows "if it is".
func (s *days) conditionWords() string {
	var parts []string
	for _, day := range weekOrder(s.weekday) {
		parts = append(parts, "a "+weekdayName(day))
	}
	parts = append(parts, s.weekSpecials()...)
	return strings.Join(parts, " or ")
}

var ordinals = [6]string{"", "first", "second", "third", "fourth", "fifth"}

// everyWeekday begins a sentence.
func everyWeekday(set uint64) string {
	switch set {
	case workweek:
		return "every weekday"
	case weekend:
		return "every Saturday and Sunday"
	}
	return "every " + and(weekRanges(set, weekdayName))
}

// onWeekdays follows "on".
func onWeekdays(set uint64) string {
	if set == workweek {
		return "weekdays"
	}
	return and(weekRanges(set, func(day int) string { return weekdayName(day) + "s" }))
}

// weekRanges lists weekdays from Monday on, three in a row as a range.
func weekRanges(set uint64, name func(int) string) []string {
	return ranges(mondayFirst(set), func(day int) string { return name(day % 7) }, " to ")
}

// weekOrder lists weekdays from Monday on.
func weekOrder(set uint64) (all []int) {
	for _, day := range members(mondayFirst(set)) {
		all = append(all, day%7)
	}
	return all
}

// mondayFirst moves Sunday from bit 0 to bit 7.
func mondayFirst(set uint64) uint64 { return set&^1 | set&1<<7 }

func weekdayName(day int) string { return time.Weekday(day).String() }
func monthName(month int) string { return time.Month(month).String() }
