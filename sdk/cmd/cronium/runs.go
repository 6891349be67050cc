package main

import (
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/cronium/cronium/sdk/client"
	"github.com/cronium/cronium/sdk/cmd/cronium/internal/screen"
	"github.com/cronium/cronium/sdk/problem"
)

type runsCmd struct {
	Ls     runsLsCmd     `cmd:"" default:"withargs" help:"List runs, newest first."`
	Get    runsGetCmd    `cmd:"" help:"Show a run with its attempts."`
	Output runsOutputCmd `cmd:"" help:"Print the output of a run as JSON."`
	Cancel runsCancelCmd `cmd:"" help:"Cancel runs."`
}

type runsLsCmd struct {
	State   []string `enum:"queued,assigned,running,unknown,succeeded,partial,failed,timed_out,cancelled,lost,skipped" placeholder:"S,…" help:"Only runs in these states."`
	Job     string   `predict:"job" placeholder:"JOB" help:"Only runs of this job."`
	Trigger string   `enum:"manual,api,cli,schedule,retry," default:"" placeholder:"T" help:"Only runs started so: manual, api, cli, schedule or retry."`
	Parent  string   `predict:"run" placeholder:"RUN" help:"The runs of the targets of this one, in their order."`
	Limit   int      `default:"50" placeholder:"N" help:"At most so many (${default}); 0 is all."`
}

func (runsLsCmd) Help() string {
	return examples("cronium runs ls --state failed,timed_out --job disk-report", "", "cronium runs ls --json --limit 200 | jq '.items[].duration_ms'", "")
}

func (r *runsLsCmd) Run(a *app) error {
	hub, err := a.client()
	if err != nil {
		return err
	}
	page, err := collect(r.Limit, func(p client.Paging) (client.Page[client.RunSummary], error) {
		return hub.Runs(a.ctx, a.Project, client.RunFilter{States: r.State, Job: r.Job, Trigger: r.Trigger, Parent: r.Parent}, p)
	})
	if err != nil {
		return a.jobMissing(err, r.Job)
	}
	err = list(a, page, view[client.RunSummary]{
		name: func(r client.RunSummary) string { return r.ID },
		columns: []column{{Title: "run"}, {Title: "job", Flex: true}, {Title: "state"}, {Title: "by", Flex: true},
			{Title: "host", Flex: true}, {Title: "created"}, {Title: "took", Right: true}},
		row: func(r client.RunSummary) []cell {
			return []cell{text(r.ID), text(r.Job), a.state(r.State), text(origin(r)), text(dash(whereOf(r))), a.when(&r.CreatedAt), a.took(r.DurationMS)}
		},
		none: "No such runs in project " + a.Project + ".",
	})
	if err == nil && page.NextCursor != "" && a.Terminal && a.Output == "" {
		a.Say("There are more; --limit 0 lists all.")
	}
	return err
}

func dash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}

// origin is who or what started a run.
func origin(r client.RunSummary) string {
	if r.Trigger == "schedule" || r.StartedBy == "" {
		return r.Trigger
	}
	return r.StartedBy
}

type runsGetCmd struct {
	ID string `arg:"" name:"run" predict:"run" help:"Id of the run, or name of a job for its latest one."`
}

func (runsGetCmd) Help() string {
	return examples("cronium runs get disk-report", "", "cronium runs get r_0dk3c9p5v4s3p9j2n0q4c7g5f8 --json", "")
}

func (r *runsGetCmd) Run(a *app) error {
	hub, err := a.client()
	if err != nil {
		return err
	}
	id, err := a.runID(r.ID)
	if err != nil {
		return err
	}
	run, err := hub.Run(a.ctx, a.Project, id)
	if err != nil {
		return runMissing(err, id)
	}
	err = one(a, run, run.ID, func() { a.showRun(run) })
	if err != nil || a.Output != "" && a.Output != "table" {
		return err
	}
	return a.showTargets(run)
}

var errNoRun = problem.New("no_run", http.StatusNotFound, "Run not found", "Check the id and the project; cronium runs lists them.")

