package main

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/cronium/cronium/sdk/client"
	"github.com/cronium/cronium/sdk/cmd/cronium/internal/screen"
)

type jobsCmd struct {
	Ls     jobsLsCmd     `cmd:"" default:"withargs" help:"List jobs."`
	Get    jobsGetCmd    `cmd:"" help:"Show a job."`
	Pause  jobsPauseCmd  `cmd:"" help:"Pause jobs: their schedules do not fire."`
	Resume jobsResumeCmd `cmd:"" help:"Resume paused jobs."`
	Delete jobsDeleteCmd `cmd:"" help:"Put jobs away: they neither run nor are listed."`
}

type jobsLsCmd struct {
	Text  string   `placeholder:"T" help:"Only jobs with this in their name."`
	Label []string `short:"l" sep:"none" placeholder:"K=V" help:"Only jobs with this label. May be repeated."`
	State string   `enum:"active,paused,archived," default:"" placeholder:"S" help:"Only active, paused or archived ones."`
	Limit int      `default:"0" placeholder:"N" help:"At most so many; the default is all."`
}

func (jobsLsCmd) Help() string {
	return examples("cronium jobs", "", "cronium jobs ls -l team=ops --json", "")
}

func (j *jobsLsCmd) Run(a *app) error {
	hub, err := a.client()
	if err != nil {
		return err
	}
	page, err := collect(j.Limit, func(p client.Paging) (client.Page[client.JobSummary], error) {
		return hub.Jobs(a.ctx, a.Project, client.JobFilter{Text: j.Text, Labels: j.Label, State: j.State}, p)
	})
	if err != nil {
		return err
	}
	return list(a, page, view[client.JobSummary]{
		name: func(j client.JobSummary) string { return j.Name },
		columns: []column{{Title: "name", Flex: true}, {Title: "state"}, {Title: "language"}, {Title: "schedule", Flex: true},
			{Title: "next"}, {Title: "last run"}, {Title: "labels", Flex: true}},
		row: func(j client.JobSummary) []cell {
			words, next := soonest(j.Schedules)
			last := cell{Text: "-", Style: screen.Dim}
			if len(j.LastRuns) > 0 {
				last = a.state(j.LastRuns[0].State)
			}
			return []cell{text(j.Name), a.state(j.State), text(j.Language), text(words), a.when(next), last, {Text: labels(j.Labels), Style: screen.Dim}}
		},
		none: "No jobs in project " + a.Project + ". Create some with cronium apply -f DIR.",
	})
}

// soonest describes a job's schedules by the one that is due next.
func soonest(all []client.JobSchedule) (words string, next *time.Time) {
	for _, s := range all {
		if s.Enabled && s.NextAt != nil && (next == nil || s.NextAt.Before(*next)) {
			words, next = s.Words, s.NextAt
		}
	}
	switch {
	case len(all) == 0:
		return "-", nil
	case next == nil:
		return "none is due", nil
	case len(all) > 1:
		words = fmt.Sprintf("%s (+%d)", words, len(all)-1)
	}
	return words, next
}

type jobsGetCmd struct {
	Job string `arg:"" predict:"job" help:"Name of the job."`
}

func (jobsGetCmd) Help() string {
	return examples("cronium jobs get disk-report", "", "cronium jobs get disk-report --json | jq -r .spec.script.source", "")
}

func (j *jobsGetCmd) Run(a *app) error {
	hub, err := a.client()
	if err != nil {
		return err
	}
	job, err := hub.Job(a.ctx, a.Project, j.Job)
	if err != nil {
		return a.jobMissing(err, j.Job)
	}
	return one(a, job, job.Name, func() { a.showJob(job) })
}

func (a *app) showJob(j client.Job) {
	target, retries, container := "", "", ""
	if c := j.Spec.Container; c != nil {
		container = screen.Name(cmp.Or(c.Image, "the host's image for "+j.Spec.Script.Language))
	}
	if j.Spec.Target != nil {
		if target = labels(j.Spec.Target.Labels); j.Spec.Target.Server != "" {
			target = "server " + screen.Name(j.Spec.Target.Server)
		}
		if servers := j.Spec.Target.Servers; len(servers) > 0 {
			target = "servers " + screen.Name(strings.Join(servers, ", "))
		}
	}
	if r := j.Spec.Retries; r != nil && r.Max > 0 {
		retries = strings.TrimSpace(fmt.Sprintf("%d %s %s", r.Max, r.Backoff, r.Delay))
	}
	language, script, request := screen.Name(j.Spec.Script.Language), lineCount(j.Spec.Script.Source), ""
	if r := j.Spec.HTTP; r != nil {
		language, script, request = "", "", screen.Name(r.Method+" "+r.URL)
	}
	a.fields("name", screen.Name(j.Name), "state", a.painted(j.State), "version", fmt.Sprint(j.Version), "labels", labels(j.Labels),
		"language", language, "script", script, "request", request, "container", container, "target", target, "fan out", fanOutText(j.Spec.FanOut), "timeout", screen.Name(j.Spec.Timeout), "retries", screen.Name(retries),
		"secrets", screen.Name(strings.Join(j.Spec.Secrets, ", ")), "dependencies", screen.Name(strings.Join(j.Spec.Dependencies, ", ")),
		"updated", a.moment(j.UpdatedAt)+" by "+screen.Name(j.UpdatedBy), "page", a.link("jobs", j.Name))
	if len(j.Spec.Inputs) > 0 {
		a.showInputs(j.Spec.Inputs)
	}
	if len(j.Schedules) > 0 {
		a.Printf("\n")
		a.scheduleTable(j.Schedules)
	}
}

