package cron

import (
	"strings"
	"testing"
)

func TestNotesSayWhatClockChangesDo(t *testing.T) {
	cases := []struct {
		spec, zone string
		o          Options
		want       string
	}{
		{"30 2 * * *", "Europe/Berlin", Options{}, "On 29 Mar 2026 02:30 does not exist in Europe/Berlin: runs at 03:00.\nOn 25 Oct 2026 02:30 happens twice in Europe/Berlin: runs the first time."},
		{"30 2 * * *", "Europe/Berlin", Options{Gap: Skip, Fold: Second}, "On 29 Mar 2026 02:30 does not exist in Europe/Berlin: does not run.\nOn 25 Oct 2026 02:30 happens twice in Europe/Berlin: runs the second time."},
		{"15,45 2 * * *", "Europe/Berlin", Options{Fold: Both}, "On 29 Mar 2026 02:15 and 02:45 do not exist in Europe/Berlin: runs once, at 03:00.\nOn 25 Oct 2026 02:15 and 02:45 happen twice in Europe/Berlin: runs both times."},
		{"*/10 2 * * *", "Europe/Berlin", Options{}, "On 29 Mar 2026 the times from 02:00 to 03:00 do not exist in Europe/Berlin: does not run then.\nOn 25 Oct 2026 the times from 02:00 to 03:00 happen twice in Europe/Berlin: runs both times."},
		{"30 2 * * MON", "Europe/Berlin", Options{}, ""},
		{"30 4 * * *", "Europe/Berlin", Options{}, ""},
		{"*/5 * * * *", "Europe/Berlin", Options{}, ""},
		{"@every 5m", "Europe/Berlin", Options{}, ""},
		{"30 2 * * *", "Asia/Tokyo", Options{}, ""},
		{"@daily", "Africa/Cairo", Options{}, "On 24 Apr 2026 00:00 does not exist in Africa/Cairo: runs at 01:00."},
		{"15 2 * * *", "Australia/Lord_Howe", Options{}, "On 4 Oct 2026 02:15 does not exist in Australia/Lord_Howe: runs at 02:30."},
		{"@at 2026-03-29T02:30", "Europe/Berlin", Options{}, "On 29 Mar 2026 02:30 does not exist in Europe/Berlin: runs at 03:00."},
	}
	for _, c := range cases {
		p := mustParse(t, c.spec, c.zone, c.o)
		got := strings.Join(p.Notes(instant(t, "2026-01-01T00:00Z"), instant(t, "2027-01-01T00:00Z")), "\n")
		if got != c.want {
			t.Errorf("Notes(%q, %s, %+v)\n got %s\nwant %s", c.spec, c.zone, c.o, got, c.want)
		}
	}
}
