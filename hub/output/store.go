package output

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/cronium/cronium/hub/output/internal/db"
	"github.com/cronium/cronium/hub/postgres"
)

const (
	maxOutput = 1 << 20
	maxInline = 64 << 10
	maxKeys   = 256
	maxKey    = 256 // characters
	maxText   = 200 // characters
)

// Said is what a run said of itself. The zero value is nothing.
type Said struct {
	Attempt   int             // who said it
	Output    json.RawMessage // nil: none, or more than 64 KiB
	Bytes     int64           // of the output
	OutputAt  *time.Time
	Condition *bool
	Progress  *Progress
}

// Progress is how far a run has come.
type Progress struct {
	Fraction *float64 // 0 to 1; nil: nobody knows
	Text     string
	At       time.Time
}

// Store is the only writer of run_outputs.
type Store struct{ q *db.Queries }

// New returns a store on a migrated database.
func New(database *postgres.DB) *Store { return &Store{q: db.New(database.Pool)} }

// Get returns what a run said.
func (s *Store) Get(ctx context.Context, runID uuid.UUID) (Said, error) {
	row, err := s.q.Get(ctx, maxInline, runID)
	if errors.Is(err, pgx.ErrNoRows) {
		return Said{}, nil
	}
	if err != nil {
		return Said{}, fmt.Errorf("get what run %s said: %w", runID, err)
	}
	said := Said{Attempt: int(row.Attempt), Bytes: row.Bytes, OutputAt: row.OutputAt, Condition: row.Condition}
	if row.Output != "" {
		said.Output = json.RawMessage(row.Output)
	}
	if row.ProgressAt != nil {
		said.Progress = &Progress{Fraction: row.Fraction, At: *row.ProgressAt}
		if row.ProgressText != nil {
			said.Progress.Text = *row.ProgressText
		}
	}
	return said, nil
}

// Whole returns the output of a run, or [ErrNone].
func (s *Store) Whole(ctx context.Context, runID uuid.UUID) (json.RawMessage, error) {
	text, err := s.q.Output(ctx, runID)
	if errors.Is(err, pgx.ErrNoRows) || err == nil && text == nil {
		return nil, ErrNone
	}
	if err != nil {
		return nil, fmt.Errorf("get the output of run %s: %w", runID, err)
	}
	return json.RawMessage(*text), nil
}

// Set replaces the output.
func (s *Store) Set(ctx context.Context, tx pgx.Tx, runID uuid.UUID, attempt int32, value json.RawMessage) error {
	text, err := compact(value)
	if err != nil {
		return err
	}
	q := db.New(tx)
	if _, err := q.Begin(ctx, runID, attempt); err != nil {
		return fmt.Errorf("set the output of run %s: %w", runID, err)
	}
	return put(ctx, q, runID, text)
}

func put(ctx context.Context, q *db.Queries, runID uuid.UUID, text []byte) error {
	if len(text) > maxOutput {
		return ErrTooLarge.With("It has %d bytes of JSON, at most %d are allowed", len(text), maxOutput)
	}
	if err := q.SetOutput(ctx, string(text), runID); err != nil {
		return fmt.Errorf("set the output of run %s: %w", runID, err)
	}
	return nil
}

// Update sets one member of an output that is an object, or that is not there yet.
func (s *Store) Update(ctx context.Context, tx pgx.Tx, runID uuid.UUID, attempt int32, key string, value json.RawMessage) error {
	if n := utf8.RuneCountInString(key); n < 1 || n > maxKey {
		return ErrKey.With("The key has %d characters", n)
	}
	text, err := compact(value)
	if err != nil {
		return err
	}
	q := db.New(tx)
	if _, err := q.Begin(ctx, runID, attempt); err != nil {
		return fmt.Errorf("update the output of run %s: %w", runID, err)
	}
	now, err := q.Output(ctx, runID)
	if err != nil {
		return fmt.Errorf("update the output of run %s: %w", runID, err)
	}
	members := map[string]json.RawMessage{}
	if now != nil {
		if members, err = object(*now); err != nil {
			return err
		}
	}
	members[key] = text
	if len(members) > maxKeys {
		return ErrTooMany.With("It has %d already", maxKeys)
	}
	whole, err := encode(members)
	if err != nil {
		return err
	}
	return put(ctx, q, runID, whole)
}

func object(text string) (map[string]json.RawMessage, error) {
	var members map[string]json.RawMessage
	if text[0] != '{' || json.Unmarshal([]byte(text), &members) != nil {
		return nil, ErrNotAnObject.With("It is %.40s", text)
	}
	return members, nil
}

func encode(members map[string]json.RawMessage) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	err := e.Encode(members)
	return bytes.TrimSpace(b.Bytes()), err
}

// SetCondition says whether the run's condition holds.
func (s *Store) SetCondition(ctx context.Context, tx pgx.Tx, runID uuid.UUID, attempt int32, value bool) error {
	q := db.New(tx)
	_, err := q.Begin(ctx, runID, attempt)
	if err == nil {
		err = q.SetCondition(ctx, value, runID)
	}
	if err != nil {
		return fmt.Errorf("set the condition of run %s: %w", runID, err)
	}
	return nil
}

// SetProgress says how far the run has come.
func (s *Store) SetProgress(ctx context.Context, tx pgx.Tx, runID uuid.UUID, attempt int32, fraction *float64, text string) error {
	if n := utf8.RuneCountInString(text); n > maxText {
		return ErrProgress.With("The text has %d characters, at most %d are allowed", n, maxText)
	}
	if strings.ContainsRune(text, 0) || !utf8.ValidString(text) {
		return ErrProgress.With("The text holds a NUL character or is not UTF-8")
	}
	if fraction != nil && !(*fraction >= 0 && *fraction <= 1) {
		return ErrProgress.With("The fraction is %v", *fraction)
	}
	q := db.New(tx)
	_, err := q.Begin(ctx, runID, attempt)
	if err == nil {
		err = q.SetProgress(ctx, fraction, text, runID)
	}
	if err != nil {
		return fmt.Errorf("set the progress of run %s: %w", runID, err)
	}
	return nil
}

// compact checks a value and takes the space out of it.
func compact(value []byte) ([]byte, error) {
	var b bytes.Buffer
	if !utf8.Valid(value) {
		return nil, ErrValue.With("It is not UTF-8")
	}
	if err := json.Compact(&b, value); err != nil {
		return nil, ErrValue.With("%v", err)
	}
	return b.Bytes(), nil
}
