package secret_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/cronium/cronium/hub/postgres"
	"github.com/cronium/cronium/hub/postgres/pgtest"
	"github.com/cronium/cronium/hub/secret"
	"github.com/cronium/cronium/sdk/problem"
)

type storeWorld struct {
	*secret.Store
	t       *testing.T
	pg      *postgres.DB
	project uuid.UUID
}

func newStore(t *testing.T) *storeWorld {
	t.Helper()
	w := &storeWorld{t: t, pg: pgtest.New(t), project: uuid.New()}
	w.Store = secret.NewStore(w.pg, keys(t), slog.New(slog.DiscardHandler))
	w.addProject(w.project, "default")
	return w
}

func (w *storeWorld) addProject(id uuid.UUID, slug string) {
	if _, err := w.pg.Pool.Exec(context.Background(), "insert into projects (id, slug, name) values ($1, $2, $2)", id, slug); err != nil {
		w.t.Fatal(err)
	}
}

func (w *storeWorld) set(name, value string) error {
	return w.Set(context.Background(), w.project, name, secret.NewText(value), "anna@example.com")
}

func (w *storeWorld) read(project uuid.UUID, name string, reader secret.Reader) (value string, err error) {
	err = w.pg.InTx(context.Background(), func(tx pgx.Tx) error {
		text, err := w.Read(context.Background(), tx, project, name, reader)
		value = text.Reveal()
		return err
	})
	return value, err
}

func code(err error) string {
	if p, ok := problem.As(err); ok && p.Hint != "" {
		return p.Code
	}
	return fmt.Sprint(err)
}

func TestASecretIsSealedAndReadByAnAttempt(t *testing.T) {
	t.Parallel()
	w := newStore(t)
	const value = "correct horse\nbattery staple"
	if err := w.set("TOKEN", value); err != nil {
		t.Fatal(err)
	}
	var sealed []byte
	if err := w.pg.Pool.QueryRow(t.Context(), "select sealed from secrets").Scan(&sealed); err != nil || bytes.Contains(sealed, []byte("horse")) {
		t.Fatalf("in the table: %q, %v", sealed, err)
	}
	reader := secret.Reader{RunID: uuid.New(), Attempt: 2, Job: "nightly"}
	for range 3 {
		if got, err := w.read(w.project, "TOKEN", reader); err != nil || got != value {
			t.Fatalf("Read = %q, %v", got, err)
		}
	}
	page, err := w.List(t.Context(), w.project, "", 10)
	if err != nil || len(page.Secrets) != 1 {
		t.Fatalf("List = %+v, %v", page, err)
	}
	s := page.Secrets[0]
	if s.Version != 1 || s.UpdatedBy != "anna@example.com" || s.LastRead == nil || s.LastRead.RunID != reader.RunID || s.LastRead.Attempt != 2 || s.LastRead.Job != "nightly" {
		t.Errorf("it is listed as %+v, last read %+v", s, s.LastRead)
	}
	var rows, reads int
	if err := w.pg.Pool.QueryRow(t.Context(), "select count(*), sum(reads) from secret_reads").Scan(&rows, &reads); err != nil || rows != 1 || reads != 3 {
		t.Errorf("three readings of one attempt are %d rows of %d readings, %v", rows, reads, err)
	}
}

func TestAnotherValueReplacesTheFirst(t *testing.T) {
	t.Parallel()
	w := newStore(t)
	for _, value := range []string{"the first value", "the second value"} {
		if err := w.set("TOKEN", value); err != nil {
			t.Fatal(err)
		}
	}
	if got, err := w.read(w.project, "TOKEN", secret.Reader{RunID: uuid.New(), Attempt: 1}); err != nil || got != "the second value" {
		t.Errorf("Read = %q, %v", got, err)
	}
	if page, err := w.List(t.Context(), w.project, "", 10); err != nil || page.Secrets[0].Version != 2 {
		t.Errorf("List = %+v, %v", page, err)
	}
}

