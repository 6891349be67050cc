package local

import (
	"context"
	"fmt"
	"sync"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/cronium/cronium/agent/executor"
	runnerv1 "github.com/cronium/cronium/proto/runner/v1"
)

// Calls implements [executor.Running].
func (r *Running) Calls(ctx context.Context, answer executor.Answerer) error {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	err := r.call(ctx, func(c runnerv1.RunnerServiceClient) error { return Exchange(ctx, c, answer) })
	if err != nil && !r.over() {
		return fmt.Errorf("take calls of %s: %w", r.entry.Ref, err)
	}
	return nil
}

// Exchange answers the calls that a runner has until its stream ends, which is an
// error unless the runner is from before there were calls.
func Exchange(ctx context.Context, c runnerv1.RunnerServiceClient, answer executor.Answerer) error {
	err := exchange(ctx, c, answer)
	if status.Code(err) == codes.Unimplemented {
		return nil
	}
	return err
}

func exchange(ctx context.Context, c runnerv1.RunnerServiceClient, answer executor.Answerer) error {
	stream, err := c.Calls(ctx)
	if err != nil {
		return err
	}
	var work sync.WaitGroup
	defer work.Wait()
	ctx, stop := context.WithCancel(ctx)
	defer stop() // before the wait
	var sending sync.Mutex
	for {
		call, err := stream.Recv()
		if err != nil {
			return err
		}
		work.Go(func() {
			timed, stop := context.WithTimeout(ctx, call.GetPatience().AsDuration())
			defer stop()
			a := answer(timed, call)
			if ctx.Err() != nil {
				return // it may only say that we end; the next agent is given the call
			}
			a.Id = call.GetId()
			sending.Lock()
			defer sending.Unlock()
			_ = stream.Send(a) // if that is lost the call comes again
		})
	}
}
