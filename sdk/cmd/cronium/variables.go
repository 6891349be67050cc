package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/cronium/cronium/sdk/client"
	"github.com/cronium/cronium/sdk/cmd/cronium/internal/screen"
)

type variablesCmd struct {
	Ls  variablesLsCmd  `cmd:"" default:"withargs" help:"List variables."`
	Get variablesGetCmd `cmd:"" help:"Print the value of a variable as JSON."`
	Set variablesSetCmd `cmd:"" help:"Create or change a variable."`
	Rm  variablesRmCmd  `cmd:"" help:"Delete variables."`
}

type variablesLsCmd struct {
	Text  string `placeholder:"T" help:"Only variables with this in their name."`
	Limit int    `default:"0" placeholder:"N" help:"At most so many; the default is all."`
}

func (variablesLsCmd) Help() string {
	return examples("cronium variables", "", "cronium variables ls --text backup --json", "")
}

func (v *variablesLsCmd) Run(a *app) error {
	hub, err := a.client()
	if err != nil {
		return err
	}
	page, err := collect(v.Limit, func(p client.Paging) (client.Page[client.Variable], error) {
		return hub.Variables(a.ctx, a.Project, v.Text, p)
	})
	if err != nil {
		return err
	}
	return list(a, page, view[client.Variable]{
		name:    func(v client.Variable) string { return v.Name },
		columns: []column{{Title: "name", Flex: true}, {Title: "value", Flex: true}, {Title: "updated"}, {Title: "by", Flex: true}},
		row: func(v client.Variable) []cell {
			return []cell{text(v.Name), text(v.Text), a.when(&v.UpdatedAt), text(dash(v.UpdatedBy))}
		},
		none: "No variables in project " + a.Project + ". Set one with cronium variables set NAME VALUE.",
	})
}

type variablesGetCmd struct {
	Name string `arg:"" predict:"variable" help:"Name of the variable."`
}

func (variablesGetCmd) Help() string {
	return examples("cronium variables get last_backup", "", "cronium variables get last_backup --json | jq .updated_by", "")
}

func (v *variablesGetCmd) Run(a *app) error {
	hub, err := a.client()
	if err != nil {
		return err
	}
	got, err := hub.Variable(a.ctx, a.Project, v.Name)
	if err != nil {
		return a.variableMissing(err, v.Name)
	}
	return one(a, got, got.Name, func() { a.Printf("%s\n", a.exactly(got.Text)) })
}

type variablesSetCmd struct {
	Name  string `arg:"" predict:"variable" help:"Name of the variable."`
	Value string `arg:"" help:"JSON, or else text; - reads it from standard input."`
	Text  bool   `help:"Take the value for text, also if it is JSON."`
}

func (variablesSetCmd) Help() string {
	return examples("cronium variables set retries 3", "a number", "cronium variables set greeting hello", "text",
		`cronium variables set hosts '["a", "b"]'`, "a list", "cronium variables set zip 01234 --text", "")
}

func (v *variablesSetCmd) Run(a *app) error {
	hub, err := a.client()
	if err != nil {
		return err
	}
	given := v.Value
	if given == "-" {
		if given, err = readAll(os.Stdin, maxGiven); err != nil {
			return err
		}
	}
	value, err := valueOf(given, v.Text)
	if err != nil {
		return err
	}
	got, err := hub.PutVariable(a.ctx, a.Project, v.Name, value)
	if err != nil {
		return err
	}
	return one(a, got, got.Name, func() { a.Say("Variable %s is set.", screen.Name(got.Name)) })
}

// valueOf is the JSON that somebody means by a word on the command line.
func valueOf(given string, isText bool) (json.RawMessage, error) {
	if !isText && json.Valid([]byte(given)) {
		if strings.TrimSpace(given) == "null" {
			return nil, usage("Delete it with cronium variables rm, or add --text for the word.", "a variable cannot be null")
		}
		return json.RawMessage(given), nil
	}
	return json.Marshal(given)
}

// maxGiven is more than the hub takes, so that it says what is wrong.
const maxGiven = 128 << 10

func readAll(r io.Reader, most int64) (string, error) {
	b, err := io.ReadAll(io.LimitReader(r, most+1))
	if err != nil {
		return "", fmt.Errorf("read standard input: %w", err)
	}
	if int64(len(b)) > most {
		return "", usage("Give less.", "standard input has more than %d KiB", most>>10)
	}
	return strings.TrimSuffix(string(b), "\n"), nil
}

type variablesRmCmd struct {
	Name []string `arg:"" predict:"variable" help:"Names of variables."`
	Yes  bool     `help:"Do not ask."`
}

func (variablesRmCmd) Help() string {
	return examples("cronium variables rm last_backup", "", "cronium variables rm a b --yes", "")
}

func (v *variablesRmCmd) Run(a *app) error {
	hub, err := a.client()
	if err != nil {
		return err
	}
	if err := a.confirm(v.Yes, "Delete %d variable(s): %s. Scripts will find nothing there.", len(v.Name), strings.Join(v.Name, ", ")); err != nil {
		return err
	}
	return a.each(v.Name, func(name string) error {
		if err := hub.DeleteVariable(a.ctx, a.Project, name); err != nil {
			return a.variableMissing(err, name)
		}
		a.Say("Variable %s is deleted.", screen.Name(name))
		return nil
	})
}

// variableMissing adds the nearest variable to a "not found".
func (a *app) variableMissing(err error, name string) error {
	return suggest(err, "variable", name, func() ([]string, error) { return a.variableNames() })
}

func (a *app) variableNames() ([]string, error) {
	page, err := a.hub.Variables(a.ctx, a.Project, "", client.Paging{Limit: 200})
	names := make([]string, len(page.Items))
	for i, v := range page.Items {
		names[i] = v.Name
	}
	return names, err
}
