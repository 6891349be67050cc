package main

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/cronium/cronium/sdk/client"
)

type logsCmd struct {
	ID         string `arg:"" name:"run|job" predict:"runjob" help:"Id of a run, or name of a job for its latest run."`
	Follow     bool   `short:"f" help:"Go on until the run ends."`
	Raw        bool   `help:"Exactly the bytes that the script wrote; with -f once the log is complete."`
	Stream     string `enum:"all,stdout,stderr" default:"all" placeholder:"S" help:"all, stdout or stderr."`
	Target     string `placeholder:"NAME" help:"Of a run that fans out: only the log of this host or server."`
	Attempt    int    `placeholder:"N" help:"Which attempt; the default is the last."`
	Lines      string `placeholder:"A-B" help:"Only these lines, like 120-140, 120- or 120."`
	Tail       int    `placeholder:"N" help:"Only the last N lines (with -f: and then what comes)."`
	Timestamps bool   `short:"t" help:"Put the time before every line."`
}

func (logsCmd) Help() string {
	return examples("cronium logs disk-report -f", "the latest run, live", "cronium logs r_0dk3c9p5v4s3p9j2n0q4c7g5f8 --raw > report.txt", "")
}

func (l *logsCmd) Run(a *app) error {
	from, to, err := l.check(a)
	if err != nil {
		return err
	}
	hub, err := a.client()
	if err != nil {
		return err
	}
	id, err := a.runID(l.ID)
	if err != nil {
		return err
	}
	if l.Target != "" {
		if id, err = a.targetRun(id, l.Target); err != nil {
			return err
		}
	}
	run, err := hub.Run(a.ctx, a.Project, id)
	switch {
	case err != nil:
	case run.Targets != nil && (!l.Raw || l.Follow):
		err = l.printTargets(a, hub, id)
	case run.Targets != nil:
		err = hub.RawLog(a.ctx, a.Project, id, l.Attempt, l.rawStream(), a)
	case l.Raw:
		err = l.raw(a, hub, id)
	case l.Follow:
		err = l.follow(a, hub, id, from)
	default:
		err = l.print(a, hub, id, from, to)
	}
	return runMissing(err, id)
}

// check refuses flags that contradict each other and reads the range.
func (l *logsCmd) check(a *app) (from, to int64, err error) {
	switch {
	case l.Raw && (l.Lines != "" || l.Tail > 0 || l.Timestamps || a.Output != ""):
		return 0, 0, usage("Leave --raw or the others out.", "--raw is the whole log as it is: no --lines, --tail, -t or -o")
	case l.Lines != "" && (l.Tail > 0 || l.Follow):
		return 0, 0, usage("Leave one of them out.", "--lines goes with neither --tail nor -f")
	case l.Tail < 0 || l.Attempt < 0:
		return 0, 0, usage("", "--tail and --attempt must not be negative")
	case l.Lines == "":
		return 1, 0, nil
	}
	first, last, ranged := strings.Cut(l.Lines, "-")
	from, err = strconv.ParseInt(first, 10, 64)
	if err == nil && ranged && last != "" {
		to, err = strconv.ParseInt(last, 10, 64)
	}
	if !ranged {
		to = from
	}
	if err != nil || from < 1 || (to != 0 && to < from) {
		return 0, 0, usage("Write it like 120-140, 120- or 120; lines count from 1.", "--lines %q is not a range", l.Lines)
	}
	return from, to, nil
}

// raw copies the bytes. A log that is not complete is said to be so, because its
// reader may take it for the whole.
func (l *logsCmd) raw(a *app, hub *client.Client, id string) error {
	var complete bool
	var err error
	if l.Follow {
		complete, err = l.untilComplete(a, hub, id)
	} else {
		complete, err = l.isComplete(a, hub, id)
	}
	if err != nil {
		return err
	}
	if err := hub.RawLog(a.ctx, a.Project, id, l.Attempt, l.rawStream(), a); err != nil {
		return err
	}
	if complete {
		return nil
	}
	run, err := hub.Run(a.ctx, a.Project, id)
	switch {
	case err != nil:
		return err
	case neverBegan(run):
		a.Say(noLog)
	case run.Final():
		a.Say("The rest of this log has not arrived; its host may be gone.")
	default:
		a.Say("This log is not complete yet; --raw -f waits for the end.")
	}
	return nil
}

