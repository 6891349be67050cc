package pgtest

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/cronium/cronium/hub/postgres"
	"github.com/cronium/cronium/hub/postgres/local"
	"github.com/cronium/cronium/migrations"
)

const role = "cronium"

// settings make a server fast that has nothing to lose.
var settings = []string{
	"fsync=off", "synchronous_commit=off", "full_page_writes=off", "autovacuum=off", "wal_level=minimal", "max_wal_senders=0",
	"listen_addresses=", "max_connections=500", "shared_buffers=64MB", "checkpoint_timeout=1h", "max_wal_size=256MB", "jit=off",
	"max_parallel_workers_per_gather=0", "log_min_messages=panic", "bgwriter_delay=10s",
}

var shared = sync.OnceValues(start)

// server is the private PostgreSQL of this test binary.
type server struct {
	binaries local.Binaries
	account  local.Account
	dir      string   // contains data and the socket; short, because a socket's path is
	socket   string   // the directory of the socket
	leash    *os.File // when it is closed, by us or by our end, the holder cleans up
	holder   *exec.Cmd
}

func start() (*server, error) {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	s := &server{}
	var err error
	if s.binaries, err = local.Find(ctx, 0); err != nil {
		return nil, hinted(err)
	}
	if s.account, err = local.FindAccount(""); err != nil {
		return nil, hinted(err)
	}
	cached, err := s.cluster(ctx)
	if err != nil {
		return nil, err
	}
	if err := s.makeDir(); err != nil {
		return nil, err
	}
	if err := s.copyTree(cached.path, filepath.Join(s.dir, "data")); err != nil {
		return nil, fmt.Errorf("copy the cached cluster: %w", err)
	}
	cached.release()
	return s, s.hold(ctx)
}

// makeDir makes the directory that the holder removes at the end.
func (s *server) makeDir() error {
	dir, err := os.MkdirTemp(fastDir(), "cronium-pg-")
	if err != nil {
		return err
	}
	s.dir, s.socket = dir, dir
	if len(dir) > 90 {
		return fmt.Errorf("the temporary directory's path %s is too long for a socket; set TMPDIR to a shorter one", dir)
	}
	return s.account.Own(dir)
}

// fastDir is memory when there is plenty: cloning a database there takes 40 ms
// instead of 400 on a slow disk. Empty means the usual temporary directory.
func fastDir() string {
	const memory, enough = "/dev/shm", 2 << 30
	var fs syscall.Statfs_t
	if err := syscall.Statfs(memory, &fs); err != nil || fs.Bavail*uint64(fs.Bsize) < enough {
		return ""
	}
	return memory
}

// hold starts PostgreSQL under a shell that ends it together with us.
func (s *server) hold(ctx context.Context) error {
	const script = `cd /; dir=$1; shift
"$@" & pid=$!
read -r _
kill -QUIT $pid; wait $pid; rm -rf "$dir"`
	args := []string{"-c", script, "sh", s.dir, filepath.Join(s.binaries.Dir, "postgres"), "-D", filepath.Join(s.dir, "data"),
		"-c", "unix_socket_directories=" + s.socket}
	for _, setting := range settings {
		args = append(args, "-c", setting)
	}
	ours, theirs, err := os.Pipe()
	if err != nil {
		return err
	}
	defer ours.Close()
	s.leash = theirs
	s.holder = exec.Command("/bin/sh", args...) //nolint:noctx // it ends with the leash
	s.holder.Stdin, s.holder.SysProcAttr = ours, s.account.Process()
	s.holder.Env = []string{"PATH=/usr/local/bin:/usr/bin:/bin", "LC_ALL=C.UTF-8", "TZ=UTC"}
	if err := s.holder.Start(); err != nil {
		return err
	}
	return s.ready(ctx)
}

func (s *server) ready(ctx context.Context) error {
	for {
		conn, err := pgx.Connect(ctx, s.url("postgres"))
		if err == nil {
			return conn.Close(ctx)
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("PostgreSQL was not ready in time: %w", err)
		case <-time.After(10 * time.Millisecond):
		}
	}
}

// stop ends the server cleanly and keeps its directory, for the cache.
func (s *server) stop(ctx context.Context) error {
	ctl := exec.CommandContext(ctx, filepath.Join(s.binaries.Dir, "pg_ctl"), "stop", "-D", filepath.Join(s.dir, "data"), "-m", "fast", "-w")
	ctl.SysProcAttr, ctl.Dir = s.account.Process(), "/"
	if out, err := ctl.CombinedOutput(); err != nil {
		return fmt.Errorf("stop PostgreSQL: %w: %s", err, out)
	}
	return nil
}

// letGo makes the holder remove the directory, and waits for it.
func (s *server) letGo() {
	if s.leash != nil {
		_ = s.leash.Close()
		_ = s.holder.Wait()
	}
	_ = os.RemoveAll(s.dir)
}

// fingerprint names what the cached cluster depends on.
func (s *server) fingerprint() (string, error) {
	h := sha256.New()
	fmt.Fprintln(h, "layout 1", s.binaries.Dir, s.binaries.Major, s.account.Name)
	err := fs.WalkDir(migrations.FS, ".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		text, err := fs.ReadFile(migrations.FS, path)
		fmt.Fprintf(h, "%s %d\n%s", path, len(text), text)
		return err
	})
	return fmt.Sprintf("%x", h.Sum(nil)[:8]), err
}

// build makes a cluster with the migrated template.
func (s *server) build(ctx context.Context) error {
	if err := s.makeDir(); err != nil {
		return err
	}
	initdb := exec.CommandContext(ctx, filepath.Join(s.binaries.Dir, "initdb"), "-D", filepath.Join(s.dir, "data"), "-U", role,
		"--auth=trust", "-E", "UTF8", "--locale=C.UTF-8", "--no-sync", "--no-instructions", "--wal-segsize=1")
	initdb.SysProcAttr, initdb.Dir = s.account.Process(), "/"
	if out, err := initdb.CombinedOutput(); err != nil {
		return fmt.Errorf("initdb: %w: %s", err, strings.TrimSpace(string(out)))
	}
	if err := s.hold(ctx); err != nil {
		return err
	}
	if err := s.exec("create database " + template); err != nil {
		return err
	}
	db, err := postgres.Open(ctx, postgres.Config{URL: s.url(template), MaxConns: 2})
	if err != nil {
		return err
	}
	err = db.Migrate(ctx)
	db.Close()
	if err != nil {
		return err
	}
	return errors.Join(s.exec("alter database "+template+" is_template true"), s.stop(ctx))
}
