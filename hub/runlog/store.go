package runlog

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync/atomic"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/cronium/cronium/hub/postgres"
	"github.com/cronium/cronium/hub/runlog/internal/db"
)

// Bell is the doorbell. *bus.Bus is one.
type Bell interface {
	Ring(topic string)
	Subscribe(topic string) (bell <-chan struct{}, cancel func())
}

// Config is what a store may be told. The zero value works.
type Config struct {
	Bell Bell          // wakes followers; default: none, they poll
	Poll time.Duration // how long a lost doorbell delays a follower; default 1 s
}

// Store keeps logs in PostgreSQL.
type Store struct {
	db    *postgres.DB
	codec *codec
	bell  Bell
	poll  time.Duration

	written atomic.Int64
}

// New returns a store.
func New(database *postgres.DB, c Config) *Store {
	s := &Store{db: database, codec: newCodec(), bell: c.Bell, poll: c.Poll}
	if s.bell == nil {
		s.bell = silence{}
	}
	if s.poll <= 0 {
		s.poll = time.Second
	}
	return s
}

// Written is how many framed bytes this store has made durable so far.
func (s *Store) Written() int64 { return s.written.Load() }

func (s *Store) queries() *db.Queries { return db.New(s.db.Pool) }

// Head is how far a log is durable. The zero value is a log that has not begun.
type Head struct {
	Bytes    int64 // framed
	Content  int64 // as the script wrote them, our own lines included
	Lines    int64 // finished ones
	Open     bool  // an unfinished line follows
	Complete bool  // nothing more will come
}

// Total is the number of the last line, finished or not.
func (h Head) Total() int64 {
	if h.Open {
		return h.Lines + 1
	}
	return h.Lines
}

// Head returns how far the log is durable.
func (s *Store) Head(ctx context.Context, run uuid.UUID, attempt int32) (Head, error) {
	row, err := s.queries().Head(ctx, run, attempt)
	if errors.Is(err, pgx.ErrNoRows) {
		return Head{}, nil
	}
	if err != nil {
		return Head{}, fmt.Errorf("read the head of log %s/%d: %w", run, attempt, err)
	}
	return Head{Bytes: row.Durable, Content: row.Content, Lines: row.Lines, Open: row.OpenLine, Complete: row.Complete}, nil
}

// Completion says where an attempt's log ends.
type Completion struct {
	RunID    uuid.UUID
	Attempt  int32
	LogBytes int64 // framed
}

// Complete says that the log ends at logBytes framed bytes. It is complete as
// soon as that much is durable, which may be later: a result can overtake the
// last chunk.
func (s *Store) Complete(ctx context.Context, run uuid.UUID, attempt int32, logBytes int64) error {
	return s.CompleteAll(ctx, []Completion{{RunID: run, Attempt: attempt, LogBytes: logBytes}})
}

// CompleteAll is Complete for many logs at once. When one is named twice, the first
// counts.
func (s *Store) CompleteAll(ctx context.Context, completions []Completion) error {
	if len(completions) == 0 {
		return nil
	}
	ordered := slices.Clone(completions)
	slices.SortStableFunc(ordered, func(a, b Completion) int { return compareKeys(a.key(), b.key()) })
	ordered = slices.CompactFunc(ordered, func(a, b Completion) bool { return a.key() == b.key() })
	runs, attempts, expected := make([]uuid.UUID, len(ordered)), make([]int32, len(ordered)), make([]int64, len(ordered))
	for i, c := range ordered {
		runs[i], attempts[i], expected[i] = c.RunID, c.Attempt, c.LogBytes
	}
	rows, err := s.queries().Expect(ctx, runs, attempts, expected)
	if err != nil {
		return fmt.Errorf("complete %d logs: %w", len(ordered), err)
	}
	for _, row := range rows {
		if row.Complete {
			s.ring(row.RunID)
		}
	}
	return nil
}

func (c Completion) key() key { return key{c.RunID, c.Attempt} }

func (s *Store) ring(run uuid.UUID) { s.bell.Ring(topic(run)) }

func topic(run uuid.UUID) string { return "log:" + run.String() }

// silence is the bell of a store that was given none.
type silence struct{}

func (silence) Ring(string) {}

func (silence) Subscribe(string) (<-chan struct{}, func()) { return nil, func() {} }
