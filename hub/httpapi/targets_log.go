package httpapi

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"io"
	"net/http"
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/cronium/cronium/hub/run"
	"github.com/cronium/cronium/hub/runlog"
	"github.com/cronium/cronium/proto/frame"
)

// mergePoll is how often the logs of many targets are looked at for somebody who
// waits: bells of a thousand logs would cost more than one question for all heads.
const mergePoll = 300 * time.Millisecond

func (a *API) getTargetsLog(ctx context.Context, c *call, in *targetsLogInput) (*output[TargetsLog], error) {
	id, err := run.ParseID(in.Run)
	if err != nil {
		return nil, err
	}
	places, err := readPlaces(in.Cursor)
	if err != nil {
		return nil, err
	}
	until := a.now().Add(time.Duration(in.Wait) * time.Second)
	m := &merger{api: a, project: c.project.ID, run: id, places: places}
	if err := m.check(ctx); err != nil {
		return nil, err
	}
	for {
		piece, err := m.next(ctx, in.Limit)
		if err != nil {
			return nil, err
		}
		if len(piece.lines) > 0 || piece.more || piece.complete || !a.now().Before(until) || !a.pauseFor(ctx, mergePoll) {
			return answer(showPiece(m, piece)), nil
		}
	}
}

// pauseFor reports whether d went by.
func (a *API) pauseFor(ctx context.Context, d time.Duration) bool {
	select {
	case <-ctx.Done():
	case <-a.closing:
	case <-time.After(d):
		return true
	}
	return false
}

func showPiece(m *merger, p merged) TargetsLog {
	shown := TargetsLog{Lines: make([]TargetLine, len(p.lines)), Cursor: writePlaces(m.places), Complete: p.complete, Ended: p.ended, More: p.more}
	for i, l := range p.lines {
		shown.Lines[i] = TargetLine{Run: run.FormatID(l.of.ID), Target: l.of.Target, Attempt: l.attempt, N: l.line.N, At: l.line.At.UTC(),
			Stream: streamName(l.line.Stream), Text: lineText(l.line), Cut: l.line.Cut()}
	}
	return shown
}

// hasOwnLog refuses a run that fans out.
func (a *API) hasOwnLog(ctx context.Context, c *call, id uuid.UUID) error {
	r, err := a.runs.Get(ctx, c.project.ID, id)
	if err == nil && r.Targets != nil {
		err = ErrFansOut.With("Run %s fans out to %d targets", r.Public(), r.Targets.Total)
	}
	return err
}

// getTargetsLogRaw downloads the logs of all targets as far as they are there, merged.
func (a *API) getTargetsLogRaw(ctx context.Context, c *call, w http.ResponseWriter, public string, streams []frame.Stream) {
	id, err := run.ParseID(public)
	if err != nil {
		c.problem(ctx, err).write(w)
		return
	}
	w.Header().Set("Content-Type", "application/octet-stream")
	w.Header().Set("Content-Disposition", fmt.Sprintf("attachment; filename=%q", public+".log"))
	out := &patient{ResponseWriter: w, api: a}
	m := &merger{api: a, project: c.project.ID, run: id}
	for {
		p, err := m.next(ctx, 5000)
		if err == nil {
			err = writePrefixed(out, p.lines, streams)
		}
		if err != nil {
			a.abort(ctx, c, w, out, err)
			return
		}
		if !p.more {
			return
		}
	}
}

func writePrefixed(w io.Writer, lines []mergedLine, streams []frame.Stream) error {
	var b bytes.Buffer
	for _, l := range lines {
		if slices.Contains(streams, l.line.Stream) {
			fmt.Fprintf(&b, "[%s] ", l.of.Target)
			b.Write(l.line.Text)
			b.WriteByte('\n')
		}
	}
	_, err := w.Write(b.Bytes())
	return err
}

// place is how far the log of one target was read: every attempt, one after the other.
type place struct {
	attempt int   // from 1
	line    int64 // the next one
}

// merger reads the logs of the targets of one run as one.
type merger struct {
	api     *API
	project uuid.UUID
	run     uuid.UUID
	places  []place // of each target, in their order; empty: at the beginning
}

