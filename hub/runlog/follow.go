package runlog

import (
	"context"
	"time"

	"github.com/google/uuid"
)

// The most in one batch of [Store.Follow].
const (
	followLines = 2000
	followBytes = 256 << 10
)

// Follow calls fn with the lines from number fromLine on, in order, as they
// arrive, until the log is complete and all was given, fn fails or ctx ends. The
// first call comes at once, without lines if there are none, so that the reader
// learns the head.
//
// A last line that is not finished yet is given marked Open, and again with the
// same number when it grew. The text of a batch is the reader's to keep.
func (s *Store) Follow(ctx context.Context, run uuid.UUID, attempt int32, fromLine int64, fn func(batch []Line, head Head) error) error {
	bell, cancel := s.bell.Subscribe(topic(run))
	defer cancel()
	head, err := s.Head(ctx, run, attempt)
	if err != nil {
		return err
	}
	c, err := s.scanFrom(ctx, key{run, attempt}, fromLine, head.Bytes)
	if err != nil {
		return err
	}
	if err := c.give(ctx, head, fn); err != nil {
		return err
	}
	tick := time.NewTicker(s.poll)
	defer tick.Stop()
	for !head.Complete {
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-bell:
		case <-tick.C:
		}
		before := head
		if head, err = s.Head(ctx, run, attempt); err != nil {
			return err
		}
		if head == before {
			continue
		}
		c.end = head.Bytes
		if err := c.give(ctx, head, fn); err != nil {
			return err
		}
	}
	return nil
}

// AwaitComplete returns when the log is complete, or with the cause of ctx's end.
func (s *Store) AwaitComplete(ctx context.Context, run uuid.UUID, attempt int32) error {
	bell, cancel := s.bell.Subscribe(topic(run))
	defer cancel()
	tick := time.NewTicker(s.poll)
	defer tick.Stop()
	for {
		head, err := s.Head(ctx, run, attempt)
		if err != nil || head.Complete {
			return err
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-bell:
		case <-tick.C:
		}
	}
}

// give hands on everything up to the head in batches; the last may be empty.
func (c *scanner) give(ctx context.Context, head Head, fn func([]Line, Head) error) error {
	for {
		lines, more, err := c.batch(ctx, followLines, followBytes)
		if err != nil {
			return err
		}
		if !more {
			if open, ok := c.open(); ok {
				lines = append(lines, open)
			}
		}
		if err := fn(lines, head); err != nil || !more {
			return err
		}
	}
}
