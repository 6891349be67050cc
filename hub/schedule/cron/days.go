package cron

import "strings"

// days is the two day fields: which days of a month are due.
type days struct {
	day        uint64 // bit 1–31
	fromLast   uint64 // bit n: n days before the last day (L, L-n)
	workday    uint64 // bit n: the Monday to Friday nearest to day n (nW)
	lastWork   bool   // LW
	weekday    uint64 // bit 0–6, Sunday first
	lastOf     uint64 // bit n: the last such weekday of the month (nL)
	nth        [6]uint64
	dayStar    bool // the field begins with *
	weekStar   bool
	anySpecial bool // one of the specials is set
}

func (s *days) parse(day, weekday string) error {
	s.dayStar = day[0] == '*' || day[0] == '?'
	s.weekStar = weekday[0] == '*' || weekday[0] == '?'
	for element := range strings.SplitSeq(day, ",") {
		if err := s.parseDay(element); err != nil {
			return err
		}
	}
	for element := range strings.SplitSeq(weekday, ",") {
		if err := s.parseWeekday(element); err != nil {
			return err
		}
	}
	return nil
}

func (s *days) parseDay(text string) error {
	upper := text
	if strings.ContainsAny(text, "lLwW") {
		upper = strings.ToUpper(text)
	}
	switch {
	case upper == "L":
		s.fromLast |= 1
	case upper == "LW":
		s.lastWork = true
	case strings.HasPrefix(upper, "L-"):
		n, ok := number(upper[2:])
		if !ok || n > 30 {
			return invalid("Day of month: %q: the days before the last are 0–30", text)
		}
		s.fromLast |= 1 << n
	case strings.HasSuffix(upper, "W"):
		n, err := parseValue(upper[:len(upper)-1], &dayDomain)
		if err != nil {
			return err
		}
		s.workday |= 1 << n
	default:
		set, err := parseElement(text, &dayDomain)
		s.day |= set
		return err
	}
	s.anySpecial = true
	return nil
}

func (s *days) parseWeekday(text string) error {
	name, nthText, numbered := strings.Cut(text, "#")
	switch {
	case numbered:
		day, err := parseValue(name, &weekdayDomain)
		if err != nil {
			return err
		}
		n, ok := number(nthText)
		if !ok || n < 1 || n > 5 {
			return invalid("Day of week: %q: after # comes 1–5, which one of the month", text)
		}
		s.nth[n] |= 1 << (day % 7)
	case strings.EqualFold(text, "L"):
		return invalid("Day of week: L alone has no meaning here: write 5L or FRIL for the last Friday")
	case len(text) > 1 && (text[len(text)-1] == 'L' || text[len(text)-1] == 'l'):
		day, err := parseValue(text[:len(text)-1], &weekdayDomain)
		if err != nil {
			return err
		}
		s.lastOf |= 1 << (day % 7)
	default:
		set, err := parseElement(text, &weekdayDomain)
		s.weekday |= set
		return err
	}
	s.anySpecial = true
	return nil
}

// mask returns the due days of a month as bits 1–31, given its length and the
// weekday of its first day.
func (s *days) mask(first, length int) uint64 {
	valid := uint64(1)<<(length+1) - 2
	if s.dayStar && s.weekStar && !s.anySpecial && s.day == dayDomain.all() && s.weekday == weekdayDomain.all() {
		return valid
	}
	day := s.day
	week := spread(s.weekday, first)
	if s.anySpecial {
		day |= s.specialDays(first, length)
		week |= s.specialWeekdays(first, length)
	}
	if s.dayStar || s.weekStar {
		return day & week & valid
	}
	return (day | week) & valid
}

// spread returns the days of a month that are one of the weekdays.
func spread(weekdays uint64, first int) uint64 {
	// Bit 0 of the turned week is the weekday of day 1.
	turned := (weekdays>>first | weekdays<<(7-first)) & 0x7f
	return turned * (1 | 1<<7 | 1<<14 | 1<<21 | 1<<28) << 1
}

func (s *days) specialDays(first, length int) (set uint64) {
	for rest := s.fromLast; rest != 0; rest &= rest - 1 {
		if day := length - firstBit(rest); day >= 1 {
			set |= 1 << day
		}
	}
	for rest := s.workday; rest != 0; rest &= rest - 1 {
		if day := firstBit(rest); day <= length {
			set |= 1 << nearestWorkday(day, first, length)
		}
	}
	if s.lastWork {
		set |= 1 << nearestWorkday(length, first, length)
	}
	return set
}

// nearestWorkday stays in the month: the 1st on a Saturday gives the 3rd.
func nearestWorkday(day, first, length int) int {
	switch (first + day - 1) % 7 {
	case 6: // Saturday
		if day == 1 {
			return 3
		}
		return day - 1
	case 0: // Sunday
		if day == length {
			return day - 2
		}
		return day + 1
	}
	return day
}

func (s *days) specialWeekdays(first, length int) (set uint64) {
	for n := 1; n <= 5; n++ {
		week := uint64(0x7f) << (1 + 7*(n-1))
		set |= spread(s.nth[n], first) & week
	}
	lastWeek := uint64(0x7f) << (length - 6)
	return set | spread(s.lastOf, first)&lastWeek
}

// everMatches looks at the fourteen calendars that there are: a year begins on
// one of seven weekdays and is a leap year or not.
func (f *fields) everMatches() bool {
	for january := range 7 {
		for _, leap := range []bool{true, false} {
			first := january
			for month := 1; month <= 12; month++ {
				length := monthLength(month, leap)
				if f.month>>month&1 == 1 && f.days.mask(first, length) != 0 {
					return true
				}
				first = (first + length) % 7
			}
		}
	}
	return false
}

func monthLength(month int, leap bool) int {
	switch {
	case month == 2 && leap:
		return 29
	case month == 2:
		return 28
	}
	return 30 + (month+month>>3)&1
}

func isLeap(year int) bool { return year%4 == 0 && (year%100 != 0 || year%400 == 0) }