var errNoRuns = problem.New("no_runs", http.StatusNotFound, "No runs", "Run the job first.")

// runID is a run's own id, or that of the latest run of a job.
func (a *app) runID(name string) (string, error) {
	if isRunID(name) {
		return name, nil
	}
	page, err := a.hub.Runs(a.ctx, a.Project, client.RunFilter{Job: name}, client.Paging{Limit: 1})
	if err != nil {
		return "", a.runOrJobMissing(err, name)
	}
	if len(page.Items) > 0 {
		return page.Items[0].ID, nil
	}
	if _, err := a.hub.Job(a.ctx, a.Project, name); err != nil {
		return "", a.runOrJobMissing(err, name)
	}
	return "", errNoRuns.With("job %q has not run yet", name).Hinted("Run it with cronium run %s.", name)
}

// runOrJobMissing names what is not there: what begins like a run's id is not
// taken for a job.
func (a *app) runOrJobMissing(err error, name string) error {
	if p, ok := problem.As(err); ok && p.Status == http.StatusNotFound && strings.HasPrefix(name, "r_") {
		return errNoRun.With("run %q not found: the id of a run has 28 characters", name)
	}
	return a.jobMissing(err, name)
}

// runMissing names the run when it is that which is not there.
func runMissing(err error, id string) error {
	p, ok := problem.As(err)
	switch {
	case !ok || p.Code != "run_not_found" || p.Field != "": // of a project, or an attempt of it
		return err
	case !isRunID(id):
		return errNoRun.With("%q is not the id of a run", id).Hinted("cronium runs --job %s lists the runs of a job.", id)
	}
	return errNoRun.With("run %q not found", id)
}

func isRunID(s string) bool {
	return len(s) == 28 && strings.HasPrefix(s, "r_")
}

func (a *app) showRun(r client.Run) {
	reason, outcome, code, took := "", "", "", ""
	if r.Reason != nil {
		reason = screen.Name(r.Reason.Detail)
	}
	if r.Outcome != nil {
		outcome = screen.Name(strings.TrimSpace(r.Outcome.Detail + " " + r.Outcome.Hint))
	}
	if r.ExitCode != nil {
		code = fmt.Sprint(*r.ExitCode)
	}
	if r.DurationMS != nil {
		took = a.took(r.DurationMS).Text
	}
	inputs := make(map[string]string, len(r.Inputs))
	for name, value := range r.Inputs {
		inputs[name] = fmt.Sprint(value)
	}
	a.fields("run", screen.Name(r.ID), "job", fmt.Sprintf("%s (version %d)", screen.Name(r.Job), r.JobVersion), "state", a.painted(r.State),
		"target", screen.Name(r.Target), "part of", screen.Name(r.Parent), "targets", targetsText(r.Targets),
		"waits for", reason, "outcome", outcome, "exit code", code, "started by", screen.Name(origin(r.RunSummary)), "inputs", labels(inputs),
		"progress", progressText(r.Progress), "condition", condition(r.Condition), "output", a.outputText(r), "artifacts", artifactsText(r),
		"created", a.moment(r.CreatedAt), "started", blank(a.when(r.StartedAt)), "finished", blank(a.when(r.FinishedAt)), "took", took,
		"image", image(r), "stages", stages(r), "page", a.link("runs", r.ID))
	if len(r.Attempts) == 0 {
		return
	}
	rows := make([][]cell, len(r.Attempts))
	for i, t := range r.Attempts {
		why := t.Outcome
		if t.Problem != nil {
			why = t.Problem.Detail
		}
		rows[i] = []cell{number(t.Attempt), text(dash(t.Host)), a.state(t.State), text(dash(why)), a.when(t.StartedAt), a.when(t.FinishedAt), {Text: byteSize(t.LogBytes)}}
	}
	a.Printf("\n")
	a.Table(a.timed([]column{{Title: "attempt", Right: true}, {Title: "host", Flex: true}, {Title: "state"}, {Title: "outcome", Flex: true},
		{Title: "started"}, {Title: "finished"}, {Title: "log", Right: true}}), rows, a.Wide)
}

