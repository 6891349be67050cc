package console

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/creack/pty"
	"github.com/google/uuid"
	"golang.org/x/sys/unix"
)

// burial is how long a shell that was killed is waited for.
const burial = 5 * time.Second

// drain is how long the rest of the output is waited for when the shell has ended
// and somebody unknown still holds its terminal.
const drain = time.Second

// Local is shells of one user of this host.
type Local struct {
	Account Account
	AgentID string // marks what is begun in them
}

var termName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._+-]{0,63}$`)

// Open implements [Shells].
func (l Local) Open(r Request) (Shell, error) {
	inheritNone()
	if !termName.MatchString(r.Term) {
		r.Term = "xterm"
	}
	keyboard, tty, err := pty.Open()
	if err != nil {
		return nil, ErrShell.With("open a terminal: %v", err)
	}
	defer func() { _ = tty.Close() }()
	if err := l.prepare(keyboard, tty, r.Size); err != nil {
		_ = keyboard.Close()
		return nil, ErrShell.With("%v", err)
	}
	s := &terminal{account: l.Account, mark: markOf(l.AgentID) + uuid.NewString(), master: keyboard, ended: make(chan struct{})}
	if err := s.start(tty, r.Term); err != nil {
		_ = keyboard.Close()
		return nil, ErrShell.With("%v", err)
	}
	return s, nil
}

// prepare makes the terminal the user's, of that size, and for UTF-8.
func (l Local) prepare(keyboard, tty *os.File, size Size) error {
	if err := setSize(keyboard, size); err != nil {
		return err
	}
	if l.Account.credential() != nil {
		if err := os.Chown(tty.Name(), int(l.Account.uid), -1); err != nil {
			return fmt.Errorf("give the terminal to %s: %w", l.Account.Name, err)
		}
	}
	raw, err := tty.SyscallConn()
	if err != nil {
		return err
	}
	var failed error
	err = raw.Control(func(fd uintptr) {
		mode, err := unix.IoctlGetTermios(int(fd), unix.TCGETS)
		if err == nil {
			mode.Iflag |= unix.IUTF8 // so that backspace takes a whole character
			err = unix.IoctlSetTermios(int(fd), unix.TCSETS, mode)
		}
		failed = err
	})
	if err == nil {
		err = failed
	}
	return err
}

func setSize(f *os.File, s Size) error {
	s = s.clamp()
	if err := pty.Setsize(f, &pty.Winsize{Rows: uint16(s.Rows), Cols: uint16(s.Cols)}); err != nil {
		return fmt.Errorf("set the size of the terminal: %w", err)
	}
	return nil
}

// terminal is a shell of this host.
type terminal struct {
	account Account
	mark    string
	master  *os.File

	pid    int
	ended  chan struct{} // closed when the shell has
	exit   Exit          // after ended
	finish sync.Once
	closed atomic.Bool // by us: what is unread does not matter
}

// start starts the shell. The thread that does so stays until the shell has ended,
// because the kernel kills the shell when that thread ends: so it dies with us.
func (t *terminal) start(tty *os.File, term string) error {
	cmd := exec.Command(t.account.Shell) //nolint:gosec,noctx // of the passwd file; its end is Close
	cmd.Args = []string{"-" + filepath.Base(t.account.Shell)}
	cmd.Env, cmd.Dir = t.account.environment(term, t.mark), t.account.dir()
	cmd.Stdin, cmd.Stdout, cmd.Stderr = tty, tty, tty
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true, Pdeathsig: syscall.SIGKILL, Credential: t.account.credential()}
	started := make(chan error, 1)
	go func() {
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := cmd.Start()
		if err == nil {
			t.pid = cmd.Process.Pid
		}
		started <- err
		if err != nil {
			return
		}
		awaitEnd(t.pid)
		t.clean()
		_ = cmd.Wait() // its state says it all
		t.exit = exitOf(cmd.ProcessState)
		close(t.ended)
	}()
	return <-started
}

// awaitEnd waits for the end of a child and leaves it unburied, so that nobody else
// can have its number while we look for what it has left.
func awaitEnd(pid int) {
	for {
		err := unix.Waitid(unix.P_PID, pid, nil, unix.WEXITED|unix.WNOWAIT, nil)
		if !errors.Is(err, unix.EINTR) {
			return
		}
	}
}

func exitOf(state *os.ProcessState) Exit {
	status, ok := state.Sys().(syscall.WaitStatus)
	if ok && status.Signaled() {
		return Exit{Code: 128 + int(status.Signal()), Signal: unix.SignalName(status.Signal())[len("SIG"):]}
	}
	return Exit{Code: state.ExitCode()}
}

// clean ends what the shell has left, once. Then nobody holds the terminal, and
// Read comes to its end; what still does is not ours to find, and is cut off.
func (t *terminal) clean() {
	t.finish.Do(func() {
		endSession(t.pid, t.mark)
		_ = t.master.SetReadDeadline(time.Now().Add(drain))
	})
}

// About implements [Shell].
func (t *terminal) About() (name, shell string) { return t.account.Name, t.account.Shell }

// Read implements [Shell]. A terminal that nobody holds any more answers EIO, when
// everything is read.
func (t *terminal) Read(p []byte) (int, error) {
	n, err := t.master.Read(p)
	if n == 0 && errors.Is(err, os.ErrDeadlineExceeded) && !t.closed.Load() {
		// The time to drain has passed while nobody was reading: what is there counts.
		_ = t.master.SetReadDeadline(time.Now().Add(drain))
		n, err = t.master.Read(p)
	}
	if n == 0 && err != nil {
		return 0, io.EOF
	}
	return n, nil
}

// Write implements [Shell].
func (t *terminal) Write(p []byte) (int, error) { return t.master.Write(p) }

// Resize implements [Shell].
func (t *terminal) Resize(s Size) error { return setSize(t.master, s) }

// Close implements [Shell].
func (t *terminal) Close() {
	t.closed.Store(true)
	_ = t.master.SetDeadline(time.Now()) // whoever reads or writes returns
	t.clean()
	select {
	case <-t.ended:
	case <-time.After(burial): // it hangs in the kernel, and ends when it no longer does
	}
	_ = t.master.Close()
}

// Wait implements [Shell].
func (t *terminal) Wait() Exit {
	select {
	case <-t.ended:
		return t.exit
	default:
		return Exit{Code: 128 + int(unix.SIGKILL), Signal: "KILL"}
	}
}
