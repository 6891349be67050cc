package main

import (
	"context"
	"os"

	"github.com/cronium/cronium/agent/installer"
)

type installCommand struct {
	Language    string   `required:"" help:"python or node."`
	Interpreter string   `required:"" help:"Path of the interpreter."`
	Target      string   `required:"" help:"Directory to install into."`
	Wheelhouse  string   `help:"Directory to take packages from, and from nowhere else."`
	Builds      bool     `help:"Let packages run code."`
	Packages    []string `arg:"" help:"What to install."`
}

// Run ends the program with the exit code of pip or npm.
func (c *installCommand) Run(ctx context.Context) error {
	code, err := installer.Run(ctx, installer.Order{Language: c.Language, Interpreter: c.Interpreter, Target: c.Target, Wheelhouse: c.Wheelhouse,
		Builds: c.Builds, Dependencies: c.Packages}, os.Environ(), os.Stdout, os.Stderr)
	if err != nil {
		return err
	}
	os.Exit(code)
	return nil
}
