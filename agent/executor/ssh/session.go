package ssh

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"time"

	"github.com/containerd/ttrpc"
	"golang.org/x/crypto/ssh"

	"github.com/cronium/cronium/agent/executor/ssh/resident"
	runnerv1 "github.com/cronium/cronium/proto/runner/v1"
)

const (
	lookLimit  = 20 * time.Second
	greetLimit = 20 * time.Second // until a resident says who it is
	pingLimit  = 10 * time.Second
)

// session is a link, and our hands at its end.
type session struct {
	link   *link
	hands  runnerv1.ResidentServiceClient
	client *ttrpc.Client
	bootID string

	over chan struct{} // closed when it has ended
	once sync.Once
	stop context.CancelFunc
	work sync.WaitGroup
}

// lookAt asks a server what it is.
func (x *Executor) lookAt(ctx context.Context, c *ssh.Client, mode string) (answers, error) {
	ctx, stop := context.WithTimeoutCause(ctx, lookLimit, ErrShell.With("it does not answer within %s", lookLimit))
	defer stop()
	amd64, arm64 := x.binaries.sums()
	return run(ctx, c, nil, look, x.cfg.AgentID, amd64, arm64, mode)
}

// system checks that there is a runner for the server.
func (x *Executor) system(a answers) (binary, error) {
	if a["os"] != "Linux" {
		return binary{}, ErrSystem.With("It runs %s", a["os"])
	}
	arch := arches[a["arch"]]
	if arch == "" {
		return binary{}, ErrSystem.With("Its processor is a %s", a["arch"])
	}
	b, err := x.binaries.find(arch)
	if err != nil {
		return b, ErrRunner.With("the agent has no runner for linux/%s: %v", arch, err)
	}
	return b, nil
}

// directory checks what the server says where we may be.
func directory(a answers) (string, error) {
	switch {
	case a["dir"] == "":
		return "", ErrDirectory.With("%s", strings.Trim(a["why"], " ;"))
	case !plain(a["dir"]):
		return "", ErrDirectory.With("%q has characters that we do not use", a["dir"])
	case a["lacks"] != "":
		return "", ErrShell.With("the command %s is missing", a["lacks"])
	}
	return a["dir"], nil
}

// open connects to a server and starts our hands there. Its errors are problems,
// unless ctx has ended.
func (x *Executor) open(ctx context.Context, w way) (*session, error) {
	l, err := connect(ctx, w)
	if err != nil {
		return nil, err
	}
	s, err := x.settleIn(ctx, l)
	if err != nil {
		l.close()
		return nil, err
	}
	return s, nil
}

// settleIn makes a session of a link. From the beginning a dead link is noticed.
func (x *Executor) settleIn(ctx context.Context, l *link) (*session, error) {
	alive, stop := context.WithCancel(context.WithoutCancel(ctx))
	s := &session{link: l, over: make(chan struct{}), stop: stop}
	s.work.Go(func() {
		if err := l.alive(alive); alive.Err() == nil {
			x.cfg.Log.Debug("the server does not answer any more", "err", err)
			s.end()
		}
	})
	err := x.start(ctx, s)
	if err != nil {
		s.close()
		return nil, err
	}
	s.work.Go(func() {
		if err := s.ping(alive); alive.Err() == nil {
			x.cfg.Log.Debug("the resident does not answer any more", "err", err)
			s.end()
		}
	})
	return s, nil
}

func (x *Executor) start(ctx context.Context, s *session) error {
	a, err := x.lookAt(ctx, s.link.last(), "find")
	if err != nil {
		return err
	}
	b, err := x.system(a)
	if err != nil {
		return err
	}
	dir, err := directory(a)
	if err != nil {
		return err
	}
	if a["sum"] != b.sum {
		if err := b.send(ctx, s.link.last(), dir); err != nil {
			return err
		}
	}
	return s.reside(ctx, b.remotePath(dir), dir+"/"+x.cfg.AgentID)
}

