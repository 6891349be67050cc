package wire

import (
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"sync"
	"time"

	"github.com/hashicorp/yamux"
	"google.golang.org/grpc"
)

// Session is one live connection. All methods may be called concurrently.
type Session struct {
	conn     *conn
	mux      *yamux.Session
	state    tls.ConnectionState
	incoming chan *stream // what the peer opened and nobody serves yet

	mu     sync.Mutex
	cause  error
	client *grpc.ClientConn
}

// newSession takes over an established TLS connection.
func newSession(tc *tls.Conn, server bool, writeTimeout time.Duration) (*Session, error) {
	s := &Session{
		conn:     &conn{Conn: tc},
		state:    tc.ConnectionState(),
		incoming: make(chan *stream, maxStreams),
	}
	config := &yamux.Config{
		AcceptBacklog: 64,
		// Off: see doc.go. The interval must be set all the same.
		EnableKeepAlive:        false,
		KeepAliveInterval:      tcpKeepInterval,
		ConnectionWriteTimeout: cmp.Or(writeTimeout, muxWriteTimeout),
		MaxStreamWindowSize:    muxWindow,
		StreamOpenTimeout:      muxOpenTimeout,
		StreamCloseTimeout:     muxCloseTimeout,
		// What yamux logs is either the end of the session, which Cause tells, or
		// what a hostile peer makes it say.
		Logger: log.New(io.Discard, "", 0),
	}
	var err error
	if server {
		s.mux, err = yamux.Server(s.conn, config)
	} else {
		s.mux, err = yamux.Client(s.conn, config)
	}
	if err != nil {
		return nil, fmt.Errorf("start yamux: %w", err)
	}
	go s.acceptStreams()
	return s, nil
}

// acceptStreams always runs, because a stream that nobody accepts for
// [muxOpenTimeout] makes the peer close the whole session.
func (s *Session) acceptStreams() {
	for {
		st, err := s.mux.AcceptStream()
		if err != nil {
			s.Close(s.muxError(err))
			return
		}
		in := &stream{Stream: st, session: s}
		if s.mux.NumStreams() > maxStreams {
			_ = in.Close()
			continue
		}
		select {
		case s.incoming <- in:
		default:
			_ = in.Close()
		}
	}
}

// Serve answers the calls that the peer makes until the session ends or server
// is stopped. server must come from [NewServer]; it may serve many sessions.
func (s *Session) Serve(server *grpc.Server) error {
	l := &streamListener{session: s, closed: make(chan struct{})}
	if err := server.Serve(l); err != nil && !errors.Is(err, net.ErrClosed) {
		return fmt.Errorf("serve calls: %w", err)
	}
	return nil
}

// Client returns the connection for calls to the peer: one for the session,
// opened at the first call, closed with the session.
func (s *Session) Client() *grpc.ClientConn {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.client == nil {
		s.client = newClient(s)
		if s.mux.IsClosed() {
			_ = s.client.Close()
		}
	}
	return s.client
}

// Ping asks the peer for a sign of life and waits for it at most until ctx ends.
func (s *Session) Ping(ctx context.Context) error {
	answer := make(chan error, 1)
	go func() {
		_, err := s.mux.Ping()
		answer <- err
	}()
	select {
	case err := <-answer:
		if err != nil {
			return s.muxError(err)
		}
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// ALPN is the protocol that the client asked for.
func (s *Session) ALPN() string { return s.state.NegotiatedProtocol }

// PeerCertificate is the verified certificate of the other side; nil on the
// hub's side of an enrolment.
func (s *Session) PeerCertificate() *x509.Certificate {
	if len(s.state.PeerCertificates) == 0 {
		return nil
	}
	return s.state.PeerCertificates[0]
}

// RemoteAddr is the network address of the other side.
func (s *Session) RemoteAddr() net.Addr { return s.conn.RemoteAddr() }

// Done is closed when the session has ended.
func (s *Session) Done() <-chan struct{} { return s.mux.CloseChan() }

// Cause is nil while the session lives, then says why it ended.
func (s *Session) Cause() error {
	select {
	case <-s.Done():
	default:
		return nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.cause
}

// Close ends the session for the reason given; the first reason stays. Nil
// means an ordinary end. It is safe to call often.
func (s *Session) Close(cause error) {
	if cause == nil {
		cause = net.ErrClosed
	}
	s.mu.Lock()
	if s.cause == nil {
		s.cause = cause
	}
	client := s.client
	s.mu.Unlock()
	_ = s.mux.Close()
	if client != nil {
		_ = client.Close()
	}
}

// GoAway tells the peer to open no further streams here; those open go on.
func (s *Session) GoAway() error {
	if err := s.mux.GoAway(); err != nil {
		return fmt.Errorf("send go-away: %w", err)
	}
	return nil
}

// muxError replaces yamux's general "session shutdown" by the error of the
// connection below, which says more.
func (s *Session) muxError(err error) error {
	if below := s.conn.readError(); below != nil {
		return fmt.Errorf("connection lost: %w", below)
	}
	if errors.Is(err, yamux.ErrSessionShutdown) || errors.Is(err, io.EOF) {
		return net.ErrClosed
	}
	return fmt.Errorf("connection lost: %w", err)
}
