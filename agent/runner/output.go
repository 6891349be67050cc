package runner

import (
	"errors"
	"os"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"github.com/cronium/cronium/proto/frame"
)

// afterStop is how often the pipes are read when time is up: more than they hold.
const afterStop = 16

// output reads what a script writes. One goroutine reads both pipes, in the order
// in which they become readable, so that lines of stdout and stderr keep their
// order as well as two pipes can tell it: what was written to both within the few
// microseconds until we wake comes with stdout first. It waits in poll(2) itself,
// because the way through Go's poller is several times longer.
type output struct {
	pipes [2]*os.File // stdout, stderr
	stop  [2]*os.File // a pipe; closing its end wakes the reader
	done  chan struct{}
	turn  sync.Mutex // held while something that was read is on its way to the log
}

// begin starts to read; write gets what was read, the log what went wrong.
func (o *output) begin(log *outputLog, write func(frame.Stream, []byte)) (err error) {
	if o.stop[0], o.stop[1], err = os.Pipe(); err != nil {
		return err
	}
	o.done = make(chan struct{})
	fds := []unix.PollFd{{Events: unix.POLLIN}, {Events: unix.POLLIN}, {Events: unix.POLLIN}}
	for i, f := range []*os.File{o.pipes[0], o.pipes[1], o.stop[0]} {
		fds[i].Fd = int32(f.Fd()) // blocking from now on; we read only what is there
	}
	go func() {
		defer close(o.done)
		o.read(fds, log, write)
	}()
	return nil
}

// read reads until both pipes have ended, or the third has and nothing is left.
func (o *output) read(fds []unix.PollFd, log *outputLog, write func(frame.Stream, []byte)) {
	buf, wait := make([]byte, frame.MaxData), -1
	for open, rounds := 2, afterStop; open > 0 && rounds > 0; {
		if wait == 0 {
			rounds-- // somebody outside of the tree may write without end
		}
		n, err := unix.Poll(fds, wait)
		if errors.Is(err, unix.EINTR) {
			continue
		}
		if err != nil {
			log.Note("waiting for the script's output: %v", err)
			return
		}
		if n == 0 {
			return
		}
		if fds[2].Revents != 0 {
			fds[2].Fd, wait = -1, 0
		}
		for i, stream := range []frame.Stream{frame.Stdout, frame.Stderr} {
			if fds[i].Revents == 0 {
				continue
			}
			o.turn.Lock()
			more := readOne(int(fds[i].Fd), buf, log, func(p []byte) { write(stream, p) })
			o.turn.Unlock()
			if !more {
				fds[i].Fd = -1
				open--
			}
		}
	}
}

// readOne reads what is there, and reports whether there may be more.
func readOne(fd int, buf []byte, log *outputLog, write func([]byte)) bool {
	n, err := unix.Read(fd, buf)
	if n > 0 {
		write(buf[:n])
	}
	if err != nil && !errors.Is(err, unix.EINTR) {
		log.Note("reading the script's output: %v", err)
		return false
	}
	return n > 0 || err != nil
}

const (
	settleLimit = 50 * time.Millisecond
	settlePause = 200 * time.Microsecond
)

// settle returns when what the script has written before is in the log, or after a
// moment if it writes without a pause.
func (o *output) settle() {
	for end := time.Now().Add(settleLimit); time.Now().Before(end); time.Sleep(settlePause) {
		o.turn.Lock()
		empty := unread(o.pipes[0]) == 0 && unread(o.pipes[1]) == 0
		o.turn.Unlock()
		if empty {
			return
		}
	}
}

// unread is how many bytes are in a pipe; none if it is closed.
func unread(f *os.File) (n int) {
	raw, err := f.SyscallConn()
	if err == nil {
		_ = raw.Control(func(fd uintptr) { n, _ = unix.IoctlGetInt(int(fd), unix.TIOCINQ) })
	}
	return n
}

// end waits until everything is read. A writer outside of the tree, to which the
// script handed its output, is waited for only shortly.
func (o *output) end() {
	timer := time.AfterFunc(drain, func() { _ = o.stop[1].Close() })
	<-o.done
	timer.Stop()
	for _, f := range []*os.File{o.pipes[0], o.pipes[1], o.stop[0], o.stop[1]} {
		_ = f.Close()
	}
}
