package runlog

import (
	"context"
	"fmt"
	"io"
	"slices"

	"github.com/google/uuid"

	"github.com/cronium/cronium/proto/frame"
)

// How much text one call of [Store.Lines] returns at most, about.
const linesBytes = 4 << 20

// Lines returns lines by number, from 1, and the head that they were read under.
// It returns fewer than limit when the log ends or the text gets too large. An
// unfinished last line is included and marked.
func (s *Store) Lines(ctx context.Context, run uuid.UUID, attempt int32, from int64, limit int) ([]Line, Head, error) {
	head, err := s.Head(ctx, run, attempt)
	if err != nil || from > head.Total() {
		return nil, head, err
	}
	c, err := s.scanFrom(ctx, key{run, attempt}, from, head.Bytes)
	if err != nil {
		return nil, head, err
	}
	lines, more, err := c.batch(ctx, limit, linesBytes)
	if err != nil {
		return nil, head, err
	}
	if !more && len(lines) < limit {
		if open, ok := c.open(); ok {
			lines = append(lines, open)
		}
	}
	return lines, head, nil
}

// Raw writes what the script wrote to the given streams, in order, byte for
// byte, as far as it is durable now. Our own lines are not among it unless
// [frame.System] is asked for.
func (s *Store) Raw(ctx context.Context, run uuid.UUID, attempt int32, streams []frame.Stream, w io.Writer) error {
	head, err := s.Head(ctx, run, attempt)
	if err != nil {
		return err
	}
	c := &scanner{store: s, key: key{run, attempt}, end: head.Bytes}
	for {
		ok, err := c.advance(ctx)
		if err != nil || !ok {
			return err
		}
		if !slices.Contains(streams, c.stream) {
			continue
		}
		if _, err := w.Write(c.data); err != nil {
			return fmt.Errorf("write log %s/%d: %w", run, attempt, err)
		}
	}
}
