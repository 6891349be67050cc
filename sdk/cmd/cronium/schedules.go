package main

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/cronium/cronium/sdk/client"
	"github.com/cronium/cronium/sdk/cmd/cronium/internal/screen"
	"github.com/cronium/cronium/sdk/problem"
)

type schedulesCmd struct {
	Ls     schedulesLsCmd     `cmd:"" default:"withargs" help:"List schedules."`
	Next   schedulesNextCmd   `cmd:"" help:"Say when a job, or a cron text, is due next."`
	Pause  schedulesPauseCmd  `cmd:"" help:"Pause a schedule."`
	Resume schedulesResumeCmd `cmd:"" help:"Resume a schedule."`
	Fires  schedulesFiresCmd  `cmd:"" help:"List what became of each due time."`
}

type schedulesLsCmd struct {
	Job   string `predict:"job" placeholder:"JOB" help:"Only schedules of this job."`
	Limit int    `default:"0" placeholder:"N" help:"At most so many; the default is all."`
}

func (schedulesLsCmd) Help() string {
	return examples("cronium schedules", "", "cronium schedules ls --job disk-report --json", "")
}

func (s *schedulesLsCmd) Run(a *app) error {
	hub, err := a.client()
	if err != nil {
		return err
	}
	page, err := collect(s.Limit, func(p client.Paging) (client.Page[client.Schedule], error) {
		return hub.Schedules(a.ctx, a.Project, s.Job, p)
	})
	if err != nil {
		return a.jobMissing(err, s.Job)
	}
	return list(a, page, a.scheduleView())
}

func (a *app) scheduleView() view[client.Schedule] {
	return view[client.Schedule]{
		name: func(s client.Schedule) string { return s.Job + "/" + s.Name },
		columns: []column{{Title: "schedule", Flex: true}, {Title: "state"}, {Title: "cron"}, {Title: "zone", Flex: true},
			{Title: "next"}, {Title: "words", Flex: true}},
		row: func(s client.Schedule) []cell {
			state := "active"
			if !s.Enabled {
				state = "paused"
			}
			return []cell{text(s.Job + "/" + s.Name), a.state(state), text(s.Cron), text(s.Zone), a.when(s.NextAt), text(s.Words)}
		},
		none: "No schedules. A job's definition file has them under spec.schedules.",
	}
}

func (a *app) scheduleTable(all []client.Schedule) {
	v := a.scheduleView()
	rows := make([][]cell, len(all))
	for i, s := range all {
		rows[i] = v.row(s)
	}
	a.Table(a.timed(v.columns), rows, a.Wide)
}

type schedulesNextCmd struct {
	Job  string `arg:"" optional:"" predict:"job" help:"Name of the job."`
	Cron string `placeholder:"TEXT" help:"A cron text instead of a job, like '15 2 * * *'."`
	Zone string `placeholder:"ZONE" help:"Time zone of the cron text, like Europe/Berlin."`
	N    int    `short:"n" default:"5" placeholder:"N" help:"How many times (${default})."`
}

func (schedulesNextCmd) Help() string {
	return examples("cronium schedules next disk-report", "", "cronium schedules next --cron '30 2 * * *' --zone Europe/Berlin -n 10", "")
}

// due is one coming time of a schedule.
type due struct {
	Schedule string    `json:"schedule,omitempty"`
	Zone     string    `json:"zone,omitempty"`
	UTC      time.Time `json:"utc"`
	Local    string    `json:"local"`
}

func (s *schedulesNextCmd) Run(a *app) error {
	switch {
	case (s.Job == "") == (s.Cron == ""):
		return usage("Say cronium schedules next JOB, or --cron TEXT --zone ZONE.", "a job or --cron is needed, and not both")
	case s.Zone != "" && s.Cron == "":
		return usage("Add --cron, or leave --zone out: a job's schedules have zones of their own.", "--zone needs --cron")
	case s.N < 1 || s.N > 100:
		return usage("", "-n must be 1 to 100")
	}
	hub, err := a.client()
	if err != nil {
		return err
	}
	if s.Cron != "" {
		shown, err := hub.Preview(a.ctx, client.PreviewRequest{Cron: s.Cron, Zone: s.Zone, N: s.N})
		if err != nil {
			return err
		}
		return s.preview(a, shown)
	}
	page, err := collect(0, func(p client.Paging) (client.Page[client.Schedule], error) {
		return hub.Schedules(a.ctx, a.Project, s.Job, p)
	})
	if err != nil {
		return a.jobMissing(err, s.Job)
	}
	if len(page.Items) == 0 {
		if _, err := hub.Job(a.ctx, a.Project, s.Job); err != nil {
			return a.jobMissing(err, s.Job)
		}
	}
	return s.job(a, page.Items)
}

