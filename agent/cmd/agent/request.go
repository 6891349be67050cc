package main

import (
	"context"
	"os"

	"github.com/cronium/cronium/agent/httpjob"
)

type requestCommand struct {
	File string `arg:"" type:"existingfile" help:"The request as JSON."`
}

// Run ends the program with the exit code of the HTTP job.
func (c *requestCommand) Run(ctx context.Context) error {
	spec, err := os.ReadFile(c.File)
	if err != nil {
		return err
	}
	job := httpjob.Job{Spec: spec, Lookup: os.LookupEnv, Out: os.Stdout, Err: os.Stderr, Version: version}
	os.Exit(job.Run(ctx))
	return nil
}
