package cron

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/cronium/cronium/sdk/problem"
)

func TestParseErrorsNameTheFieldAndTheReason(t *testing.T) {
	cases := []struct{ spec, want string }{
		{"61 * * * *", "Minute 61 is out of range 0–59"},
		{"60 0 0 1 1 *", "Second 60 is out of range 0–59"},
		{"0 24 * * *", "Hour 24 is out of range 0–23"},
		{"0 0 0 * *", "Day of month 0 is out of range 1–31"},
		{"0 0 * 13 *", "Month 13 is out of range 1–12"},
		{"0 0 * * 8", "Day of week 8 is out of range 0–7"},
		{"0 0 * FOO *", `Month: "FOO" is neither a number nor one of JAN`},
		{"x * * * *", `Minute: "x" is not a number`},
		{"1,,2 * * * *", "Minute: a value is missing"},
		{", * * * *", "Minute: a value is missing"},
		{"1- * * * *", "Minute: a value is missing"},
		{"-1 * * * *", "Minute: a value is missing"},
		{"*/0 * * * *", "Minute: step 0 never moves on"},
		{"*/x * * * *", `Minute: step "x" is not a number`},
		{"*/90 * * * *", "Minute: step 90 is larger than the range 0–59; for intervals write @every"},
		{"? * * * *", "Minute: ? is only for days"},
		{"0 0 L-31 * *", "the days before the last are 0–30"},
		{"0 0 32W * *", "Day of month 32 is out of range"},
		{"0 0 * * 5#6", "after # comes 1–5"},
		{"0 0 * * L", "L alone has no meaning here"},
		{"* * 31 4 *", "Never fires"},
		{"0 0 30 2 *", "Never fires"},
		{"0 0 31 2,4,6,9,11 *", "Never fires"},
		{"0 0 31W 2 *", "Never fires"},
		{"0 0 ? 2 1#5,1#0", "after # comes 1–5"},
		{"* * * *", "Schedule has 4 of the 5 fields"},
		{"0 0 0 1 1 * 2026", "more than 6 fields: a year is not supported"},
		{"TZ=UTC 0 0 * * *", "The zone does not belong into the text"},
		{"CRON_TZ=UTC 0 0 * * *", "The zone does not belong into the text"},
		{"", "Schedule is empty"},
		{"   ", "Schedule is empty"},
		{strings.Repeat("1,", 200) + " * * * *", "at most 256 are allowed"},
		{"@reboot", "@reboot is not a time"},
		{"@fortnightly", `"@fortnightly" is unknown`},
		{"@daily 5", "@daily takes nothing after it"},
		{"@every", "@every needs an interval"},
		{"@every 0s", "Interval below 1 s (minimum 1 s)"},
		{"@every -5m", "Interval below 1 s"},
		{"@every 500ms", "Interval below 1 s (minimum 1 s)"},
		{"@every 1500ms", "not a whole number of seconds"},
		{"@every soon", `Interval "soon" is not a duration`},
		{"@every 999999h", "above ten years"},
		{"@every 99999999d", "is not a duration"},
		{"@at", "is not a time such as"},
		{"@at tomorrow", `"tomorrow" is not a time such as 2026-12-01T09:00:00`},
		{"@at 2026-02-30T09:00:00", "is not a time such as"},
		{"@at 2500-01-01T00:00:00", "outside the years 1970 to 2199"},
	}
	for _, c := range cases {
		t.Run(c.spec, func(t *testing.T) {
			_, err := Parse(c.spec, "UTC", Options{})
			p, ok := problem.As(err)
			if !ok || !errors.Is(err, ErrInvalid) || p.Field != "cron" {
				t.Fatalf("Parse = %v, want ErrInvalid at cron", err)
			}
			if !strings.Contains(p.Detail, c.want) {
				t.Fatalf("detail %q, want %q in it", p.Detail, c.want)
			}
		})
	}
}

func TestOneShotThatNoClockShowsIsRefused(t *testing.T) {
	for _, c := range []struct {
		spec, zone string
		o          Options
	}{
		{"@at 2011-12-30T12:00:00", "Pacific/Apia", Options{}},
		{"@at 2026-03-29T02:30:00", "Europe/Berlin", Options{Gap: Skip}},
	} {
		if _, err := Parse(c.spec, c.zone, c.o); err == nil || !strings.Contains(err.Error(), "does not exist in "+c.zone) {
			t.Errorf("Parse(%s, %s) = %v, want that it does not exist", c.spec, c.zone, err)
		}
	}
}

