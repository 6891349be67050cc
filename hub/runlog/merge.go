package runlog

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/google/uuid"
)

// Source is one of several logs that are read as one, and how far that has come.
type Source struct {
	Run     uuid.UUID
	Attempt int32
	From    int64 // number of the next line, from 1
	Over    bool  // nobody will finish its last line
}

// Merged is a line of one of several logs.
type Merged struct {
	Source int // index of its log among the sources
	Line
}

const (
	mergeLines = 50       // of each log are read at least
	mergeBytes = 64 << 10 // of each log, about, at least
)

// Merge returns up to about limit lines of several logs, in one order: by the time
// at which the hosts wrote them, and the lines of each log in its own order. Within
// one answer that order is kept; a line that arrives later comes in a later answer,
// whatever its time. Sources moves on to what follows; heads are those that it was
// read under, one for each source. More says that there is more already.
//
// An unfinished line is left out until it is finished, its log is complete or Over.
// It costs a question for the heads, and some for each log that has news.
func (s *Store) Merge(ctx context.Context, sources []Source, limit int) (lines []Merged, heads []Head, more bool, err error) {
	if heads, err = s.heads(ctx, sources); err != nil {
		return nil, nil, false, err
	}
	var news []int
	for i, src := range sources {
		if heads[i].last(src.Over) >= src.From {
			news = append(news, i)
		}
	}
	if len(news) == 0 {
		return nil, heads, false, nil
	}
	most, size := max(limit/len(news), mergeLines), max(linesBytes/len(news), mergeBytes)
	pieces := make([]piece, len(news))
	for n, i := range news {
		if pieces[n], err = s.piece(ctx, sources[i], heads[i], most, size); err != nil {
			return nil, nil, false, err
		}
		pieces[n].source = i
	}
	lines, more = merge(pieces, limit)
	for _, l := range lines {
		sources[l.Source].From = l.N + 1
	}
	return lines, heads, more, nil
}

// last is the number of the last line that Merge may give.
func (h Head) last(over bool) int64 {
	if h.Complete || over {
		return h.Total()
	}
	return h.Lines
}

func (s *Store) heads(ctx context.Context, sources []Source) ([]Head, error) {
	runs, attempts := make([]uuid.UUID, len(sources)), make([]int32, len(sources))
	for i, src := range sources {
		runs[i], attempts[i] = src.Run, src.Attempt
	}
	rows, err := s.queries().Heads(ctx, runs, attempts)
	if err != nil {
		return nil, fmt.Errorf("read the heads of %d logs: %w", len(sources), err)
	}
	of := make(map[key]Head, len(rows))
	for _, r := range rows {
		of[key{r.RunID, r.Attempt}] = Head{Bytes: r.Durable, Content: r.Content, Lines: r.Lines, Open: r.OpenLine, Complete: r.Complete}
	}
	heads := make([]Head, len(sources))
	for i, src := range sources {
		heads[i] = of[key{src.Run, src.Attempt}]
	}
	return heads, nil
}

// piece is what was read of one log.
type piece struct {
	source int
	lines  []Line
	more   bool // there is more after them
}

func (s *Store) piece(ctx context.Context, src Source, head Head, most, size int) (piece, error) {
	c, err := s.scanFrom(ctx, key{src.Run, src.Attempt}, src.From, head.Bytes)
	if err != nil {
		return piece{}, err
	}
	var p piece
	if p.lines, p.more, err = c.batch(ctx, most, size); err != nil {
		return piece{}, err
	}
	if open, ok := c.open(); ok && !p.more && head.last(src.Over) >= open.N {
		p.lines = append(p.lines, open)
	}
	return p, nil
}

// merge is pure. A log with more behind what was read of it holds back the others:
// nothing later than its last line is given yet.
func merge(pieces []piece, limit int) (out []Merged, more bool) {
	type timed struct {
		Merged
		at time.Time // never before the line before it in the same log
	}
	var all []timed
	var bound time.Time
	for _, p := range pieces {
		var at time.Time
		for _, l := range p.lines {
			if l.At.After(at) {
				at = l.At
			}
			all = append(all, timed{Merged{p.source, l}, at})
		}
		if p.more && len(p.lines) > 0 && (bound.IsZero() || at.Before(bound)) {
			bound = at
		}
	}
	slices.SortStableFunc(all, func(a, b timed) int {
		return cmp.Or(a.at.Compare(b.at), cmp.Compare(a.Source, b.Source))
	})
	for _, t := range all {
		if len(out) == limit || !bound.IsZero() && t.at.After(bound) {
			return out, true
		}
		out = append(out, t.Merged)
	}
	return out, slices.ContainsFunc(pieces, func(p piece) bool { return p.more })
}
