package client

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"
)

const (
	pollEvery    = time.Second
	pollAtMost   = 15 * time.Second // between polls of a hub that does not answer
	socketAgain  = 5 * time.Second  // after a socket that worked broke
	socketRarely = time.Minute      // after a socket that never worked
	windowLines  = 5000
)

// LogBatch is some lines of a log, in order.
type LogBatch struct {
	Lines    []LogLine
	Open     bool // the last line is unfinished and will come again under its number
	Total    int64
	Complete bool // nothing more will come
}

// Follow says what to follow, and how.
type Follow struct {
	Attempt int              // 0 is the last one
	From    int64            // the first line; 0 means 1
	Trouble func(lost error) // told once when the hub is lost, and with nil when it is back
}

// FollowLog hands every line from o.From on to fn, those that exist and those
// that come, until the log is complete or fn returns an error, which it returns.
// Lines come in order and once, except an unfinished one (see [LogBatch]). It
// survives the loss of the hub for as long as ctx lives.
func (c *Client) FollowLog(ctx context.Context, project, run string, o Follow, fn func(LogBatch) error) error {
	f := &logFollower{client: c, project: project, run: run, attempt: o.Attempt, next: max(o.From, 1), fn: fn}
	return c.keep(ctx, o.Trouble, f.live, f.poll)
}

// WatchRun hands the run to fn now and whenever it changes, until it is final or
// fn returns an error, which it returns.
func (c *Client) WatchRun(ctx context.Context, project, run string, trouble func(lost error), fn func(Run) error) error {
	show := func(r Run) error {
		if err := fn(r); err != nil {
			return &stopped{err}
		}
		if r.Final() {
			return errEnded
		}
		return nil
	}
	live := func(ctx context.Context, heard func()) error {
		return c.subscribe(ctx, subscription{Topic: "run", Project: project, Run: run}, func(m message) error {
			heard()
			if m.Type != "run" || m.Run == nil {
				return nil
			}
			return show(*m.Run)
		})
	}
	poll := func(ctx context.Context) error {
		r, err := c.Run(ctx, project, run)
		if err != nil {
			return err
		}
		return show(r)
	}
	return c.keep(ctx, trouble, live, poll)
}

// keep runs live, which uses a socket; while that does not work it polls and
// tries the socket again now and then. Both return errEnded at the end.
func (c *Client) keep(ctx context.Context, trouble func(error), live func(context.Context, func()) error, poll func(context.Context) error) error {
	t := &troubleTeller{tell: trouble}
	for {
		worked := false
		err := live(ctx, func() { worked = true; t.report(nil) })
		if err == nil || errors.Is(err, errEnded) || isOwn(err) {
			return ended(ctx, err)
		}
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		again := socketRarely
		if worked {
			again = socketAgain
		}
		if err := c.pollFor(ctx, again, t, poll); err != nil {
			return ended(ctx, err)
		}
	}
}

// isOwn reports whether an error ends the whole thing: what the caller's function
// said. A refusal of the socket alone does not, because polling tells the truth.
func isOwn(err error) bool {
	_, ours := errors.AsType[*stopped](err)
	return ours
}

func ended(ctx context.Context, err error) error {
	if s, ok := errors.AsType[*stopped](err); ok {
		return s.err
	}
	switch {
	case err == nil || errors.Is(err, errEnded):
		return nil
	case ctx.Err() != nil:
		return context.Cause(ctx)
	}
	return err
}

// pollFor polls at once and then every second; after d it returns nil, so that
// the socket is tried again.
func (c *Client) pollFor(ctx context.Context, d time.Duration, t *troubleTeller, poll func(context.Context) error) error {
	until, wait := c.now().Add(d), pollEvery
	for {
		err := poll(ctx)
		switch {
		case err == nil:
			t.report(nil)
			wait = pollEvery
		case errors.Is(err, errEnded) || hopeless(ctx, err):
			if ctx.Err() == nil {
				t.report(nil) // it answered
			}
			return err
		default:
			t.report(err)
			wait = min(wait*2, pollAtMost)
		}
		if !c.now().Add(wait).Before(until) && err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-time.After(wait):
		}
	}
}

// troubleTeller tells of a loss and of the end of it, each once.
type troubleTeller struct {
	tell func(error)
	lost bool
}

func (t *troubleTeller) report(err error) {
	if t.tell == nil || t.lost == (err != nil) {
		return
	}
	t.lost = err != nil
	t.tell(err)
}

// logFollower knows the first line that was not final when last seen.
type logFollower struct {
	client       *Client
	project, run string
	attempt      int
	next         int64
	fn           func(LogBatch) error
}

func (f *logFollower) live(ctx context.Context, heard func()) error {
	sub := subscription{Topic: "log", Project: f.project, Run: f.run, Attempt: f.attempt, From: f.next}
	return f.client.subscribe(ctx, sub, func(m message) error {
		heard()
		if m.Type != "log" {
			return nil
		}
		lines, err := m.lines()
		if err != nil {
			return err
		}
		return f.take(LogBatch{Lines: lines, Open: m.Open, Total: m.Total, Complete: m.Complete})
	})
}

// poll reads all that there is now.
func (f *logFollower) poll(ctx context.Context) error {
	for {
		w, err := f.client.Log(ctx, f.project, f.run, LogWindow{Attempt: f.attempt, From: f.next, Limit: windowLines})
		if err != nil {
			return err
		}
		more := len(w.Lines) > 0 && w.Lines[len(w.Lines)-1].N < w.Total
		before := f.next
		err = f.take(LogBatch{Lines: w.Lines, Open: w.Open, Total: w.Total, Complete: w.Complete && !more})
		if err != nil || !more || f.next == before {
			return err
		}
	}
}

// take passes on what is new and moves next.
func (f *logFollower) take(b LogBatch) error {
	for len(b.Lines) > 0 && b.Lines[0].N < f.next {
		b.Lines = b.Lines[1:]
	}
	if n := len(b.Lines); n > 0 {
		f.next = b.Lines[n-1].N + 1
		if b.Open {
			f.next--
		}
	}
	if len(b.Lines) > 0 || b.Complete {
		if err := f.fn(b); err != nil {
			return &stopped{err}
		}
	}
	if b.Complete {
		return errEnded
	}
	return nil
}

// lines unpacks a log message.
func (m message) lines() ([]LogLine, error) {
	if m.Streams == "" {
		return nil, nil
	}
	texts := strings.Split(m.Text, "\n")
	if len(texts) != len(m.Streams) || len(texts) != len(m.At) {
		return nil, ErrNotAHub.With("A log message holds %d lines, %d streams and %d times", len(texts), len(m.Streams), len(m.At))
	}
	lines := make([]LogLine, len(texts))
	for i, text := range texts {
		stream, ok := streamNames[m.Streams[i]]
		if !ok {
			return nil, fmt.Errorf("unknown stream %q in a log message", m.Streams[i])
		}
		lines[i] = LogLine{N: m.From + int64(i), At: time.UnixMilli(m.At[i]).UTC(), Stream: stream, Text: text}
	}
	return lines, nil
}

var streamNames = map[byte]string{'o': "out", 'e': "err", 's': "sys"}
