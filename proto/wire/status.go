package wire

import (
	"context"
	"errors"
	"net/http"
	"strings"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	agentv1 "github.com/cronium/cronium/proto/agent/v1"
	"github.com/cronium/cronium/sdk/problem"
)

// httpOf is the way back from a gRPC code; several problems share one code.
var httpOf = map[codes.Code]int{
	codes.InvalidArgument:    http.StatusUnprocessableEntity,
	codes.Unauthenticated:    http.StatusUnauthorized,
	codes.PermissionDenied:   http.StatusForbidden,
	codes.NotFound:           http.StatusNotFound,
	codes.FailedPrecondition: http.StatusConflict,
	codes.ResourceExhausted:  http.StatusTooManyRequests,
	codes.Unavailable:        http.StatusServiceUnavailable,
	codes.Internal:           http.StatusInternalServerError,
}

func codeOf(httpStatus int) codes.Code {
	switch httpStatus {
	case http.StatusUnauthorized:
		return codes.Unauthenticated
	case http.StatusForbidden:
		return codes.PermissionDenied
	case http.StatusNotFound:
		return codes.NotFound
	case http.StatusConflict, http.StatusGone, http.StatusPreconditionFailed:
		return codes.FailedPrecondition
	case http.StatusTooManyRequests:
		return codes.ResourceExhausted
	case http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		return codes.Unavailable
	}
	if httpStatus >= 500 {
		return codes.Internal
	}
	return codes.InvalidArgument
}

// Status turns a handler's error into what gRPC sends. A problem keeps its
// code, detail and hint; anything else but the end of a context becomes
// "internal", so the handler logs it first.
func Status(err error) error {
	if err == nil {
		return nil
	}
	p, ok := problem.As(err)
	if !ok {
		if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
			return status.FromContextError(err).Err()
		}
		return status.Error(codes.Internal, "internal")
	}
	st, derr := status.New(codeOf(p.Status), p.Error()).WithDetails(FromProblem(p))
	if derr != nil {
		return status.Error(codeOf(p.Status), p.Error())
	}
	return st.Err()
}

// Problem finds the problem in the error of a call. It returns nil when there
// is none: the connection was lost, or the other side had no words for it.
func Problem(err error) *problem.Problem {
	st, ok := status.FromError(err)
	if !ok {
		return nil
	}
	for _, d := range st.Details() {
		if p, ok := d.(*agentv1.Problem); ok {
			out := ToProblem(p)
			out.Status = httpOf[st.Code()]
			return out
		}
	}
	return nil
}

// FromProblem is p as a message.
func FromProblem(p *problem.Problem) *agentv1.Problem {
	if p == nil {
		return nil
	}
	clean := func(s string) string { return strings.ToValidUTF8(s, "\uFFFD") } // else the message cannot be sent
	return &agentv1.Problem{Code: clean(p.Code), Title: clean(p.Title), Detail: clean(p.Detail), Hint: clean(p.Hint)}
}

// ToProblem is a message as a problem. Nil stays nil.
func ToProblem(p *agentv1.Problem) *problem.Problem {
	if p == nil {
		return nil
	}
	return &problem.Problem{
		Code: p.GetCode(), Title: p.GetTitle(), Detail: p.GetDetail(), Hint: p.GetHint(),
		Status: http.StatusInternalServerError,
	}
}
