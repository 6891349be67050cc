package main

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
	"sync"
	"time"

	"google.golang.org/grpc"

	agentv1 "github.com/cronium/cronium/proto/agent/v1"
	"github.com/cronium/cronium/proto/wire"
)

// echo is a bare service on the wire that hub and agents use (gRPC on yamux on
// mutual TLS), to measure what a call costs with nothing behind it.
type echo struct {
	agentv1.UnimplementedHubServiceServer
	client agentv1.HubServiceClient
	stop   func()
}

// Heartbeat implements the service.
func (*echo) Heartbeat(context.Context, *agentv1.HeartbeatRequest) (*agentv1.HeartbeatResponse, error) {
	return &agentv1.HeartbeatResponse{}, nil
}

func newEcho(ctx context.Context) (_ *echo, err error) {
	ca, err := newAuthority()
	if err != nil {
		return nil, err
	}
	ours, theirs := ca.issue(x509.ExtKeyUsageServerAuth), ca.issue(x509.ExtKeyUsageClientAuth)
	if ours == nil || theirs == nil {
		return nil, fmt.Errorf("the floor of calls has no certificates")
	}
	tcp, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	e := &echo{}
	server := wire.NewServer()
	agentv1.RegisterHubServiceServer(server, e)
	listener := wire.NewListener(tcp, wire.ServerConfig{
		Certificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return ours, nil },
		ClientCAs:   ca.pool,
	})
	serving, cancel := context.WithCancel(ctx)
	var loops sync.WaitGroup
	loops.Go(func() { _ = serve(serving, listener, server) })
	e.stop = func() { cancel(); server.Stop(); loops.Wait() }
	session, err := wire.Dial(ctx, wire.DialConfig{Addr: tcp.Addr().String(), ALPN: wire.ALPNAgent,
		TLS: wire.AgentTLS(ca.pool(), func() (*tls.Certificate, error) { return theirs, nil })})
	if err != nil {
		e.stop()
		return nil, fmt.Errorf("dial the floor of calls: %w", err)
	}
	end := e.stop
	e.stop = func() { session.Close(nil); end() }
	e.client = agentv1.NewHubServiceClient(session.Client())
	return e, nil
}

func serve(ctx context.Context, l *wire.Listener, server *grpc.Server) error {
	return l.Serve(ctx, func(_ context.Context, s *wire.Session) error {
		if err := s.Serve(server); err != nil {
			return err
		}
		<-s.Done()
		return nil
	})
}

// call is the time of one bare call.
func (e *echo) call(ctx context.Context) (time.Duration, error) {
	begin := time.Now()
	if _, err := e.client.Heartbeat(ctx, &agentv1.HeartbeatRequest{}); err != nil {
		return 0, fmt.Errorf("call floor: %w", err)
	}
	return time.Since(begin), nil
}

// authority issues certificates that live as long as a run of the bench.
type authority struct {
	key  *ecdsa.PrivateKey
	cert *x509.Certificate
}

func newAuthority() (*authority, error) {
	key, err := wire.NewKey()
	if err != nil {
		return nil, err
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "bench"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return nil, err
	}
	cert, err := x509.ParseCertificate(der)
	return &authority{key, cert}, err
}

func (a *authority) pool() *x509.CertPool {
	pool := x509.NewCertPool()
	pool.AddCert(a.cert)
	return pool
}

// issue returns nil when it cannot.
func (a *authority) issue(usage x509.ExtKeyUsage) *tls.Certificate {
	key, err := wire.NewKey()
	if err != nil {
		return nil
	}
	serial, _ := rand.Int(rand.Reader, big.NewInt(1<<62))
	template := &x509.Certificate{SerialNumber: serial, DNSNames: []string{wire.ServerName},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), ExtKeyUsage: []x509.ExtKeyUsage{usage}}
	der, err := x509.CreateCertificate(rand.Reader, template, a.cert, key.Public(), a.key)
	if err != nil {
		return nil
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		return nil
	}
	return &tls.Certificate{Certificate: [][]byte{der, a.cert.Raw}, PrivateKey: key, Leaf: leaf}
}
