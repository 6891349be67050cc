package variable

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/cronium/cronium/hub/postgres"
	"github.com/cronium/cronium/hub/variable/internal/db"
)

// Store is the only writer of variables. Its methods may be called concurrently;
// those that take a transaction change nothing before it is committed.
type Store struct {
	db *postgres.DB
	q  *db.Queries
}

// New returns a store on a migrated database.
func New(database *postgres.DB) *Store { return &Store{db: database, q: db.New(database.Pool)} }

// Get returns a variable, or [ErrNotFound].
func (s *Store) Get(ctx context.Context, project uuid.UUID, name string) (Variable, error) {
	row, err := s.q.Get(ctx, project, name)
	if errors.Is(err, pgx.ErrNoRows) {
		return Variable{}, ErrNotFound.With("No variable %.64q", name)
	}
	if err != nil {
		return Variable{}, fmt.Errorf("get variable: %w", err)
	}
	return variableOf(row), nil
}

// Value returns a variable's value as the transaction sees it: null when there is none.
func (s *Store) Value(ctx context.Context, tx pgx.Tx, project uuid.UUID, name string) (json.RawMessage, error) {
	if err := checkName(name); err != nil {
		return nil, err
	}
	row, err := db.New(tx).Get(ctx, project, name)
	if errors.Is(err, pgx.ErrNoRows) {
		return json.RawMessage("null"), nil
	}
	if err != nil {
		return nil, fmt.Errorf("get variable: %w", err)
	}
	return json.RawMessage(row.Value), nil
}

// List returns a page of the project's variables.
func (s *Store) List(ctx context.Context, project uuid.UUID, f Filter) (Page, error) {
	limit := f.Limit
	if limit <= 0 {
		limit = 50
	}
	limit = min(limit, 500)
	rows, err := s.q.List(ctx, db.ListParams{ProjectID: project, After: f.After, Search: f.Text, N: int32(limit + 1)}) //nolint:gosec // at most 501
	if err != nil {
		return Page{}, fmt.Errorf("list variables: %w", err)
	}
	var page Page
	for _, row := range rows[:min(len(rows), limit)] {
		page.Variables = append(page.Variables, variableOf(db.GetRow(row)))
	}
	if len(rows) > limit {
		page.Next = page.Variables[limit-1].Name
	}
	return page, nil
}

func variableOf(row db.GetRow) Variable {
	return Variable{Name: row.Name, Value: json.RawMessage(row.Value), Version: row.Version, CreatedAt: row.CreatedAt, UpdatedAt: row.UpdatedAt, UpdatedBy: row.UpdatedBy}
}

// Set gives a variable a value; null removes it. By says who.
func (s *Store) Set(ctx context.Context, tx pgx.Tx, project uuid.UUID, name string, value json.RawMessage, by string) error {
	text, err := check(name, value)
	if err != nil {
		return err
	}
	return put(ctx, db.New(tx), project, name, text, by)
}

func check(name string, value json.RawMessage) ([]byte, error) {
	if err := checkName(name); err != nil {
		return nil, err
	}
	return compact(value)
}

func put(ctx context.Context, q *db.Queries, project uuid.UUID, name string, text []byte, by string) error {
	if isNull(text) {
		_, err := q.Delete(ctx, project, name)
		return wrap(name, err)
	}
	for {
		n, err := q.Update(ctx, db.UpdateParams{ProjectID: project, Name: name, Value: string(text), UpdatedBy: by})
		if err != nil || n > 0 {
			return wrap(name, err)
		}
		if made, err := insert(ctx, q, project, name, text, by); err != nil || made {
			return err
		}
	}
}

// insert reports false when somebody else has just made the variable, which the
// caller then sees.
func insert(ctx context.Context, q *db.Queries, project uuid.UUID, name string, text []byte, by string) (bool, error) {
	n, err := q.Insert(ctx, db.InsertParams{ProjectID: project, Name: name, Value: string(text), UpdatedBy: by, Most: maxVariables})
	if err != nil || n > 0 {
		return n > 0, wrap(name, err)
	}
	_, err = q.Lock(ctx, project, name)
	if errors.Is(err, pgx.ErrNoRows) {
		return false, ErrTooMany.With("It has %d, which is as many as it may have", maxVariables)
	}
	return false, wrap(name, err)
}

