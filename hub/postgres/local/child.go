package local

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"
)

// child is one life of the server process.
type child struct {
	pid   int
	since time.Time
	done  chan struct{} // closed when the process is gone
	err   error         // how it ended; read after done
	cmd   *exec.Cmd
	said  *journal
}

// startChild forks from a thread that stays for the child's lifetime: the kernel
// sends Pdeathsig when the forking thread ends, not when the process does.
func startChild(path string, args []string, dir string, attr *syscall.SysProcAttr, log *slog.Logger) (*child, error) {
	c := &child{done: make(chan struct{}), since: time.Now(), said: &journal{log: log}}
	c.cmd = exec.Command(path, args...) //nolint:noctx // it outlives every request; stop ends it
	attr.Pdeathsig = quit
	c.cmd.SysProcAttr, c.cmd.Env, c.cmd.Dir = attr, childEnv(), dir
	c.cmd.Stdout, c.cmd.Stderr = c.said, c.said
	c.cmd.WaitDelay = 5 * time.Second // backends may hold stderr a little longer
	started := make(chan error)
	go func() {
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := c.cmd.Start()
		if err == nil {
			c.pid = c.cmd.Process.Pid
		}
		started <- err
		if err == nil {
			c.err = c.cmd.Wait()
			close(c.done)
		}
	}()
	return c, <-started
}

// stop asks for a fast shutdown, then for an immediate one. It never kills: that
// would leave shared memory and backends behind.
func (c *child) stop() {
	for _, step := range []struct {
		signal os.Signal
		wait   time.Duration
	}{{syscall.SIGINT, stopPatience}, {quit, 10 * time.Second}} {
		_ = c.cmd.Process.Signal(step.signal)
		timer := time.NewTimer(step.wait)
		select {
		case <-c.done:
			timer.Stop()
			return
		case <-timer.C:
		}
	}
}

// words are the last lines that the server said.
func (c *child) words() string { return c.said.last() }

// journal passes the server's words to the log and remembers the last few.
type journal struct {
	log *slog.Logger

	mu      sync.Mutex
	partial string
	lines   []string
}

// Write takes whole or partial lines. Lock order does not matter: the log is
// called outside mu.
func (j *journal) Write(p []byte) (int, error) {
	j.mu.Lock()
	lines := strings.Split(j.partial+string(p), "\n")
	j.partial = lines[len(lines)-1]
	if len(j.partial) > 8<<10 {
		j.partial = j.partial[:8<<10] // a line without end
	}
	lines = lines[:len(lines)-1]
	j.lines = append(j.lines, lines...)
	j.lines = j.lines[max(0, len(j.lines)-10):]
	j.mu.Unlock()
	for _, line := range lines {
		say := j.log.Debug
		if strings.HasPrefix(line, "FATAL:") || strings.HasPrefix(line, "PANIC:") || strings.HasPrefix(line, "WARNING:") {
			say = j.log.Warn
		}
		say("private postgres", "said", line)
	}
	return len(p), nil
}

func (j *journal) last() string {
	j.mu.Lock()
	defer j.mu.Unlock()
	return strings.Join(j.lines, " / ")
}

// onOwnThread runs fn, which starts a child with a Pdeathsig and waits for it, on
// a thread that nobody else ends meanwhile.
func onOwnThread[T any](fn func() (T, error)) (T, error) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	return fn()
}

// waitForOthers waits until no postgres process works in data: the server of a
// hub that was killed, or backends of a server that was. After three seconds it
// asks them to quit. A pid file without a process is then stale for certain, and
// removed, so that a reused pid cannot block the start.
//
// It is unsure when the system hides where some postgres process works (a root
// hub in a container without the right to trace); PostgreSQL's own checks then
// decide, and the caller should try a few times.
func waitForOthers(ctx context.Context, data string) (unsure bool, err error) {
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	begin, asked := time.Now(), false
	for {
		pids, hidden := workersIn(data)
		if len(pids) == 0 {
			return hidden, removeStale(data, hidden)
		}
		switch waited := time.Since(begin); {
		case waited > stopPatience:
			return hidden, ErrInUse.With("PostgreSQL processes %v still work in %s", pids, data).
				Hinted("Stop them with kill -QUIT, then start the hub again.")
		case waited > 3*time.Second && !asked:
			asked = true
			for _, pid := range pids {
				_ = syscall.Kill(pid, quit)
			}
		}
		select {
		case <-ctx.Done():
			return hidden, ErrStart.With("waiting for processes %v to end: %v", pids, context.Cause(ctx))
		case <-tick.C:
		}
	}
}

func removeStale(data string, hidden bool) error {
	if hidden {
		return nil
	}
	if err := os.Remove(filepath.Join(data, "postmaster.pid")); err != nil && !errors.Is(err, os.ErrNotExist) {
		return ErrDirectory.With("%v", err)
	}
	return nil
}

// workersIn lists processes named postgres whose working directory is data, and
// says whether there are some whose directory we may not see.
func workersIn(data string) (pids []int, hidden bool) {
	real, err := filepath.EvalSymlinks(data)
	if err != nil {
		return nil, false
	}
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return nil, true
	}
	for _, entry := range entries {
		pid, err := strconv.Atoi(entry.Name())
		if err != nil {
			continue
		}
		comm, _ := os.ReadFile(filepath.Join("/proc", entry.Name(), "comm"))
		if strings.TrimSpace(string(comm)) != "postgres" {
			continue
		}
		cwd, err := os.Readlink(filepath.Join("/proc", entry.Name(), "cwd"))
		switch {
		case err == nil && cwd == real:
			pids = append(pids, pid)
		case errors.Is(err, os.ErrPermission):
			hidden = true
		}
	}
	return pids, hidden
}
