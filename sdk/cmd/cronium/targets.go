package main

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/cronium/cronium/sdk/client"
	"github.com/cronium/cronium/sdk/cmd/cronium/internal/screen"
	"github.com/cronium/cronium/sdk/problem"
)

// fan waits for the end of a run that fans out, and prints the logs of its targets
// on the way, each line with its target in front.
type fan struct {
	a       *app
	project string
	run     client.Run // as last seen
	log     *printer   // nil: no log

	began, quietAt, heard time.Time
	work                  sync.WaitGroup
}

// wait returns the run when it is final and the logs are printed.
func (f *fan) wait(ctx context.Context) (client.Run, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	f.began = f.a.now()
	f.quietAt, f.heard = f.began, f.began
	updates, watching := f.watch(ctx)
	pieces, logged := f.follow(ctx)
	err := f.loop(ctx, updates, watching, pieces, logged)
	cancel(err)
	f.work.Wait()
	f.a.Clear()
	if f.log != nil {
		f.log.end()
	}
	return f.run, err
}

func (f *fan) watch(ctx context.Context) (<-chan client.Run, <-chan error) {
	updates, ended := make(chan client.Run), make(chan error, 1)
	f.work.Go(func() {
		ended <- f.a.hub.WatchRun(ctx, f.project, f.run.ID, f.trouble, func(r client.Run) error {
			return hand(ctx, updates, r)
		})
	})
	return updates, ended
}

func (f *fan) follow(ctx context.Context) (<-chan client.TargetsLog, <-chan error) {
	pieces, ended := make(chan client.TargetsLog), make(chan error, 1)
	if f.log == nil {
		return nil, nil
	}
	f.work.Go(func() {
		ended <- f.a.hub.FollowTargets(ctx, f.project, f.run.ID, nil, func(l client.TargetsLog) error {
			return hand(ctx, pieces, l)
		})
	})
	return pieces, ended
}

func hand[T any](ctx context.Context, to chan<- T, v T) error {
	select {
	case to <- v:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

func (f *fan) loop(ctx context.Context, updates <-chan client.Run, watching <-chan error, pieces <-chan client.TargetsLog, logged <-chan error) error {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for watching != nil || logged != nil {
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case f.run = <-updates:
			f.status()
		case err := <-watching:
			if watching = nil; err != nil {
				return err
			}
			f.heard = f.a.now()
		case piece := <-pieces:
			f.heard = f.a.now()
			if err := f.log.targets(piece); err != nil {
				return err
			}
		case err := <-logged:
			if logged = nil; err != nil {
				return fmt.Errorf("follow the logs: %w", err)
			}
		case <-tick.C:
			f.status()
			if watching == nil && f.a.now().Sub(f.heard) > 2*grace { // an answer without news takes a while
				f.a.Say("The rest of a log has not arrived; see cronium logs %s", f.run.ID)
				return nil
			}
		}
	}
	return nil
}

func (f *fan) trouble(lost error) { (&watch{a: f.a}).trouble(lost) }

// status says how many targets have ended: on a terminal in the transient line, else
// now and then.
func (f *fan) status() {
	if f.run.Final() {
		return
	}
	now := f.a.now()
	if f.a.Talk {
		f.a.Status("%s · %s", doing(f.run), elapsed(now.Sub(f.began)))
		return
	}
	if now.Sub(f.quietAt) >= heartbeat {
		f.quietAt = now
		f.a.Say("%s · %s so far", doing(f.run), elapsed(now.Sub(f.began)))
	}
}

// targets prints lines of several logs.
func (p *printer) targets(b client.TargetsLog) error {
	for _, l := range b.Lines {
		switch {
		case p.stream != "" && p.stream != l.Stream:
		case p.a.Output == "json" || p.a.Output == "jsonl":
			if err := p.a.writeLine(l); err != nil {
				return err
			}
		default:
			p.a.Printf("%s%s ", p.stamp(l.At), p.a.Paint(screen.Dim, "["+screen.Name(l.Target)+"]"))
			p.write(client.LogLine{N: l.N, Stream: l.Stream}, l.Text)
			p.a.Printf("\n")
		}
	}
	return p.a.Flush()
}

// maxNamed is how many targets are named that have not succeeded.
const maxNamed = 20

// unwell names the targets on which a run has not succeeded.
func (a *app) unwell(r client.Run) error {
	if r.Targets == nil || r.Targets.Succeeded == r.Targets.Total {
		return nil
	}
	children, err := a.children(r.ID, client.RunFilter{States: []string{client.Failed, client.TimedOut, client.Lost, client.Cancelled}}, maxNamed)
	if err != nil {
		return err
	}
	for _, c := range children.Items {
		line := a.PaintTalk(looks[c.State].style, doneWord(c.State)) + " on " + screen.Name(c.Target)
		if c.ExitCode != nil {
			line += fmt.Sprintf(" · exit code %d", *c.ExitCode)
		} else if c.Outcome != nil && c.Outcome.Detail != "" {
			line += " · " + screen.Name(c.Outcome.Detail)
		}
		a.Say("%s · %s", line, screen.Name(c.ID))
	}
	return nil
}

// children are the runs of the targets of a run; limit 0: all.
func (a *app) children(parent string, f client.RunFilter, limit int) (client.Page[client.RunSummary], error) {
	f.Parent = parent
	return collect(limit, func(p client.Paging) (client.Page[client.RunSummary], error) {
		return a.hub.Runs(a.ctx, a.Project, f, p)
	})
}

// targetRun is the run of one target.
func (a *app) targetRun(parent, target string) (string, error) {
	children, err := a.children(parent, client.RunFilter{}, 0)
	if err != nil {
		return "", err
	}
	names := make([]string, len(children.Items))
	for i, c := range children.Items {
		if names[i] = c.Target; c.Target == target {
			return c.ID, nil
		}
	}
	p := errNoTarget.With("run %s has no target %q", parent, target)
	if len(names) > 0 {
		p = p.Hinted("It has %s.", strings.Join(names[:min(len(names), maxNamed)], ", "))
	}
	return "", p
}

var errNoTarget = problem.New("no_target", http.StatusNotFound, "Target not found", "Only runs that fan out have targets.")

// targetsText is what has become of targets, in words.
func targetsText(t *client.TargetCounts) string {
	if t == nil {
		return ""
	}
	parts := []string{fmt.Sprintf("%d", t.Total)}
	for _, c := range []struct {
		n    int
		word string
	}{{t.Succeeded, "succeeded"}, {t.Failed, "failed"}, {t.Cancelled, "cancelled"}, {t.Running, "running"}, {t.Queued, "queued"}} {
		if c.n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", c.n, c.word))
		}
	}
	return parts[0] + ": " + strings.Join(parts[1:], ", ")
}

