package postgres_test

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"go.uber.org/goleak"

	"github.com/cronium/cronium/hub/postgres"
	"github.com/cronium/cronium/hub/postgres/pgtest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func exec(t *testing.T, db *postgres.DB, sql string) {
	t.Helper()
	if _, err := db.Pool.Exec(t.Context(), sql); err != nil {
		t.Fatal(err)
	}
}

func count(t *testing.T, db *postgres.DB, sql string) (n int) {
	t.Helper()
	if err := db.Pool.QueryRow(t.Context(), sql).Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n
}

func TestHubsThatStartAtOnceMigrateOnce(t *testing.T) {
	t.Parallel()
	url := pgtest.EmptyURL(t)
	var all sync.WaitGroup
	for range 4 {
		all.Go(func() {
			db, err := postgres.Open(t.Context(), postgres.Config{URL: url, MaxConns: 2})
			if err != nil {
				t.Error(err)
				return
			}
			defer db.Close()
			if err := db.Migrate(t.Context()); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	db, err := postgres.Open(t.Context(), postgres.Config{URL: url, MaxConns: 2})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if n := count(t, db, "select count(*) - count(distinct version_id) from schema_migrations"); n != 0 {
		t.Fatalf("%d migrations were applied twice", n)
	}
	if err := db.Migrate(t.Context()); err != nil {
		t.Fatalf("Migrate again = %v", err)
	}
}

func TestSessionsHaveLimits(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	for name, want := range map[string]string{
		"statement_timeout": "10s", "lock_timeout": "3s", "idle_in_transaction_session_timeout": "15s", "TimeZone": "UTC",
	} {
		var got string
		if err := db.Pool.QueryRow(t.Context(), "select current_setting($1)", name).Scan(&got); err != nil || got != want {
			t.Errorf("%s = %q, %v; want %q", name, got, err, want)
		}
	}
}

func TestOpenSaysWhatIsWrong(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	for url, want := range map[string]error{
		"mysql://x": postgres.ErrURL,
		"postgres://u:s3cret@127.0.0.1:notaport/x":      postgres.ErrURL,
		"postgres:///x?host=/nowhere&user=u":            postgres.ErrUnreachable,
		"postgres://u:s3cret@127.0.0.1:1/x":             postgres.ErrUnreachable,
		strings.Replace(pgtest.URL(t), "/t_", "/u_", 1): postgres.ErrUnreachable, // no such database
	} {
		_, err := postgres.Open(ctx, postgres.Config{URL: url})
		if !errors.Is(err, want) || strings.Contains(err.Error(), "s3cret") {
			t.Errorf("Open(%q) = %v, want %v", url, err, want)
		}
	}
}

func TestTransactionIsRolledBackOnErrorAndPanic(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	exec(t, db, "create table x (n int)")
	mine := errors.New("mine")
	tries := 0
	err := db.InTx(t.Context(), func(tx pgx.Tx) error {
		tries++
		_, err := tx.Exec(t.Context(), "insert into x values (1)")
		return errors.Join(err, mine)
	})
	if !errors.Is(err, mine) || tries != 1 {
		t.Fatalf("InTx = %v after %d tries, want our error after one", err, tries)
	}
	func() {
		defer func() { _ = recover() }()
		_ = db.InTx(t.Context(), func(tx pgx.Tx) error {
			_, _ = tx.Exec(t.Context(), "insert into x values (2)")
			panic("on purpose")
		})
	}()
	if n := count(t, db, "select count(*) from x"); n != 0 {
		t.Fatalf("%d rows are left", n)
	}
	if n := db.Pool.Stat().AcquiredConns(); n != 0 {
		t.Fatalf("%d connections are still borrowed", n)
	}
}

func TestConflictingTransactionsRunAgain(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	exec(t, db, "create table x (id int primary key, n int not null)")
	exec(t, db, "insert into x values (1, 0), (2, 0)")
	// Two transactions that lock the same rows in opposite order: a deadlock, unless
	// one had finished before the other began.
	both := make(chan struct{}, 2)
	var all sync.WaitGroup
	for _, order := range [][2]int{{1, 2}, {2, 1}} {
		all.Go(func() {
			first := true
			err := db.InTx(t.Context(), func(tx pgx.Tx) error {
				for _, id := range order {
					if _, err := tx.Exec(t.Context(), "update x set n = n + 1 where id = $1", id); err != nil {
						return err
					}
					if first {
						first = false
						both <- struct{}{}
						for len(both) < 2 {
							time.Sleep(time.Millisecond)
						}
					}
				}
				return nil
			})
			if err != nil {
				t.Errorf("InTx = %v", err)
			}
		})
	}
	all.Wait()
	if n := count(t, db, "select sum(n) from x"); n != 4 {
		t.Fatalf("sum = %d, want 4: each transaction exactly once", n)
	}
}

func TestConnectionLostBeforeTheCommitIsRepeated(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	exec(t, db, "create table x (n int)")
	tries := 0
	err := db.InTx(t.Context(), func(tx pgx.Tx) error {
		tries++
		if _, err := tx.Exec(t.Context(), "insert into x values (1)"); err != nil {
			return err
		}
		if tries == 1 {
			var ended bool
			pid := tx.Conn().PgConn().PID()
			if err := db.Pool.QueryRow(t.Context(), "select pg_terminate_backend($1)", pid).Scan(&ended); err != nil || !ended {
				t.Errorf("terminate: %v", err)
			}
		}
		_, err := tx.Exec(t.Context(), "insert into x values (2)")
		return err
	})
	if err != nil || tries != 2 {
		t.Fatalf("InTx = %v after %d tries, want success at the second", err, tries)
	}
	if n := count(t, db, "select count(*) from x"); n != 2 {
		t.Fatalf("%d rows, want 2", n)
	}
}

func TestConstraintNamesTheLaw(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	exec(t, db, "create table x (n int, constraint x_positive_ck check (n > 0))")
	_, err := db.Pool.Exec(t.Context(), "insert into x values (0)")
	if got := postgres.Constraint(err); got != "x_positive_ck" {
		t.Fatalf("Constraint(%v) = %q", err, got)
	}
	if postgres.Constraint(nil) != "" || postgres.Constraint(errors.New("x")) != "" {
		t.Fatal("Constraint sees what is not there")
	}
	if postgres.Unavailable(err) {
		t.Fatal("a violated constraint passes for an outage")
	}
}

func TestUnavailable(t *testing.T) {
	t.Parallel()
	for _, code := range []string{"57P01", "57P02", "57P03", "08006", "53300"} {
		if !postgres.Unavailable(&pgconn.PgError{Code: code}) {
			t.Errorf("%s is not seen as an outage", code)
		}
	}
	for _, err := range []error{nil, context.Canceled, pgx.ErrNoRows, &pgconn.PgError{Code: "23505"}, &pgconn.PgError{Code: "57014"}} {
		if postgres.Unavailable(err) {
			t.Errorf("%v is seen as an outage", err)
		}
	}
	_, err := pgx.Connect(t.Context(), "postgres:///x?host=/nowhere&user=u")
	if !postgres.Unavailable(err) {
		t.Errorf("%v is not seen as an outage", err)
	}
}

func TestListenHearsAndRingsAfterEveryConnect(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	ctx, cancel := context.WithCancel(t.Context())
	heard, done := make(chan string, 100), make(chan error)
	go func() { done <- db.Listen(ctx, "bells; drop", func(payload string) { heard <- payload }) }()
	expect := func(want string) {
		t.Helper()
		select {
		case got := <-heard:
			if got != want {
				t.Fatalf("heard %q, want %q", got, want)
			}
		case <-time.After(20 * time.Second):
			t.Fatalf("%q is not heard", want)
		}
	}
	expect("")
	exec(t, db, `select pg_notify('bells; drop', 'one')`)
	expect("one")
	exec(t, db, `select pg_terminate_backend(pid) from pg_stat_activity where query like 'listen%' and datname = current_database()`)
	expect("")
	exec(t, db, `select pg_notify('bells; drop', 'two')`)
	expect("two")
	cancel()
	if err := <-done; !errors.Is(err, context.Canceled) {
		t.Fatalf("Listen = %v, want the context's end", err)
	}
}
