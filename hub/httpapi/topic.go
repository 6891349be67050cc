package httpapi

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/cronium/cronium/hub/authz"
	"github.com/cronium/cronium/hub/run"
	"github.com/cronium/cronium/hub/runlog"
	"github.com/cronium/cronium/proto/frame"
)

// topic is something that can be subscribed to.
type topic struct {
	action authz.Action
	follow func(*socket, context.Context, *subscription) error
}

// topicNamed is the WebSocket's part of the route table.
func topicNamed(name string) (topic, bool) {
	switch name {
	case "log":
		return topic{authz.RunRead, (*socket).followLog}, true
	case "run":
		return topic{authz.RunRead, (*socket).followRun}, true
	case "runs":
		return topic{authz.RunRead, (*socket).followRuns}, true
	case "hosts":
		return topic{authz.HostRead, (*socket).followHosts}, true
	}
	return topic{}, false
}

// How long a lost doorbell delays a subscriber, and how often it is told at most.
const (
	topicPoll  = 2 * time.Second
	topicPause = 250 * time.Millisecond
)

// authoriseTopic fills in the project, as the guard does for a route.
func (a *API) authoriseTopic(ctx context.Context, c *call, action authz.Action, slug string) (err error) {
	if c.project, err = a.projects.For(ctx, c.actor, slug); err != nil {
		return err
	}
	return a.may(c, action)
}

// onChange calls look now and whenever the bell rings, at most four times a
// second, until look says that it has seen the end.
func (a *API) onChange(ctx context.Context, bellTopic string, look func() (done bool, err error)) error {
	bell, cancel := a.bell.Subscribe(bellTopic)
	defer cancel()
	poll := time.NewTicker(topicPoll)
	defer poll.Stop()
	for {
		if done, err := look(); err != nil || done {
			return err
		}
		if err := wait(ctx, nil, time.After(topicPause)); err != nil {
			return err
		}
		if err := wait(ctx, bell, poll.C); err != nil {
			return err
		}
	}
}

func wait(ctx context.Context, bell <-chan struct{}, timer <-chan time.Time) error {
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-bell:
	case <-timer:
	}
	return nil
}

// changed remembers what was said last.
type changed struct{ last []byte }

func (c *changed) is(v any) bool {
	text, err := json.Marshal(v)
	if err != nil || bytes.Equal(text, c.last) {
		return err != nil
	}
	c.last = text
	return true
}

func (s *socket) followRun(ctx context.Context, sub *subscription) error {
	id, err := run.ParseID(sub.Run)
	if err != nil {
		return err
	}
	var seen changed
	return s.api.onChange(ctx, "run:"+id.String(), func() (bool, error) {
		shown, err := s.api.showRun(ctx, &sub.call, id)
		if err != nil {
			return false, err
		}
		if !seen.is(shown) {
			return false, nil
		}
		return false, s.send(ctx, event{ID: sub.ID, Type: "run", Run: &shown})
	})
}

func (s *socket) followHosts(ctx context.Context, sub *subscription) error {
	var seen changed
	return s.api.onChange(ctx, "agents", func() (bool, error) {
		hosts, err := s.api.showHosts(ctx, sub.call.project.ID)
		if err != nil {
			return false, err
		}
		if !seen.is(hosts) {
			return false, nil
		}
		return false, s.send(ctx, event{ID: sub.ID, Type: "hosts", Hosts: &hosts})
	})
}

// followRuns tells which of the newest runs changed, and of older ones that had
// not ended when they were last seen. The first message is empty: from then on no
// change is missed, so a client lists after it.
func (s *socket) followRuns(ctx context.Context, sub *subscription) error {
	seen := map[string]*changed{}
	open := map[uuid.UUID]bool{}
	first := true
	return s.api.onChange(ctx, "runs", func() (bool, error) {
		runs, err := s.api.recentRuns(ctx, sub.call.project.ID, open)
		if err != nil {
			return false, err
		}
		news := []RunSummary{}
		known := map[string]*changed{}
		for _, r := range runs {
			known[r.ID] = &changed{}
			if before := seen[r.ID]; before != nil {
				known[r.ID] = before
			}
			if known[r.ID].is(r) && !first {
				news = append(news, r)
			}
		}
		silent := len(news) == 0 && !first
		seen, first = known, false
		if silent {
			return false, nil
		}
		return false, s.send(ctx, event{ID: sub.ID, Type: "runs", Runs: &news})
	})
}