func TestASealedValueOpensInItsOwnRowAlone(t *testing.T) {
	t.Parallel()
	w := newStore(t)
	theirs := uuid.New()
	w.addProject(theirs, "theirs")
	for _, name := range []string{"A", "B"} {
		if err := w.set(name, "value of "+name); err != nil {
			t.Fatal(err)
		}
	}
	reader := secret.Reader{RunID: uuid.New(), Attempt: 1}
	if _, err := w.read(theirs, "A", reader); !errors.Is(err, secret.ErrNotFound) {
		t.Errorf("another project's secret: %v", err)
	}
	for what, sql := range map[string]string{
		"another secret's value":   "update secrets set sealed = (select sealed from secrets where name = 'B') where name = 'A'",
		"a row of another project": "update secrets set project_id = (select id from projects where slug = 'theirs') where name = 'B'",
	} {
		if _, err := w.pg.Pool.Exec(t.Context(), sql); err != nil {
			t.Fatal(err)
		}
		project, name := w.project, "A"
		if strings.Contains(what, "project") {
			project, name = theirs, "B"
		}
		if got, err := w.read(project, name, reader); !errors.Is(err, secret.ErrDamaged) {
			t.Errorf("%s: Read = %q, %v; want ErrDamaged", what, got, err)
		}
	}
}

func TestWhatCannotBeASecretIsRefused(t *testing.T) {
	t.Parallel()
	w := newStore(t)
	for _, c := range []struct{ name, value, code string }{
		{"1X", "long enough", "name_invalid"}, {"", "long enough", "name_invalid"}, {"../x", "long enough", "name_invalid"},
		{"X", "12345", "secret_too_short"}, {"X", "  12345 \n", "secret_too_short"}, {"X", strings.Repeat("x", 16<<10+1), "secret_too_large"},
	} {
		err := w.set(c.name, c.value)
		if code(err) != c.code || strings.Contains(err.Error(), "12345") {
			t.Errorf("Set(%q, %d bytes) = %v, want %s without the value", c.name, len(c.value), err, c.code)
		}
	}
	if err := w.set("X", strings.Repeat("x", 16<<10)); err != nil {
		t.Errorf("16 KiB: %v", err)
	}
	if _, err := w.pg.Pool.Exec(t.Context(), "insert into secrets (project_id, name, id, sealed) select $1, 's' || n, gen_random_uuid(), '' from generate_series(1, 999) n", w.project); err != nil {
		t.Fatal(err)
	}
	if err := w.set("MORE", "long enough"); code(err) != "too_many_secrets" {
		t.Errorf("secret 1001: %v", err)
	}
	if err := w.set("X", "another value"); err != nil {
		t.Errorf("one that is there: %v", err)
	}
}

func TestADeletedSecretIsGoneAndWhoReadItIsNot(t *testing.T) {
	t.Parallel()
	w := newStore(t)
	if err := w.set("TOKEN", "long enough"); err != nil {
		t.Fatal(err)
	}
	reader := secret.Reader{RunID: uuid.New(), Attempt: 1, Job: "j"}
	if _, err := w.read(w.project, "TOKEN", reader); err != nil {
		t.Fatal(err)
	}
	if err := w.Delete(t.Context(), w.project, "TOKEN"); err != nil {
		t.Fatal(err)
	}
	if err := w.Delete(t.Context(), w.project, "TOKEN"); !errors.Is(err, secret.ErrNotFound) {
		t.Errorf("deleting again: %v", err)
	}
	if _, err := w.read(w.project, "TOKEN", reader); !errors.Is(err, secret.ErrNotFound) {
		t.Errorf("Read = %v", err)
	}
	var rows int
	if err := w.pg.Pool.QueryRow(t.Context(), "select count(*) from secret_reads").Scan(&rows); err != nil || rows != 1 {
		t.Errorf("%d readings are known, %v", rows, err)
	}
}
