package cron

import (
	"strings"
	"testing"
	"time"
	_ "time/tzdata"

	"pgregory.net/rapid"
)

func mustParse(t testing.TB, spec, zone string, o Options) *Plan {
	t.Helper()
	p, err := Parse(spec, zone, o)
	if err != nil {
		t.Fatalf("Parse(%q, %q) = %v", spec, zone, err)
	}
	return &p
}

func instant(t testing.TB, text string) time.Time {
	t.Helper()
	at, err := time.Parse("2006-01-02T15:04:05Z", text)
	if err != nil {
		at, err = time.Parse("2006-01-02T15:04Z", text)
	}
	if err != nil {
		t.Fatal(err)
	}
	return at
}

// between lists the due instants in [from, to), as 2006-01-02T15:04[:05]Z.
func between(p *Plan, from, to time.Time) []string {
	var due []string
	for at, ok := p.Next(from.Add(-time.Nanosecond)); ok && at.Before(to); at, ok = p.Next(at) {
		layout := "2006-01-02T15:04Z"
		if at.Second() != 0 {
			layout = "2006-01-02T15:04:05Z"
		}
		due = append(due, at.Format(layout))
	}
	return due
}

// The vectors: what is due in [from, to), both UTC.
func TestNextAcrossClockChangesAndCalendars(t *testing.T) {
	cases := []struct {
		zone, spec string
		o          Options
		from, to   string
		want       string
	}{
		// Golden vectors of the reliability plan.
		{"America/New_York", "30 2 * * *", Options{}, "2026-03-08T05:00Z", "2026-03-09T04:00Z", "2026-03-08T07:00Z"},
		{"America/New_York", "30 1 * * *", Options{}, "2026-11-01T04:00Z", "2026-11-02T05:00Z", "2026-11-01T05:30Z"},
		{"America/New_York", "0 * * * *", Options{}, "2026-11-01T05:00Z", "2026-11-01T08:00Z", "2026-11-01T05:00Z 2026-11-01T06:00Z 2026-11-01T07:00Z"},
		{"America/New_York", "*/30 * * * *", Options{}, "2026-03-08T06:00Z", "2026-03-08T08:00Z", "2026-03-08T06:00Z 2026-03-08T06:30Z 2026-03-08T07:00Z 2026-03-08T07:30Z"},
		{"Europe/Berlin", "30 2 * * *", Options{}, "2026-03-28T23:00Z", "2026-03-29T22:00Z", "2026-03-29T01:00Z"},
		{"Europe/Berlin", "30 2 * * *", Options{}, "2026-10-24T22:00Z", "2026-10-25T23:00Z", "2026-10-25T00:30Z"},
		{"Australia/Lord_Howe", "15 2 * * *", Options{}, "2026-10-03T14:00Z", "2026-10-04T13:00Z", "2026-10-03T15:30Z"},
		{"Australia/Lord_Howe", "45 1 * * *", Options{}, "2026-04-04T13:00Z", "2026-04-05T13:30Z", "2026-04-04T14:45Z"},
		{"America/Santiago", "0 0 * * *", Options{}, "2026-09-05T12:00Z", "2026-09-06T12:00Z", "2026-09-06T04:00Z"},
		{"Africa/Cairo", "0 0 * * *", Options{}, "2026-04-23T12:00Z", "2026-04-24T12:00Z", "2026-04-23T22:00Z"},
		{"Asia/Beirut", "0 0 * * *", Options{}, "2026-03-28T12:00Z", "2026-03-29T12:00Z", "2026-03-28T22:00Z"},
		{"Pacific/Apia", "0 12 * * *", Options{}, "2011-12-29T10:00Z", "2011-12-31T12:00Z", "2011-12-29T22:00Z 2011-12-30T22:00Z"},
		{"UTC", "0 0 29 2 *", Options{}, "2026-01-01T00:00Z", "2030-01-01T00:00Z", "2028-02-29T00:00Z"},

		// Known answers of the library comparison.
		{"America/New_York", "0 */2 * * *", Options{}, "2026-03-08T05:00Z", "2026-03-08T10:00Z", "2026-03-08T05:00Z 2026-03-08T08:00Z"},
		{"America/New_York", "30 * * * *", Options{}, "2026-11-01T05:00Z", "2026-11-01T07:00Z", "2026-11-01T05:30Z 2026-11-01T06:30Z"},
		{"America/Havana", "@daily", Options{}, "2026-03-07T12:00Z", "2026-03-09T12:00Z", "2026-03-08T05:00Z 2026-03-09T04:00Z"},
		{"UTC", "0 9 * * 7", Options{}, "2026-11-23T00:00Z", "2026-12-01T00:00Z", "2026-11-29T09:00Z"},
		{"UTC", "0 9 13 * FRI", Options{}, "2026-11-01T00:00Z", "2026-11-21T00:00Z", "2026-11-06T09:00Z 2026-11-13T09:00Z 2026-11-20T09:00Z"},
		{"UTC", "0 9 */10 * FRI", Options{}, "2026-12-01T00:00Z", "2026-12-31T00:00Z", "2026-12-11T09:00Z"},
		{"UTC", "0 9 L * *", Options{}, "2026-02-01T00:00Z", "2026-05-01T00:00Z", "2026-02-28T09:00Z 2026-03-31T09:00Z 2026-04-30T09:00Z"},
		{"UTC", "0 9 L-2 * *", Options{}, "2026-02-01T00:00Z", "2026-04-01T00:00Z", "2026-02-26T09:00Z 2026-03-29T09:00Z"},
		{"UTC", "0 9 LW * *", Options{}, "2026-02-01T00:00Z", "2026-06-01T00:00Z", "2026-02-27T09:00Z 2026-03-31T09:00Z 2026-04-30T09:00Z 2026-05-29T09:00Z"},
		{"UTC", "0 9 15W * *", Options{}, "2026-08-01T00:00Z", "2026-12-01T00:00Z", "2026-08-14T09:00Z 2026-09-15T09:00Z 2026-10-15T09:00Z 2026-11-16T09:00Z"},
		{"UTC", "0 9 1W * *", Options{}, "2026-08-01T00:00Z", "2026-09-01T00:00Z", "2026-08-03T09:00Z"},
		{"UTC", "0 9 * * 5#3", Options{}, "2026-11-01T00:00Z", "2027-01-01T00:00Z", "2026-11-20T09:00Z 2026-12-18T09:00Z"},
		{"UTC", "0 9 ? * FRIL", Options{}, "2026-11-01T00:00Z", "2027-01-01T00:00Z", "2026-11-27T09:00Z 2026-12-25T09:00Z"},
		{"UTC", "0 22-1 * * *", Options{}, "2026-11-01T00:00Z", "2026-11-02T00:00Z", "2026-11-01T00:00Z 2026-11-01T01:00Z 2026-11-01T22:00Z 2026-11-01T23:00Z"},
		{"UTC", "*/20 30 4 1 jan *", Options{}, "2026-06-01T00:00Z", "2027-06-01T00:00Z", "2027-01-01T04:30Z 2027-01-01T04:30:20Z 2027-01-01T04:30:40Z"},
		{"UTC", "0 0 29 2 */7", Options{}, "2073-01-01T00:00Z", "2130-01-01T00:00Z", "2088-02-29T00:00Z 2128-02-29T00:00Z"},

		// The other policies.
		{"Europe/Berlin", "30 2 * * *", Options{Gap: Skip}, "2026-03-28T23:00Z", "2026-03-30T22:00Z", "2026-03-30T00:30Z"},
		{"Europe/Berlin", "30 2 * * *", Options{Fold: Second}, "2026-10-24T22:00Z", "2026-10-25T23:00Z", "2026-10-25T01:30Z"},
		{"Europe/Berlin", "30 2 * * *", Options{Fold: Both}, "2026-10-24T22:00Z", "2026-10-25T23:00Z", "2026-10-25T00:30Z 2026-10-25T01:30Z"},
		{"Europe/Berlin", "15,45 2,3 * * *", Options{}, "2026-03-28T23:00Z", "2026-03-29T22:00Z", "2026-03-29T01:00Z 2026-03-29T01:15Z 2026-03-29T01:45Z"},
		{"Europe/Berlin", "0 2,3 * * *", Options{}, "2026-03-28T23:00Z", "2026-03-29T22:00Z", "2026-03-29T01:00Z"},
		{"Europe/Berlin", "*/30 2 * * *", Options{}, "2026-03-28T23:00Z", "2026-03-29T22:00Z", ""},
		{"Europe/Berlin", "*/30 2 * * *", Options{}, "2026-10-24T22:00Z", "2026-10-25T23:00Z", "2026-10-25T00:00Z 2026-10-25T00:30Z 2026-10-25T01:00Z 2026-10-25T01:30Z"},

		// Once.
		{"Europe/Berlin", "@at 2026-12-01T09:00:00", Options{}, "2026-01-01T00:00Z", "2028-01-01T00:00Z", "2026-12-01T08:00Z"},
		{"Europe/Berlin", "@at 2026-12-01T09:00:00-05:00", Options{}, "2026-01-01T00:00Z", "2028-01-01T00:00Z", "2026-12-01T14:00Z"},
		{"Europe/Berlin", "@at 2026-03-29T02:30", Options{}, "2026-01-01T00:00Z", "2028-01-01T00:00Z", "2026-03-29T01:00Z"},
		{"Europe/Berlin", "@at 2026-10-25T02:30", Options{}, "2026-01-01T00:00Z", "2028-01-01T00:00Z", "2026-10-25T00:30Z"},
		{"Europe/Berlin", "@at 2026-10-25T02:30", Options{Fold: Second}, "2026-01-01T00:00Z", "2028-01-01T00:00Z", "2026-10-25T01:30Z"},
		{"Europe/Berlin", "@at 2026-10-25T02:30", Options{Fold: Both}, "2026-01-01T00:00Z", "2028-01-01T00:00Z", "2026-10-25T00:30Z 2026-10-25T01:30Z"},

		// Real time.
		{"Europe/Berlin", "@every 90m", Options{Anchor: time.Unix(1774738800, 999)}, "2026-03-28T23:00Z", "2026-03-29T03:00Z", "2026-03-29T00:30Z 2026-03-29T02:00Z"},
		{"UTC", "@every 1d12h", Options{Anchor: time.Unix(1767225600, 0)}, "2026-01-01T00:00Z", "2026-01-05T00:00Z", "2026-01-02T12:00Z 2026-01-04T00:00Z"},
	}
	for _, c := range cases {
		t.Run(c.zone+" "+c.spec+" "+c.from[:10], func(t *testing.T) {
			p := mustParse(t, c.spec, c.zone, c.o)
			if got := strings.Join(between(p, instant(t, c.from), instant(t, c.to)), " "); got != c.want {
				t.Fatalf("due:\n got %s\nwant %s", got, c.want)
			}
		})
	}
}

