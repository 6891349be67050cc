package ssh

import (
	"context"
	"errors"
	"io"
	"net"
	"slices"
	"syscall"
	"time"

	"golang.org/x/crypto/ssh"
	"golang.org/x/sys/unix"

	"github.com/cronium/cronium/sdk/problem"
)

const (
	dialLimit      = 10 * time.Second
	handshakeLimit = 15 * time.Second
	aliveEvery     = 5 * time.Second
	aliveLimit     = 10 * time.Second
)

// link is the connections to a server: one for each hop, each through the last.
type link struct {
	clients []*ssh.Client
}

// connect opens a link. Its errors are problems, unless ctx has ended.
func connect(ctx context.Context, w way) (*link, error) {
	l := &link{}
	for _, h := range w {
		if err := l.extend(ctx, h); err != nil {
			l.close()
			return nil, err
		}
	}
	return l, nil
}

// extend opens the next hop.
func (l *link) extend(ctx context.Context, h hop) error {
	conn, err := l.dial(ctx, h)
	if err != nil {
		return err
	}
	return l.greet(ctx, conn, h, h.checkKey)
}

// dial connects to a server's port, through the last hop.
func (l *link) dial(ctx context.Context, h hop) (net.Conn, error) {
	timed, stop := context.WithTimeout(ctx, dialLimit)
	defer stop()
	var conn net.Conn
	var err error
	if len(l.clients) == 0 {
		d := net.Dialer{KeepAliveConfig: net.KeepAliveConfig{Enable: true, Idle: aliveEvery, Interval: aliveEvery, Count: 3}, Control: dropSilent}
		conn, err = d.DialContext(timed, "tcp", h.addr)
	} else {
		conn, err = l.last().DialContext(timed, "tcp", h.addr)
	}
	if err != nil {
		return nil, orEnd(ctx, ErrUnreachable.With("%s: %v", h, err))
	}
	return conn, nil
}

// dropSilent makes the kernel give up a connection whose peer confirms nothing.
func dropSilent(_, _ string, c syscall.RawConn) error {
	var err error
	if controlErr := c.Control(func(fd uintptr) {
		err = unix.SetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_USER_TIMEOUT, int((3 * aliveEvery).Milliseconds()))
	}); controlErr != nil {
		return controlErr
	}
	return err
}

// greet shakes hands on a fresh connection and shows the credential. Not a byte of
// that is sent to a host whose key check refuses.
func (l *link) greet(ctx context.Context, conn net.Conn, h hop, check func(ssh.PublicKey) error) error {
	auth, err := h.auth()
	if err != nil && h.hostKey != nil {
		_ = conn.Close()
		return err
	}
	timed, stop := context.WithTimeout(ctx, handshakeLimit)
	defer stop()
	defer context.AfterFunc(timed, func() { _ = conn.Close() })()
	var trusted bool
	var refused error
	c, channels, requests, err := ssh.NewClientConn(conn, h.addr, &ssh.ClientConfig{
		User: h.user, Auth: auth, HostKeyAlgorithms: h.algorithms(), ClientVersion: "SSH-2.0-Cronium",
		BannerCallback: func(string) error { return nil },
		HostKeyCallback: func(_ string, _ net.Addr, key ssh.PublicKey) error {
			refused = check(key)
			trusted = refused == nil
			return refused
		},
	})
	if err == nil {
		l.clients = append(l.clients, ssh.NewClient(c, channels, requests))
		return nil
	}
	_ = conn.Close()
	if refused != nil {
		return refused
	}
	if timed.Err() != nil {
		return orEnd(ctx, ErrUnreachable.With("%s did not complete the handshake within %s", h, handshakeLimit))
	}
	return orEnd(ctx, explain(h, err, trusted))
}

// explain says why a handshake failed.
func explain(h hop, err error, trusted bool) *problem.Problem {
	if p, ok := problem.As(err); ok {
		return p
	}
	if e, ok := errors.AsType[*ssh.AlgorithmNegotiationError](err); ok && e.What == "host key" {
		return ErrHostKey.With("%s has no key of the confirmed type any more: it offers %q, and %q was confirmed", h, e.RequestedAlgorithms, e.SupportedAlgorithms)
	}
	if _, network := errors.AsType[net.Error](err); !trusted || network || errors.Is(err, io.EOF) {
		return ErrUnreachable.With("%s: %v", h, err)
	}
	return ErrAuth.With("user %s on %s: %v", h.user, h, err)
}

// orEnd is p, or the end of ctx if that is the reason.
func orEnd(ctx context.Context, p *problem.Problem) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return p
}

// last leads to the server.
func (l *link) last() *ssh.Client { return l.clients[len(l.clients)-1] }

// close may be called again.
func (l *link) close() {
	for _, c := range slices.Backward(l.clients) {
		_ = c.Close()
	}
}

// alive asks the server for an answer, again and again, until one does not come in
// time or ctx ends.
func (l *link) alive(ctx context.Context) error {
	tick := time.NewTicker(aliveEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-tick.C:
		}
		late := time.AfterFunc(aliveLimit, l.close)
		_, _, err := l.last().SendRequest("keepalive@openssh.com", true, nil)
		late.Stop()
		if err != nil {
			return err
		}
	}
}
