package wire

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net"
	"testing"
	"time"

	agentv1 "github.com/cronium/cronium/proto/agent/v1"
)

// The matrix of what a client may show, and on which protocol.
func TestHubAdmitsOnlyGoodCertificates(t *testing.T) {
	h := newHub(t, nil)
	stranger := newAuthority(t)
	later := time.Now().Add(time.Hour)
	client := x509.ExtKeyUsageClientAuth
	good := h.agents.issue(t, client, later)
	revoked := h.agents.issue(t, client, later)
	h.revoked.Store(revoked.Leaf.SerialNumber.String())
	hubCert := h.servers.issue(t, x509.ExtKeyUsageServerAuth, later)
	expired := h.agents.issue(t, client, time.Now().Add(-time.Hour))
	longExpired := h.agents.issue(t, client, time.Now().Add(-ExpiredGrace-time.Hour))
	selfSigned := &tls.Certificate{Certificate: [][]byte{stranger.cert.Raw}, PrivateKey: stranger.key, Leaf: stranger.cert}

	for name, c := range map[string]struct {
		cert         *tls.Certificate
		agent, renew error // nil: admitted
	}{
		"good":                {good, nil, nil},
		"none":                {&tls.Certificate{}, errAny, errAny},
		"self-signed":         {selfSigned, ErrWrongInstance, ErrCertificateRevoked},
		"expired":             {expired, ErrCertificateExpired, nil},
		"expired 8 days":      {longExpired, ErrCertificateExpired, ErrCertificateRevoked},
		"other CA":            {stranger.issue(t, client, later), ErrWrongInstance, ErrCertificateRevoked},
		"right CA, wrong use": {h.agents.issue(t, x509.ExtKeyUsageServerAuth, later), ErrCertificateRevoked, ErrCertificateRevoked},
		"the hub's own":       {hubCert, ErrWrongInstance, ErrCertificateRevoked},
		"revoked":             {revoked, ErrCertificateRevoked, ErrCertificateRevoked},
	} {
		for alpn, want := range map[string]error{ALPNAgent: c.agent, ALPNData: c.agent, ALPNRenew: c.renew} {
			s, err := Dial(t.Context(), DialConfig{Addr: h.addr, TLS: h.tlsWith(c.cert), ALPN: alpn})
			if err == nil {
				s.Close(nil)
			}
			if (err == nil) != (want == nil) || want != nil && !errors.Is(want, errAny) && !errors.Is(err, want) {
				t.Errorf("%s on %s: Dial = %v, want %v", name, alpn, err, want)
			}
		}
	}
}

var errAny = errors.New("any error")

func TestUnknownProtocolIsRefused(t *testing.T) {
	h := newHub(t, nil)
	for _, alpn := range []string{"h2", "", "cronium-agent/9"} {
		if s, err := Dial(t.Context(), DialConfig{Addr: h.addr, TLS: h.agentTLS(t), ALPN: alpn}); err == nil {
			s.Close(nil)
			t.Errorf("protocol %q was admitted", alpn)
		}
	}
}

func TestAgentTrustsOnlyItsHub(t *testing.T) {
	h, other := newHub(t, nil), newHub(t, nil)
	_, err := Dial(t.Context(), DialConfig{Addr: other.addr, TLS: h.agentTLS(t), ALPN: ALPNAgent})
	if !errors.Is(err, ErrHubIdentityMismatch) {
		t.Fatalf("Dial of another hub = %v, want hub_identity_mismatch", err)
	}
}

func TestNewcomerComparesThePinBeforeItSendsAnything(t *testing.T) {
	h := newHub(t, nil)
	s := dial(t, DialConfig{Addr: h.addr, TLS: EnrolTLS(PinOf(h.servers.cert)), ALPN: ALPNEnrol})
	if s.PeerCertificate() == nil || (<-h.sessions).PeerCertificate() != nil {
		t.Fatal("the newcomer sees a certificate and shows none")
	}
	other := newAuthority(t)
	_, err := Dial(t.Context(), DialConfig{Addr: h.addr, TLS: EnrolTLS(PinOf(other.cert)), ALPN: ALPNEnrol})
	if !errors.Is(err, ErrHubIdentityMismatch) {
		t.Fatalf("Dial with a wrong pin = %v, want hub_identity_mismatch", err)
	}
	select {
	case <-h.sessions:
		t.Fatal("the hub got a session from a newcomer with another pin")
	case <-time.After(50 * time.Millisecond):
	}
}

