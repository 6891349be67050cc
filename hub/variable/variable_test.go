package variable

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"go.uber.org/goleak"
	"pgregory.net/rapid"

	"github.com/cronium/cronium/hub/postgres"
	"github.com/cronium/cronium/hub/postgres/pgtest"
	"github.com/cronium/cronium/sdk/problem"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

type world struct {
	*Store
	t       *testing.T
	pg      *postgres.DB
	project uuid.UUID
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{t: t, pg: pgtest.New(t), project: uuid.New()}
	w.Store = New(w.pg)
	w.addProject(w.project, "default")
	return w
}

func (w *world) addProject(id uuid.UUID, slug string) {
	if _, err := w.pg.Pool.Exec(context.Background(), "insert into projects (id, slug, name) values ($1, $2, $2)", id, slug); err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) in(do func(tx pgx.Tx) error) error { return w.pg.InTx(context.Background(), do) }

func (w *world) set(name, value string) error {
	return w.in(func(tx pgx.Tx) error {
		return w.Set(context.Background(), tx, w.project, name, json.RawMessage(value), "anna@example.com")
	})
}

func (w *world) value(name string) string {
	w.t.Helper()
	var v json.RawMessage
	err := w.in(func(tx pgx.Tx) (err error) {
		v, err = w.Value(context.Background(), tx, w.project, name)
		return err
	})
	if err != nil {
		w.t.Fatal(err)
	}
	return string(v)
}

func (w *world) swap(name, old, value string) (done bool, err error) {
	err = w.in(func(tx pgx.Tx) (err error) {
		done, err = w.CompareAndSet(context.Background(), tx, w.project, name, json.RawMessage(old), json.RawMessage(value), "x")
		return err
	})
	return done, err
}

func (w *world) add(name, by string) (sum string, err error) {
	err = w.in(func(tx pgx.Tx) error {
		v, err := w.Increment(context.Background(), tx, w.project, name, json.Number(by), "x")
		sum = string(v)
		return err
	})
	return sum, err
}

func code(err error) string {
	if p, ok := problem.As(err); ok && p.Hint != "" {
		return p.Code
	}
	return fmt.Sprint(err)
}

func TestValuesAreKeptAsTheyWereWritten(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for value, want := range map[string]string{
		`9007199254740993`: "", `1.0`: "", `1e400`: "", `-0`: "", `0.1`: "", `true`: "", `"ü\u0000\ud83d"`: "", `[1,{"b":2,"a":1}]`: "",
		` { "a" : [ 1 , 2 ] } `: `{"a":[1,2]}`, `null`: "null",
	} {
		if want == "" {
			want = value
		}
		if err := w.set("x", value); err != nil {
			t.Fatalf("Set(%s): %v", value, err)
		}
		if got := w.value("x"); got != want {
			t.Errorf("Value = %s, want %s", got, want)
		}
	}
	if got := w.value("never_set"); got != "null" {
		t.Errorf("a variable that was never set is %s", got)
	}
}

func TestWhatIsNotAVariableIsRefused(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for _, name := range []string{"", "1x", "-x", "a b", "ü", "../x", "x\n", strings.Repeat("x", 129)} {
		if err := w.set(name, "1"); code(err) != "name_invalid" {
			t.Errorf("Set(%q) = %v", name, err)
		}
	}
	for value, want := range map[string]string{
		``: "value_invalid", `x`: "value_invalid", `1 2`: "value_invalid", "\"\xff\"": "value_invalid", `01`: "value_invalid",
		`"` + strings.Repeat("x", maxValue) + `"`: "value_too_large",
	} {
		if err := w.set("x", value); code(err) != want {
			t.Errorf("Set(%.20q) = %v, want %s", value, err, want)
		}
	}
	if err := w.set("x", `"`+strings.Repeat("x", maxValue-2)+`"`); err != nil {
		t.Errorf("a value of exactly 64 KiB: %v", err)
	}
}

func TestCompareAndSetComparesValuesNotTexts(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for i, c := range []struct {
		old, value string
		want       bool
	}{
		{`1`, `2`, false}, {`null`, `1`, true}, {`null`, `2`, false}, {`1.0`, `{"a":[1,"x"],"b":null}`, true},
		{`{"b":null,"a":[1e0,"x"]}`, `9007199254740993`, true}, {`9007199254740992`, `0`, false}, {`9007199254740993`, `null`, true},
		{`null`, `null`, true}, {`null`, `"1"`, true}, {`1`, `2`, false}, {`"1"`, `[]`, true}, {`{}`, `1`, false},
	} {
		got, err := w.swap("x", c.old, c.value)
		if err != nil || got != c.want {
			t.Fatalf("step %d: CompareAndSet(%s, %s) = %v, %v; the variable is %s", i, c.old, c.value, got, err, w.value("x"))
		}
	}
}

func TestOfManyThatCompareAtOnceOneWins(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for _, old := range []string{"null", "1"} {
		var all sync.WaitGroup
		won := make(chan bool, 8)
		for i := range 8 {
			all.Go(func() {
				done, err := w.swap("x", old, fmt.Sprintf(`{"by":%d}`, i))
				if err != nil {
					t.Error(err)
				}
				won <- done
			})
		}
		all.Wait()
		close(won)
		n := 0
		for done := range won {
			if done {
				n++
			}
		}
		if n != 1 {
			t.Errorf("%d of 8 that expected %s have won", n, old)
		}
		if err := w.set("x", "1"); err != nil {
			t.Fatal(err)
		}
	}
}