// CompareAndSet gives a variable a value if it has the value old, and reports
// whether it had. Null stands for a variable that is not there.
func (s *Store) CompareAndSet(ctx context.Context, tx pgx.Tx, project uuid.UUID, name string, old, value json.RawMessage, by string) (bool, error) {
	text, err := check(name, value)
	if err != nil {
		return false, err
	}
	if old, err = compact(old); err != nil {
		return false, err
	}
	q := db.New(tx)
	for {
		now, err := q.Lock(ctx, project, name)
		switch {
		case errors.Is(err, pgx.ErrNoRows):
			if !isNull(old) || isNull(text) {
				return isNull(old), nil
			}
			if made, err := insert(ctx, q, project, name, text, by); err != nil || made {
				return made, err
			}
		case err != nil:
			return false, wrap(name, err)
		case !equal([]byte(now), old):
			return false, nil
		default:
			return true, put(ctx, q, project, name, text, by)
		}
	}
}

// numberRE is a JSON number that is short enough to be counted with.
var numberRE = regexp.MustCompile(`^-?(0|[1-9][0-9]{0,63})(\.[0-9]{1,64})?([eE][-+]?[0-9]{1,3})?$`)

// maxExponent is that of the largest double.
const maxExponent = 308

func countable(number string) bool {
	_, power, _ := strings.Cut(strings.ToLower(number), "e")
	exponent, _ := strconv.Atoi(power)
	return numberRE.MatchString(number) && exponent <= maxExponent && exponent >= -maxExponent
}

// Increment adds a number to a variable, which counts as 0 when it is not there, and
// returns the sum.
func (s *Store) Increment(ctx context.Context, tx pgx.Tx, project uuid.UUID, name string, number json.Number, by string) (json.RawMessage, error) {
	if err := checkName(name); err != nil {
		return nil, err
	}
	if !countable(number.String()) {
		return nil, ErrValue.With("%.80q is not a number that can be added", number).
			Hinted("Give a number with at most 64 digits on each side of the point and an exponent of at most %d.", maxExponent).At("by")
	}
	q := db.New(tx)
	for {
		sum, err := q.Add(ctx, db.AddParams{ProjectID: project, Name: name, By: number.String(), UpdatedBy: by})
		if err == nil {
			return json.RawMessage(sum), nil
		}
		if !errors.Is(err, pgx.ErrNoRows) {
			return nil, wrap(name, err)
		}
		if _, err := q.Lock(ctx, project, name); err == nil {
			return nil, ErrNotANumber.With("The variable %s holds something else", name)
		} else if !errors.Is(err, pgx.ErrNoRows) {
			return nil, wrap(name, err)
		}
		if made, err := insert(ctx, q, project, name, []byte(number), by); err != nil || made {
			return json.RawMessage(number), err
		}
	}
}

// Delete removes a variable, or returns [ErrNotFound].
func (s *Store) Delete(ctx context.Context, project uuid.UUID, name string) error {
	n, err := s.q.Delete(ctx, project, name)
	if err == nil && n == 0 {
		return ErrNotFound.With("No variable %.64q", name)
	}
	return wrap(name, err)
}

// wrap says of an error what it was about.
func wrap(name string, err error) error {
	if err == nil {
		return nil
	}
	if postgres.Constraint(err) == "variables_value_ck" {
		return ErrTooLarge.With("The sum has more than %d digits", maxValue)
	}
	if pg, ok := errors.AsType[*pgconn.PgError](err); ok && pg.Code == "22003" { // numeric_value_out_of_range
		return ErrNotANumber.With("The number in %s is too large to count with", name)
	}
	return fmt.Errorf("change variable %s: %w", name, err)
}
