package main

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"os"

	"github.com/cronium/cronium/sdk/client"
	"github.com/cronium/cronium/sdk/cmd/cronium/internal/screen"
	"github.com/cronium/cronium/sdk/definition"
	"github.com/cronium/cronium/sdk/problem"
)

type applyCmd struct {
	File             []string `short:"f" required:"" sep:"none" placeholder:"PATH" help:"A definition file, a directory of them, or - for standard input. May be repeated."`
	DryRun           bool     `help:"Check and show what would change, but change nothing."`
	DetailedExitcode bool     `help:"With --dry-run: exit with 2 when something would change."`
}

func (applyCmd) Help() string {
	return examples("cronium apply -f examples/", "",
		"cronium apply -f jobs/ --dry-run --detailed-exitcode", "0: nothing to do, 2: changes pending, 1: wrong or not applicable")
}

// planned is what becomes of one definition. Its JSON is the output of apply.
type planned struct {
	Change  string `json:"change"`  // created, updated, unchanged or failed
	Applied bool   `json:"applied"` // the hub has it; false after --dry-run and after a failure of any
	Name    string `json:"name"`
	Project string `json:"project"`
	Version int    `json:"version,omitempty"`
	File    string `json:"file"`
	Error   string `json:"error,omitempty"` // why it failed

	body client.Definition
	err  error
}

func (c *applyCmd) Run(a *app) error {
	if c.DetailedExitcode && !c.DryRun {
		return usage("Add --dry-run.", "--detailed-exitcode needs --dry-run")
	}
	plan, err := c.read(a)
	if err != nil {
		return c.unreadable(a, err)
	}
	hub, err := a.client()
	if err != nil {
		return err
	}
	// First everything is checked, so that one bad definition changes nothing.
	if err := c.put(a, hub, plan, true); err != nil {
		return err
	}
	if failures(plan) == 0 && !c.DryRun {
		if err := c.put(a, hub, plan, false); err != nil {
			return err
		}
	}
	if err := c.show(a, plan); err != nil {
		return err
	}
	return c.outcome(a, plan)
}

// unreadable ends with 2, like everything that the user wrote wrongly, unless 2
// was asked to mean pending changes.
func (c *applyCmd) unreadable(a *app, err error) error {
	explain(a.Screen, err, a.Debug)
	a.Say("Nothing was changed.")
	return &exitError{c.wrong()}
}

func (c *applyCmd) wrong() int {
	if c.DetailedExitcode {
		return exitFailed
	}
	return exitUsage
}

func (c *applyCmd) read(a *app) ([]*planned, error) {
	var plan []*planned
	for _, path := range c.File {
		jobs, err := readDefinitions(path)
		if err != nil {
			return nil, err
		}
		for _, j := range jobs {
			body, err := wire(j)
			if err != nil {
				return nil, err
			}
			body.Metadata.Project = cmp.Or(j.Metadata.Project, a.Project)
			plan = append(plan, &planned{Name: j.Metadata.Name, Project: body.Metadata.Project, File: j.Origin.File, body: body})
		}
	}
	return plan, nil
}

func readDefinitions(path string) ([]definition.Job, error) {
	if path != "-" {
		return definition.Load(path)
	}
	text, err := io.ReadAll(io.LimitReader(os.Stdin, 1<<20+1))
	if err != nil {
		return nil, fmt.Errorf("read standard input: %w", err)
	}
	return definition.Parse("-", text)
}

// wire is a definition as the client sends it: the two have the same JSON.
func wire(j definition.Job) (client.Definition, error) {
	text, err := json.Marshal(j)
	if err != nil {
		return client.Definition{}, fmt.Errorf("encode job %s: %w", j.Metadata.Name, err)
	}
	dec := json.NewDecoder(bytes.NewReader(text))
	dec.UseNumber() // whole numbers stay whole
	var d client.Definition
	if err := dec.Decode(&d); err != nil {
		return client.Definition{}, fmt.Errorf("encode job %s: %w", j.Metadata.Name, err)
	}
	return d, nil
}