func TestSumsAreExact(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for i, c := range []struct{ by, want string }{
		{"9007199254740993", "9007199254740993"}, {"1", "9007199254740994"}, {"-9007199254740994", "0"}, {"0.1", "0.1"}, {"0.2", "0.3"},
		{"1e2", "100.3"}, {"123456789012345678901234567890", "123456789012345678901234567990.3"},
	} {
		if got, err := w.add("n", c.by); err != nil || got != c.want || w.value("n") != c.want {
			t.Fatalf("step %d: +%s = %s, %v; want %s", i, c.by, got, err, c.want)
		}
	}
}

func TestOnlyNumbersAreCounted(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for _, value := range []string{`"1"`, `[1]`, `{}`, `true`} {
		if err := w.set("x", value); err != nil {
			t.Fatal(err)
		}
		if _, err := w.add("x", "1"); code(err) != "variable_not_a_number" || w.value("x") != value {
			t.Errorf("%s + 1: %v", value, err)
		}
	}
	for _, by := range []string{"", "x", "01", "1e999", "1e-999", "NaN", strings.Repeat("9", 65), "1.", "+1"} {
		if _, err := w.add("n", by); code(err) != "value_invalid" {
			t.Errorf("+ %q: %v", by, err)
		}
	}
	for value, want := range map[string]string{"1e100000": "value_too_large", "1e999999": "variable_not_a_number"} {
		if err := w.set("huge", value); err != nil {
			t.Fatal(err)
		}
		if _, err := w.add("huge", "1"); code(err) != want || w.value("huge") != value {
			t.Errorf("%s + 1: %v, want %s", value, err, want)
		}
	}
}

func TestManyIncrementsAtOnceLoseNothing(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			for range 25 {
				if _, err := w.add("n", "1"); err != nil {
					t.Error(err)
				}
			}
		})
	}
	all.Wait()
	if got := w.value("n"); got != "200" {
		t.Errorf("200 increments make %s", got)
	}
}

func TestListingAndDeleting(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ctx := context.Background()
	for _, name := range []string{"b", "A", "c_last"} {
		if err := w.set(name, `"`+name+`"`); err != nil {
			t.Fatal(err)
		}
	}
	first, err := w.List(ctx, w.project, Filter{Limit: 2})
	if err != nil || len(first.Variables) != 2 || first.Next == "" {
		t.Fatalf("the first page is %+v, %v", first, err)
	}
	second, err := w.List(ctx, w.project, Filter{Limit: 2, After: first.Next})
	if err != nil || len(second.Variables) != 1 || second.Next != "" {
		t.Fatalf("the second page is %+v, %v", second, err)
	}
	found, err := w.List(ctx, w.project, Filter{Text: "LAST"})
	if err != nil || len(found.Variables) != 1 || found.Variables[0].Name != "c_last" || found.Variables[0].UpdatedBy != "anna@example.com" {
		t.Errorf("found %+v, %v", found, err)
	}
	if err := w.Delete(ctx, w.project, "b"); err != nil {
		t.Error(err)
	}
	if err := w.Delete(ctx, w.project, "b"); !errors.Is(err, ErrNotFound) {
		t.Errorf("deleting again: %v", err)
	}
	if _, err := w.Get(ctx, w.project, "b"); !errors.Is(err, ErrNotFound) {
		t.Errorf("Get after Delete: %v", err)
	}
	theirs := uuid.New()
	w.addProject(theirs, "theirs")
	if _, err := w.Get(ctx, theirs, "A"); !errors.Is(err, ErrNotFound) {
		t.Errorf("another project's variable: %v", err)
	}
}

func TestAProjectHasABoundedNumberOfVariables(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	_, err := w.pg.Pool.Exec(context.Background(), "insert into variables (project_id, name, value) select $1, 'v' || n, '1' from generate_series(1, $2::int) n", w.project, maxVariables)
	if err != nil {
		t.Fatal(err)
	}
	if err := w.set("more", "1"); code(err) != "too_many_variables" {
		t.Errorf("Set = %v", err)
	}
	if _, err := w.add("more", "1"); code(err) != "too_many_variables" {
		t.Errorf("Increment = %v", err)
	}
	if _, err := w.swap("more", "null", "1"); code(err) != "too_many_variables" {
		t.Errorf("CompareAndSet = %v", err)
	}
	if _, err := w.add("v7", "1"); err != nil {
		t.Errorf("one that is there: %v", err)
	}
}

// equal is an equivalence, and agrees with arithmetic.
func TestEqualNumbers(t *testing.T) {
	for _, same := range [][]string{{"0", "-0", "0.0", "0e9", "-0.00e-3"}, {"1", "1.0", "10e-1", "0.1e1", "1E+0"}, {"-120", "-1.2e2", "-12e1"},
		{"1e99999999999999999999"}, {"1e5", "100000"}, {"9007199254740993"}, {"9007199254740992"}} {
		for _, a := range same {
			for _, b := range same {
				if !equal([]byte(a), []byte(b)) {
					t.Errorf("%s and %s differ", a, b)
				}
			}
		}
	}
	rapid.Check(t, func(t *rapid.T) {
		n, e := rapid.Int32().Draw(t, "n"), rapid.IntRange(-5, 5).Draw(t, "e")
		m := rapid.SampledFrom([]int32{n, n + 1, -n, n * 10}).Draw(t, "m")
		if got := equal(fmt.Appendf(nil, "%de%d", n, e), fmt.Appendf(nil, "%d.0e%d", m, e)); got != (n == m) {
			t.Fatalf("%d and %d with exponent %d: equal %v", n, m, e, got)
		}
	})
}
