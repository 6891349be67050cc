package wire

import (
	"context"
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"math/big"
	"net"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"
	"google.golang.org/grpc"

	agentv1 "github.com/cronium/cronium/proto/agent/v1"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// authority is a CA of the tests.
type authority struct {
	key  *ecdsa.PrivateKey
	cert *x509.Certificate
}

func newAuthority(t testing.TB) authority {
	t.Helper()
	key, err := NewKey()
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test CA"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour * 1000),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return authority{key: key, cert: cert}
}

func (a authority) pool() *x509.CertPool {
	pool := x509.NewCertPool()
	pool.AddCert(a.cert)
	return pool
}

func (a authority) issue(t testing.TB, usage x509.ExtKeyUsage, notAfter time.Time) *tls.Certificate {
	t.Helper()
	key, err := NewKey()
	if err != nil {
		t.Fatal(err)
	}
	serial, _ := rand.Int(rand.Reader, big.NewInt(1<<62))
	template := &x509.Certificate{
		SerialNumber: serial, DNSNames: []string{ServerName},
		NotBefore: notAfter.Add(-24 * time.Hour), NotAfter: notAfter,
		ExtKeyUsage: []x509.ExtKeyUsage{usage},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, a.cert, key.Public(), a.key)
	if err != nil {
		t.Fatal(err)
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return &tls.Certificate{Certificate: [][]byte{der, a.cert.Raw}, PrivateKey: key, Leaf: leaf}
}

// hub is a listener with one service behind it.
type hub struct {
	agentv1.UnimplementedHubServiceServer

	addr     string
	servers  authority
	agents   authority
	revoked  atomic.Value // string: a serial
	sessions chan *Session
	grpc     *grpc.Server
	beat     func(context.Context) // what Heartbeat does before it answers
	seen     atomic.Int64          // calls
}

func newHub(t testing.TB, change func(*ServerConfig)) *hub {
	t.Helper()
	h := &hub{
		servers: newAuthority(t), agents: newAuthority(t),
		sessions: make(chan *Session, 64), beat: func(context.Context) {},
	}
	h.revoked.Store("")
	cert := h.servers.issue(t, x509.ExtKeyUsageServerAuth, time.Now().Add(time.Hour))
	config := ServerConfig{
		Certificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return cert, nil },
		ClientCAs:   h.agents.pool,
		Check: func(_ string, leaf *x509.Certificate) error {
			if leaf.SerialNumber.String() == h.revoked.Load() {
				return ErrCertificateRevoked
			}
			return nil
		},
	}
	if change != nil {
		change(&config)
	}
	tcp, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	h.addr = tcp.Addr().String()
	h.grpc = NewServer()
	agentv1.RegisterHubServiceServer(h.grpc, h)
	agentv1.RegisterHubDataServiceServer(h.grpc, data{})
	l := NewListener(tcp, config)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = l.Serve(ctx, func(_ context.Context, s *Session) error {
			select {
			case h.sessions <- s:
			default:
			}
			if err := s.Serve(h.grpc); err != nil {
				return err
			}
			<-s.Done() // a stopped server leaves the session to its peer
			return nil
		})
	}()
	t.Cleanup(func() {
		cancel()
		<-done
		h.grpc.Stop()
	})
	return h
}

func (h *hub) Heartbeat(ctx context.Context, _ *agentv1.HeartbeatRequest) (*agentv1.HeartbeatResponse, error) {
	h.seen.Add(1)
	h.beat(ctx)
	return &agentv1.HeartbeatResponse{}, nil
}

// data is the hub on data connections.
type data struct {
	agentv1.UnimplementedHubDataServiceServer
}

func (data) Upload(stream grpc.BidiStreamingServer[agentv1.UploadRequest, agentv1.UploadResponse]) error {
	var n int64
	for {
		in, err := stream.Recv()
		if err != nil {
			return nil //nolint:nilerr // the end of the stream
		}
		n += int64(len(in.GetFrames()))
		if err := stream.Send(&agentv1.UploadResponse{Durable: n}); err != nil {
			return err
		}
	}
}

// agentTLS is a good agent's.
func (h *hub) agentTLS(t testing.TB) *tls.Config {
	return h.tlsWith(h.agents.issue(t, x509.ExtKeyUsageClientAuth, time.Now().Add(time.Hour)))
}

func (h *hub) tlsWith(cert *tls.Certificate) *tls.Config {
	return AgentTLS(h.servers.pool(), func() (*tls.Certificate, error) { return cert, nil })
}

func dial(t testing.TB, config DialConfig) *Session {
	t.Helper()
	s, err := Dial(t.Context(), config)
	if err != nil {
		t.Fatalf("Dial: %v", err)
	}
	t.Cleanup(func() { s.Close(nil) })
	return s
}

// soon waits for something another process or goroutine does.
func soon(t testing.TB, what string, ch <-chan struct{}) {
	t.Helper()
	select {
	case <-ch:
	case <-time.After(20 * time.Second):
		t.Fatalf("waited 20 s for %s", what)
	}
}
