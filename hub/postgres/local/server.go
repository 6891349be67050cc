package local

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5"
	"golang.org/x/sys/unix"
)

const (
	readyPatience = 5 * time.Minute // recovery after a crash under load takes its time
	stopPatience  = 30 * time.Second
	longestSocket = 107 // sun_path, without its final zero
	socketName    = ".s.PGSQL.5432"
)

// Config says where the server lives.
type Config struct {
	Dir  string       // required; made when missing
	User string       // whom to run as when we are root; default postgres, then nobody
	Log  *slog.Logger // default: discard
}

// Server is a private PostgreSQL. [Start] returns it running; keep [Server.Run]
// going to have it restarted; end with [Server.Stop], which may be called twice.
type Server struct {
	dir, data, run string
	account        Account
	binaries       Binaries
	log            *slog.Logger
	lock           *os.File

	mu      sync.Mutex
	child   *child // the running or last one; guarded by mu
	stopped bool
}

// Start makes the cluster when there is none, starts the server, and returns when
// it answers. It refuses a directory that another hub uses ([ErrInUse]) and a
// cluster of a version that is not installed ([ErrVersion]).
func Start(ctx context.Context, c Config) (_ *Server, err error) {
	dir, err := filepath.Abs(c.Dir)
	if err != nil {
		return nil, ErrDirectory.With("%v", err)
	}
	s := &Server{dir: dir, data: filepath.Join(dir, "data"), log: c.Log}
	if s.log == nil {
		s.log = slog.New(slog.DiscardHandler)
	}
	if s.account, err = FindAccount(c.User); err != nil {
		return nil, err
	}
	if err := makeRoot(dir); err != nil {
		return nil, err
	}
	if err := s.takeLock(); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			s.Stop()
		}
	}()
	if err := s.prepare(ctx); err != nil {
		return nil, err
	}
	if err := s.launch(ctx); err != nil {
		return nil, err
	}
	if err := s.makeDatabase(ctx); err != nil {
		return nil, err
	}
	return s, nil
}

// URL is the address for hub/postgres.
func (s *Server) URL() string { return s.url(role) }

func (s *Server) url(database string) string {
	q := url.Values{"host": {s.run}, "user": {role}}
	return "postgres:///" + database + "?" + q.Encode()
}

// Run starts the server again whenever it ends by itself, until ctx ends. It does
// not stop the server: others may still need it; call [Server.Stop] last.
func (s *Server) Run(ctx context.Context) error {
	const slowest = 10 * time.Second
	wait := 100 * time.Millisecond
	for {
		c := s.current()
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-c.done:
		}
		if s.isStopped() {
			<-ctx.Done()
			return context.Cause(ctx)
		}
		if time.Since(c.since) > time.Minute {
			wait = 100 * time.Millisecond
		}
		s.log.WarnContext(ctx, "private postgres ended, starting it again", "err", c.err, "said", c.words())
		if err := s.launch(ctx); err != nil && ctx.Err() == nil {
			s.log.ErrorContext(ctx, "start private postgres", "err", err, "retry_in", wait)
		}
		timer := time.NewTimer(wait)
		select {
		case <-ctx.Done():
		case <-timer.C:
		}
		timer.Stop()
		wait = min(2*wait, slowest)
	}
}

// Stop ends the server as PostgreSQL likes it, within about half a minute, and
// frees the directory. Close pools first.
func (s *Server) Stop() {
	s.mu.Lock()
	c, again := s.child, s.stopped
	s.stopped = true
	s.mu.Unlock()
	if again {
		return
	}
	if c != nil {
		c.stop()
	}
	if filepath.Dir(s.run) != s.dir {
		_ = os.Remove(s.run) // only when it is empty, as it is after a clean stop
	}
	release(s.lock)
}

// release unlocks. Closing alone would not do: a child that is just being started
// has the file too.
func release(lock *os.File) {
	_ = unix.Flock(int(lock.Fd()), unix.LOCK_UN)
	_ = lock.Close()
}

// takeLock holds DIR/lock until Stop, or until this process is gone.
func (s *Server) takeLock() error {
	path := filepath.Join(s.dir, "lock")
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o644)
	if err != nil {
		return ErrDirectory.With("%v", err)
	}
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		defer f.Close()
		if !errors.Is(err, unix.EWOULDBLOCK) {
			return ErrDirectory.With("lock %s: %v", path, err)
		}
		owner, _ := os.ReadFile(path)
		return ErrInUse.With("%s is in use by process %s", s.dir, strings.TrimSpace(string(owner)))
	}
	s.lock = f
	_ = f.Truncate(0)
	_, _ = f.WriteAt([]byte(strconv.Itoa(os.Getpid())+"\n"), 0) // only for people
	return nil
}

