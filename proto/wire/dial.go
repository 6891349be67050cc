package wire

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"reflect"
	"time"
)

// DialConfig says where to and as whom.
type DialConfig struct {
	Addr string      // host:port of the hub's listener for agents
	TLS  *tls.Config // from [AgentTLS] or [EnrolTLS]
	ALPN string      // one of ours

	writeTimeout time.Duration // for tests; 0 means muxWriteTimeout
}

// Dial connects and returns once the hub has accepted us. ctx bounds the dial
// alone. A refusal is one of the problems of this package; anything else is the
// network's error.
func Dial(ctx context.Context, config DialConfig) (*Session, error) {
	var dialer net.Dialer
	raw, err := dialer.DialContext(ctx, "tcp", config.Addr)
	if err != nil {
		return nil, fmt.Errorf("dial hub: %w", err)
	}
	if err := tune(raw); err != nil {
		_ = raw.Close()
		return nil, err
	}
	s, err := handshake(ctx, raw, config)
	if err != nil {
		_ = raw.Close()
		return nil, fmt.Errorf("dial hub %s: %w", config.Addr, err)
	}
	return s, nil
}

func handshake(ctx context.Context, raw net.Conn, config DialConfig) (*Session, error) {
	tlsConfig := config.TLS.Clone()
	tlsConfig.NextProtos = []string{config.ALPN}
	var shown *tls.Certificate
	if get := tlsConfig.GetClientCertificate; get != nil {
		tlsConfig.GetClientCertificate = func(info *tls.CertificateRequestInfo) (*tls.Certificate, error) {
			cert, err := get(info)
			shown = cert
			return cert, err
		}
	}
	tc := tls.Client(raw, tlsConfig)
	if err := tc.HandshakeContext(ctx); err != nil {
		return nil, explain(err, shown)
	}
	s, err := newSession(tc, false, config.writeTimeout)
	if err != nil {
		return nil, err
	}
	// In TLS 1.3 the client is done before the hub has looked at its certificate.
	if err := s.Ping(ctx); err != nil {
		s.Close(err)
		return nil, explain(err, shown)
	}
	return s, nil
}

// The alerts of RFC 8446 that say why a hub refused us.
const (
	alertBadCertificate     = 42
	alertCertificateRevoked = 44
	alertCertificateExpired = 45
	alertUnknownCA          = 48
	alertNoProtocol         = 120
)

// explain turns what TLS says into a problem where it is one.
func explain(err error, shown *tls.Certificate) error {
	var record tls.RecordHeaderError
	var invalid *tls.CertificateVerificationError
	switch {
	case errors.As(err, &record):
		return ErrNotAHub.With("no TLS there: %v", err)
	case errors.As(err, &invalid):
		return unverified(invalid.Err)
	case errors.Is(err, io.EOF):
		return ErrBusy.With("the connection was closed at once")
	}
	switch alertOf(err) {
	case alertCertificateExpired:
		return ErrCertificateExpired.With("%s", expiry(shown))
	case alertBadCertificate, alertCertificateRevoked:
		return ErrCertificateRevoked.With("the hub refuses this host's certificate")
	case alertUnknownCA:
		return ErrWrongInstance.With("the hub does not know the authority of this host's certificate")
	case alertNoProtocol:
		return ErrNotAHub.With("the server does not speak our protocol")
	}
	return err
}

func unverified(err error) error {
	var invalid x509.CertificateInvalidError
	if errors.As(err, &invalid) && invalid.Reason == x509.Expired {
		return ErrCertificateExpired.With("the hub's certificate is not valid now: %v", err)
	}
	return ErrHubIdentityMismatch.With("%v", err)
}

func expiry(shown *tls.Certificate) string {
	if shown == nil || shown.Leaf == nil {
		return "this host's certificate has expired"
	}
	return fmt.Sprintf("this host's certificate ended at %s", shown.Leaf.NotAfter.UTC().Format(time.RFC3339))
}

// alertOf returns the number of the TLS alert that the peer sent, or 0. The type
// in crypto/tls is not exported; it is a uint8.
func alertOf(err error) uint64 {
	var op *net.OpError
	if !errors.As(err, &op) || op.Op != "remote error" || op.Err == nil {
		return 0
	}
	if v := reflect.ValueOf(op.Err); v.Kind() == reflect.Uint8 {
		return v.Uint()
	}
	return 0
}
