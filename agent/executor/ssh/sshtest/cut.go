package sshtest

import (
	"context"
	"io"
	"net"
	"sync"
	"testing"
)

// Cutter stands between an agent and a server, and cuts.
type Cutter struct {
	Addr string

	target   string
	listener net.Listener
	work     sync.WaitGroup

	mu      sync.Mutex
	conns   map[net.Conn]bool
	refuses bool
	frozen  chan struct{} // closed when nothing is held up; nil then too
	passed  int64         // bytes from the server
	limit   int64         // of those, until the next cut; 0 for none
	once    bool
	total   int
}

// NewCutter returns one before addr, until the end of the test.
func NewCutter(t testing.TB, addr string) *Cutter {
	t.Helper()
	l, err := (&net.ListenConfig{}).Listen(context.Background(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	c := &Cutter{Addr: l.Addr().String(), target: addr, listener: l, conns: map[net.Conn]bool{}}
	c.work.Go(c.serve)
	t.Cleanup(func() {
		_ = l.Close()
		c.Freeze(false)
		c.Cut()
		c.work.Wait()
	})
	return c
}

func (c *Cutter) serve() {
	for {
		conn, err := c.listener.Accept()
		if err != nil {
			return
		}
		if !c.add(conn) {
			_ = conn.Close()
			continue
		}
		c.work.Go(func() { c.pass(conn) })
	}
}

func (c *Cutter) add(conn net.Conn) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.refuses {
		return false
	}
	c.total++
	c.conns[conn] = true
	return true
}

func (c *Cutter) pass(conn net.Conn) {
	defer func() { _ = conn.Close() }()
	server, err := (&net.Dialer{}).DialContext(context.Background(), "tcp", c.target)
	if err != nil {
		return
	}
	defer func() { _ = server.Close() }()
	var back sync.WaitGroup
	back.Go(func() {
		defer func() { _ = conn.Close() }()
		_, _ = io.Copy(io.MultiWriter(gate{c}, counter{c}, conn), server)
	})
	_, _ = io.Copy(io.MultiWriter(gate{c}, server), conn)
	_ = server.Close()
	back.Wait()
}

// counter cuts when it has counted enough.
type counter struct{ c *Cutter }

func (k counter) Write(p []byte) (int, error) {
	k.c.mu.Lock()
	k.c.passed += int64(len(p))
	enough := k.c.limit > 0 && k.c.passed >= k.c.limit
	if enough {
		k.c.passed = 0
		if k.c.once {
			k.c.limit = 0
		}
	}
	k.c.mu.Unlock()
	if enough {
		k.c.Cut()
	}
	return len(p), nil
}

// gate lets pass what is not held up.
type gate struct{ c *Cutter }

func (g gate) Write(p []byte) (int, error) {
	g.c.mu.Lock()
	frozen := g.c.frozen
	g.c.mu.Unlock()
	if frozen != nil {
		<-frozen
	}
	return len(p), nil
}

// Freeze holds up everything, without a word to either side, until it is called
// with false.
func (c *Cutter) Freeze(yes bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case yes && c.frozen == nil:
		c.frozen = make(chan struct{})
	case !yes && c.frozen != nil:
		close(c.frozen)
		c.frozen = nil
	}
}

// CutEvery cuts whenever so many bytes have come from the server, before the last
// of them arrive. Zero ends that.
func (c *Cutter) CutEvery(n int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.passed, c.limit, c.once = 0, n, false
}

// CutOnce cuts when so many bytes have come from the server, and then no more.
func (c *Cutter) CutOnce(n int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.passed, c.limit, c.once = 0, n, true
}

// Cut ends all connections.
func (c *Cutter) Cut() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for conn := range c.conns {
		_ = conn.Close()
		delete(c.conns, conn)
	}
}

// Refuse takes no new connections, or does again.
func (c *Cutter) Refuse(yes bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.refuses = yes
}

// Total is how many connections were taken.
func (c *Cutter) Total() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.total
}
