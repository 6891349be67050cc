package main

import (
	"context"
	"os/exec"
	"runtime"

	"github.com/cronium/cronium/sdk/cmd/cronium/internal/screen"
)

type openCmd struct {
	ID    string `arg:"" optional:"" name:"run|job" predict:"runjob" help:"Id of a run or name of a job; the default is the list of jobs."`
	Print bool   `help:"Print the address instead."`
}

func (openCmd) Help() string {
	return examples("cronium open disk-report", "", "cronium open r_0dk3c9p5v4s3p9j2n0q4c7g5f8 --print", "")
}

func (o *openCmd) Run(a *app) error {
	if _, err := a.client(); err != nil {
		return err
	}
	address := a.link("jobs")
	switch {
	case isRunID(o.ID):
		address = a.link("runs", o.ID)
	case o.ID != "":
		if _, err := a.hub.Job(a.ctx, a.Project, o.ID); err != nil {
			return a.jobMissing(err, o.ID)
		}
		address = a.link("jobs", o.ID)
	}
	if o.Print || !a.Terminal {
		a.Printf("%s\n", address)
		return nil
	}
	if err := browse(a.ctx, address); err != nil {
		a.Say("No browser could be started (%s). The address:", screen.Name(err.Error()))
		a.Printf("%s\n", address)
	}
	return nil
}

// browse starts the desktop's browser and does not wait for it.
func browse(ctx context.Context, address string) error {
	command := []string{"xdg-open", address}
	switch runtime.GOOS {
	case "darwin":
		command = []string{"open", address}
	case "windows":
		command = []string{"rundll32", "url.dll,FileProtocolHandler", address}
	}
	return exec.CommandContext(context.WithoutCancel(ctx), command[0], command[1:]...).Start()
}
