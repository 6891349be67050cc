package call

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"net"
	"sync"
	"time"

	"github.com/cronium/cronium/sdk/problem"
)

const (
	maxConns     = 16
	writeTimeout = 30 * time.Second // for a script that does not read its answer
)

// Answer answers a call: with a value in JSON, or with a problem.
type Answer func(ctx context.Context, name string, args []byte) ([]byte, *problem.Problem)

// Server serves the socket of one attempt. Make it with [NewServer].
type Server struct {
	uid    uint32
	answer Answer
	pace   pace
	free   chan struct{} // places for connections
}

// NewServer returns a server for the processes of this attempt that run as uid.
func NewServer(uid uint32, answer Answer, now func() time.Time) *Server {
	return &Server{uid: uid, answer: answer, pace: pace{now: now}, free: make(chan struct{}, maxConns)}
}

// Serve takes connections until ctx ends. Then it closes l and all of them, and
// returns when no call is left.
func (s *Server) Serve(ctx context.Context, l *net.UnixListener) {
	var conns sync.WaitGroup
	defer conns.Wait()
	defer context.AfterFunc(ctx, func() { _ = l.Close() })()
	for {
		select {
		case s.free <- struct{}{}:
		case <-ctx.Done():
			return
		}
		conn, err := l.AcceptUnix()
		if err != nil {
			<-s.free
			if ctx.Err() != nil || errors.Is(err, net.ErrClosed) {
				return
			}
			select { // no file descriptors, most likely
			case <-time.After(100 * time.Millisecond):
			case <-ctx.Done():
			}
			continue
		}
		conns.Go(func() {
			defer func() { <-s.free }()
			s.serve(ctx, conn)
		})
	}
}

func (s *Server) serve(ctx context.Context, conn *net.UnixConn) {
	defer func() { _ = conn.Close() }()
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	defer context.AfterFunc(ctx, func() { _ = conn.Close() })()
	if p := admit(conn, s.uid); p != nil {
		_ = reply(conn, nil, p)
		return
	}
	r := bufio.NewReaderSize(conn, 4<<10)
	for {
		line, err := readLine(r)
		if p, ok := problem.As(err); ok {
			_ = reply(conn, nil, p)
			return
		}
		if err != nil {
			return
		}
		value, p := s.one(ctx, line)
		if reply(conn, value, p) != nil {
			return
		}
	}
}

func (s *Server) one(ctx context.Context, line []byte) ([]byte, *problem.Problem) {
	in, p := parse(line)
	if p != nil {
		return nil, p
	}
	if wait := s.pace.take(); wait > 0 {
		select {
		case <-time.After(wait):
		case <-ctx.Done():
		}
	}
	return s.answer(ctx, in.Call, in.Args)
}

func reply(conn net.Conn, value []byte, p *problem.Problem) error {
	out := answer{Value: value}
	if p != nil {
		out = answer{Error: faultOf(p)}
	}
	text, err := json.Marshal(out)
	if err != nil {
		return err
	}
	if err := conn.SetWriteDeadline(time.Now().Add(writeTimeout)); err != nil {
		return err
	}
	_, err = conn.Write(append(text, '\n'))
	return err
}
