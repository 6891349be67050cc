package postgres_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/cronium/cronium/hub/postgres/pgtest"
)

func TestUUIDsTravelInEveryShape(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	a, b := uuid.New(), uuid.New()
	for name, id := range map[string]*uuid.UUID{"a value": &a, "null": nil} {
		var got *uuid.UUID
		if err := db.Pool.QueryRow(t.Context(), "select $1::uuid", id).Scan(&got); err != nil || cmp.Diff(id, got) != "" {
			t.Errorf("%s: %v, %v", name, got, err)
		}
	}
	for name, ids := range map[string][]uuid.UUID{"two": {a, b}, "empty": {}, "nil": nil} {
		var got []uuid.UUID
		if err := db.Pool.QueryRow(t.Context(), "select $1::uuid[]", ids).Scan(&got); err != nil || cmp.Diff(ids, got) != "" {
			t.Errorf("%s: %v, %v", name, got, err)
		}
	}
	var found bool
	if err := db.Pool.QueryRow(t.Context(), "select $1 = any ($2::uuid[])", b, []uuid.UUID{a, b}).Scan(&found); err != nil || !found {
		t.Errorf("any: %v, %v", found, err)
	}
	var text string
	if err := db.Pool.QueryRow(t.Context(), "select $1::text", a).Scan(&text); err != nil || text != a.String() {
		t.Errorf("as text: %q, %v", text, err)
	}
	var raw [16]byte
	if err := db.Pool.QueryRow(t.Context(), "select $1::uuid", a).Scan(&raw); err != nil || raw != a {
		t.Errorf("as bytes: %x, %v", raw, err)
	}
	var fromText uuid.UUID
	if err := db.Pool.QueryRow(t.Context(), "select $1::uuid", a.String()).Scan(&fromText); err != nil || fromText != a {
		t.Errorf("from text: %v, %v", fromText, err)
	}
	var none uuid.UUID
	if err := db.Pool.QueryRow(t.Context(), "select null::uuid").Scan(&none); err == nil || !strings.Contains(err.Error(), "uuid") {
		t.Errorf("null into a value: %v, want an error", err)
	}
	var plain uuid.UUID // without a prepared statement everything is text
	if err := db.Pool.QueryRow(t.Context(), "select $1::uuid", pgx.QueryExecModeSimpleProtocol, a).Scan(&plain); err != nil || plain != a {
		t.Errorf("simple protocol: %v, %v", plain, err)
	}
	if _, err := db.Pool.CopyFrom(t.Context(), pgx.Identifier{"projects"}, []string{"id", "slug", "name"},
		pgx.CopyFromRows([][]any{{a, "a", "A"}, {&b, "b", "B"}})); err != nil {
		t.Errorf("copy: %v", err)
	}
}

func BenchmarkUUIDArray(b *testing.B) {
	db := pgtest.New(b)
	ids := make([]uuid.UUID, 500)
	for i := range ids {
		ids[i] = uuid.New()
	}
	for b.Loop() {
		var n int
		if err := db.Pool.QueryRow(b.Context(), "select cardinality($1::uuid[])", ids).Scan(&n); err != nil || n != 500 {
			b.Fatal(err)
		}
	}
}
