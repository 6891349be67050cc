package main

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/cronium/cronium/sdk/client"
	"github.com/cronium/cronium/sdk/cmd/cronium/internal/screen"
)

const (
	heartbeat = 15 * time.Second
	// grace is how long the rest of a log may be silent once the attempt is over.
	grace = 10 * time.Second
)

// watch waits for the end of a run and prints its log on the way: every attempt
// that a host accepted, in order.
type watch struct {
	a       *app
	project string
	run     client.Run // as last seen
	log     *printer   // nil: no log
	from    int64      // line to begin with, in the first attempt printed
	only    int        // attempt to print; 0 prints all from first on
	first   int        // attempt to begin with

	began   time.Time
	quietAt time.Time // of the last heartbeat
	heard   atomic.Int64
	printed int // the last attempt whose log was begun
	follow  *follow
}

// follow is the log of one attempt, being printed.
type follow struct {
	attempt int
	done    chan error
	cancel  context.CancelFunc
}

// wait returns the run when it is final and its log printed.
func (w *watch) wait(ctx context.Context) (client.Run, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	w.began, w.quietAt = w.a.now(), w.a.now()
	updates := make(chan client.Run, 1)
	watching := make(chan error, 1)
	go func() {
		watching <- w.a.hub.WatchRun(ctx, w.project, w.run.ID, w.trouble, func(r client.Run) error {
			select { // only the latest matters: it holds every attempt
			case <-updates:
			default:
			}
			updates <- r
			return nil
		})
	}()
	err := w.loop(ctx, updates, watching)
	cancel(err)
	if w.follow != nil {
		w.follow.cancel()
		<-w.follow.done //nolint:errcheck // it was told to end
	}
	w.a.Clear()
	if w.log != nil {
		w.log.end()
	}
	return w.run, err
}

func (w *watch) loop(ctx context.Context, updates <-chan client.Run, watching <-chan error) error {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		if err := w.nextLog(ctx); err != nil {
			return err
		}
		if watching == nil && w.follow == nil {
			return nil
		}
		var logEnd chan error
		if w.follow != nil {
			logEnd = w.follow.done
		}
		select {
		case <-ctx.Done():
			return drain(watching, context.Cause(ctx))
		case w.run = <-updates:
			w.status()
		case err := <-watching:
			watching = nil
			if err != nil {
				return err
			}
			select { // the last update may still be there
			case w.run = <-updates:
			default:
			}
		case err := <-logEnd:
			w.follow.cancel()
			w.follow = nil
			if err := w.logEnded(ctx, err); err != nil {
				return drain(watching, err)
			}
		case <-tick.C:
			w.status()
		}
	}
}

// drain waits for the goroutine that watches; its context has ended or is about to.
func drain(watching <-chan error, err error) error {
	if watching != nil && err != nil {
		select {
		case <-watching: //nolint:errcheck // what ended the loop is the reason
		case <-time.After(time.Second):
		}
	}
	return err
}

// nextLog begins with the next attempt when there is one, and gives up the log of
// one that is over and silent.
func (w *watch) nextLog(ctx context.Context) error {
	if w.log == nil {
		return nil
	}
	next := w.pending()
	if w.follow != nil {
		over := w.run.Final() || next > 0
		if over && w.a.now().Sub(time.Unix(0, w.heard.Load())) > grace {
			w.follow.cancel()
		}
		return nil
	}
	if next == 0 {
		return nil
	}
	if w.printed > 0 {
		w.a.Say("Attempt %d of %d", next, max(w.run.MaxAttempts, next))
	}
	w.printed = next
	fctx, cancel := context.WithCancel(ctx)
	w.follow = &follow{attempt: next, done: make(chan error, 1), cancel: cancel}
	w.heard.Store(w.a.now().UnixNano())
	options := client.Follow{Attempt: next, From: w.from}
	w.from = 0
	go func(f *follow) {
		f.done <- w.a.hub.FollowLog(fctx, w.project, w.run.ID, options, func(b client.LogBatch) error {
			w.heard.Store(w.a.now().UnixNano())
			return w.log.batch(b)
		})
	}(w.follow)
	return nil
}

// pending is the next attempt that has a log and was not printed, or 0.
func (w *watch) pending() int {
	if w.only > 0 {
		if w.printed == 0 {
			return w.only
		}
		return 0
	}
	next := 0
	consider := func(n int) {
		if n > w.printed && n >= w.first && (next == 0 || n < next) {
			next = n
		}
	}
	for _, t := range w.run.Attempts {
		if t.AcceptedAt != nil || t.StartedAt != nil {
			consider(t.Attempt)
		}
	}
	if w.run.State == client.Running || w.run.State == client.Unknown || (w.run.Final() && w.run.StartedAt != nil) {
		consider(w.run.Attempt)
	}
	return next
}

// logEnded decides whether the end of a log is the end of everything.
func (w *watch) logEnded(ctx context.Context, err error) error {
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil:
		return context.Cause(ctx)
	case errors.Is(err, context.Canceled):
		w.a.Say("The rest of the log has not arrived; see cronium logs %s", w.run.ID)
		return nil
	}
	return fmt.Errorf("follow the log: %w", err)
}

func (w *watch) trouble(lost error) {
	if lost == nil {
		w.a.Say("The hub answers again.")
		return
	}
	w.a.Say("The hub does not answer; the run goes on without it. Trying again…")
}

// status says what is waited for: on a terminal in the transient line, else now
// and then.
func (w *watch) status() {
	if w.run.Final() {
		return
	}
	now := w.a.now()
	if w.a.Talk {
		// A log that flows needs no words beside it.
		if w.follow == nil || now.Sub(time.Unix(0, w.heard.Load())) > 2*time.Second {
			w.a.Status("%s · %s", doing(w.run), elapsed(now.Sub(w.began)))
		}
		return
	}
	if now.Sub(w.quietAt) >= heartbeat {
		w.quietAt = now
		w.a.Say("%s · %s so far", doing(w.run), elapsed(now.Sub(w.began)))
	}
}

// doing is what the run is at.
func doing(run client.Run) string {
	text := run.State
	if look, ok := looks[run.State]; ok {
		text = look.glyph + " " + look.word
	}
	switch {
	case run.Targets != nil:
		text += " · targets " + targetsText(run.Targets)
	case run.Host == "" || run.State == client.Queued:
	case run.State == client.Assigned:
		text += " to " + screen.Name(run.Host)
	default:
		text += " on " + screen.Name(run.Host)
	}
	if said := progressText(run.Progress); said != "" && run.State == client.Running {
		text += ": " + said
	}
	if r := run.Reason; r != nil && r.Detail != "" {
		text += ": " + screen.Name(r.Detail)
	}
	return text
}
