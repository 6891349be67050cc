package wire

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"sync"
	"time"
)

// ServerConfig says whom a hub admits. Certificate and ClientCAs are required.
type ServerConfig struct {
	// Certificate is the hub's, with its CA in the chain, so that a newcomer can
	// compare the pin. Asked at every handshake.
	Certificate func(*tls.ClientHelloInfo) (*tls.Certificate, error)
	// ClientCAs are the authorities of agents. Asked at every handshake.
	ClientCAs func() *x509.CertPool
	// Check has the last word on a certificate that verifies: nil admits. It runs
	// in the handshake and must not block. Default: admit.
	Check func(alpn string, leaf *x509.Certificate) error

	HandshakesPerSecond int // default 200; excess connections are closed before TLS
	Handshakes          int // at once; default 64
	Sessions            int // at once; default 20,000

	Now func() time.Time // default time.Now
	Log *slog.Logger     // default: discard
}

func (c *ServerConfig) validate() {
	if c.Certificate == nil || c.ClientCAs == nil {
		panic("wire: ServerConfig needs Certificate and ClientCAs")
	}
	if c.Check == nil {
		c.Check = func(string, *x509.Certificate) error { return nil }
	}
	if c.HandshakesPerSecond == 0 {
		c.HandshakesPerSecond = 200
	}
	if c.Handshakes == 0 {
		c.Handshakes = 64
	}
	if c.Sessions == 0 {
		c.Sessions = 20_000
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
}

// Listener admits agents.
type Listener struct {
	config ServerConfig
	tcp    net.Listener
	tls    *tls.Config

	handshakes chan struct{}
	sessions   chan struct{}
	rate       bucket
	refused    throttled
}

// NewListener returns a listener over tcp, which it owns from now on.
func NewListener(tcp net.Listener, config ServerConfig) *Listener {
	config.validate()
	return &Listener{
		config: config, tcp: tcp, tls: config.serverTLS(),
		handshakes: make(chan struct{}, config.Handshakes),
		sessions:   make(chan struct{}, config.Sessions),
		rate:       bucket{perSecond: float64(config.HandshakesPerSecond), burst: float64(config.HandshakesPerSecond)},
	}
}

// Addr is where it listens.
func (l *Listener) Addr() net.Addr { return l.tcp.Addr() }

// Serve runs handle for every session, each in its own goroutine, until ctx
// ends; then it closes all sessions and waits for their handlers. A session is
// closed when its handler returns.
func (l *Listener) Serve(ctx context.Context, handle func(context.Context, *Session) error) error {
	ctx, cancel := context.WithCancel(ctx)
	var all sync.WaitGroup
	defer all.Wait()
	defer cancel()
	stop := context.AfterFunc(ctx, func() { _ = l.tcp.Close() })
	defer stop()
	for {
		raw, err := l.tcp.Accept()
		if err != nil {
			if ctx.Err() != nil {
				return context.Cause(ctx)
			}
			if pause(ctx, err) {
				continue
			}
			return fmt.Errorf("accept agents: %w", err)
		}
		if !l.admit() {
			l.refused.note(l.config.Now(), func(n int) {
				l.config.Log.WarnContext(ctx, "connections refused before handshake", "count", n)
			})
			_ = raw.Close()
			continue
		}
		all.Go(func() { l.serveOne(ctx, raw, handle) })
	}
}

// admit takes a place among the handshakes and sessions, or says no.
func (l *Listener) admit() bool {
	if !l.rate.take(l.config.Now()) {
		return false
	}
	select {
	case l.sessions <- struct{}{}:
	default:
		return false
	}
	select {
	case l.handshakes <- struct{}{}:
		return true
	default:
		<-l.sessions
		return false
	}
}

func (l *Listener) serveOne(ctx context.Context, raw net.Conn, handle func(context.Context, *Session) error) {
	defer func() { <-l.sessions }()
	s, err := l.handshake(ctx, raw)
	<-l.handshakes
	log := l.config.Log.With("remote", raw.RemoteAddr().String())
	if err != nil {
		_ = raw.Close()
		log.DebugContext(ctx, "handshake refused", "err", err)
		return
	}
	stop := context.AfterFunc(ctx, func() { s.Close(context.Cause(ctx)) })
	defer stop()
	err = handle(ctx, s)
	s.Close(err)
	if err != nil && ctx.Err() == nil {
		log.DebugContext(ctx, "session ended", "err", err)
	}
}

func (l *Listener) handshake(ctx context.Context, raw net.Conn) (*Session, error) {
	if err := tune(raw); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, handshakeTimeout)
	defer cancel()
	tc := tls.Server(raw, l.tls)
	if err := tc.HandshakeContext(ctx); err != nil {
		return nil, fmt.Errorf("handshake: %w", err)
	}
	return newSession(tc, true, 0)
}

// pause waits a little after an accept error that passes, such as too many open
// files, and reports whether to go on.
func pause(ctx context.Context, err error) bool {
	if errors.Is(err, net.ErrClosed) {
		return false
	}
	select {
	case <-ctx.Done():
	case <-time.After(50 * time.Millisecond):
	}
	return true
}

// bucket is a token bucket.
type bucket struct {
	perSecond, burst float64

	mu     sync.Mutex
	tokens float64
	at     time.Time
}

func (b *bucket) take(now time.Time) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.at.IsZero() {
		b.tokens = b.burst
	} else if d := now.Sub(b.at); d > 0 {
		b.tokens = min(b.burst, b.tokens+d.Seconds()*b.perSecond)
	}
	b.at = now
	if b.tokens < 1 {
		return false
	}
	b.tokens--
	return true
}

// throttled counts happenings and tells of them at most once a second.
type throttled struct {
	mu    sync.Mutex
	count int
	next  time.Time
}

func (t *throttled) note(now time.Time, tell func(count int)) {
	t.mu.Lock()
	t.count++
	n := t.count
	due := !now.Before(t.next)
	if due {
		t.count, t.next = 0, now.Add(time.Second)
	}
	t.mu.Unlock()
	if due {
		tell(n)
	}
}