type mergedLine struct {
	of      run.Child
	attempt int
	line    runlog.Line
}

type merged struct {
	lines    []mergedLine
	more     bool
	complete bool
	ended    bool
}

func (m *merger) check(ctx context.Context) error {
	r, err := m.api.runs.Get(ctx, m.project, m.run)
	if err == nil && r.Targets == nil {
		err = ErrOneTarget.With("Run %s does not fan out", r.Public())
	}
	return err
}

// next reads what follows and moves the places on.
func (m *merger) next(ctx context.Context, limit int) (merged, error) {
	children, err := m.api.runs.Children(ctx, m.project, m.run)
	if err != nil {
		return merged{}, err
	}
	if m.places == nil {
		m.places = slices.Repeat([]place{{1, 1}}, len(children))
	}
	if len(m.places) != len(children) {
		return merged{}, ErrInvalidParameter.With("cursor is not one that this API gave out for this run").At("cursor")
	}
	var sources []runlog.Source
	var of []int
	for i, c := range children {
		if p := m.places[i]; p.attempt <= len(c.Attempts) {
			sources = append(sources, runlog.Source{Run: c.ID, Attempt: int32(p.attempt), From: p.line, Over: c.Attempts[p.attempt-1].Abandoned}) //nolint:gosec // bounded by Attempts
			of = append(of, i)
		}
	}
	lines, heads, more, err := m.api.logs.Merge(ctx, sources, limit)
	if err != nil {
		return merged{}, err
	}
	out := merged{more: more, complete: true, ended: true}
	for _, l := range lines {
		i := of[l.Source]
		out.lines = append(out.lines, mergedLine{children[i], m.places[i].attempt, l.Line})
	}
	for n, i := range of {
		m.places[i].line = sources[n].From
		over, further := m.settle(&m.places[i], children[i], heads[n])
		out.complete = out.complete && over
		out.more = out.more || further
	}
	for _, c := range children {
		out.ended = out.ended && c.State.Final()
	}
	out.complete = out.complete && out.ended && !out.more
	return out, nil
}

// settle goes on to the next attempt when all that there is of one was read and
// nothing more will come, or has to be waited for: the next attempt has begun. It
// reports whether the log of the target is over, and whether there is a further
// attempt to read.
func (m *merger) settle(p *place, c run.Child, head runlog.Head) (over, further bool) {
	attempt := c.Attempts[p.attempt-1]
	last := head.Lines
	if head.Complete || attempt.Abandoned {
		last = head.Total()
	}
	if p.line <= last {
		return false, false
	}
	if p.attempt < len(c.Attempts) {
		*p = place{p.attempt + 1, 1}
		return false, true
	}
	return c.State.Final() && (head.Complete || attempt.Abandoned), false
}

// A cursor is the places of all targets, as small numbers in base64: attempt and
// line of each.
func writePlaces(places []place) string {
	var b []byte
	for _, p := range places {
		b = binary.AppendUvarint(b, uint64(p.attempt)) //nolint:gosec // never negative
		b = binary.AppendUvarint(b, uint64(p.line))    //nolint:gosec // never negative
	}
	return base64.RawURLEncoding.EncodeToString(b)
}

func readPlaces(cursor string) ([]place, error) {
	if cursor == "" {
		return nil, nil
	}
	wrong := ErrInvalidParameter.With("cursor is not one that this API gave out").At("cursor")
	b, err := base64.RawURLEncoding.DecodeString(cursor)
	if err != nil {
		return nil, wrong
	}
	places := []place{}
	for len(b) > 0 {
		var pair [2]uint64
		for i := range pair {
			v, n := binary.Uvarint(b)
			if n <= 0 || v < 1 || v > 1<<40 {
				return nil, wrong
			}
			pair[i], b = v, b[n:]
		}
		if pair[0] > 1<<20 || len(places) == run.MaxTargets {
			return nil, wrong
		}
		places = append(places, place{int(pair[0]), int64(pair[1])}) //nolint:gosec // bounded above
	}
	return places, nil
}
