package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/cronium/cronium/hub/postgres"
	"github.com/cronium/cronium/hub/postgres/local"
)

// bench is what the measurements share. Its parts are made when first asked for
// and end, last first, with close.
type bench struct {
	options
	dir string
	log *slog.Logger

	postgres *local.Server
	machine  *machine
	echo     *echo
	ends     []func() error
}

func newBench(o options) (*bench, error) {
	dir, err := os.MkdirTemp("", "cb-") // short: sockets live in it
	if err != nil {
		return nil, err
	}
	// PostgreSQL's user has to pass through.
	if err := os.Chmod(dir, 0o711); err != nil { //nolint:gosec // see above
		return nil, err
	}
	b := &bench{options: o, dir: dir, log: slog.New(slog.DiscardHandler)}
	if o.keepLogs {
		b.log = slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelInfo}))
	}
	return b, nil
}

func (b *bench) atEnd(end func() error) { b.ends = append(b.ends, end) }

func (b *bench) close() error {
	var all []error
	for len(b.ends) > 0 {
		last := len(b.ends) - 1
		end := b.ends[last]
		b.ends = b.ends[:last]
		all = append(all, end())
	}
	killAll(b.dir)
	return errors.Join(append(all, os.RemoveAll(b.dir))...)
}

// pick is a number of samples: one for a whole run, one for a smoke.
func (b *bench) pick(whole, quick int) int {
	if b.quick {
		return quick
	}
	return whole
}

// database makes an empty database on the bench's own PostgreSQL; without a name it
// opens the one that is always there.
func (b *bench) database(ctx context.Context, name string) (address string, _ *postgres.DB, err error) {
	if b.postgres == nil {
		if b.postgres, err = local.Start(ctx, local.Config{Dir: filepath.Join(b.dir, "pg"), Log: b.log}); err != nil {
			return "", nil, fmt.Errorf("start a private PostgreSQL: %w", err)
		}
		b.atEnd(func() error { b.postgres.Stop(); return nil })
	}
	address = b.postgres.URL()
	if name != "" {
		main, err := postgres.Open(ctx, postgres.Config{URL: address, MaxConns: 1})
		if err != nil {
			return "", nil, err
		}
		defer main.Close()
		if _, err := main.Pool.Exec(ctx, "create database "+name); err != nil { // ours: no quoting needed
			return "", nil, fmt.Errorf("create database %s: %w", name, err)
		}
		address = strings.Replace(address, ":///cronium?", ":///"+name+"?", 1)
	}
	db, err := postgres.Open(ctx, postgres.Config{URL: address, MaxConns: 8})
	if err != nil {
		return "", nil, err
	}
	var fsync, synchronous string
	err = db.Pool.QueryRow(ctx, "select current_setting('fsync'), current_setting('synchronous_commit')").Scan(&fsync, &synchronous)
	if err == nil && (fsync != "on" || synchronous != "on") {
		err = fmt.Errorf("fsync is %s and synchronous_commit %s: this measures nothing that anybody would run", fsync, synchronous)
	}
	if err != nil {
		db.Close()
		return "", nil, err
	}
	return address, db, nil
}

// calls is the floor of calls.
func (b *bench) calls(ctx context.Context) (*echo, error) {
	if b.echo != nil {
		return b.echo, nil
	}
	e, err := newEcho(context.WithoutCancel(ctx))
	if err != nil {
		return nil, err
	}
	b.echo = e
	b.atEnd(func() error { e.stop(); return nil })
	return e, nil
}

// sleep returns false when ctx ended first.
func sleep(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return true
	}
}

// eventually asks until check is content, at most for as long as patience.
func eventually(ctx context.Context, patience time.Duration, what string, check func() error) error {
	for end := time.Now().Add(patience); ; {
		err := check()
		if err == nil {
			return nil
		}
		if time.Now().After(end) {
			return fmt.Errorf("waited %s until %s: %w", patience, what, err)
		}
		if !sleep(ctx, 20*time.Millisecond) {
			return fmt.Errorf("until %s: %w", what, context.Cause(ctx))
		}
	}
}

// build compiles the programs as they are now, before the clock of the run starts.
func (b *bench) build(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Minute)
	defer cancel()
	for name, from := range map[string]string{"cronium-hub": "hub/cmd/hub", "cronium-agent": "agent/cmd/agent", "cronium-runner": "agent/cmd/runner"} {
		command := exec.CommandContext(ctx, "go", "build", "-trimpath", "-ldflags", "-s -w", "-o", b.program(name), "github.com/cronium/cronium/"+from)
		command.Env = append(os.Environ(), "CGO_ENABLED=0")
		if out, err := command.CombinedOutput(); err != nil {
			return fmt.Errorf("build %s: %w\n%s", name, err, out)
		}
	}
	return nil
}

func (b *bench) program(name string) string { return filepath.Join(b.dir, name) }

// killAll ends what a failed measurement has left: processes that carry our
// directory in their arguments or their environment.
func killAll(dir string) {
	files, _ := filepath.Glob("/proc/[0-9]*")
	for _, file := range files {
		pid, err := strconv.Atoi(filepath.Base(file))
		if err != nil || pid == os.Getpid() {
			continue
		}
		args, _ := os.ReadFile(filepath.Join(file, "cmdline"))
		env, _ := os.ReadFile(filepath.Join(file, "environ"))
		if bytes.Contains(args, []byte(dir+"/")) || bytes.Contains(env, []byte(dir+"/")) {
			_ = syscall.Kill(pid, syscall.SIGKILL)
		}
	}
}
