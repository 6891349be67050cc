package agentapi

import (
	"context"

	agentv1 "github.com/cronium/cronium/proto/agent/v1"
)

// renew issues the next certificate to whoever the certificate of this connection
// says is there. The session goes on with the one it began with.
func (s *session) renew(ctx context.Context, in *agentv1.RenewRequest) (*agentv1.RenewResponse, error) {
	cert, err := s.door.config.Fleet.Renew(ctx, s.wire.PeerCertificate(), in.GetCsrDer(), in.GetGeneration())
	if err != nil {
		return nil, err
	}
	return &agentv1.RenewResponse{Certificate: fromCertificate(cert)}, nil
}