// A pinned CA in the chain is not enough: the leaf must descend from it.
func TestBorrowedCAInTheChainIsNoProof(t *testing.T) {
	real, liar := newAuthority(t), newAuthority(t)
	h := newHub(t, func(c *ServerConfig) {
		cert := liar.issue(t, x509.ExtKeyUsageServerAuth, time.Now().Add(time.Hour))
		cert.Certificate = append(cert.Certificate, real.cert.Raw)
		c.Certificate = func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return cert, nil }
	})
	_, err := Dial(t.Context(), DialConfig{Addr: h.addr, TLS: EnrolTLS(PinOf(real.cert)), ALPN: ALPNEnrol})
	if !errors.Is(err, ErrHubIdentityMismatch) {
		t.Fatalf("Dial = %v, want hub_identity_mismatch", err)
	}
}

func TestExcessConnectionsAreClosedBeforeTLS(t *testing.T) {
	h := newHub(t, func(c *ServerConfig) { c.HandshakesPerSecond = 3; c.Now = frozen() })
	config := h.agentTLS(t)
	for range 3 {
		dial(t, DialConfig{Addr: h.addr, TLS: config, ALPN: ALPNAgent})
	}
	_, err := Dial(t.Context(), DialConfig{Addr: h.addr, TLS: config, ALPN: ALPNAgent})
	if err == nil {
		t.Fatal("the fourth handshake in one second was admitted")
	}
}

func TestSilentConnectionsDoNotPileUp(t *testing.T) {
	h := newHub(t, func(c *ServerConfig) { c.Handshakes = 2 })
	for range 2 {
		silent, err := net.Dial("tcp", h.addr)
		if err != nil {
			t.Fatal(err)
		}
		defer silent.Close()
	}
	third, err := net.Dial("tcp", h.addr)
	if err != nil {
		t.Fatal(err)
	}
	defer third.Close()
	_ = third.SetReadDeadline(time.Now().Add(3 * time.Second))
	if _, err := third.Read(make([]byte, 1)); errors.Is(err, errTimeout(err)) {
		t.Fatalf("the third was kept waiting: %v", err)
	}
}

func errTimeout(err error) error {
	var ne net.Error
	if errors.As(err, &ne) && ne.Timeout() {
		return err
	}
	return errAny
}

func TestPlainTextServerIsNoHub(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	go func() {
		c, err := l.Accept()
		if err != nil {
			return
		}
		_, _ = c.Write([]byte("HTTP/1.1 400 Bad Request\r\n\r\n"))
		_ = c.Close()
	}()
	_, err = Dial(t.Context(), DialConfig{Addr: l.Addr().String(), TLS: EnrolTLS(Pin{}), ALPN: ALPNEnrol})
	if !errors.Is(err, ErrNotAHub) {
		t.Fatalf("Dial = %v, want not_a_hub", err)
	}
}

func frozen() func() time.Time {
	at := time.Now()
	return func() time.Time { return at }
}

func BenchmarkUnaryCall(b *testing.B) {
	h := newHub(b, nil)
	s, err := Dial(b.Context(), DialConfig{Addr: h.addr, TLS: h.agentTLS(b), ALPN: ALPNAgent})
	if err != nil {
		b.Fatal(err)
	}
	defer s.Close(nil)
	client := agentv1.NewHubServiceClient(s.Client())
	for b.Loop() {
		if _, err := client.Heartbeat(b.Context(), &agentv1.HeartbeatRequest{}); err != nil {
			b.Fatal(err)
		}
	}
}
