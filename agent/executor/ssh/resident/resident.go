package resident

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"os/signal"
	"path/filepath"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/containerd/ttrpc"
	"golang.org/x/sys/unix"

	"github.com/cronium/cronium/agent/boot"
	"github.com/cronium/cronium/agent/executor/process"
	runnerv1 "github.com/cronium/cronium/proto/runner/v1"
)

// Command is the first argument of a cronium-runner that is a resident; the second
// is the agent's directory.
const Command = "reside"

// Greeting is the beginning of the first line that a resident writes. The boot id
// of the host follows. What comes before it is what a login shell had to say.
const Greeting = "cronium-resident 1 "

const (
	// PingEvery is how often a resident wants to be pinged.
	PingEvery = 10 * time.Second
	patience  = 45 * time.Second
	lookEvery = 5 * time.Second
	touchTime = 10 * time.Minute // between notes that our binary is in use
)

// self is this program, also after its file was removed.
const self = "/proc/self/exe"

// resident implements the service.
type resident struct {
	home  *home
	exec  *process.Executor
	now   func() time.Time
	log   *slog.Logger
	stood atomic.Int64 // the last ping, on the boot clock
	work  sync.WaitGroup

	mu   sync.Mutex
	here map[string]*attended // by the name of the attempt
}

// Main serves until its input ends.
func Main(ctx context.Context, dir string, in io.Reader, out io.Writer, now func() time.Time) error {
	ctx, stop := signal.NotifyContext(ctx, syscall.SIGTERM, syscall.SIGINT, syscall.SIGHUP)
	defer stop()
	signal.Notify(make(chan os.Signal, 1), syscall.SIGPIPE) // an error like others; the runners must not inherit that it is ignored
	unix.Umask(0o022)
	// Secrets pass through our memory: no look from the scripts, which run as us.
	if err := unix.Prctl(unix.PR_SET_DUMPABLE, 0, 0, 0, 0); err != nil {
		return fmt.Errorf("forbid core dumps: %w", err)
	}
	if err := os.Chdir("/"); err != nil {
		return err
	}
	own, err := os.Executable()
	if err != nil {
		return err
	}
	if !filepath.IsAbs(dir) {
		return fmt.Errorf("%q is not an absolute path", dir)
	}
	log := slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelWarn}))
	exec, err := process.New(process.Config{Runner: self, Now: now, Log: log})
	if err != nil {
		return err
	}
	touch(own, now())
	home, err := enter(dir)
	if err != nil {
		return err
	}
	r := &resident{home: home, exec: exec, now: now, log: log, here: map[string]*attended{}}
	err = r.live(ctx, own, newStdio(in, out))
	return errors.Join(err, home.leave(own, now()))
}

// touch notes that a binary is in use. If that fails it may be removed early, and
// is uploaded again.
func touch(path string, now time.Time) { _ = os.Chtimes(path, now, now) }

// live serves one connection until it ends, or ctx, or patience.
func (r *resident) live(ctx context.Context, own string, line *stdio) error {
	server, err := ttrpc.NewServer()
	if err != nil {
		return err
	}
	runnerv1.RegisterResidentServiceService(server, r)
	if _, err := fmt.Fprintf(line, "%s%s\n", Greeting, boot.ID()); err != nil {
		return err
	}
	ctx, stop := context.WithCancel(ctx)
	var all sync.WaitGroup
	defer all.Wait()
	defer r.work.Wait()
	defer stop()
	all.Go(func() { _ = r.exec.Run(ctx) })
	all.Go(func() {
		r.keepWatch(ctx, own)
		_ = server.Close()
		_ = line.Close()
	})
	if err := server.Serve(ctx, line); !errors.Is(err, net.ErrClosed) && !errors.Is(err, ttrpc.ErrServerClosed) {
		return err
	}
	return nil
}

// keepWatch returns when ctx ends, or nobody has asked for us in a while: on a
// connection that was cut silently, the input does not end for hours.
func (r *resident) keepWatch(ctx context.Context, own string) {
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	r.stood.Store(int64(boot.Now()))
	touched := boot.Now()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		if boot.Now()-time.Duration(r.stood.Load()) > patience {
			return
		}
		if boot.Now()-touched > touchTime {
			touched = boot.Now()
			touch(own, r.now())
		}
	}
}
