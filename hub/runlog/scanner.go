package runlog

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/cronium/cronium/hub/runlog/internal/db"
	"github.com/cronium/cronium/proto/frame"
)

// MaxLine is how much of a line's text is returned; Length tells the rest.
const MaxLine = 64 << 10

// How many chunks are fetched at once: at most 4 MiB in memory.
const chunksAtOnce = 16

// Line is one line of a log, without its newline, with the stream and time of
// its first byte.
type Line struct {
	N      int64
	At     time.Time
	Stream frame.Stream
	Text   []byte // at most MaxLine bytes of it
	Length int64  // of the whole line, or of what there is of an open one
	Open   bool   // not finished yet
}

// Cut reports whether Text is only the beginning.
func (l Line) Cut() bool { return l.Length > int64(len(l.Text)) }

// scanner reads a log forward, line by line. It holds a few chunks at most.
type scanner struct {
	store *Store
	key   key
	end   int64 // read up to here, in framed bytes
	next  int64 // offset of the first chunk that was not fetched

	fetched []db.ChunksFromRow
	buffer  []byte // the expanded chunk, reused
	frames  []byte // the rest of it
	data    []byte // the rest of the frame at hand
	stream  frame.Stream
	at      time.Time
	content int64 // content bytes before data

	line  Line // the open line; Length 0 when nothing of it was read
	skip  int64
	start int64 // content offset at which the open line began
}

// scanFrom returns a scanner whose first line is number from.
func (s *Store) scanFrom(ctx context.Context, k key, from, end int64) (*scanner, error) {
	c := &scanner{store: s, key: k, end: end, line: Line{N: 1}, skip: max(from, 1)}
	if from <= 1 {
		return c, nil
	}
	// The last chunk that begins in the line before holds that line's newline.
	row, err := s.queries().LastChunkAtLine(ctx, db.LastChunkAtLineParams{RunID: k.run, Attempt: k.attempt, Line: from - 1, Before: end})
	if errors.Is(err, pgx.ErrNoRows) {
		return c, nil
	}
	if err != nil {
		return nil, fmt.Errorf("find line %d of log %s/%d: %w", from, k.run, k.attempt, err)
	}
	c.next, c.content, c.line.N = row.Off, row.ContentOff, row.FirstLine
	c.start = row.ContentOff
	return c, nil
}

// batch returns the next finished lines: at most so many, and about so many
// bytes. Fewer means that the log, up to end, was read.
func (c *scanner) batch(ctx context.Context, lines, size int) (got []Line, more bool, err error) {
	for used := 0; len(got) < lines && used < size; {
		if len(c.data) == 0 {
			ok, err := c.advance(ctx)
			if err != nil || !ok {
				return got, false, err
			}
		}
		if line, finished := c.take(); finished && line.N >= c.skip {
			got = append(got, line)
			used += len(line.Text) + 64
		}
	}
	return got, true, nil
}

// open returns what there is of a line that has no newline yet.
func (c *scanner) open() (Line, bool) {
	if c.line.Length == 0 || c.line.N < c.skip {
		return Line{}, false
	}
	l := c.line
	l.Text, l.Open = bytes.Clone(l.Text), true
	return l, true
}

// take consumes data up to a newline or to its end.
func (c *scanner) take() (Line, bool) {
	piece, finished := c.data, false
	if i := bytes.IndexByte(c.data, '\n'); i >= 0 {
		piece, finished = c.data[:i], true
	}
	if c.line.Length == 0 {
		c.line.At, c.line.Stream = c.at, c.stream
	}
	if room := MaxLine - len(c.line.Text); room > 0 && c.line.N >= c.skip {
		c.line.Text = append(c.line.Text, piece[:min(room, len(piece))]...)
	}
	c.line.Length += int64(len(piece))
	c.content += int64(len(piece))
	c.data = c.data[len(piece):]
	if !finished {
		return Line{}, false
	}
	c.data, c.content = c.data[1:], c.content+1
	line := c.line
	c.line, c.start = Line{N: line.N + 1}, c.content
	return line, true
}

// advance finds more data: the next frame, the next chunk, or the chunk in which
// a line that is already too long to show ends. False means there is none.
func (c *scanner) advance(ctx context.Context) (bool, error) {
	for len(c.frames) == 0 {
		if len(c.fetched) == 0 {
			if err := c.fetch(ctx); err != nil || len(c.fetched) == 0 {
				return false, err
			}
		}
		row := c.fetched[0]
		c.fetched = c.fetched[1:]
		var err error
		if c.buffer, err = c.store.codec.unpack(c.buffer, row.Data, int(row.Len)); err != nil {
			return false, fmt.Errorf("read log %s/%d: %w", c.key.run, c.key.attempt, err)
		}
		c.frames, c.content = c.buffer, row.ContentOff
	}
	f, rest, err := frame.Next(c.frames)
	if err != nil {
		return false, fmt.Errorf("read log %s/%d: %w", c.key.run, c.key.attempt, corrupt(c.next, err))
	}
	c.frames, c.data, c.stream, c.at = rest, f.Data, f.Stream, f.At
	return true, nil
}

// fetch reads the next chunks. In the middle of a line that is already too long
// it jumps to the chunk where the line ends: its length follows from offsets.
func (c *scanner) fetch(ctx context.Context) error {
	if c.line.Length > MaxLine {
		if err := c.jump(ctx); err != nil {
			return err
		}
	}
	if c.next >= c.end {
		return nil
	}
	rows, err := c.store.queries().ChunksFrom(ctx, db.ChunksFromParams{
		RunID: c.key.run, Attempt: c.key.attempt, Off: c.next, Before: c.end, Most: chunksAtOnce,
	})
	if err != nil {
		return fmt.Errorf("read log %s/%d from %d: %w", c.key.run, c.key.attempt, c.next, err)
	}
	before := c.next
	for _, row := range rows {
		if row.Off == c.next {
			c.next += int64(row.Len)
		}
	}
	if len(rows) == 0 || c.next != rows[len(rows)-1].Off+int64(rows[len(rows)-1].Len) {
		return fmt.Errorf("read log %s/%d from %d: %w", c.key.run, c.key.attempt, before, ErrCorrupt.With("no chunk at %d", c.next))
	}
	c.fetched = rows
	return nil
}

func (c *scanner) jump(ctx context.Context) error {
	row, err := c.store.queries().LastChunkAtLine(ctx, db.LastChunkAtLineParams{
		RunID: c.key.run, Attempt: c.key.attempt, Line: c.line.N, Before: c.end,
	})
	if err != nil {
		return fmt.Errorf("find the end of line %d: %w", c.line.N, err)
	}
	if row.Off > c.next {
		c.next = row.Off
		c.line.Length = row.ContentOff - c.start
	}
	return nil
}