// put sends every definition that still has something to do. It stops only when
// going on makes no sense.
func (c *applyCmd) put(a *app, hub *client.Client, plan []*planned, dry bool) error {
	for i, p := range plan {
		if !dry && p.Change == "unchanged" {
			continue
		}
		if !a.Terminal || len(plan) > 1 {
			a.Status("%d of %d: %s", i+1, len(plan), screen.Name(p.Name))
		}
		done, err := hub.PutJob(a.ctx, p.Project, p.body, client.PutOptions{DryRun: dry})
		if err != nil {
			known, ok := problem.As(err)
			if !ok || known.Status >= 500 || exitCode(err) == exitDenied {
				return fmt.Errorf("apply job %s: %w", p.Name, err)
			}
			sentence, _ := words(err)
			p.Change, p.Applied, p.Error, p.err = "failed", false, sentence, err
			continue
		}
		p.Change, p.Applied = done.Change, !dry || done.Change == "unchanged"
		if dry {
			for _, warning := range done.Warnings {
				a.Say("warning: %s: job %q: %s", screen.Name(p.File), p.Name, screen.Name(warning.Detail))
			}
		}
		if !dry || done.Change == "unchanged" {
			p.Version = done.Job.Version
		}
	}
	a.Clear()
	return nil
}

func failures(plan []*planned) int {
	n := 0
	for _, p := range plan {
		if p.err != nil {
			n++
		}
	}
	return n
}

var signs = map[string]struct {
	sign  string
	style screen.Style
}{
	"created": {"+", screen.Good}, "updated": {"~", screen.Warn}, "unchanged": {"=", screen.Dim}, "failed": {"!", screen.Bad},
}

func (c *applyCmd) show(a *app, plan []*planned) error {
	items := make([]planned, len(plan))
	counts := map[string]int{}
	for i, p := range plan {
		items[i] = *p
		counts[p.Change]++
	}
	if a.Output != "" && a.Output != "table" {
		return list(a, client.Page[planned]{Items: items}, view[planned]{name: func(p planned) string { return p.Name }})
	}
	for _, p := range items {
		s := signs[p.Change]
		a.Printf("%s\n", a.Paint(s.style, fmt.Sprintf("%s %s", s.sign, screen.Name(p.Name))))
	}
	summary := fmt.Sprintf("+ %d ~ %d = %d", counts["created"], counts["updated"], counts["unchanged"])
	if counts["failed"] > 0 {
		summary += fmt.Sprintf(" ! %d", counts["failed"])
	}
	a.Printf("%s\n", summary)
	return nil
}

// outcome says what went wrong and chooses the exit code.
func (c *applyCmd) outcome(a *app, plan []*planned) error {
	var changes, done int
	var first error
	for _, p := range plan {
		if p.err != nil {
			sentence, hint := words(p.err)
			a.Complain("%s %s: job %q: %s", a.PaintTalk(screen.Bad, "error:"), screen.Name(p.File), p.Name, screen.Name(sentence))
			if hint != "" {
				a.Complain("%s", screen.Name(hint))
			}
			if first == nil {
				first = p.err
			}
			continue
		}
		if p.Change != "unchanged" {
			changes++
		}
		if p.Applied && p.Change != "unchanged" {
			done++
		}
	}
	switch {
	case first != nil && done > 0:
		return &exitError{exitPartial}
	case first != nil:
		if !c.DryRun {
			a.Say("Nothing was changed.")
		}
		code := exitCode(first)
		if code == exitUsage {
			code = c.wrong()
		}
		return &exitError{code}
	case c.DetailedExitcode && changes > 0:
		return &exitError{exitUsage}
	}
	if c.DryRun && changes > 0 {
		a.Say("Nothing was changed: --dry-run.")
	}
	return nil
}
