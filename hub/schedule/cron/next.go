package cron

// nextCalendar returns the first due second at or after t.
func (p *Plan) nextCalendar(t int64) (int64, bool) {
	z := p.zone
	if t >= lastInstant {
		return 0, false
	}
	for i := z.segment(t); i < z.segments(); i++ {
		if t <= z.start(i) && p.fields.fixed && p.gap == Shift && p.dueInGap(i) {
			return z.start(i), true
		}
		from, to := p.civilRange(i, t)
		if civil, ok := p.fields.nextCivil(from, to); ok {
			return civil - z.offset(i), true
		}
		t = z.end(i)
	}
	return 0, false
}

// dueInGap reports whether a due time was left out where segment i begins.
func (p *Plan) dueInGap(i int) bool {
	_, found := p.fields.nextCivil(p.zone.gap(i))
	return found
}

// civilRange returns the civil times of segment i, from t on, that count.
func (p *Plan) civilRange(i int, t int64) (from, to int64) {
	z := p.zone
	from, to = max(t, z.start(i))+z.offset(i), z.end(i)+z.offset(i)
	if !p.fields.fixed {
		return from, to
	}
	switch p.fold {
	case First:
		if again, over := z.repeat(i); again < over {
			from = max(from, over)
		}
	case Second:
		if again, over := z.repeat(i + 1); again < over {
			to = again
		}
	case Both:
	}
	return from, to
}

// nextCivil returns the first matching civil second in [from, to).
func (f *fields) nextCivil(from, to int64) (int64, bool) {
	if from >= to {
		return 0, false
	}
	today := floorDiv(from, daySeconds)
	year, month, day := civilDate(today)
	zero := today - int64(day) // the day before the month
	if clock, ok := f.nextClock(int(from - today*daySeconds)); ok && f.daysOf(year, month, zero)>>day&1 == 1 {
		civil := today*daySeconds + int64(clock)
		return civil, civil < to
	}
	for day++; zero*daySeconds < to; day = 1 {
		if day, ok := nextBit(f.daysOf(year, month, zero), day); ok {
			civil := (zero+int64(day))*daySeconds + int64(f.firstClock())
			return civil, civil < to
		}
		zero += int64(monthLength(month, isLeap(year)))
		if month++; month > 12 {
			year, month = year+1, 1
		}
	}
	return 0, false
}

// daysOf returns the due days of a month, given the day before it.
func (f *fields) daysOf(year, month int, zero int64) uint64 {
	if f.month>>month&1 == 0 {
		return 0
	}
	first := int((zero + 1 + 4) % 7) // 1970-01-01 was a Thursday
	return f.days.mask((first+7)%7, monthLength(month, isLeap(year)))
}

// nextClock returns the first matching second of the day at or after one.
func (f *fields) nextClock(from int) (int, bool) {
	h, m, s := from/3600, from/60%60, from%60
	if f.hour>>h&1 == 1 {
		if f.minute>>m&1 == 1 {
			if s, ok := nextBit(f.second, s); ok {
				return h*3600 + m*60 + s, true
			}
		}
		if m, ok := nextBit(f.minute, m+1); ok {
			return h*3600 + m*60 + firstBit(f.second), true
		}
	}
	if h, ok := nextBit(f.hour, h+1); ok {
		return h*3600 + firstBit(f.minute)*60 + firstBit(f.second), true
	}
	return 0, false
}

func (f *fields) firstClock() int {
	return firstBit(f.hour)*3600 + firstBit(f.minute)*60 + firstBit(f.second)
}

// civilDate turns days since 1970-01-01 into a date of the Gregorian calendar
// (Howard Hinnant's civil_from_days).
func civilDate(days int64) (year, month, day int) {
	days += 719468
	era := floorDiv(days, 146097)
	ofEra := days - era*146097
	yearOfEra := (ofEra - ofEra/1460 + ofEra/36524 - ofEra/146096) / 365
	ofYear := ofEra - (365*yearOfEra + yearOfEra/4 - yearOfEra/100)
	shifted := (5*ofYear + 2) / 153 // March is 0
	day = int(ofYear-(153*shifted+2)/5) + 1
	month = int(shifted) + 3
	year = int(yearOfEra + era*400)
	if month > 12 {
		month, year = month-12, year+1
	}
	return year, month, day
}

func floorDiv(a, b int64) int64 {
	q := a / b
	if a%b < 0 {
		q--
	}
	return q
}