func TestNextEndsWithTheCalendar(t *testing.T) {
	for _, spec := range []string{"* * * * *", "@every 1s", "0 0 29 2 *", "@at 2199-12-30T00:00"} {
		p := mustParse(t, spec, "America/New_York", Options{})
		for _, after := range []time.Time{time.Unix(lastInstant, 0), time.Unix(1<<40, 0), time.Unix(1<<62, 0)} {
			if at, ok := p.Next(after); ok {
				t.Errorf("%s: Next(%v) = %v, want none", spec, after, at)
			}
		}
	}
	if at, ok := (&Plan{}).Next(time.Unix(0, 0)); ok {
		t.Fatalf("Next of the zero plan = %v, want none", at)
	}
}

// The table must say what the standard library says of single instants, also on
// the days on which its ZoneBounds answers wrongly.
func TestZoneTableEqualsTheStandardLibrary(t *testing.T) {
	for name := range strings.Lines(zoneNames) {
		name = strings.TrimSpace(name)
		z, err := loadZone(name)
		if err != nil {
			t.Errorf("zone %s: %v", name, err)
			continue
		}
		check := func(unix int64) {
			if unix < firstInstant || unix >= lastInstant {
				return
			}
			if _, want := time.Unix(unix, 0).In(z.loc).Zone(); int64(want) != z.offset(z.segment(unix)) {
				t.Errorf("zone %s at %v: offset %d, want %d", name, time.Unix(unix, 0).UTC(), z.offset(z.segment(unix)), want)
			}
		}
		for i := range z.segments() {
			check(z.start(i) - 1)
			check(z.start(i))
		}
		for unix := int64(1); unix < lastInstant; unix += 37*daySeconds + 3607 {
			check(unix)
		}
		for year := 2040; year < 2200; year += 4 {
			check(time.Date(year, 12, 31, 12, 0, 0, 0, time.UTC).Unix())
		}
	}
}

