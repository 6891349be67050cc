package wire

import (
	"errors"
	"net"
	"sync"

	"github.com/hashicorp/yamux"
)

// stream is one yamux stream as gRPC sees it.
type stream struct {
	*yamux.Stream
	session *Session
}

// guard closes the session on a write timeout. yamux reports such a write as
// failed though it may be delivered later, and its windows are off from then on.
func (s *stream) guard(err error) error {
	if errors.Is(err, yamux.ErrConnectionWriteTimeout) {
		// In a goroutine of its own: gRPC holds its locks here, and Close takes them.
		go s.session.Close(err)
	}
	return err
}

func (s *stream) Read(b []byte) (int, error) {
	n, err := s.Stream.Read(b)
	return n, s.guard(err)
}

func (s *stream) Write(b []byte) (int, error) {
	n, err := s.Stream.Write(b)
	return n, s.guard(err)
}

func (s *stream) Close() error { return s.guard(s.Stream.Close()) }

// streamListener gives a gRPC server the streams of one session. Closing it
// leaves the session alone, so that GracefulStop, which closes listeners first,
// lets calls in flight finish.
type streamListener struct {
	session *Session
	once    sync.Once
	closed  chan struct{}
}

func (l *streamListener) Accept() (net.Conn, error) {
	select {
	case st := <-l.session.incoming:
		return st, nil
	case <-l.session.Done():
	case <-l.closed:
	}
	// Not a temporary error, on which gRPC would try again for ever.
	return nil, net.ErrClosed
}

func (l *streamListener) Close() error {
	l.once.Do(func() { close(l.closed) })
	return nil
}

func (l *streamListener) Addr() net.Addr { return l.session.RemoteAddr() }
