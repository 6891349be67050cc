package agentapi

import (
	"context"
	"errors"
	"log/slog"
	"runtime/debug"
	"slices"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/cronium/cronium/hub/postgres"
	agentv1 "github.com/cronium/cronium/proto/agent/v1"
	"github.com/cronium/cronium/proto/wire"
	"github.com/cronium/cronium/sdk/problem"
)

// allowed says which calls each kind of connection may make.
var allowed = map[string][]string{
	wire.ALPNEnrol: {agentv1.EnrolmentService_Enrol_FullMethodName},
	wire.ALPNRenew: {agentv1.HubService_Renew_FullMethodName},
	wire.ALPNAgent: {
		agentv1.HubService_Hello_FullMethodName, agentv1.HubService_Heartbeat_FullMethodName, agentv1.HubService_Accept_FullMethodName,
		agentv1.HubService_Report_FullMethodName, agentv1.HubService_Renew_FullMethodName,
		agentv1.HubService_Credentials_FullMethodName,
		agentv1.HubService_RuntimeCall_FullMethodName,
	},
	wire.ALPNData: {
		agentv1.HubDataService_Upload_FullMethodName, agentv1.HubDataService_Download_FullMethodName,
		agentv1.HubDataService_RuntimeCall_FullMethodName,
	},
}

func (d *Door) unary(ctx context.Context, in any, info *grpc.UnaryServerInfo, handle grpc.UnaryHandler) (out any, err error) {
	err = d.guard(ctx, info.FullMethod, func() error {
		var err error
		out, err = handle(ctx, in)
		return err
	})
	return out, err
}

func (d *Door) stream(srv any, ss grpc.ServerStream, info *grpc.StreamServerInfo, handle grpc.StreamHandler) error {
	return d.guard(ss.Context(), info.FullMethod, func() error { return handle(srv, ss) })
}

// guard is around every call: it checks that the connection may make it, turns a
// panic into the end of the session, and errors into what the wire carries.
func (d *Door) guard(ctx context.Context, method string, call func() error) (err error) {
	ws := wire.SessionFrom(ctx)
	if ws == nil || !slices.Contains(allowed[ws.ALPN()], method) {
		return wire.Status(ErrNotAllowed.With("%s", method))
	}
	log := d.config.Log.With("remote", ws.RemoteAddr().String(), "call", method)
	defer func() {
		if r := recover(); r != nil {
			log.ErrorContext(ctx, "panic in a handler", "panic", r, "stack", string(debug.Stack()))
			ws.Close(ErrPanic)
			err = wire.Status(ErrPanic)
		}
	}()
	err = call()
	if errors.Is(err, ErrPanic) {
		defer ws.Close(ErrPanic)
	}
	return d.render(ctx, log, err)
}

func (d *Door) render(ctx context.Context, log *slog.Logger, err error) error {
	if err == nil {
		return nil
	}
	if _, ok := status.FromError(err); ok {
		return err // gRPC's own, from a stream
	}
	p, isProblem := problem.As(err)
	switch {
	case isProblem && p.Status < 500:
		log.DebugContext(ctx, "call refused", "err", err)
		return wire.Status(err)
	case ctx.Err() != nil:
		return status.FromContextError(ctx.Err()).Err()
	case postgres.Unavailable(err), errors.Is(err, context.DeadlineExceeded):
		log.WarnContext(ctx, "storage unavailable", "err", err)
		return wire.Status(postgres.ErrUnavailable)
	}
	log.ErrorContext(ctx, "call", "err", err)
	if isProblem {
		return wire.Status(err)
	}
	return status.Error(codes.Internal, "internal")
}