// Laws of Next, whatever the text, zone, policy and instant.
func TestNextIsAfterAndMonotonic(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		spec := drawSpec().Draw(t, "spec")
		o := Options{
			Gap:    rapid.SampledFrom([]Gap{"", Shift, Skip}).Draw(t, "gap"),
			Fold:   rapid.SampledFrom([]Fold{"", First, Second, Both}).Draw(t, "fold"),
			Anchor: time.Unix(rapid.Int64Range(0, 1<<32).Draw(t, "anchor"), 0),
		}
		p, err := Parse(spec, rapid.SampledFrom(oracleZones).Draw(t, "zone"), o)
		if err != nil {
			t.Skip(err)
		}
		after := time.Unix(rapid.Int64Range(0, 1<<32).Draw(t, "after"), rapid.Int64Range(0, 999_999_999).Draw(t, "nanoseconds"))
		first, ok := p.Next(after)
		if !ok {
			return
		}
		if !first.After(after) {
			t.Fatalf("Next(%v) = %v, not after it", after, first)
		}
		if again, _ := p.Next(after.In(time.FixedZone("elsewhere", 20000))); !again.Equal(first) {
			t.Fatalf("Next depends on the zone of its argument: %v and %v", first, again)
		}
		// Nothing is due between after and first, seen from any instant between.
		between := after.Add(time.Duration(rapid.Int64Range(0, int64(first.Sub(after))-1).Draw(t, "later")))
		if next, _ := p.Next(between); !next.Equal(first) {
			t.Fatalf("Next(%v) = %v but Next(%v) = %v", after, first, between, next)
		}
		if second, ok := p.Next(first); ok && !second.After(first) {
			t.Fatalf("Next(%v) = %v, not after it", first, second)
		}
	})
}

