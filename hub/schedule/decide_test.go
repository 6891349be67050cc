package schedule

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

var noon = time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)

// told is a verdict in short: "started 12:00", "missed 11:58 catch_up_last ×3".
func told(fires []Fire) []string {
	var lines []string
	for _, f := range fires {
		line := string(f.Outcome) + " " + f.Planned.Format("15:04:05")
		if f.Reason != "" {
			line += " " + f.Reason
		}
		if f.Occurrences != 1 {
			line += fmt.Sprintf(" ×%d", f.Occurrences)
		}
		lines = append(lines, line)
	}
	return lines
}

func TestDecide(t *testing.T) {
	minutely := due{spec: "* * * * *", zone: "UTC", overlap: OverlapAllow, catchUp: CatchUpLast, now: noon.Add(10 * time.Millisecond)}
	with := func(change func(*due)) due {
		d := minutely
		change(&d)
		return d
	}
	cases := []struct {
		name string
		due  due
		want []string
	}{
		{"on time", with(func(d *due) { d.next = noon }), []string{"started 12:00:00"}},
		{"catch-up last starts only the latest", with(func(d *due) { d.next = noon.Add(-2 * time.Minute) }),
			[]string{"missed 11:58:00 catch_up_last", "missed 11:59:00 catch_up_last", "started 12:00:00"}},
		{"catch-up last starts it however late", with(func(d *due) { d.spec, d.next = "0 2 * * *", noon.Add(-10*time.Hour) }),
			[]string{"started 02:00:00"}},
		{"catch-up all starts every one", with(func(d *due) { d.catchUp, d.next = CatchUpAll, noon.Add(-2*time.Minute) }),
			[]string{"started 11:58:00", "started 11:59:00", "started 12:00:00"}},
		{"catch-up none starts what is on time", with(func(d *due) { d.catchUp, d.next = CatchUpNone, noon.Add(-time.Minute) }),
			[]string{"missed 11:59:00 catch_up_none", "started 12:00:00"}},
		{"catch-up none bears with a minute", with(func(d *due) { d.catchUp, d.next, d.now = CatchUpNone, noon, noon.Add(59*time.Second) }),
			[]string{"started 12:00:00"}},
		{"catch-up none does not bear with more", with(func(d *due) { d.catchUp, d.spec, d.next = CatchUpNone, "0 2 * * *", noon.Add(-10*time.Hour) }),
			[]string{"missed 02:00:00 catch_up_none"}},
		{"two seconds late is on time", with(func(d *due) {
			d.spec, d.next, d.now = "* * * * * *", noon.Add(-4*time.Second), noon
		}), []string{"missed 11:59:56 catch_up_last", "missed 11:59:57 catch_up_last", "started 11:59:58", "started 11:59:59", "started 12:00:00"}},
		{"overlap skip waits for the previous run", with(func(d *due) { d.overlap, d.open, d.next = OverlapSkip, true, noon }),
			[]string{"skipped 12:00:00 previous_run_open"}},
		{"overlap skip starts when nothing is open", with(func(d *due) { d.overlap, d.next = OverlapSkip, noon }),
			[]string{"started 12:00:00"}},
		{"overlap skip starts one of many", with(func(d *due) { d.overlap, d.catchUp, d.next = OverlapSkip, CatchUpAll, noon.Add(-time.Minute) }),
			[]string{"started 11:59:00", "skipped 12:00:00 previous_run_open"}},
		{"paused job", with(func(d *due) { d.facts.State, d.next = JobPaused, noon.Add(-4*time.Minute) }),
			[]string{"skipped 11:56:00 job_paused ×5"}},
		{"archived job", with(func(d *due) { d.facts.State, d.next = JobArchived, noon }), []string{"skipped 12:00:00 job_archived"}},
		{"inputs that the job refuses", with(func(d *due) {
			d.next = noon
			d.facts.Resolve = func(map[string]any) (map[string]any, []byte, error) { return nil, nil, errors.New("path is required") }
		}), []string{"skipped 12:00:00 invalid_inputs"}},
		{"a zone that is gone", with(func(d *due) { d.zone, d.next = "Mars/Olympus", noon }), []string{"missed 12:00:00 invalid_schedule"}},
		{"decided before", with(func(d *due) { d.next, d.last = noon.Add(-time.Minute), noon }), nil},
		{"partly decided before", with(func(d *due) { d.next, d.last = noon.Add(-time.Minute), noon.Add(-time.Minute) }), []string{"started 12:00:00"}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			v := c.due.decide()
			if diff := cmp.Diff(c.want, told(v.fires)); diff != "" {
				t.Fatalf("fires (-want +got):\n%s", diff)
			}
			if v.enabled && !v.next.After(c.due.now) {
				t.Fatalf("next = %v, not after now", v.next)
			}
			if v.last.Before(c.due.last) {
				t.Fatalf("last went back from %v to %v", c.due.last, v.last)
			}
		})
	}
}

func TestLongBacklogIsSummarised(t *testing.T) {
	cases := []struct {
		name, spec, policy string
		next               time.Time
		rows               int
		first              string
		started            int
	}{
		{"all", "* * * * *", CatchUpAll, noon.Add(-250 * time.Minute), 101, "missed 07:50:00 catch_up_limit ×151", 100},
		{"last", "* * * * *", CatchUpLast, noon.Add(-250 * time.Minute), 101, "missed 07:50:00 catch_up_last ×151", 1},
		{"a year of seconds", "* * * * * *", CatchUpLast, noon.AddDate(-1, 0, 0), 101, "missed 12:00:00 catch_up_last ×19901", 3},
		{"years, seldom and dense", "* * * 1 1 *", CatchUpAll, time.Date(2022, 1, 1, 0, 0, 0, 0, time.UTC), 101, "missed 00:00:00 catch_up_limit ×19901", 100},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			d := due{spec: c.spec, zone: "UTC", catchUp: c.policy, next: c.next, now: noon}
			v := d.decide()
			lines := told(v.fires)
			if len(lines) != c.rows || lines[0] != c.first || v.starts() != c.started {
				t.Fatalf("%d rows, first %q, %d started; want %d, %q, %d", len(lines), lines[0], v.starts(), c.rows, c.first, c.started)
			}
			if !strings.Contains(v.fires[0].Detail, "Stands for") {
				t.Fatalf("detail %q does not say what the row stands for", v.fires[0].Detail)
			}
			for i := 1; i < len(v.fires); i++ {
				if !v.fires[i].Planned.After(v.fires[i-1].Planned) {
					t.Fatalf("planned times are not in order at row %d", i)
				}
			}
		})
	}
}

func TestOneShotIsOverAfterItsTime(t *testing.T) {
	v := due{spec: "@at 2026-11-24T12:00:00", zone: "UTC", catchUp: CatchUpLast, next: noon, now: noon}.decide()
	if v.starts() != 1 || !v.next.IsZero() || !v.enabled {
		t.Fatalf("%d started, next %v, enabled %v; want 1, none, true", v.starts(), v.next, v.enabled)
	}
}
