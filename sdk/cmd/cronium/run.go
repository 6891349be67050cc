package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/cronium/cronium/sdk/client"
	"github.com/cronium/cronium/sdk/cmd/cronium/internal/screen"
)

type runCmd struct {
	Job             string        `arg:"" predict:"job" help:"Name of the job."`
	Input           []string      `short:"i" sep:"none" placeholder:"K=V" help:"Value of an input. May be repeated."`
	InputFile       string        `placeholder:"FILE" help:"JSON object with inputs; - is standard input. -i wins over it."`
	Watch           bool          `short:"w" help:"Print the log and wait for the end (the default on a terminal)."`
	Detach          bool          `short:"d" help:"Only start it, also on a terminal."`
	Timeout         time.Duration `placeholder:"D" help:"Wait at most so long; the run goes on."`
	ExitCodeFromRun bool          `help:"Exit with the code of the script."`
	Timestamps      bool          `short:"t" help:"Put the time before every line."`
}

func (runCmd) Help() string {
	return examples("cronium run disk-report -i path=/var -w", "",
		"id=$(cronium run disk-report)", "in a pipe: starts it and prints the id of the run")
}

func (c *runCmd) Run(a *app) error {
	if c.Watch && c.Detach {
		return usage("Leave one of them out.", "--watch and --detach contradict each other")
	}
	watched := c.Watch || (a.Terminal && !c.Detach && a.Output == "")
	if !watched && (c.Timeout > 0 || c.ExitCodeFromRun) {
		return usage("Add -w.", "--timeout and --exit-code-from-run need --watch")
	}
	inputs, err := c.inputs()
	if err != nil {
		return err
	}
	hub, err := a.client()
	if err != nil {
		return err
	}
	started, err := hub.StartRun(a.ctx, a.Project, c.Job, client.RunRequest{Inputs: inputs, Trigger: "cli"})
	if err != nil {
		return a.jobMissing(err, c.Job)
	}
	if !watched {
		return one(a, started, started.ID, func() {
			a.Printf("%s\n", screen.Name(started.ID))
			a.Say("That is the run of %s. Follow it with cronium logs %s -f", screen.Name(started.Job), screen.Name(started.ID))
		})
	}
	return c.wait(a, started)
}

// inputs come from the file, then from -i.
func (c *runCmd) inputs() (map[string]any, error) {
	inputs := map[string]any{}
	if c.InputFile != "" {
		text, err := readInputFile(c.InputFile)
		if err != nil {
			return nil, err
		}
		if err := json.Unmarshal(text, &inputs); err != nil || inputs == nil {
			return nil, usage(`Write it like {"path": "/var"}.`, "%s is not a JSON object", c.InputFile)
		}
	}
	given, err := pairs("-i", c.Input)
	for name, value := range given {
		inputs[name] = value // the hub turns text into the input's type
	}
	return inputs, err
}

func readInputFile(name string) ([]byte, error) {
	if name == "-" {
		return io.ReadAll(io.LimitReader(os.Stdin, 1<<20))
	}
	text, err := os.ReadFile(name)
	if err != nil {
		return nil, usage("", "%v", err)
	}
	return text, nil
}

// wait prints the log until the run ends, and turns the outcome into an exit code.
func (c *runCmd) wait(a *app, started client.Run) error {
	ctx := a.ctx
	if c.Timeout > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeoutCause(ctx, c.Timeout, errTimeout)
		defer cancel()
	}
	a.Say("Run %s of %s · %s", screen.Name(started.ID), screen.Name(started.Job), a.link("runs", started.ID))
	var log *printer
	if a.Output == "" || a.Output == "table" {
		log = &printer{a: a, stamps: c.Timestamps}
	}
	ended, err := a.await(ctx, started, log)
	if err != nil {
		return a.leftAlone(err, ended, c.Timeout)
	}
	if a.Output != "" && a.Output != "table" {
		if err := one(a, ended, ended.ID, nil); err != nil {
			return err
		}
	}
	a.summary(ended)
	if err := a.unwell(ended); err != nil {
		return err
	}
	if code := outcomeCode(ended, c.ExitCodeFromRun); code != 0 {
		return &exitError{code}
	}
	return nil
}

// await waits for the end of a run, with one target or many.
func (a *app) await(ctx context.Context, r client.Run, log *printer) (client.Run, error) {
	if r.Targets != nil {
		return (&fan{a: a, project: a.Project, run: r, log: log}).wait(ctx)
	}
	return (&watch{a: a, project: a.Project, run: r, log: log}).wait(ctx)
}

// leftAlone says that the run goes on without us.
func (a *app) leftAlone(err error, r client.Run, limit time.Duration) error {
	cancel := "To cancel it: cronium runs cancel " + screen.Name(r.ID)
	switch {
	case errors.Is(err, errInterrupted):
		a.Say("The run goes on. %s", cancel)
	case errors.Is(err, errTimeout):
		return &waitedError{fmt.Sprintf("the run has not ended after %s and goes on: %s", limit, doing(r)), cancel}
	}
	return err
}

// waitedError is errTimeout with what was waited for.
type waitedError struct{ text, hint string }

func (e *waitedError) Error() string { return e.text }
func (e *waitedError) Unwrap() error { return errTimeout }

// outcomeCode is the exit code that a finished run stands for.
func outcomeCode(r client.Run, own bool) int {
	if own && r.ExitCode != nil {
		return *r.ExitCode
	}
	switch r.State {
	case client.Succeeded:
		return 0
	case client.Partial:
		return exitPartial
	case client.Cancelled:
		return exitCancelled
	}
	return exitFailed
}

// summary is the last line about a run.
func (a *app) summary(r client.Run) {
	line := a.PaintTalk(looks[r.State].style, doneWord(r.State))
	if r.DurationMS != nil {
		line += " in " + spent(time.Duration(*r.DurationMS)*time.Millisecond)
	}
	if where := whereOf(r.RunSummary); where != "" {
		line += " on " + screen.Name(where)
	}
	if r.ExitCode != nil && r.State != client.Succeeded {
		line += fmt.Sprintf(" · exit code %d", *r.ExitCode)
	}
	if r.Attempt > 1 {
		line += fmt.Sprintf(" · attempt %d", r.Attempt)
	}
	a.Say("%s", line)
	if o := r.Outcome; o != nil && r.State != client.Succeeded {
		// The line above has the exit code already.
		if o.Detail != "" && (r.ExitCode == nil || o.Detail != fmt.Sprintf("exit code %d", *r.ExitCode)) {
			a.Say("%s", screen.Name(o.Detail))
		}
		if o.Hint != "" {
			a.Say("%s", screen.Name(o.Hint))
		}
	}
}

func doneWord(state string) string {
	if look, ok := looks[state]; ok {
		return look.glyph + " " + look.word
	}
	return screen.Name(state)
}
