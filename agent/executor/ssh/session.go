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
	lookLimit  = time.Minute // servers may be busy
	greetLimit = time.Minute // until a resident says who it is
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

// start starts the resident, and uploads the runner first if the server has not got
// it.
func (x *Executor) start(ctx context.Context, s *session) error {
	a, err := x.reside(ctx, s)
	if err != nil || s.hands != nil {
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
	if err := b.send(ctx, s.link.last(), dir); err != nil {
		return err
	}
	a, err = x.reside(ctx, s)
	if err == nil && s.hands == nil {
		err = ErrRunner.With("it was uploaded, and then what was there had the SHA-256 %.64s", a["sum"])
	}
	return err
}

// reside looks at the server and, if it has the runner, makes the session one with
// its resident.
func (x *Executor) reside(ctx context.Context, s *session) (answers, error) {
	ctx, stop := context.WithTimeoutCause(ctx, greetLimit, ErrRunner.With("it says nothing within %s", greetLimit))
	defer stop()
	sess, err := s.link.last().NewSession()
	if err != nil {
		return nil, orEnd(ctx, ErrShell.With("the server opens no session: %v", err))
	}
	var complaints bounded
	sess.Stderr = &complaints
	stdin, err := sess.StdinPipe()
	if err != nil {
		return nil, err
	}
	stdout, err := sess.StdoutPipe()
	if err != nil {
		return nil, err
	}
	amd64, arm64 := x.binaries.sums()
	if err := sess.Start(commandLine(look, x.cfg.AgentID, amd64, arm64, "reside")); err != nil {
		return nil, orEnd(ctx, ErrShell.With("%v", err))
	}
	c := &channel{in: bufio.NewReaderSize(stdout, maxWords), out: stdin, session: sess}
	undo := context.AfterFunc(ctx, func() { _ = c.Close() })
	a, id, said, err := c.listen()
	if !undo() {
		return nil, context.Cause(ctx)
	}
	switch {
	case err == nil && id == "":
		_ = c.Close()
		return a, nil
	case err == nil:
		s.bootID = id
		s.client = ttrpc.NewClient(c, ttrpc.WithOnClose(s.end))
		s.hands = runnerv1.NewResidentServiceClient(s.client)
		return a, nil
	}
	if !errors.Is(err, io.EOF) {
		_ = c.Close()
	}
	err = sess.Wait() // then its complaints are complete
	if a["dir"] == "" {
		return nil, ErrShell.With("%s", lastWords(err, said, complaints.bytes()))
	}
	return nil, ErrRunner.With("%s", lastWords(err, nil, complaints.bytes()))
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

// listen reads what is said until the last answer or a resident's greeting. Of the
// latter it returns the boot id. What a login shell says besides is left out.
func (c *channel) listen() (a answers, id string, said []byte, err error) {
	a = answers{}
	for len(said) < maxWords {
		line, err := c.in.ReadSlice('\n')
		if err != nil && !errors.Is(err, bufio.ErrBufferFull) {
			return a, "", said, fmt.Errorf("%w: %w", errNoGreeting, err)
		}
		if _, id, ok := strings.Cut(string(line), resident.Greeting); ok {
			return a, clean(id, 64), nil, nil
		}
		said = append(said, line...)
		if a.add(line); a["end"] != "" {
			return a, "", nil, nil
		}
	}
	return a, "", said, errNoGreeting
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
