package pgtest_test

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/cronium/cronium/hub/postgres/pgtest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestEveryTestHasItsOwnMigratedDatabase(t *testing.T) {
	t.Parallel()
	a, b := pgtest.New(t), pgtest.New(t)
	ctx := t.Context()
	if _, err := a.Pool.Exec(ctx, "insert into instance (id) values (gen_random_uuid())"); err != nil {
		t.Fatalf("insert into the migrated schema: %v", err)
	}
	var rows int
	if err := b.Pool.QueryRow(ctx, "select count(*) from instance").Scan(&rows); err != nil || rows != 0 {
		t.Fatalf("rows in the other database = %d, %v; want 0", rows, err)
	}
}

// The test binary starts itself as a parent, kills it without mercy, and looks at
// what is left.
func TestNothingIsLeftWhenTheBinaryIsKilled(t *testing.T) {
	t.Parallel()
	if os.Getenv("PGTEST_PARENT") != "" {
		db := pgtest.New(t)
		var data string
		if err := db.Pool.QueryRow(t.Context(), "show data_directory").Scan(&data); err != nil {
			t.Fatal(err)
		}
		fmt.Println("data", data)
		<-t.Context().Done()
		return
	}
	cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^"+t.Name()+"$", "-test.parallel=1")
	cmd.Env = append(os.Environ(), "PGTEST_PARENT=1")
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	var data string
	for lines := bufio.NewScanner(out); lines.Scan(); {
		if text, ok := strings.CutPrefix(lines.Text(), "data "); ok {
			data = text
			break
		}
	}
	if data == "" {
		t.Fatal("the parent did not start a server")
	}
	if err := cmd.Process.Signal(syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait()
	gone(t, filepath.Dir(data))
}

// gone waits for another process to remove dir, which it does last.
func gone(t *testing.T, dir string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	for {
		if _, err := os.Stat(dir); os.IsNotExist(err) {
			return
		}
		select {
		case <-ctx.Done():
			t.Fatalf("%s is still there", dir)
		case <-time.After(20 * time.Millisecond):
		}
	}
}

func BenchmarkNew(b *testing.B) {
	pgtest.New(b)
	for b.Loop() {
		pgtest.New(b)
	}
}