// image is what the last attempt ran in.
func image(r client.Run) string {
	if len(r.Attempts) == 0 {
		return ""
	}
	t := r.Attempts[len(r.Attempts)-1]
	if t.Image == "" || t.ImageDigest == "" || strings.HasSuffix(t.Image, "@"+t.ImageDigest) {
		return screen.Name(t.Image)
	}
	return screen.Name(t.Image + " @ " + t.ImageDigest)
}

// stages are how long each part of the last attempt took.
func stages(r client.Run) string {
	if len(r.Attempts) == 0 {
		return ""
	}
	var parts []string
	for _, s := range r.Attempts[len(r.Attempts)-1].Stages {
		parts = append(parts, screen.Name(s.Name)+" "+spent(time.Duration(s.DurationMS)*time.Millisecond))
	}
	return strings.Join(parts, ", ")
}

// progressText is how far a run says it has come: 40 % text.
func progressText(p *client.RunProgress) string {
	if p == nil {
		return ""
	}
	said := screen.Name(p.Text)
	if p.Fraction != nil {
		said = strings.TrimSpace(fmt.Sprintf("%.0f %% %s", *p.Fraction*100, said))
	}
	return said
}

// artifactsText is how many files a run keeps, and how to see them.
func artifactsText(r client.Run) string {
	if r.Artifacts == nil {
		return ""
	}
	return fmt.Sprintf("%d, %s; cronium artifacts %s", r.Artifacts.Count, byteSize(r.Artifacts.Bytes), screen.Name(r.ID))
}

func condition(value *bool) string {
	if value == nil {
		return ""
	}
	return fmt.Sprint(*value)
}

// maxShown is how much of an output is shown among other things.
const maxShown = 500

// outputText is the output on one line, or how to see it.
func (a *app) outputText(r client.Run) string {
	if r.OutputBytes == 0 {
		return ""
	}
	if len(r.Output) == 0 || len(r.Output) > maxShown && !a.Wide {
		return fmt.Sprintf("%s of JSON; see cronium runs output %s", byteSize(r.OutputBytes), screen.Name(r.ID))
	}
	return a.exactly(string(r.Output))
}

type runsOutputCmd struct {
	ID string `arg:"" name:"run" predict:"run" help:"Id of the run, or name of a job for its latest one."`
}

func (runsOutputCmd) Help() string {
	return examples("cronium runs output disk-report", "", "cronium runs output disk-report | jq .free", "")
}

func (r *runsOutputCmd) Run(a *app) error {
	hub, err := a.client()
	if err != nil {
		return err
	}
	id, err := a.runID(r.ID)
	if err != nil {
		return err
	}
	output, err := hub.RunOutput(a.ctx, a.Project, id)
	if err != nil {
		return runMissing(err, id)
	}
	a.Printf("%s\n", a.exactly(string(output)))
	return nil
}

func blank(c cell) string {
	if c.Text == "-" {
		return ""
	}
	return c.Text
}

type runsCancelCmd struct {
	ID []string `arg:"" name:"run" predict:"run" help:"Ids of runs."`
}

func (runsCancelCmd) Help() string {
	return examples("cronium runs cancel r_0dk3c9p5v4s3p9j2n0q4c7g5f8", "", "cronium runs cancel $(cronium runs --state queued -o name)", "")
}

func (r *runsCancelCmd) Run(a *app) error {
	hub, err := a.client()
	if err != nil {
		return err
	}
	return a.each(r.ID, func(id string) error {
		run, err := hub.CancelRun(a.ctx, a.Project, id)
		if err != nil {
			return runMissing(err, id)
		}
		return one(a, run, run.ID, func() {
			if run.State == client.Cancelled {
				a.Say("Run %s is cancelled.", screen.Name(run.ID))
				return
			}
			a.Say("Run %s is asked to stop; it is %s.", screen.Name(run.ID), screen.Name(run.State))
		})
	})
}
