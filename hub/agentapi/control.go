package agentapi

import (
	"context"

	agentv1 "github.com/cronium/cronium/proto/agent/v1"
)

// control hands each call to the session that it came on.
type control struct {
	agentv1.UnimplementedHubServiceServer
	d *Door
}

// Hello begins a session.
func (c control) Hello(ctx context.Context, in *agentv1.HelloRequest) (*agentv1.HelloResponse, error) {
	s, err := c.d.of(ctx)
	if err != nil {
		return nil, err
	}
	return s.hello(ctx, in)
}

// Heartbeat renews leases.
func (c control) Heartbeat(ctx context.Context, in *agentv1.HeartbeatRequest) (*agentv1.HeartbeatResponse, error) {
	s, err := c.d.of(ctx)
	if err != nil {
		return nil, err
	}
	return s.heartbeat(ctx, in)
}

// Accept decides what may start.
func (c control) Accept(ctx context.Context, in *agentv1.AcceptRequest) (*agentv1.AcceptResponse, error) {
	s, err := c.d.of(ctx)
	if err != nil {
		return nil, err
	}
	return s.accept(ctx, in)
}

// Report takes started marks and results.
func (c control) Report(ctx context.Context, in *agentv1.ReportRequest) (*agentv1.ReportResponse, error) {
	s, err := c.d.of(ctx)
	if err != nil {
		return nil, err
	}
	return s.report(ctx, in)
}

// Credentials opens the server of an attempt.
func (c control) Credentials(ctx context.Context, in *agentv1.CredentialsRequest) (*agentv1.CredentialsResponse, error) {
	s, err := c.d.of(ctx)
	if err != nil {
		return nil, err
	}
	return s.credentials(ctx, in)
}

// RuntimeCall answers a script.
func (c control) RuntimeCall(ctx context.Context, in *agentv1.RuntimeCallRequest) (*agentv1.RuntimeCallResponse, error) {
	s, err := c.d.of(ctx)
	if err != nil {
		return nil, err
	}
	return s.runtimeCall(ctx, in)
}

// Renew issues the next certificate.
func (c control) Renew(ctx context.Context, in *agentv1.RenewRequest) (*agentv1.RenewResponse, error) {
	s, err := c.d.of(ctx)
	if err != nil {
		return nil, err
	}
	return s.renew(ctx, in)
}