// preview shows what a cron text means.
func (s *schedulesNextCmd) preview(a *app, p client.Preview) error {
	if a.Output == "json" || a.Output == "jsonl" {
		return one(a, p, "", nil)
	}
	a.Say("%s", screen.Name(p.Words))
	times := make([]due, len(p.Next))
	for i, t := range p.Next {
		times[i] = due{UTC: t.UTC, Local: t.Local}
	}
	a.dueTable(times, false)
	for _, note := range p.Notes {
		a.Say("%s", screen.Name(note))
	}
	if len(p.Next) == 0 {
		a.Say("It is never due again.")
	}
	return nil
}

// job merges the coming times of all schedules of a job.
func (s *schedulesNextCmd) job(a *app, all []client.Schedule) error {
	var times []due
	for _, one := range all {
		if !one.Enabled {
			a.Say("Schedule %s is paused.", screen.Name(one.Job+"/"+one.Name))
			continue
		}
		shown, err := a.hub.Preview(a.ctx, client.PreviewRequest{Cron: one.Cron, Zone: one.Zone, N: s.N, Gap: one.Gap, Fold: one.Fold})
		if err != nil {
			return fmt.Errorf("preview schedule %s: %w", one.Name, err)
		}
		for _, t := range shown.Next {
			times = append(times, due{Schedule: one.Name, Zone: one.Zone, UTC: t.UTC, Local: t.Local})
		}
		for _, note := range shown.Notes {
			a.Say("%s: %s", screen.Name(one.Name), screen.Name(note))
		}
	}
	slices.SortStableFunc(times, func(x, y due) int { return x.UTC.Compare(y.UTC) })
	times = times[:min(len(times), s.N)]
	if times == nil {
		times = []due{}
	}
	switch a.Output {
	case "json", "jsonl", "name":
		return list(a, client.Page[due]{Items: times}, view[due]{name: func(d due) string { return d.UTC.UTC().Format(time.RFC3339) }})
	}
	if len(times) == 0 {
		a.Say("Job %s has no schedule that is due again.", screen.Name(s.Job))
	}
	a.dueTable(times, true)
	return nil
}

func (a *app) dueTable(times []due, named bool) {
	columns := []column{{Title: "local time"}, {Title: "utc"}, {Title: "in"}}
	if named {
		columns = append(columns, column{Title: "zone"}, column{Title: "schedule", Flex: true})
	}
	rows := make([][]cell, len(times))
	for i, t := range times {
		rows[i] = []cell{text(t.Local), {Text: t.UTC.UTC().Format(time.RFC3339)}, {Text: rough(t.UTC.Sub(a.hub.Now()))}}
		if named {
			rows[i] = append(rows[i], text(t.Zone), text(t.Schedule))
		}
	}
	if len(rows) > 0 {
		a.Table(columns, rows, a.Wide)
	}
}

type schedulesPauseCmd struct {
	Schedule []string `arg:"" predict:"schedule" help:"JOB/NAME, or the id; JOB alone when it has one schedule."`
}

func (schedulesPauseCmd) Help() string {
	return examples("cronium schedules pause disk-report/nightly", "", "cronium schedules pause $(cronium schedules ls --job disk-report -o name)", "")
}

func (s *schedulesPauseCmd) Run(a *app) error {
	return a.eachSchedule(s.Schedule, "is paused", (*client.Client).PauseSchedule)
}

type schedulesResumeCmd struct {
	Schedule []string `arg:"" predict:"schedule" help:"JOB/NAME, or the id; JOB alone when it has one schedule."`
}

