package wire

import (
	"crypto/tls"
	"encoding/binary"
	"fmt"
	"net"
	"sync"
)

// conn is the TLS connection below yamux. It remembers the first read error,
// which yamux hides, and joins each frame's header to its body, which yamux
// writes apart: one TLS record and one system call instead of two.
type conn struct {
	*tls.Conn

	mu  sync.Mutex
	err error

	// Only yamux's one sending goroutine writes.
	header []byte
	joined []byte
}

const (
	muxHeaderSize = 12
	muxTypeData   = 0
	joinLimit     = 64 << 10
)

func (c *conn) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	if err != nil {
		c.mu.Lock()
		if c.err == nil {
			c.err = err
		}
		c.mu.Unlock()
	}
	return n, err
}

func (c *conn) readError() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.err
}

func (c *conn) Write(b []byte) (int, error) {
	if len(c.header) == 0 {
		if announcesBody(b) {
			c.header = append(c.header, b...)
			return len(b), nil
		}
		return c.Conn.Write(b)
	}
	head := c.header
	c.header = c.header[:0]
	if len(b) > joinLimit {
		if _, err := c.Conn.Write(head); err != nil {
			return 0, err
		}
		return c.Conn.Write(b)
	}
	c.joined = append(append(c.joined[:0], head...), b...)
	_, err := c.Conn.Write(c.joined)
	if cap(c.joined) > 4<<10 {
		c.joined = nil // an idle session keeps no buffer
	}
	if err != nil {
		return 0, err
	}
	return len(b), nil
}

// announcesBody reports whether b is the header of a data frame that is not
// empty: yamux writes its body next.
func announcesBody(b []byte) bool {
	return len(b) == muxHeaderSize && b[1] == muxTypeData && binary.BigEndian.Uint32(b[8:12]) > 0
}

// tune sets what notices a dead link: unacknowledged data and missed keepalives
// both end a connection after about fifteen seconds, however busy it is.
func tune(nc net.Conn) error {
	tcp, ok := nc.(*net.TCPConn)
	if !ok {
		return nil
	}
	err := tcp.SetKeepAliveConfig(net.KeepAliveConfig{
		Enable: true, Idle: tcpKeepIdle, Interval: tcpKeepInterval, Count: tcpKeepCount,
	})
	if err != nil {
		return fmt.Errorf("set keepalive: %w", err)
	}
	// A small send buffer keeps control frames from queueing behind bulk data.
	if err := tcp.SetWriteBuffer(tcpWriteBuffer); err != nil {
		return fmt.Errorf("set write buffer: %w", err)
	}
	return setUserTimeout(tcp)
}