// prepare picks the binaries, makes the directories and, once, the cluster.
func (s *Server) prepare(ctx context.Context) error {
	major, err := clusterMajor(s.data)
	if err != nil {
		return err
	}
	if s.binaries, err = Find(ctx, major); err != nil {
		return err
	}
	if err := s.reachable(ctx, s.dir); err != nil {
		return err
	}
	if err := s.makeRun(); err != nil {
		return err
	}
	if major != 0 {
		return nil
	}
	s.log.InfoContext(ctx, "creating the private database", "dir", s.data, "postgres", s.binaries.Major)
	return s.makeCluster(ctx)
}

// makeRun makes the directory of the socket: DIR/run, or a short one elsewhere
// when that path would not fit a socket address.
func (s *Server) makeRun() error {
	s.run = filepath.Join(s.dir, "run")
	if len(s.run)+1+len(socketName) > longestSocket {
		base := os.TempDir()
		if os.Geteuid() == 0 {
			base = "/run"
		} else if own := os.Getenv("XDG_RUNTIME_DIR"); own != "" {
			base = own
		}
		sum := sha256.Sum256([]byte(s.dir))
		s.run = filepath.Join(base, fmt.Sprintf("cronium-%x", sum[:8]))
	}
	return s.account.makeDir(s.run)
}

// makeDatabase makes the one database, the first time.
func (s *Server) makeDatabase(ctx context.Context) error {
	conn, err := pgx.Connect(ctx, s.url("postgres"))
	if err != nil {
		return ErrStart.With("%v", err)
	}
	defer func() { _ = conn.Close(ctx) }()
	var exists bool
	if err := conn.QueryRow(ctx, "select exists (select from pg_database where datname = $1)", role).Scan(&exists); err != nil {
		return ErrStart.With("%v", err)
	}
	if exists {
		return nil
	}
	if _, err := conn.Exec(ctx, "create database "+role); err != nil {
		return ErrStart.With("create database: %v", err)
	}
	return nil
}

func (s *Server) current() *child {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.child
}

func (s *Server) isStopped() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.stopped
}

// launch starts the server and waits until it answers. When we may not see who
// else works in the directory, another server may still be on its way out.
func (s *Server) launch(ctx context.Context) error {
	for try := 0; ; try++ {
		unsure, err := waitForOthers(ctx, s.data)
		if err != nil {
			return err
		}
		if err := s.launchOnce(ctx); err == nil || !unsure || try == 10 || ctx.Err() != nil {
			return err
		}
		time.Sleep(500 * time.Millisecond)
	}
}

func (s *Server) launchOnce(ctx context.Context) error {
	s.mu.Lock()
	if s.stopped {
		s.mu.Unlock()
		return nil
	}
	c, err := startChild(filepath.Join(s.binaries.Dir, "postgres"), s.arguments(), s.data, s.account.Process(), s.log)
	if err == nil {
		s.child = c
	}
	s.mu.Unlock()
	if err != nil {
		return ErrStart.With("%v", err)
	}
	return s.ready(ctx, c)
}

// ready polls, because PostgreSQL tells its progress only through a file. A mere
// ping would not do: it could reach another server's socket.
func (s *Server) ready(ctx context.Context, c *child) error {
	ctx, cancel := context.WithTimeout(ctx, readyPatience)
	defer cancel()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for {
		if pid, status := postmasterFile(s.data); pid == c.pid && strings.HasPrefix(status, "ready") {
			return nil
		}
		select {
		case <-c.done:
			return ErrStart.With("postgres ended: %v: %s", c.err, c.words())
		case <-ctx.Done():
			return ErrStart.With("it was not ready in time: %v: %s", context.Cause(ctx), c.words())
		case <-tick.C:
		}
	}
}

// postmasterFile reads line 1, the pid, and line 8, the status.
func postmasterFile(data string) (pid int, status string) {
	text, err := os.ReadFile(filepath.Join(data, "postmaster.pid"))
	if err != nil {
		return 0, ""
	}
	lines := strings.Split(string(text), "\n")
	pid, _ = strconv.Atoi(lines[0])
	if len(lines) >= 8 {
		status = lines[7]
	}
	return pid, status
}

// quit asks for an immediate shutdown, which recovers at the next start.
const quit = syscall.SIGQUIT
