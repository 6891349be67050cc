package local_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"go.uber.org/goleak"

	"github.com/cronium/cronium/hub/postgres/local"
	"github.com/cronium/cronium/sdk/problem"
)

const patience = 60 * time.Second

func TestMain(m *testing.M) {
	if dir := os.Getenv("LOCAL_TEST_HUB"); dir != "" {
		fakeHub(dir)
		return
	}
	goleak.VerifyTestMain(m)
}

// fakeHub is a parent to kill: it keeps a server and says so.
func fakeHub(dir string) {
	s, err := local.Start(context.Background(), local.Config{Dir: dir})
	if err != nil {
		fmt.Println("error", err)
		os.Exit(1)
	}
	fmt.Println("ready", s.URL())
	_ = s.Run(context.Background())
}

// workDir is a directory that the server's user may enter, which t.TempDir is not;
// in memory when there is plenty, because every test makes a cluster.
func workDir(t *testing.T) string {
	t.Helper()
	where := ""
	var memory syscall.Statfs_t
	if err := syscall.Statfs("/dev/shm", &memory); err == nil && memory.Bavail*uint64(memory.Bsize) > 2<<30 {
		where = "/dev/shm"
	}
	dir, err := os.MkdirTemp(where, "local-")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(dir, 0o711); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	return dir
}

func start(t *testing.T, dir string) *local.Server {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	s, err := local.Start(ctx, local.Config{Dir: dir})
	if err != nil {
		if p, ok := problem.As(err); ok {
			t.Fatalf("Start = %v\n%s", err, p.Hint)
		}
		t.Fatalf("Start = %v", err)
	}
	t.Cleanup(s.Stop)
	return s
}

// ask runs a statement on a connection of its own.
func ask(ctx context.Context, s *local.Server, sql string) (answer string, err error) {
	return askURL(ctx, s.URL(), sql)
}

func askURL(ctx context.Context, url, sql string) (answer string, err error) {
	conn, err := pgx.Connect(ctx, url)
	if err != nil {
		return "", err
	}
	defer func() { _ = conn.Close(ctx) }()
	rows, err := conn.Query(ctx, sql)
	if err != nil {
		return "", err
	}
	defer rows.Close()
	for rows.Next() {
		if err := rows.Scan(&answer); err != nil {
			return "", err
		}
	}
	return answer, rows.Err()
}

func mustAsk(t *testing.T, s *local.Server, sql string) string {
	t.Helper()
	answer, err := ask(t.Context(), s, sql)
	if err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
	return answer
}

// eventually polls, because an outside process is waited for.
func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(patience); !ok(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("never: %s", what)
		}
	}
}

func postmaster(t *testing.T, dir string) int {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(dir, "data", "postmaster.pid"))
	if err != nil {
		t.Fatal(err)
	}
	line, _, _ := strings.Cut(string(text), "\n")
	pid, err := strconv.Atoi(line)
	if err != nil {
		t.Fatal(err)
	}
	return pid
}

// alive looks at the state, because a killed process stays a zombie until init
// reaps it.
func alive(pid int) bool {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return false
	}
	_, rest, _ := strings.Cut(string(stat), ") ")
	return rest != "" && rest[0] != 'Z' && rest[0] != 'X'
}

