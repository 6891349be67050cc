// Package cron answers one question: given a schedule's text, its time zone and
// an instant, when is it due next?
//
// It is pure: the answer depends on the text, the zone, the two policies, the
// anchor and the instant, never on the clock or the zone of the machine. A Plan
// never changes after [Parse] and may be used by any number of goroutines.
//
// # Texts
//
//	minute hour day-of-month month day-of-week          5 fields
//	second minute hour day-of-month month day-of-week   6 fields
//	@hourly @daily @midnight @weekly @monthly @yearly @annually
//	@every 90s                 real time, counted from the anchor
//	@at 2026-12-01T09:00:00    once, in the zone
//
// A field is a list of *, values, ranges (22-4 wraps), steps (*/5, 10-40/10,
// 5/15), names (JAN, MON) and, for days, ?, L, L-3, LW, 15W, 5L, FRI#2. Sunday is
// 0 or 7. When both day fields are restricted, one of them is enough, as in
// Vixie cron; a day field that begins with * does not restrict in this sense.
//
// # Clock changes
//
// The rule is that of Debian's cron. A spec whose minute and hour are plain
// values is bound to the wall clock: it is due once per local date. When the
// clock jumps over its time by at most three hours, [Shift] makes it due at the
// first instant after the gap and [Skip] leaves it out; when its time happens
// twice, [First], [Second] or [Both] say which. A spec with *, a step or every
// value in minute or hour follows real time: it is due whenever the wall clock
// shows a matching time. Larger jumps (a zone that crosses the date line) are
// nobody's clock change: what did not happen is not made up for.
//
// # How
//
// A zone is a table of segments of constant offset, computed once per zone for
// the years 1970 to 2199, outside which nothing is due. Next walks the segments
// and searches each for a matching civil time with bit sets.
package cron
