package runner

import (
	"context"
	"net"
	"time"

	"github.com/containerd/ttrpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/cronium/cronium/agent/boot"
	"github.com/cronium/cronium/agent/segment"
	runnerv1 "github.com/cronium/cronium/proto/runner/v1"
)

// socketName is relative: the runner's working directory is the attempt's, whose
// whole path may be longer than a socket's address.
const socketName = "sock"

// listen opens the socket, for the own user alone.
func listen(ctx context.Context) (net.Listener, error) { return listenAt(ctx, socketName) }

func (r *run) serve(ctx context.Context, l net.Listener) error {
	srv, err := ttrpc.NewServer()
	if err != nil {
		return err
	}
	runnerv1.RegisterRunnerServiceService(srv, r)
	return srv.Serve(ctx, l)
}

// Status implements the service.
func (r *run) Status(context.Context, *runnerv1.StatusRequest) (*runnerv1.StatusResponse, error) {
	size, _ := r.log.Grew()
	return &runnerv1.StatusResponse{
		Fence:      r.entry.Ref.Fence,
		ScriptPid:  r.pid.Load(),
		RunningFor: durationpb.New(boot.Now() - r.startedAt),
		LogBytes:   size,
	}, nil
}

// Cancel implements the service. It returns when the order is given.
func (r *run) Cancel(ctx context.Context, in *runnerv1.CancelRequest) (*runnerv1.CancelResponse, error) {
	if in.GetFence() != r.entry.Ref.Fence {
		return nil, status.Errorf(codes.FailedPrecondition, "fence %d, this is %d", in.GetFence(), r.entry.Ref.Fence)
	}
	grace := r.grace
	if in.GetGrace() != nil {
		grace = min(max(in.GetGrace().AsDuration(), 0), maxGrace)
	}
	select {
	case r.orders <- order{why: cancelled, grace: grace}:
		return &runnerv1.CancelResponse{}, nil
	case <-r.over:
		return &runnerv1.CancelResponse{}, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// Attach implements the service. A reader that stands still for long is dropped
// by ttrpc and attaches again, from where it was.
func (r *run) Attach(ctx context.Context, in *runnerv1.AttachRequest, out runnerv1.RunnerService_AttachServer) error {
	r.attached.Add(1)
	defer r.attached.Add(-1)
	reader := segment.Open(r.entry.Dir)
	defer reader.Close()
	for off := in.GetOffset(); ; {
		_, grew := r.log.Grew()
		over := isClosed(r.over)
		b, err := reader.Chunk(off)
		if err != nil {
			return err
		}
		if len(b) > 0 {
			if err := out.Send(&runnerv1.AttachResponse{Offset: off, Frames: b}); err != nil {
				return err
			}
			off += int64(len(b))
			continue
		}
		if over {
			return nil
		}
		select {
		case <-grew:
		case <-r.over:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

func isClosed(c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}

// linger is how long a runner waits for readers that are attached to its end.
const linger = 200 * time.Millisecond
