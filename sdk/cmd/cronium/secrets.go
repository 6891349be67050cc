package main

import (
	"fmt"
	"os"
	"strings"

	"golang.org/x/term"

	"github.com/cronium/cronium/sdk/client"
	"github.com/cronium/cronium/sdk/cmd/cronium/internal/screen"
)

type secretsCmd struct {
	Ls  secretsLsCmd  `cmd:"" default:"withargs" help:"List secrets; nobody can read their values."`
	Set secretsSetCmd `cmd:"" help:"Give a secret a value, from standard input."`
	Rm  secretsRmCmd  `cmd:"" help:"Delete secrets."`
}

type secretsLsCmd struct {
	Limit int `default:"0" placeholder:"N" help:"At most so many; the default is all."`
}

func (secretsLsCmd) Help() string {
	return examples("cronium secrets", "", "cronium secrets ls --json | jq '.items[].last_read'", "")
}

func (s *secretsLsCmd) Run(a *app) error {
	hub, err := a.client()
	if err != nil {
		return err
	}
	page, err := collect(s.Limit, func(p client.Paging) (client.Page[client.Secret], error) {
		return hub.Secrets(a.ctx, a.Project, p)
	})
	if err != nil {
		return err
	}
	return list(a, page, view[client.Secret]{
		name: func(s client.Secret) string { return s.Name },
		columns: []column{{Title: "name", Flex: true}, {Title: "version", Right: true}, {Title: "updated"}, {Title: "by", Flex: true},
			{Title: "last read by", Flex: true}, {Title: "read"}},
		row: func(s client.Secret) []cell {
			by, read := text("-"), a.when(nil)
			if r := s.LastRead; r != nil {
				by, read = text(fmt.Sprintf("%s %s", r.Job, r.Run)), a.when(&r.At)
			}
			return []cell{text(s.Name), number(int(s.Version)), a.when(&s.UpdatedAt), text(dash(s.UpdatedBy)), by, read}
		},
		none: "No secrets in project " + a.Project + ". Set one with cronium secrets set NAME.",
	})
}

type secretsSetCmd struct {
	Name string `arg:"" predict:"secret" help:"Name of the secret."`
}

func (secretsSetCmd) Help() string {
	return examples("cronium secrets set DB_PASSWORD < password.txt", "one line end at the end is left out",
		"cronium secrets set DB_PASSWORD", "on a terminal it asks")
}

func (s *secretsSetCmd) Run(a *app) error {
	hub, err := a.client()
	if err != nil {
		return err
	}
	var value string
	if term.IsTerminal(int(os.Stdin.Fd())) {
		value, err = askHidden(a.ctx, "Value of "+screen.Name(s.Name)+": ")
	} else {
		value, err = readAll(os.Stdin, maxGiven)
	}
	if err != nil {
		return err
	}
	if value == "" {
		return usage("Pipe the value in.", "the value is empty")
	}
	if err := hub.PutSecret(a.ctx, a.Project, s.Name, value); err != nil {
		return err
	}
	a.Say("Secret %s is set. A job may read it when its spec.secrets names it.", screen.Name(s.Name))
	return nil
}

type secretsRmCmd struct {
	Name []string `arg:"" predict:"secret" help:"Names of secrets."`
	Yes  bool     `help:"Do not ask."`
}

func (secretsRmCmd) Help() string {
	return examples("cronium secrets rm DB_PASSWORD", "", "cronium secrets rm A B --yes", "")
}

func (s *secretsRmCmd) Run(a *app) error {
	hub, err := a.client()
	if err != nil {
		return err
	}
	if err := a.confirm(s.Yes, "Delete %d secret(s): %s. Jobs that read them will fail.", len(s.Name), strings.Join(s.Name, ", ")); err != nil {
		return err
	}
	return a.each(s.Name, func(name string) error {
		if err := hub.DeleteSecret(a.ctx, a.Project, name); err != nil {
			return a.secretMissing(err, name)
		}
		a.Say("Secret %s is deleted.", screen.Name(name))
		return nil
	})
}

// secretMissing adds the nearest secret to a "not found".
func (a *app) secretMissing(err error, name string) error {
	return suggest(err, "secret", name, func() ([]string, error) { return a.secretNames() })
}

func (a *app) secretNames() ([]string, error) {
	page, err := a.hub.Secrets(a.ctx, a.Project, client.Paging{Limit: 200})
	names := make([]string, len(page.Items))
	for i, s := range page.Items {
		names[i] = s.Name
	}
	return names, err
}
