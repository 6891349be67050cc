package uplink

import (
	"context"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/cronium/cronium/agent/call"
	"github.com/cronium/cronium/agent/journal"
	agentv1 "github.com/cronium/cronium/proto/agent/v1"
	runnerv1 "github.com/cronium/cronium/proto/runner/v1"
	"github.com/cronium/cronium/proto/wire"
	"github.com/cronium/cronium/sdk/problem"
)

const (
	// maxCalls of scripts are on their way at once. The hub serves 64 calls of any
	// kind on a connection.
	maxCalls = 32
	// maxBulky of them carry the bytes of artifacts; each has a chunk in memory.
	maxBulky  = 4
	callPause = 250 * time.Millisecond // before a call is repeated
)

// RuntimeCall asks the hub what a script wants to know or to change, and again when
// the hub could not be asked, until ctx ends. The hub does once what it is asked
// twice.
func (u *Uplink) RuntimeCall(ctx context.Context, attempt journal.Ref, c *runnerv1.Call) *runnerv1.Answer {
	places := u.calls
	if call.Bulky(c.GetName()) {
		places = u.bulky
	}
	select {
	case places <- struct{}{}:
		defer func() { <-places }()
	case <-ctx.Done():
		return refusal(call.ErrUnreachable.With("%d calls of scripts on this host wait for it", cap(places)))
	}
	for last := ErrUnreachable.With("there is no connection"); ; {
		s, err := u.current(ctx)
		if err != nil {
			return refusal(call.ErrUnreachable.With("%s", last.Detail))
		}
		out, err := s.runtimeCall(ctx, &agentv1.RuntimeCallRequest{Ref: ref(attempt), Id: c.GetId(), Name: c.GetName(), ArgsJson: c.GetArgsJson()})
		if err == nil {
			return answerOf(out)
		}
		p, final := hopeless(err)
		if final && u.isCurrent(s) {
			return refusal(p)
		}
		last = p
		if wait(ctx, callPause) != nil {
			return refusal(call.ErrUnreachable.With("%s", last.Detail))
		}
	}
}

// runtimeCall makes a call on the connection that is for it: bytes must not stand in
// the way of heartbeats and orders.
func (s *session) runtimeCall(ctx context.Context, in *agentv1.RuntimeCallRequest) (*agentv1.RuntimeCallResponse, error) {
	if !call.Bulky(in.GetName()) {
		return s.hub.RuntimeCall(ctx, in)
	}
	conn, err := s.bulk.take(ctx)
	if err != nil {
		return nil, err
	}
	defer s.bulk.give()
	return agentv1.NewHubDataServiceClient(conn.Client()).RuntimeCall(wire.WithEpoch(ctx, s.epoch), in)
}

// hopeless reports whether the hub has refused a call for good, and what it said.
func hopeless(err error) (*problem.Problem, bool) {
	if status.Code(err) == codes.Unimplemented {
		return ErrHubTooOld.With("the hub does not know calls of scripts"), true
	}
	if p := wire.Problem(err); p != nil {
		return p, p.Status < 500
	}
	return ErrUnreachable.With("%v", err), false
}

func answerOf(out *agentv1.RuntimeCallResponse) *runnerv1.Answer {
	if p := out.GetProblem(); p != nil {
		return &runnerv1.Answer{Problem: &runnerv1.Problem{Code: p.GetCode(), Title: p.GetTitle(), Detail: p.GetDetail(), Hint: p.GetHint()}}
	}
	return &runnerv1.Answer{ValueJson: out.GetValueJson()}
}

func refusal(p *problem.Problem) *runnerv1.Answer {
	m := wire.FromProblem(p)
	return &runnerv1.Answer{Problem: &runnerv1.Problem{Code: m.GetCode(), Title: m.GetTitle(), Detail: m.GetDetail(), Hint: m.GetHint()}}
}