func TestServerKeepsItsDataAndNobodyElseComesIn(t *testing.T) {
	t.Parallel()
	dir := workDir(t)
	s := start(t, dir)
	mustAsk(t, s, "create table kept as select 'yes' as said")
	for setting, want := range map[string]string{
		"listen_addresses": "", "fsync": "on", "synchronous_commit": "on", "full_page_writes": "on", "data_checksums": "on", "server_encoding": "UTF8",
	} {
		if got := mustAsk(t, s, "show "+setting); got != want {
			t.Errorf("%s = %q, want %q", setting, got, want)
		}
	}
	for _, private := range []string{"data", "run"} {
		info, err := os.Stat(filepath.Join(dir, private))
		if err != nil || info.Mode().Perm() != 0o700 {
			t.Errorf("%s has mode %v, %v; want 0700", private, info.Mode(), err)
		}
	}
	if _, err := askURL(t.Context(), strings.Replace(s.URL(), "user=cronium", "user=postgres", 1), "select 'in'"); err == nil {
		t.Error("another role came in")
	}
	if os.Geteuid() == 0 {
		stat, err := os.Stat(fmt.Sprintf("/proc/%d", postmaster(t, dir)))
		if err != nil || stat.Sys().(*syscall.Stat_t).Uid == 0 {
			t.Errorf("the server runs as root: %v", err)
		}
	}
	pid := postmaster(t, dir)
	s.Stop()
	s.Stop()
	if alive(pid) {
		t.Fatal("the server lives after Stop")
	}
	if _, err := os.Stat(filepath.Join(dir, "data", "postmaster.pid")); err == nil {
		t.Fatal("Stop was not clean: postmaster.pid is left")
	}
	if got := mustAsk(t, start(t, dir), "select said from kept"); got != "yes" {
		t.Fatalf("the table says %q after a restart", got)
	}
}

func TestServerThatIsKilledIsStartedAgain(t *testing.T) {
	t.Parallel()
	dir := workDir(t)
	s := start(t, dir)
	ctx, cancel := context.WithCancel(t.Context())
	var running sync.WaitGroup
	running.Go(func() { _ = s.Run(ctx) })
	defer running.Wait()
	defer cancel()
	mustAsk(t, s, "create table kept (n int)")
	for round := range 3 {
		mustAsk(t, s, fmt.Sprintf("insert into kept values (%d)", round))
		pid := postmaster(t, dir)
		if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
			t.Fatal(err)
		}
		var got string
		eventually(t, "the server answers again", func() bool {
			var err error
			got, err = ask(ctx, s, "select count(*)::text from kept")
			return err == nil && postmaster(t, dir) != pid
		})
		if want := strconv.Itoa(round + 1); got != want {
			t.Fatalf("round %d: %s rows, want %s", round, got, want)
		}
	}
}

