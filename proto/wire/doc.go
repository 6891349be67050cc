// Package wire is one connection between an agent and a hub: TLS 1.3 with
// certificates on both sides, yamux on top of it, gRPC in both directions on
// yamux streams. It is the only room that knows yamux, and it knows nothing of
// runs.
//
// # The hub
//
//	l := wire.NewListener(tcp, wire.ServerConfig{Certificate: …, ClientCAs: …, Check: …})
//	srv := wire.NewServer()                        // one for all sessions
//	agentv1.RegisterHubServiceServer(srv, …)       // handlers call wire.SessionFrom(ctx), wire.PeerFrom(ctx)
//	err := l.Serve(ctx, func(ctx context.Context, s *wire.Session) error {
//		return s.Serve(srv)                        // until the session ends
//	})
//	agentv1.NewAgentServiceClient(s.Client())      // and calls the other way
//
// # The agent
//
//	s, err := wire.Dial(ctx, wire.DialConfig{Addr: "hub:8421", ALPN: wire.ALPNAgent,
//		TLS: wire.AgentTLS(pool, func() (*tls.Certificate, error) { … })})
//	go s.Serve(srv)                                // AgentService, control connection only
//	hub := agentv1.NewHubServiceClient(s.Client())
//	<-s.Done()                                     // s.Cause() says why
//
// To enrol, dial [ALPNEnrol] with [EnrolTLS] of the join token's pin: the
// handshake fails with [ErrHubIdentityMismatch] before anything is sent. To
// renew a certificate that expired at most seven days ago, dial [ALPNRenew].
// The data connection is [ALPNData]; calls on it carry the epoch that Hello
// answered, by [WithEpoch].
//
// # Promises
//
//   - Dial returns only after the hub has verified our certificate (it answers
//     one ping), so a refusal is an error of Dial and a problem: see problems.go.
//   - The peer's certificate comes from the TLS handshake and nowhere else.
//   - The address dialled plays no part in trust: the hub's certificate must
//     carry [ServerName] and descend from the pinned CA.
//   - Close and the end of a session fail every call on it and close its
//     ClientConn, so nothing redials for ever.
//   - A session that could not write for 30 s is closed whole, because yamux
//     is wrong about its windows from then on.
//   - A peer has at most sixteen streams of at most 1 MiB of unread data.
//
// Problems cross gRPC as status details: a handler returns [Status] of its
// error, and the caller reads it back with [Problem].
//
// A dead link is noticed by TCP within about fifteen seconds. A peer that is
// frozen while its kernel still answers is the caller's to notice: by heartbeats,
// or by [Session.Ping].
//
// yamux's own keepalive is off, because its ping waits behind bulk data and
// kills busy slow links.
package wire
