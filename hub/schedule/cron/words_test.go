package cron

import (
	"testing"

	"pgregory.net/rapid"
)

func TestWords(t *testing.T) {
	cases := []struct{ spec, want string }{
		{"15 2 * * 1-5", "every weekday at 02:15"},
		{"*/5 * * * *", "every 5 minutes"},
		{"* * * * *", "every minute"},
		{"0 * * * *", "every hour"},
		{"15 * * * *", "every hour at minute 15"},
		{"0,30 * * * *", "every 30 minutes"},
		{"5,20,35,50 * * * *", "every hour at minutes 5, 20, 35 and 50"},
		{"*/7 * * * *", "every hour at minutes 0, 7, 14, 21, 28, 35, 42, 49 and 56"},
		{"* * * * * *", "every second"},
		{"*/10 * * * * *", "every 10 seconds"},
		{"30 * * * * *", "every minute at second 30"},
		{"0 */5 * * * *", "every 5 minutes"},
		{"15 */5 * * * *", "at second 15, every 5 minutes"},
		{"*/10 30 2 * * *", "every day at 02:30:00, 02:30:10, 02:30:20, 02:30:30, 02:30:40 and 02:30:50"},
		{"* 30 2 * * *", "every second, at minute 30 of hour 2"},
		{"30 15 2 * * *", "every day at 02:15:30"},
		{"15 2 * * *", "every day at 02:15"},
		{"@daily", "every day at 00:00"},
		{"@hourly", "every hour"},
		{"@weekly", "every Sunday at 00:00"},
		{"@monthly", "on day 1 of every month at 00:00"},
		{"@yearly", "every year on 1 January at 00:00"},
		{"0 9,17 * * *", "every day at 09:00 and 17:00"},
		{"0 9-17 * * MON-FRI", "every hour from 09:00 to 17:00, on weekdays"},
		{"*/10 9-17 * * MON-FRI", "every 10 minutes from 09:00 to 17:50, on weekdays"},
		{"* 9-10 * * *", "every minute from 09:00 to 10:59"},
		{"* 9,11 * * *", "every minute of hours 9 and 11"},
		{"*/15 9,11 * * *", "every 15 minutes of hours 9 and 11"},
		{"0 */2 * * *", "every 2 hours"},
		{"15 */2 * * *", "every 2 hours at minute 15"},
		{"*/20 */2 * * *", "every 20 minutes of hours 0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20 and 22"},
		{"0 */5 * * *", "every day at 00:00, 05:00, 10:00, 15:00 and 20:00"},
		{"3,7 1,4,9-12 * * *", "at minutes 3 and 7 of hours 1, 4 and 9–12"},
		{"0 9 * * 1,3,5", "every Monday, Wednesday and Friday at 09:00"},
		{"0 9 * * 0,6", "every Saturday and Sunday at 09:00"},
		{"0 9 * * 1-4", "every Monday to Thursday at 09:00"},
		{"0 9 * * 5-7", "every Friday to Sunday at 09:00"},
		{"*/5 * * * 1", "every 5 minutes, on Mondays"},
		{"*/5 * * 7 *", "every 5 minutes, in July"},
		{"0 9 * 7,8 *", "every day in July and August at 09:00"},
		{"0 9 * 6-8 MON", "every Monday in June to August at 09:00"},
		{"0 9 1,15 * *", "on days 1 and 15 of every month at 09:00"},
		{"0 9 1 1,4,7,10 *", "on day 1 of January, April, July and October at 09:00"},
		{"0 9 25 12 *", "every year on 25 December at 09:00"},
		{"*/5 * 25 12 *", "every 5 minutes, on 25 December"},
		{"0 9 L * *", "on the last day of every month at 09:00"},
		{"0 9 L-1 * *", "on the day before the last of every month at 09:00"},
		{"0 9 L-3 2 *", "on the day 3 days before the last of February at 09:00"},
		{"0 9 15W * *", "on the weekday nearest to day 15 of every month at 09:00"},
		{"0 9 LW * *", "on the last weekday of every month at 09:00"},
		{"0 9 * * 5#3", "on the third Friday of every month at 09:00"},
		{"0 9 * * MON,FRIL", "on Mondays and the last Friday of every month at 09:00"},
		{"0 9 * 6 5#3", "on the third Friday of June at 09:00"},
		{"0 9 13 * FRI", "at 09:00, on day 13 of every month and on Fridays"},
		{"0 9 */10 * FRI", "at 09:00, on days 1, 11, 21 and 31 of every month if it is a Friday"},
		{"0 9 1-31 * MON", "every day at 09:00"},
		{"0 9 13 * 0-6", "every day at 09:00"},
		{"0 9 1-31 * *", "every day at 09:00"},
		{"0 9 */1 * MON", "every Monday at 09:00"},
		{"0 9 13 * */2", "at 09:00, on day 13 of every month if it is a Tuesday or a Thursday or a Saturday or a Sunday"},
		{"@every 5m", "every 5 minutes"},
		{"@every 1h", "every hour"},
		{"@every 1s", "every second"},
		{"@every 90s", "every 1 minute 30 seconds"},
		{"@every 1d", "every 24 hours"},
		{"@at 2026-12-01T09:00:00", "once, on 1 December 2026 at 09:00"},
		{"@at 2026-12-01T09:00:30", "once, on 1 December 2026 at 09:00:30"},
	}
	for _, c := range cases {
		if got := mustParse(t, c.spec, "Europe/Berlin", Options{}).Words(); got != c.want {
			t.Errorf("Words(%q)\n got %s\nwant %s", c.spec, got, c.want)
		}
	}
}

// What the words leave out must not be there.
func TestWordsNameEveryRestrictionOfTheDays(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		field := func(name string, more ...string) string {
			return rapid.SampledFrom(append([]string{"*", "?", "*/2", "1", "1-7", "1-31", "2,5"}, more...)).Draw(t, name)
		}
		var s days
		weekday := field("weekday", "0-6", "MON-FRI", "5#2", "5L", "*,5#2")
		if weekday == "1-31" {
			weekday = "1-5"
		}
		if err := s.parse(field("day", "L", "LW", "15W", "*,L", "1-31,L"), weekday); err != nil {
			t.Fatal(err)
		}
		first, length := rapid.IntRange(0, 6).Draw(t, "first"), rapid.IntRange(28, 31).Draw(t, "length")
		valid, mask := uint64(1)<<(length+1)-2, s.mask(first, length)
		byMonth := (s.day | s.specialDays(first, length)) & valid
		byWeek := (spread(s.weekday, first) | s.specialWeekdays(first, length)) & valid
		want := valid
		switch month, week := s.restrictsMonth(), s.restrictsWeek(); {
		case month && week && (s.dayStar || s.weekStar):
			want = byMonth & byWeek
		case month && week:
			want = byMonth | byWeek
		case month:
			want = byMonth
		case week:
			want = byWeek
		}
		if mask != want {
			t.Fatalf("due on %b, the words say %b", mask, want)
		}
	})
}