func TestServerDiesWithItsKilledHubAndTheNextHubTakesOver(t *testing.T) {
	t.Parallel()
	dir := workDir(t)
	for round := range 3 {
		hub := exec.CommandContext(t.Context(), os.Args[0])
		hub.Env = append(os.Environ(), "LOCAL_TEST_HUB="+dir)
		out, err := hub.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := hub.Start(); err != nil {
			t.Fatal(err)
		}
		line, _ := bufio.NewReader(out).ReadString('\n')
		url, ok := strings.CutPrefix(strings.TrimSpace(line), "ready ")
		if !ok {
			t.Fatalf("the hub said %q", line)
		}
		if round == 0 {
			if _, err := askURL(t.Context(), url, "create table kept (n int)"); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := askURL(t.Context(), url, "insert into kept select generate_series(1, 20000)"); err != nil {
			t.Fatal(err)
		}
		pid := postmaster(t, dir)
		if err := hub.Process.Signal(syscall.SIGKILL); err != nil {
			t.Fatal(err)
		}
		_ = hub.Wait()
		if round == 1 { // once, wait and see it die; else the next hub comes at once
			eventually(t, "the server is gone", func() bool { return !alive(pid) })
		}
	}
	s := start(t, dir)
	if got := mustAsk(t, s, "select count(*)::text from kept"); got != "60000" {
		t.Fatalf("%s rows, want 60000", got)
	}
}

func TestSecondHubOnTheDirectoryIsRefused(t *testing.T) {
	t.Parallel()
	dir := workDir(t)
	s := start(t, dir)
	_, err := local.Start(t.Context(), local.Config{Dir: dir})
	if !errors.Is(err, local.ErrInUse) || !strings.Contains(err.Error(), strconv.Itoa(os.Getpid())) {
		t.Fatalf("a second Start = %v, want ErrInUse with the owner's pid", err)
	}
	if got := mustAsk(t, s, "select 'fine'"); got != "fine" {
		t.Fatal("the first server suffered")
	}
}

func TestKilledInitdbLeavesNothingHalfMade(t *testing.T) {
	t.Parallel()
	dir := workDir(t)
	half := filepath.Join(dir, "data.tmp", "base")
	if err := os.MkdirAll(half, 0o700); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	if _, err := local.Start(ctx, local.Config{Dir: dir}); err == nil {
		t.Skip("this machine makes a cluster within 100 ms")
	}
	if got := mustAsk(t, start(t, dir), "select 'fine'"); got != "fine" {
		t.Fatal("the server does not answer")
	}
	if _, err := os.Stat(filepath.Join(dir, "data.tmp")); err == nil {
		t.Fatal("data.tmp is left")
	}
}

func TestDataOfAnotherVersionIsRefusedUntouched(t *testing.T) {
	t.Parallel()
	dir := workDir(t)
	if err := os.Mkdir(filepath.Join(dir, "data"), 0o700); err != nil {
		t.Fatal(err)
	}
	version := filepath.Join(dir, "data", "PG_VERSION")
	if err := os.WriteFile(version, []byte("9\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := local.Start(t.Context(), local.Config{Dir: dir})
	if !errors.Is(err, local.ErrVersion) || !strings.Contains(err.Error(), "PostgreSQL 9") {
		t.Fatalf("Start = %v, want ErrVersion that names 9", err)
	}
	entries, err := os.ReadDir(filepath.Join(dir, "data"))
	if err != nil || len(entries) != 1 {
		t.Fatalf("the directory was touched: %v, %v", entries, err)
	}
}

func TestStalePidFileOfAReusedPidDoesNotBlock(t *testing.T) {
	t.Parallel()
	dir := workDir(t)
	start(t, dir).Stop()
	// Our own pid: alive, but not a PostgreSQL.
	path := filepath.Join(dir, "data", "postmaster.pid")
	text := fmt.Sprintf("%d\n%s\n1\n5432\n%s\n\n  1 1\nready   \n", os.Getppid(), filepath.Join(dir, "data"), filepath.Join(dir, "run"))
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if got := mustAsk(t, start(t, dir), "select 'fine'"); got != "fine" {
		t.Fatal("the server does not answer")
	}
}

func TestLongDirectoryGetsAShortSocket(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(workDir(t), strings.Repeat("a-long-name-", 9))
	s := start(t, dir)
	if got := mustAsk(t, s, "select 'fine'"); got != "fine" {
		t.Fatal("the server does not answer")
	}
	if strings.Contains(s.URL(), "a-long-name") {
		t.Fatalf("the socket is at %s", s.URL())
	}
}

func TestDirectoryThatPostgresCannotEnterIsNamed(t *testing.T) {
	t.Parallel()
	if os.Geteuid() != 0 {
		t.Skip("only a root hub runs PostgreSQL as somebody else")
	}
	parent := t.TempDir() // 0700 further up
	if err := os.Chmod(parent, 0o700); err != nil {
		t.Fatal(err)
	}
	_, err := local.Start(t.Context(), local.Config{Dir: filepath.Join(parent, "hub")})
	if !errors.Is(err, local.ErrDirectory) || !strings.Contains(err.Error(), "cannot enter") {
		t.Fatalf("Start = %v, want ErrDirectory that says who cannot enter", err)
	}
}

func TestServerThatCannotStartSaysWhy(t *testing.T) {
	t.Parallel()
	dir := workDir(t)
	start(t, dir).Stop()
	if err := os.WriteFile(filepath.Join(dir, "data", "postgresql.conf"), []byte("nonsense = 1\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	_, err := local.Start(t.Context(), local.Config{Dir: dir, Log: slog.New(slog.DiscardHandler)})
	if !errors.Is(err, local.ErrStart) || !strings.Contains(err.Error(), "nonsense") {
		t.Fatalf("Start = %v, want ErrStart with PostgreSQL's words", err)
	}
	if _, err := local.Start(t.Context(), local.Config{Dir: dir}); !errors.Is(err, local.ErrStart) {
		t.Fatalf("a second try = %v; the lock was not freed", err)
	}
}