func (schedulesResumeCmd) Help() string {
	return examples("cronium schedules resume disk-report/nightly", "", "cronium schedules resume disk-report", "when it has one schedule")
}

func (s *schedulesResumeCmd) Run(a *app) error {
	return a.eachSchedule(s.Schedule, "is active", (*client.Client).ResumeSchedule)
}

type schedulesFiresCmd struct {
	Schedule string `arg:"" predict:"schedule" help:"JOB/NAME, or the id; JOB alone when it has one schedule."`
	Limit    int    `default:"50" placeholder:"N" help:"At most so many (${default}); 0 is all."`
}

func (schedulesFiresCmd) Help() string {
	return examples("cronium schedules fires disk-report/nightly", "", "cronium schedules fires disk-report/nightly --json --limit 10", "")
}

func (s *schedulesFiresCmd) Run(a *app) error {
	hub, err := a.client()
	if err != nil {
		return err
	}
	schedule, err := a.schedule(s.Schedule)
	if err != nil {
		return err
	}
	page, err := collect(s.Limit, func(p client.Paging) (client.Page[client.Fire], error) {
		return hub.Fires(a.ctx, a.Project, schedule.ID, p)
	})
	if err != nil {
		return err
	}
	return list(a, page, view[client.Fire]{
		name:    func(f client.Fire) string { return f.PlannedAt.UTC().Format(time.RFC3339Nano) },
		columns: []column{{Title: "planned"}, {Title: "outcome"}, {Title: "run"}, {Title: "decided"}, {Title: "reason", Flex: true}},
		row: func(f client.Fire) []cell {
			return []cell{a.when(&f.PlannedAt), a.state(f.Outcome), text(dash(f.RunID)), a.when(&f.DecidedAt), text(fireReason(f))}
		},
		none: "It has not been due yet.",
	})
}

func fireReason(f client.Fire) string {
	why := f.Reason
	if f.Detail != "" {
		why = f.Detail
	}
	if f.Occurrences > 1 {
		why = strings.TrimSpace(fmt.Sprintf("%s (%d due times)", why, f.Occurrences))
	}
	return why
}

func (a *app) eachSchedule(names []string, now string, change func(c *client.Client, ctx context.Context, project, id string) (client.Schedule, error)) error {
	if _, err := a.client(); err != nil {
		return err
	}
	return a.each(names, func(name string) error {
		found, err := a.schedule(name)
		if err != nil {
			return err
		}
		changed, err := change(a.hub, a.ctx, a.Project, found.ID)
		if err != nil {
			return err
		}
		return one(a, changed, changed.Job+"/"+changed.Name, func() {
			a.Say("Schedule %s %s.", screen.Name(changed.Job+"/"+changed.Name), now)
		})
	})
}

var errNoSchedule = problem.New("schedule_not_found", http.StatusNotFound, "Schedule not found", "cronium schedules lists them.")

// schedule finds a schedule by JOB/NAME, by its id, or by its job.
func (a *app) schedule(name string) (client.Schedule, error) {
	job, own, named := strings.Cut(name, "/")
	if !named && strings.Count(name, "-") == 4 && len(name) == 36 {
		return a.hub.Schedule(a.ctx, a.Project, name)
	}
	page, err := collect(0, func(p client.Paging) (client.Page[client.Schedule], error) {
		return a.hub.Schedules(a.ctx, a.Project, job, p)
	})
	if err != nil {
		return client.Schedule{}, a.jobMissing(err, job)
	}
	names := make([]string, len(page.Items))
	for i, s := range page.Items {
		if names[i] = s.Job + "/" + s.Name; s.Name == own && named {
			return s, nil
		}
	}
	switch {
	case named || len(page.Items) == 0:
		near := ""
		if best := nearest(name, names); best != "" {
			near = fmt.Sprintf(" (did you mean %q?)", best)
		}
		return client.Schedule{}, errNoSchedule.With("schedule %q not found%s", name, near)
	case len(page.Items) > 1:
		slices.Sort(names)
		return client.Schedule{}, usage("Say which: "+strings.Join(names, ", ")+".", "job %q has %d schedules", job, len(page.Items))
	}
	return page.Items[0], nil
}