// reside starts the resident and waits for its greeting.
func (s *session) reside(ctx context.Context, program, dir string) error {
	ctx, stop := context.WithTimeoutCause(ctx, greetLimit, ErrRunner.With("it says nothing within %s", greetLimit))
	defer stop()
	sess, err := s.link.last().NewSession()
	if err != nil {
		return orEnd(ctx, ErrShell.With("the server opens no session: %v", err))
	}
	var complaints bounded
	sess.Stderr = &complaints
	stdin, err := sess.StdinPipe()
	if err != nil {
		return err
	}
	stdout, err := sess.StdoutPipe()
	if err != nil {
		return err
	}
	if err := sess.Start(commandLine(reside, program, dir)); err != nil {
		return orEnd(ctx, ErrShell.With("%v", err))
	}
	c := &channel{in: bufio.NewReaderSize(stdout, 64<<10), out: stdin, session: sess}
	undo := context.AfterFunc(ctx, func() { _ = c.Close() })
	s.bootID, err = c.greeting()
	if !undo() {
		return context.Cause(ctx)
	}
	if err != nil {
		if !errors.Is(err, io.EOF) {
			_ = c.Close()
		}
		_ = sess.Wait() // then its complaints are complete
		return ErrRunner.With("%s", lastWords(err, nil, complaints.bytes()))
	}
	s.client = ttrpc.NewClient(c, ttrpc.WithOnClose(s.end))
	s.hands = runnerv1.NewResidentServiceClient(s.client)
	return nil
}

// ping shows the resident that we are here, until it does not answer.
func (s *session) ping(ctx context.Context) error {
	tick := time.NewTicker(resident.PingEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-tick.C:
		}
		timed, stop := context.WithTimeout(ctx, pingLimit)
		_, err := s.hands.Ping(timed, &runnerv1.PingRequest{})
		stop()
		if err != nil {
			return err
		}
	}
}

// end ends the session without waiting.
func (s *session) end() {
	s.once.Do(func() {
		close(s.over)
		s.stop()
		s.link.close()
	})
}

// close ends the session and waits for that.
func (s *session) close() {
	s.end()
	if s.client != nil {
		_ = s.client.Close()
	}
	s.work.Wait()
}

func (s *session) ended() bool {
	select {
	case <-s.over:
		return true
	default:
		return false
	}
}

// channel is one SSH channel as a connection.
type channel struct {
	in      *bufio.Reader
	out     io.WriteCloser
	session *ssh.Session
}

var errNoGreeting = errors.New("it does not greet")

// greeting reads to the end of a resident's first line and returns the boot id. What
// a login shell says before is left out.
func (c *channel) greeting() (string, error) {
	for read := 0; read < maxWords; {
		line, err := c.in.ReadSlice('\n')
		read += len(line)
		if _, id, ok := strings.Cut(string(line), resident.Greeting); ok && err == nil {
			return clean(id, 64), nil
		}
		if err != nil && !errors.Is(err, bufio.ErrBufferFull) {
			return "", fmt.Errorf("%w: %w", errNoGreeting, err)
		}
	}
	return "", errNoGreeting
}

func (c *channel) Read(p []byte) (int, error)  { return c.in.Read(p) }
func (c *channel) Write(p []byte) (int, error) { return c.out.Write(p) }
func (c *channel) Close() error                { return c.session.Close() }

func (c *channel) LocalAddr() net.Addr              { return channelAddr{} }
func (c *channel) RemoteAddr() net.Addr             { return channelAddr{} }
func (c *channel) SetDeadline(time.Time) error      { return nil }
func (c *channel) SetReadDeadline(time.Time) error  { return nil }
func (c *channel) SetWriteDeadline(time.Time) error { return nil }

type channelAddr struct{}

func (channelAddr) Network() string { return "ssh" }
func (channelAddr) String() string  { return "ssh" }