// whereOf is where a run is: on a host, on a target that has no host yet, or on many.
func whereOf(r client.RunSummary) string {
	switch {
	case r.Targets != nil && r.Targets.Total == 0:
		return ""
	case r.Targets != nil:
		return fmt.Sprintf("%d targets", r.Targets.Total)
	case r.Host == "":
		return r.Target
	}
	return r.Host
}

// printTargets prints the logs of all targets as far as they are there, or until
// they end.
func (l *logsCmd) printTargets(a *app, hub *client.Client, id string) error {
	if l.Lines != "" || l.Tail > 0 || l.Attempt > 0 {
		return usage("Name one of them with --target.", "run %s fans out: --lines, --tail and --attempt are of the log of one target", id)
	}
	run, err := hub.Run(a.ctx, a.Project, id)
	if err != nil {
		return err
	}
	if l.Follow {
		f := &fan{a: a, project: a.Project, run: run, log: l.printer(a)}
		ended, err := f.wait(a.ctx)
		if err != nil {
			return a.leftAlone(err, ended, 0)
		}
		a.summary(ended)
		return nil
	}
	p, cursor := l.printer(a), ""
	for {
		piece, err := hub.TargetsLog(a.ctx, a.Project, id, client.TargetsWindow{Cursor: cursor, Limit: 5000})
		if err != nil {
			return err
		}
		if err := p.targets(piece); err != nil {
			return err
		}
		if cursor = piece.Cursor; !piece.More {
			p.end()
			return nil
		}
	}
}

// showTargets lists the runs of the targets.
func (a *app) showTargets(r client.Run) error {
	if r.Targets == nil || r.Targets.Total == 0 {
		return nil
	}
	children, err := a.children(r.ID, client.RunFilter{}, 0)
	if err != nil {
		return err
	}
	rows := make([][]cell, len(children.Items))
	for i, c := range children.Items {
		why := ""
		switch {
		case c.Outcome != nil:
			why = c.Outcome.Detail
		case c.Reason != nil:
			why = c.Reason.Detail
		}
		rows[i] = []cell{text(c.Target), a.state(c.State), text(dash(why)), text(c.ID), a.when(c.StartedAt), a.took(c.DurationMS)}
	}
	a.Printf("\n")
	a.Table(a.timed([]column{{Title: "target", Flex: true}, {Title: "state"}, {Title: "outcome", Flex: true},
		{Title: "run"}, {Title: "started"}, {Title: "took", Right: true}}), rows, a.Wide)
	return nil
}
