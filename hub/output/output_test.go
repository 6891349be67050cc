package output

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

	"github.com/cronium/cronium/hub/postgres"
	"github.com/cronium/cronium/hub/postgres/pgtest"
	"github.com/cronium/cronium/sdk/problem"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

type world struct {
	*Store
	t   *testing.T
	pg  *postgres.DB
	run uuid.UUID
}

func newWorld(t *testing.T) *world {
	t.Helper()
	pg := pgtest.New(t)
	return &world{Store: New(pg), t: t, pg: pg, run: uuid.New()}
}

func (w *world) in(do func(ctx context.Context, tx pgx.Tx) error) error {
	ctx := context.Background()
	return w.pg.InTx(ctx, func(tx pgx.Tx) error { return do(ctx, tx) })
}

func (w *world) set(attempt int32, value string) error {
	return w.in(func(ctx context.Context, tx pgx.Tx) error {
		return w.Set(ctx, tx, w.run, attempt, json.RawMessage(value))
	})
}

func (w *world) update(attempt int32, key, value string) error {
	return w.in(func(ctx context.Context, tx pgx.Tx) error {
		return w.Update(ctx, tx, w.run, attempt, key, json.RawMessage(value))
	})
}

func (w *world) said() Said {
	w.t.Helper()
	said, err := w.Get(context.Background(), w.run)
	if err != nil {
		w.t.Fatal(err)
	}
	return said
}

func code(err error) string {
	if p, ok := problem.As(err); ok && p.Hint != "" {
		return p.Code
	}
	return fmt.Sprint(err)
}

func TestARunThatSaidNothingHasNothing(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	if said := w.said(); said.Attempt != 0 || said.Bytes != 0 || said.Condition != nil || said.Progress != nil || said.OutputAt != nil {
		t.Errorf("it said %+v", said)
	}
	if _, err := w.Whole(t.Context(), w.run); !errors.Is(err, ErrNone) {
		t.Errorf("Whole = %v", err)
	}
}

func TestTheOutputIsKeptAsItWasWritten(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for value, want := range map[string]string{`9007199254740993`: "", `{"b":1.0,"a":"ü\u0000"}`: "", ` [ 1 ] `: `[1]`, `null`: ""} {
		if want == "" {
			want = value
		}
		if err := w.set(1, value); err != nil {
			t.Fatal(err)
		}
		if said := w.said(); string(said.Output) != want || said.Bytes != int64(len(want)) || said.OutputAt == nil {
			t.Errorf("it said %+v, want %s", said, want)
		}
	}
	large := `"` + strings.Repeat("x", maxOutput-2) + `"`
	if err := w.set(1, large); err != nil {
		t.Fatalf("an output of 1 MiB: %v", err)
	}
	if said := w.said(); said.Output != nil || said.Bytes != maxOutput {
		t.Errorf("a large output is among the rest: %d bytes of %d", len(said.Output), said.Bytes)
	}
	if whole, err := w.Whole(t.Context(), w.run); err != nil || string(whole) != large {
		t.Errorf("Whole gives %d bytes, %v", len(whole), err)
	}
	if err := w.set(1, large[:1]+"x"+large[1:]); code(err) != "output_too_large" {
		t.Errorf("a byte more: %v", err)
	}
	if err := w.set(1, "x"); code(err) != "output_invalid" {
		t.Errorf("no JSON: %v", err)
	}
}

func TestMembersAreSetOneByOne(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	var all sync.WaitGroup
	for i := range 16 {
		all.Go(func() {
			if err := w.update(1, fmt.Sprintf("k%02d", i), fmt.Sprintf("%d.0", i)); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	var members map[string]json.Number
	if err := json.Unmarshal(w.said().Output, &members); err != nil || len(members) != 16 || members["k07"] != "7.0" {
		t.Errorf("sixteen at once leave %s", w.said().Output)
	}
	for i := 16; i < maxKeys; i++ {
		if err := w.update(1, fmt.Sprintf("k%02d", i), "<"); code(err) != "output_invalid" {
			t.Fatal(err)
		}
		if err := w.update(1, fmt.Sprintf("k%02d", i), `"<"`); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.update(1, "one more", "1"); code(err) != "too_many_output_keys" {
		t.Errorf("member 257: %v", err)
	}
	if err := w.update(1, "k00", "true"); err != nil {
		t.Errorf("one that is there: %v", err)
	}
	if err := w.update(1, "", "1"); code(err) != "output_key_invalid" {
		t.Errorf("no key: %v", err)
	}
	for _, value := range []string{`[1]`, `"x"`, `null`, `7`} {
		if err := w.set(1, value); err != nil {
			t.Fatal(err)
		}
		if err := w.update(1, "k", "1"); code(err) != "output_not_an_object" {
			t.Errorf("a member of %s: %v", value, err)
		}
	}
}

func TestALaterAttemptReplacesWhatAnEarlierSaid(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	half := 0.5
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	must(w.set(1, `{"first":true}`))
	must(w.in(func(ctx context.Context, tx pgx.Tx) error { return w.SetCondition(ctx, tx, w.run, 1, true) }))
	must(w.in(func(ctx context.Context, tx pgx.Tx) error { return w.SetProgress(ctx, tx, w.run, 1, &half, "half") }))
	if said := w.said(); *said.Condition != true || *said.Progress.Fraction != 0.5 || said.Progress.Text != "half" || said.Bytes == 0 {
		t.Errorf("the first attempt said %+v", said)
	}
	must(w.in(func(ctx context.Context, tx pgx.Tx) error { return w.SetProgress(ctx, tx, w.run, 2, nil, "begins") }))
	if said := w.said(); said.Attempt != 2 || said.Condition != nil || said.Bytes != 0 || said.Output != nil || said.Progress.Fraction != nil || said.Progress.Text != "begins" {
		t.Errorf("after the second attempt's first word: %+v", said)
	}
	must(w.update(2, "second", "2"))
	if got := string(w.said().Output); got != `{"second":2}` {
		t.Errorf("the output is %s", got)
	}
}

func TestProgressIsChecked(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for _, c := range []struct {
		fraction float64
		text     string
	}{{1.01, ""}, {-0.01, ""}, {0, strings.Repeat("ü", 201)}, {0, "a\x00b"}, {0, "\xff"}} {
		err := w.in(func(ctx context.Context, tx pgx.Tx) error {
			return w.SetProgress(ctx, tx, w.run, 1, &c.fraction, c.text)
		})
		if code(err) != "progress_invalid" {
			t.Errorf("SetProgress(%v, %.10q) = %v", c.fraction, c.text, err)
		}
	}
}