func (l *logsCmd) rawStream() string {
	if l.Stream == "all" {
		return ""
	}
	return l.Stream
}

// noLog is said of a run that [neverBegan].
const noLog = "The run ended before a host took it, so it has no log."

func neverBegan(r client.Run) bool { return r.Final() && r.Attempt == 0 }

func (l *logsCmd) isComplete(a *app, hub *client.Client, id string) (bool, error) {
	head, err := hub.Log(a.ctx, a.Project, id, client.LogWindow{Attempt: l.Attempt, From: 1, Limit: 1})
	return head.Complete, err
}

func (l *logsCmd) untilComplete(a *app, hub *client.Client, id string) (bool, error) {
	began := a.now()
	for {
		done, err := l.isComplete(a, hub, id)
		if err != nil || done {
			return done, err
		}
		run, err := hub.Run(a.ctx, a.Project, id)
		if err != nil {
			return false, err
		}
		if neverBegan(run) {
			return false, nil
		}
		if run.Final() && run.FinishedAt != nil && hub.Now().Sub(*run.FinishedAt) > time.Minute {
			return false, nil // a lost host may never send the rest
		}
		a.Status("waiting for the end of the run · %s", elapsed(a.now().Sub(began)))
		select {
		case <-a.ctx.Done():
			return false, context.Cause(a.ctx)
		case <-time.After(time.Second):
		}
	}
}

// follow prints what there is and what comes until the run ends. The run's outcome
// is not this command's: it exits with 0.
func (l *logsCmd) follow(a *app, hub *client.Client, id string, from int64) error {
	run, err := hub.Run(a.ctx, a.Project, id)
	if err != nil {
		return err
	}
	if l.Tail > 0 {
		if from, err = l.tailFrom(a, hub, id); err != nil {
			return err
		}
	}
	w := &watch{a: a, project: a.Project, run: run, log: l.printer(a), from: from, only: l.Attempt}
	if !run.Final() || l.Attempt == 0 {
		w.first = run.Attempt
	}
	ended, err := w.wait(a.ctx)
	if err != nil {
		return a.leftAlone(err, ended, 0)
	}
	a.summary(ended)
	return nil
}

func (l *logsCmd) tailFrom(a *app, hub *client.Client, id string) (int64, error) {
	head, err := hub.Log(a.ctx, a.Project, id, client.LogWindow{Attempt: l.Attempt, From: 1, Limit: 1})
	return max(head.Total-int64(l.Tail)+1, 1), err
}

func (l *logsCmd) printer(a *app) *printer {
	stream := map[string]string{"stdout": "out", "stderr": "err"}[l.Stream]
	return &printer{a: a, stream: stream, stamps: l.Timestamps}
}

// print writes the lines that exist now.
func (l *logsCmd) print(a *app, hub *client.Client, id string, from, to int64) error {
	if l.Tail > 0 {
		var err error
		if from, err = l.tailFrom(a, hub, id); err != nil {
			return err
		}
	}
	p := l.printer(a)
	window := client.LogWindow{Attempt: l.Attempt, From: from, Limit: 5000}
	for {
		if to > 0 {
			window.Limit = int(min(to-window.From+1, 5000))
		}
		got, err := hub.Log(a.ctx, a.Project, id, window)
		if err != nil {
			return err
		}
		if err := p.batch(client.LogBatch{Lines: got.Lines, Complete: true}); err != nil {
			return err
		}
		if len(got.Lines) == 0 {
			return l.nothing(a, id, got, from)
		}
		last := got.Lines[len(got.Lines)-1].N
		if last >= got.Total || (to > 0 && last >= to) {
			break
		}
		window.From = last + 1
	}
	p.end()
	return nil
}

// nothing explains an empty answer.
func (l *logsCmd) nothing(a *app, id string, got client.Log, from int64) error {
	var run client.Run
	if got.Total == 0 && !got.Complete {
		var err error
		if run, err = a.hub.Run(a.ctx, a.Project, id); err != nil {
			return err
		}
	}
	switch {
	case neverBegan(run):
		a.Say(noLog)
	case from > got.Total && (l.Lines != "") && got.Total > 0:
		return fmt.Errorf("the log has only %d lines", got.Total)
	case got.Total == 0 && !got.Complete:
		a.Say("Nothing is logged yet; -f waits for it.")
	case got.Total == 0:
		a.Say("The script printed nothing.")
	}
	return nil
}