// fanOutText is how a job runs on all of its targets.
func fanOutText(f *client.FanOut) string {
	if f == nil {
		return ""
	}
	said := "to all, " + f.MaxParallel + " at the same time"
	if f.MaxFailures != "" {
		said += ", at most " + f.MaxFailures + " may fail"
	}
	return screen.Name(said + ", start within " + f.StartWithin)
}

func lineCount(source string) string {
	n := len(slices.Collect(strings.Lines(source)))
	if n == 1 {
		return "1 line"
	}
	return fmt.Sprintf("%d lines", n)
}

func (a *app) showInputs(inputs map[string]client.Input) {
	var rows [][]cell
	for _, name := range sortedKeys(inputs) {
		in := inputs[name]
		value := "-"
		switch {
		case in.Default != nil:
			value = fmt.Sprint(in.Default)
		case in.Required:
			value = "required"
		}
		rows = append(rows, []cell{text(name), text(in.Type), text(value), text(in.Description)})
	}
	a.Printf("\n")
	a.Table([]column{{Title: "input"}, {Title: "type"}, {Title: "default", Flex: true}, {Title: "description", Flex: true}}, rows, a.Wide)
}

type jobsPauseCmd struct {
	Job []string `arg:"" predict:"job" help:"Names of jobs."`
}

func (jobsPauseCmd) Help() string {
	return examples("cronium jobs pause disk-report", "", "cronium jobs pause $(cronium jobs -l team=ops -o name)", "")
}

func (j *jobsPauseCmd) Run(a *app) error {
	hub, err := a.client()
	if err != nil {
		return err
	}
	return a.each(j.Job, func(name string) error {
		job, err := hub.PauseJob(a.ctx, a.Project, name)
		if err != nil {
			return a.jobMissing(err, name)
		}
		return one(a, job, job.Name, func() { a.Say("Job %s is paused: its schedules do not fire.", screen.Name(job.Name)) })
	})
}

type jobsResumeCmd struct {
	Job []string `arg:"" predict:"job" help:"Names of jobs."`
}

func (jobsResumeCmd) Help() string {
	return examples("cronium jobs resume disk-report", "", "cronium jobs resume $(cronium jobs --state paused -o name)", "")
}

func (j *jobsResumeCmd) Run(a *app) error {
	hub, err := a.client()
	if err != nil {
		return err
	}
	return a.each(j.Job, func(name string) error {
		job, err := hub.ResumeJob(a.ctx, a.Project, name)
		if err != nil {
			return a.jobMissing(err, name)
		}
		return one(a, job, job.Name, func() { a.Say("Job %s is active.", screen.Name(job.Name)) })
	})
}

type jobsDeleteCmd struct {
	Job []string `arg:"" predict:"job" help:"Names of jobs."`
	Yes bool     `help:"Do not ask."`
}

func (jobsDeleteCmd) Help() string {
	return examples("cronium jobs delete disk-report", "", "cronium jobs delete disk-report log-summary --yes", "")
}

func (j *jobsDeleteCmd) Run(a *app) error {
	hub, err := a.client()
	if err != nil {
		return err
	}
	if err := a.confirm(j.Yes, "Delete %d job(s): %s. Their runs and logs stay.", len(j.Job), strings.Join(j.Job, ", ")); err != nil {
		return err
	}
	return a.each(j.Job, func(name string) error {
		if err := hub.ArchiveJob(a.ctx, a.Project, name); err != nil {
			return a.jobMissing(err, name)
		}
		a.Say("Job %s is deleted.", screen.Name(name))
		return nil
	})
}

// each does something with every name. When some fail and some do not the exit
// code says so.
func (a *app) each(names []string, fn func(string) error) error {
	var failed int
	for _, name := range names {
		err := fn(name)
		if err == nil {
			continue
		}
		if len(names) == 1 || a.ctx.Err() != nil || exitCode(err) == exitUnreachable {
			return err
		}
		explain(a.Screen, err, a.Debug)
		failed++
		if failed == len(names) {
			return &exitError{exitCode(err)}
		}
	}
	if failed > 0 {
		return &exitError{exitPartial}
	}
	return nil
}
