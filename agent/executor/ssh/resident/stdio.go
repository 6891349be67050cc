package resident

import (
	"io"
	"net"
	"sync"
	"time"
)

// stdio makes a connection of a reader and a writer, and a listener of that.
type stdio struct {
	io.Reader
	io.Writer
	once   sync.Once
	closed chan struct{}
	taken  bool // only the server's Accept loop touches it
}

func newStdio(in io.Reader, out io.Writer) *stdio {
	return &stdio{Reader: in, Writer: out, closed: make(chan struct{})}
}

// Accept returns the one connection, and an error when that has ended.
func (s *stdio) Accept() (net.Conn, error) {
	if !s.taken {
		s.taken = true
		return s, nil
	}
	<-s.closed
	return nil, net.ErrClosed
}

func (s *stdio) Close() error {
	s.once.Do(func() { close(s.closed) })
	return nil
}

func (s *stdio) Addr() net.Addr                   { return stdioAddr{} }
func (s *stdio) LocalAddr() net.Addr              { return stdioAddr{} }
func (s *stdio) RemoteAddr() net.Addr             { return stdioAddr{} }
func (s *stdio) SetDeadline(time.Time) error      { return nil }
func (s *stdio) SetReadDeadline(time.Time) error  { return nil }
func (s *stdio) SetWriteDeadline(time.Time) error { return nil }

type stdioAddr struct{}

func (stdioAddr) Network() string { return "stdio" }
func (stdioAddr) String() string  { return "stdio" }