func TestUnknownZoneIsRefusedWithTheOneThatWasMeant(t *testing.T) {
	cases := []struct{ zone, hint string }{
		{"Mars/Olympus", "Use a name of the time zone database"},
		{"europe/berlin", `Did you mean "Europe/Berlin"?`},
		{"Europe/Berln", `Did you mean "Europe/Berlin"?`},
		{"Berlin", `Did you mean "Europe/Berlin"?`},
		{"New York", `Did you mean "America/New_York"?`},
		{"PST", `Did you mean "America/Los_Angeles"?`},
		{"utc", `Did you mean "UTC"?`},
		{"Local", `Did you mean "UTC"?`},
		{"right/Europe/Berlin", `Did you mean "Europe/Berlin"?`},
		{"../../etc/passwd", ""},
		{strings.Repeat("x", 5000), ""},
	}
	for _, c := range cases {
		_, err := Parse("* * * * *", c.zone, Options{})
		p, ok := problem.As(err)
		if !ok || !errors.Is(err, ErrZone) || p.Field != "zone" || !strings.Contains(p.Hint, c.hint) || len(p.Detail) > 200 {
			t.Errorf("Parse in zone %.40q = %v (hint %q), want ErrZone with hint %q", c.zone, err, p.Hint, c.hint)
		}
	}
}

func TestUnknownPoliciesAreRefused(t *testing.T) {
	for field, o := range map[string]Options{"gap": {Gap: "jump"}, "fold": {Fold: "third"}} {
		_, err := Parse("* * * * *", "UTC", o)
		if p, ok := problem.As(err); !ok || p.Field != field {
			t.Errorf("Parse with a bad %s = %v, want ErrInvalid at it", field, err)
		}
	}
}

func TestSpellingsAreEqual(t *testing.T) {
	from := time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)
	for _, c := range [][]string{
		{"0 0 * * 0", "0 0 * * 7", "0 0 * * sun", "0 0 ? * SUN", "@weekly", "0 0 0 * * 7", "0\t0  *\t* 7"},
		{"0 0 * * 1-7", "0 0 * * *", "0 0 * * 0-7", "0 0 * * 0-6", "@daily", "@midnight", "@DAILY"},
		{"0 0 * * 5-7", "0 0 * * FRI-SUN", "0 0 * * 5,6,0", "0 0 * * FRI-0"},
		{"0 0 * * 7-2", "0 0 * * 0-2", "0 0 * * SUN-TUE"},
		{"0 0 * * 6-1", "0 0 * * SAT-MON", "0 0 * * 6,0,1"},
		{"0 0 1 NOV-FEB *", "0 0 1 11,12,1,2 *"},
		{"5/15 * * * *", "5-59/15 * * * *", "5,20,35,50 * * * *"},
		{"50-10/10 * * * *", "50,0,10 * * * *"},
		{"@every 1d", "@every 24h", "@every 1440m"},
	} {
		want := between(mustParse(t, c[0], "UTC", Options{}), from, from.AddDate(0, 5, 0))
		for _, spec := range c[1:] {
			got := between(mustParse(t, spec, "UTC", Options{}), from, from.AddDate(0, 5, 0))
			if strings.Join(got, " ") != strings.Join(want, " ") {
				t.Errorf("%q differs from %q:\n%v\n%v", spec, c[0], got, want)
			}
		}
	}
}

// Whatever the text, Parse returns, and what it accepts is due some time.
func FuzzParse(f *testing.F) {
	for _, seed := range []string{
		"*/5 * * * *", "0 0 29 2 */7", "15 2 * * MON-FRI", "@every 5m", "@at 2026-03-29T02:30:00", "0 0 L-3,15W,LW * 5#3,MONL",
		", * * * *", "*/ * * * *", "1-2-3 * * * *", "@", "@every 1w2d3h", "0 0 31W 2 *", "?/2 0 0 ? * ?",
	} {
		f.Add(seed, int64(1774738800))
	}
	f.Fuzz(func(t *testing.T, spec string, unix int64) {
		for _, zone := range []string{"UTC", "America/New_York"} {
			p, err := Parse(spec, zone, Options{})
			if err != nil {
				if !errors.Is(err, ErrInvalid) {
					t.Fatalf("Parse(%q) = %v, want ErrInvalid", spec, err)
				}
				continue
			}
			if _, ok := p.Next(time.Unix(0, 0)); !ok {
				t.Fatalf("Parse(%q) accepts what is never due", spec)
			}
			after := time.Unix(unix%lastInstant, 0)
			if next, ok := p.Next(after); ok && !next.After(after) {
				t.Fatalf("%q: Next(%v) = %v", spec, after, next)
			}
			if p.Words() == "" {
				t.Fatalf("%q has no words", spec)
			}
		}
	})
}
