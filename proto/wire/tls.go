package wire

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"fmt"
	"time"
)

// AgentTLS is how an enrolled agent dials: it trusts the CAs it was given and
// shows its certificate, asked for anew at every dial.
func AgentTLS(cas *x509.CertPool, certificate func() (*tls.Certificate, error)) *tls.Config {
	return &tls.Config{
		MinVersion: tls.VersionTLS13,
		RootCAs:    cas,
		ServerName: ServerName,
		GetClientCertificate: func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
			return certificate()
		},
	}
}

// EnrolTLS is how an agent dials that knows nothing of the hub but the pin of
// its CA. The chain that the hub presents must contain a CA with that pin, and
// then verify up to it.
func EnrolTLS(pin Pin) *tls.Config {
	return &tls.Config{
		MinVersion: tls.VersionTLS13,
		ServerName: ServerName,
		// The standard check needs a CA, and we have its pin: verifyPinned does the same with it.
		InsecureSkipVerify: true, //nolint:gosec // see the line above
		VerifyConnection:   func(cs tls.ConnectionState) error { return verifyPinned(cs.PeerCertificates, pin) },
	}
}

func verifyPinned(chain []*x509.Certificate, pin Pin) error {
	roots := x509.NewCertPool()
	presented := "no CA"
	found := false
	for _, cert := range chain[1:] {
		got := PinOf(cert)
		presented = "…" + hex.EncodeToString(got[len(got)-4:])
		if cert.IsCA && got == pin {
			roots.AddCert(cert)
			found = true
			break
		}
	}
	if !found {
		return ErrHubIdentityMismatch.With("the join token pins …%x, the hub presents %s: the token's secret was not sent",
			pin[len(pin)-4:], presented)
	}
	_, err := chain[0].Verify(x509.VerifyOptions{
		Roots: roots, DNSName: ServerName, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	})
	if err != nil {
		return ErrHubIdentityMismatch.With("the hub's certificate does not verify: %v", err)
	}
	return nil
}

// serverTLS chooses what a client must show by the protocol it asks for.
func (c *ServerConfig) serverTLS() *tls.Config {
	base := &tls.Config{
		MinVersion:             tls.VersionTLS13,
		GetCertificate:         c.Certificate,
		SessionTicketsDisabled: true, // every connection shows its certificate anew
		Time:                   c.Now,
	}
	root := base.Clone()
	root.NextProtos = []string{ALPNAgent, ALPNData, ALPNEnrol, ALPNRenew}
	root.GetConfigForClient = func(hello *tls.ClientHelloInfo) (*tls.Config, error) {
		if len(hello.SupportedProtos) != 1 {
			return nil, fmt.Errorf("client offers protocols %q, want one of ours", hello.SupportedProtos)
		}
		alpn := hello.SupportedProtos[0]
		config := base.Clone()
		config.NextProtos = []string{alpn}
		switch alpn {
		case ALPNEnrol:
		case ALPNAgent, ALPNData:
			config.ClientAuth = tls.RequireAndVerifyClientCert
			config.ClientCAs = c.ClientCAs()
			config.VerifyConnection = func(cs tls.ConnectionState) error { return c.Check(alpn, cs.PeerCertificates[0]) }
		case ALPNRenew:
			config.ClientAuth = tls.RequireAnyClientCert
			config.ClientCAs = c.ClientCAs()
			config.VerifyConnection = c.verifyForRenewal
		default:
			return nil, fmt.Errorf("client offers unknown protocol %q", alpn)
		}
		return config, nil
	}
	return root
}

// verifyForRenewal accepts what the ordinary check accepts, and the same up to
// [ExpiredGrace] after its end.
func (c *ServerConfig) verifyForRenewal(cs tls.ConnectionState) error {
	leaf, at := cs.PeerCertificates[0], c.Now()
	if at.After(leaf.NotAfter) {
		if at.After(leaf.NotAfter.Add(ExpiredGrace)) {
			return ErrCertificateExpired.With("expired %s ago", at.Sub(leaf.NotAfter).Round(time.Minute))
		}
		at = leaf.NotAfter
	}
	_, err := leaf.Verify(x509.VerifyOptions{
		Roots: c.ClientCAs(), CurrentTime: at, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	})
	if err != nil {
		return fmt.Errorf("verify certificate for renewal: %w", err)
	}
	return c.Check(ALPNRenew, leaf)
}
