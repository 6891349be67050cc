package fleet

import (
	"context"
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"fmt"
	"math/big"
	"net"
	"net/url"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/cronium/cronium/hub/fleet/internal/db"
	"github.com/cronium/cronium/proto/wire"
)

const (
	serverAuthority = "server"
	agentAuthority  = "agent"

	authorityLife  = 10 * 365 * 24 * time.Hour
	serverCertLife = 30 * 24 * time.Hour
	agentCertLife  = 24 * time.Hour
	clockSkew      = time.Hour // certificates begin that much earlier
)

// authority is one of our two CAs.
type authority struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

// loadAuthority reads a CA, making it first if there is none. Hubs that start at
// once agree on the one that was written first.
func (f *Fleet) loadAuthority(ctx context.Context, kind string) (authority, error) {
	row, err := f.queries().Authority(ctx, kind)
	if noRows(err) {
		if err := f.addAuthority(ctx, kind); err != nil {
			return authority{}, fmt.Errorf("make the %s authority: %w", kind, err)
		}
		row, err = f.queries().Authority(ctx, kind)
	}
	if err != nil {
		return authority{}, fmt.Errorf("read the %s authority: %w", kind, err)
	}
	der, err := f.config.Sealer.Open(row.SealedKey, f.authorityAAD(kind))
	if err != nil {
		return authority{}, fmt.Errorf("open the key of the %s authority: %w", kind, err)
	}
	key, err := x509.ParseECPrivateKey(der)
	if err != nil {
		return authority{}, fmt.Errorf("read the key of the %s authority: %w", kind, err)
	}
	cert, err := x509.ParseCertificate(row.Certificate)
	if err != nil {
		return authority{}, fmt.Errorf("read the %s authority: %w", kind, err)
	}
	return authority{cert: cert, key: key}, nil
}

func (f *Fleet) addAuthority(ctx context.Context, kind string) error {
	key, err := wire.NewKey()
	if err != nil {
		return err
	}
	template := &x509.Certificate{
		Subject:  pkix.Name{CommonName: "Cronium " + kind + " authority " + f.config.Instance.String()[:8]},
		NotAfter: f.now().Add(authorityLife), IsCA: true, BasicConstraintsValid: true,
		MaxPathLenZero: true, KeyUsage: x509.KeyUsageCertSign,
	}
	cert, err := f.sign(template, template, key.Public(), key)
	if err != nil {
		return err
	}
	der, err := x509.MarshalECPrivateKey(key)
	if err != nil {
		return fmt.Errorf("encode key: %w", err)
	}
	sealed, err := f.config.Sealer.Seal(der, f.authorityAAD(kind))
	if err != nil {
		return fmt.Errorf("seal key: %w", err)
	}
	id, err := uuid.NewV7()
	if err != nil {
		return fmt.Errorf("draw id: %w", err)
	}
	return f.queries().AddAuthority(ctx, db.AddAuthorityParams{ID: id, Kind: kind, Certificate: cert.Raw, SealedKey: sealed})
}

func (f *Fleet) authorityAAD(kind string) string {
	return "certificate_authorities|" + f.config.Instance.String() + "|" + kind
}

// sign makes a certificate with a random serial that is valid from a little
// while ago.
func (f *Fleet) sign(template, parent *x509.Certificate, public any, key *ecdsa.PrivateKey) (*x509.Certificate, error) {
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 127))
	if err != nil {
		return nil, fmt.Errorf("draw serial: %w", err)
	}
	template.SerialNumber = serial
	template.NotBefore = f.now().Add(-clockSkew)
	der, err := x509.CreateCertificate(rand.Reader, template, parent, public, key)
	if err != nil {
		return nil, fmt.Errorf("sign certificate: %w", err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, fmt.Errorf("read signed certificate: %w", err)
	}
	return cert, nil
}

// serverCert is this replica's certificate, made in memory.
type serverCert struct {
	cert  *tls.Certificate
	renew time.Time
}

// serverCertificate returns it, made anew when two thirds of its life are over.
func (f *Fleet) serverCertificate() (*tls.Certificate, error) {
	f.certMu.Lock()
	defer f.certMu.Unlock()
	if f.serverCert.cert != nil && f.now().Before(f.serverCert.renew) {
		return f.serverCert.cert, nil
	}
	key, err := wire.NewKey()
	if err != nil {
		return nil, err
	}
	template := &x509.Certificate{
		Subject:     pkix.Name{CommonName: wire.ServerName},
		NotAfter:    f.now().Add(serverCertLife),
		KeyUsage:    x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		DNSNames:    []string{wire.ServerName, "localhost"},
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1), net.IPv6loopback},
	}
	for _, host := range f.config.Hosts {
		if ip := net.ParseIP(host); ip != nil {
			template.IPAddresses = append(template.IPAddresses, ip)
		} else {
			template.DNSNames = append(template.DNSNames, host)
		}
	}
	leaf, err := f.sign(template, f.server.cert, key.Public(), f.server.key)
	if err != nil {
		return nil, fmt.Errorf("make the hub's certificate: %w", err)
	}
	cert := &tls.Certificate{Certificate: [][]byte{leaf.Raw, f.server.cert.Raw}, PrivateKey: key, Leaf: leaf}
	f.serverCert = serverCert{cert: cert, renew: f.now().Add(serverCertLife * 2 / 3)}
	return cert, nil
}

// issue makes a client certificate for an agent. Nothing of the agent's wishes
// but its public key is in it.
func (f *Fleet) issue(agent uuid.UUID, public any) (*x509.Certificate, error) {
	template := &x509.Certificate{
		Subject:     pkix.Name{CommonName: agent.String()},
		NotAfter:    f.now().Add(agentCertLife),
		KeyUsage:    x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
		URIs:        []*url.URL{{Scheme: "spiffe", Host: f.config.Instance.String(), Path: "/agent/" + agent.String()}},
	}
	return f.sign(template, f.agents.cert, public, f.agents.key)
}

// AgentOf reads the agent's id from a certificate that TLS has verified.
func (f *Fleet) AgentOf(cert *x509.Certificate) (uuid.UUID, error) {
	if cert == nil || len(cert.URIs) != 1 {
		return uuid.Nil, ErrIdentity.With("the certificate names no agent")
	}
	uri := cert.URIs[0]
	text, ok := strings.CutPrefix(uri.Path, "/agent/")
	id, err := uuid.Parse(text)
	if uri.Scheme != "spiffe" || uri.Host != f.config.Instance.String() || !ok || err != nil {
		return uuid.Nil, ErrIdentity.With("the certificate is of %s", uri.Host)
	}
	return id, nil
}

// Pin is the pin of the authority of hubs, for join tokens.
func (f *Fleet) Pin() wire.Pin { return wire.PinOf(f.server.cert) }

// Admission is what the listener for agents needs.
func (f *Fleet) Admission() wire.ServerConfig {
	pool := x509.NewCertPool()
	pool.AddCert(f.agents.cert)
	return wire.ServerConfig{
		Certificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return f.serverCertificate() },
		ClientCAs:   func() *x509.CertPool { return pool },
		Check:       f.check,
		Now:         f.now,
		Log:         f.log,
	}
}

// check has the last word on a client certificate in the handshake, from memory.
func (f *Fleet) check(_ string, leaf *x509.Certificate) error {
	agent, err := f.AgentOf(leaf)
	if err != nil {
		return err
	}
	if f.revoked.has(agent, serialOf(leaf)) {
		return ErrRevoked
	}
	return nil
}

func serialOf(cert *x509.Certificate) string { return cert.SerialNumber.Text(16) }
