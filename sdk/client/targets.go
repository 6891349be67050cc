package client

import (
	"context"
	"strconv"
	"time"
)

// TargetsLog is a piece of the logs of all targets of a run, merged: by the time at
// which the hosts wrote the lines, as far as they have arrived.
type TargetsLog struct {
	Lines    []TargetLine `json:"lines"`
	Cursor   string       `json:"cursor"`   // of what follows
	Complete bool         `json:"complete"` // every target has ended, and nothing more will come
	Ended    bool         `json:"ended"`    // every target has ended; the rest of a log may still be on its way
	More     bool         `json:"more"`     // there is more already
}

// TargetLine is a line of the log of one target.
type TargetLine struct {
	Run     string    `json:"run"` // of the target
	Target  string    `json:"target"`
	Attempt int       `json:"attempt"`
	N       int64     `json:"n"` // in the attempt's own log
	At      time.Time `json:"at"`
	Stream  string    `json:"stream"` // out, err or sys
	Text    string    `json:"text"`
	Cut     bool      `json:"cut,omitempty"` // only its beginning is here
}

// TargetsWindow says what of the logs to read.
type TargetsWindow struct {
	Cursor string // empty: from the beginning
	Limit  int
	Wait   time.Duration // for something new when there is nothing; whole seconds, at most 20
}

// TargetsLog reads the next piece of the logs of all targets of a run that fans out.
func (c *Client) TargetsLog(ctx context.Context, project, id string, w TargetsWindow) (TargetsLog, error) {
	r := get(runs(project, id, "log", "targets")...)
	r.query = attemptQuery(0)
	set(r.query, "cursor", w.Cursor)
	if w.Limit > 0 {
		r.query.Set("limit", strconv.Itoa(w.Limit))
	}
	if w.Wait >= time.Second {
		r.query.Set("wait", strconv.Itoa(int(w.Wait.Seconds())))
	}
	var l TargetsLog
	return l, c.call(ctx, r, &l)
}

const targetsWait = 15 * time.Second

// FollowTargets hands the lines of all targets to fn, those that exist and those
// that come, each once, until every log is complete or fn returns an error, which it
// returns. Trouble is told of the loss of the hub, as of [Follow]; the following
// survives that for as long as ctx lives.
func (c *Client) FollowTargets(ctx context.Context, project, id string, trouble func(lost error), fn func(TargetsLog) error) error {
	t := &troubleTeller{tell: trouble}
	cursor, wait := "", pollEvery
	for {
		piece, err := c.TargetsLog(ctx, project, id, TargetsWindow{Cursor: cursor, Limit: windowLines, Wait: targetsWait})
		switch {
		case err == nil:
			t.report(nil)
			wait = pollEvery
		case hopeless(ctx, err):
			return ended(ctx, err)
		default:
			t.report(err)
			if !sleep(ctx, wait) {
				return context.Cause(ctx)
			}
			wait = min(wait*2, pollAtMost)
			continue
		}
		cursor = piece.Cursor
		if err := fn(piece); err != nil || piece.Complete {
			return err
		}
	}
}

func sleep(ctx context.Context, d time.Duration) bool {
	select {
	case <-ctx.Done():
		return false
	case <-time.After(d):
		return true
	}
}