func TestMachineZoneDoesNotMatter(t *testing.T) {
	before := time.Local
	defer func() { time.Local = before }()
	p := mustParse(t, "30 2 * * *", "Europe/Berlin", Options{})
	from := instant(t, "2026-03-01T00:00Z")
	want := strings.Join(between(p, from, from.AddDate(0, 2, 0)), " ")
	for _, name := range []string{"America/New_York", "Pacific/Apia", "UTC"} {
		time.Local, _ = time.LoadLocation(name)
		p := mustParse(t, "30 2 * * *", "Europe/Berlin", Options{})
		if got := strings.Join(between(p, from.Local(), from.AddDate(0, 2, 0)), " "); got != want {
			t.Fatalf("on a machine in %s:\n got %s\nwant %s", name, got, want)
		}
	}
}

func BenchmarkNext(b *testing.B) {
	for _, c := range []struct{ name, spec, zone string }{
		{"easy-UTC", "30 2 * * *", "UTC"},
		{"easy-Berlin", "30 2 * * *", "Europe/Berlin"},
		{"minutely-Berlin", "* * * * *", "Europe/Berlin"},
		{"hard-leap-day-NewYork", "30 2 29 2 *", "America/New_York"},
		{"hard-nth-NewYork", "17 3,5 L-3,15W JAN,JUL 5#3,MONL", "America/New_York"},
		{"hard-casablanca", "*/7 8-18 1-7 * MON", "Africa/Casablanca"},
	} {
		b.Run(c.name, func(b *testing.B) {
			p := mustParse(b, c.spec, c.zone, Options{})
			at := time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)
			b.ReportAllocs()
			n := 0
			for b.Loop() {
				if n++; n&63 == 0 {
					at = time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)
				}
				at, _ = p.Next(at)
			}
		})
	}
}

func BenchmarkParse(b *testing.B) {
	for _, c := range []struct{ name, spec string }{
		{"easy", "30 2 * * *"},
		{"hard", "*/10 0-30/5,45 8-18 L-3,15W JAN,JUL MON-FRI"},
		{"every", "@every 1h30m"},
	} {
		b.Run(c.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := Parse(c.spec, "Europe/Berlin", Options{}); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
