package wire

import (
	"context"
	"crypto/x509"
	"errors"
	"net"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/peer"
)

// NewServer returns a gRPC server for [Session.Serve]. It takes nothing but our
// streams, so a handler always finds its session in the context.
func NewServer(opts ...grpc.ServerOption) *grpc.Server {
	base := []grpc.ServerOption{
		grpc.Creds(transport{}),
		grpc.MaxRecvMsgSize(MaxMessage),
		grpc.MaxConcurrentStreams(64),
		grpc.MaxHeaderListSize(16 << 10),
		// yamux has read ahead already; a second buffer only costs memory.
		grpc.ReadBufferSize(0),
		grpc.ConnectionTimeout(handshakeTimeout),
		grpc.WaitForHandlers(true),
	}
	return grpc.NewServer(append(base, opts...)...)
}

func newClient(s *Session) *grpc.ClientConn {
	cc, err := grpc.NewClient("passthrough:///"+ServerName,
		grpc.WithTransportCredentials(transport{}),
		grpc.WithContextDialer(func(context.Context, string) (net.Conn, error) {
			st, err := s.mux.OpenStream()
			out := &stream{Stream: st, session: s}
			if err != nil {
				return nil, s.muxError(out.guard(err))
			}
			return out, nil
		}),
		grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(MaxMessage)),
		grpc.WithReadBufferSize(0),
		grpc.WithIdleTimeout(10*time.Minute),
		grpc.WithDisableServiceConfig(),
		grpc.WithDisableRetry(),
	)
	if err != nil {
		panic("wire: " + err.Error()) // the options are constant
	}
	return cc
}

// SessionFrom returns the session on which a call came in.
func SessionFrom(ctx context.Context) *Session {
	if p, ok := peer.FromContext(ctx); ok {
		if info, ok := p.AuthInfo.(authInfo); ok {
			return info.session
		}
	}
	return nil
}

// PeerFrom returns the verified certificate of the caller; nil while it enrols.
func PeerFrom(ctx context.Context) *x509.Certificate {
	if s := SessionFrom(ctx); s != nil {
		return s.PeerCertificate()
	}
	return nil
}

// transport tells gRPC that TLS happened below, and who is there.
type transport struct{}

type authInfo struct {
	credentials.CommonAuthInfo
	session *Session
}

func (authInfo) AuthType() string { return "tls" }

func (t transport) ClientHandshake(_ context.Context, _ string, nc net.Conn) (net.Conn, credentials.AuthInfo, error) {
	return t.ServerHandshake(nc)
}

func (transport) ServerHandshake(nc net.Conn) (net.Conn, credentials.AuthInfo, error) {
	st, ok := nc.(*stream)
	if !ok {
		return nil, nil, errors.New("not a stream of a session")
	}
	level := credentials.CommonAuthInfo{SecurityLevel: credentials.PrivacyAndIntegrity}
	return nc, authInfo{CommonAuthInfo: level, session: st.session}, nil
}

func (transport) Info() credentials.ProtocolInfo {
	return credentials.ProtocolInfo{SecurityProtocol: "tls"}
}

func (t transport) Clone() credentials.TransportCredentials { return t }
func (transport) OverrideServerName(string) error           { return nil }