// logBatch is a piece of a log: one line per entry of at and letter of streams,
// joined by newlines in text. When open, the last line is unfinished and will
// come again under its number.
type logBatch struct {
	ID       int64   `json:"id"`
	Type     string  `json:"type"`
	Attempt  int     `json:"attempt"`
	From     int64   `json:"from"`
	At       []int64 `json:"at"`
	Streams  string  `json:"streams"`
	Text     string  `json:"text"`
	Open     bool    `json:"open"`
	Total    int64   `json:"total"`
	Complete bool    `json:"complete"`
}

var errNoMoreLog = errors.New("the attempt is over and its log will not be completed")

func (s *socket) followLog(ctx context.Context, sub *subscription) error {
	id, err := run.ParseID(sub.Run)
	if err != nil {
		return err
	}
	if err := s.api.hasOwnLog(ctx, &sub.call, id); err != nil {
		return err
	}
	attempt, err := s.awaitAttempt(ctx, sub, id)
	if err != nil || attempt == 0 {
		return err
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	s.work.Go(func() { s.awaitEnd(ctx, sub, id, attempt, cancel) })
	next := max(sub.From, 1)
	err = s.api.logs.Follow(ctx, id, int32(attempt), next, func(lines []runlog.Line, head runlog.Head) error {
		b := packLines(lines, head)
		b.ID, b.Attempt = sub.ID, attempt
		if len(lines) == 0 {
			b.From = next
		} else if next = lines[len(lines)-1].N; !b.Open {
			next++
		}
		return s.send(ctx, b)
	})
	if errors.Is(err, errNoMoreLog) {
		return nil
	}
	return err
}

// awaitAttempt returns the attempt to follow: the one asked for, or the last as
// soon as there is one. Zero means that there will be none.
func (s *socket) awaitAttempt(ctx context.Context, sub *subscription, id uuid.UUID) (attempt int, err error) {
	err = s.api.onChange(ctx, "run:"+id.String(), func() (bool, error) {
		r, err := s.api.runs.Get(ctx, sub.call.project.ID, id)
		if err != nil {
			return false, err
		}
		if attempt = sub.Attempt; attempt == 0 {
			attempt = r.Attempt
		}
		if r.State.Final() && (attempt == 0 || attempt > r.Attempt) {
			attempt = 0
			return true, nil
		}
		return attempt > 0 && attempt <= r.Attempt, nil
	})
	return attempt, err
}

// awaitEnd ends the following of an attempt whose agent will not be heard of
// again: its log never becomes complete.
func (s *socket) awaitEnd(ctx context.Context, sub *subscription, id uuid.UUID, attempt int, cancel context.CancelCauseFunc) {
	// It only ends with ctx, with an error that nobody needs, or by cancelling.
	_ = s.api.onChange(ctx, "run:"+id.String(), func() (bool, error) {
		r, err := s.api.runs.Get(ctx, sub.call.project.ID, id)
		gone := err == nil && abandoned(r, attempt)
		if gone {
			cancel(errNoMoreLog)
		}
		return gone, nil // Follow meets the same errors and reports them
	})
}

// abandoned reports whether the attempt ended without a result of its own.
func abandoned(r run.Run, attempt int) bool {
	i := slices.IndexFunc(r.Attempts, func(t run.Attempt) bool { return t.Number == attempt })
	if i < 0 {
		return r.State.Final()
	}
	return r.Attempts[i].State == "lost" || r.Attempts[i].State == "revoked"
}

func packLines(lines []runlog.Line, head runlog.Head) logBatch {
	b := logBatch{Type: "log", At: make([]int64, 0, len(lines)), Total: head.Total(), Complete: head.Complete}
	streams, text := make([]byte, 0, len(lines)), strings.Builder{}
	for i, line := range lines {
		if i == 0 {
			b.From = line.N
		} else {
			text.WriteByte('\n')
		}
		b.At = append(b.At, line.At.UnixMilli())
		streams = append(streams, streamName(line.Stream)[0])
		text.WriteString(lineText(line))
		if line.Cut() {
			text.WriteString(" …[cut]")
		}
		b.Open = line.Open
	}
	b.Streams, b.Text = string(streams), text.String()
	return b
}

func lineText(line runlog.Line) string {
	return strings.ToValidUTF8(string(line.Text), "\uFFFD")
}

func streamName(s frame.Stream) string {
	switch s {
	case frame.Stdout:
		return "out"
	case frame.Stderr:
		return "err"
	}
	return "sys"
}
