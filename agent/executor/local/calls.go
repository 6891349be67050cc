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
	err := r.call(ctx, func(c runnerv1.RunnerServiceClient) error { return exchange(ctx, c, answer) })
	switch {
	case r.over():
		return nil
	case status.Code(err) == codes.Unimplemented: // a runner from before there were calls
		return nil
	case err != nil:
		return fmt.Errorf("take calls of %s: %w", r.entry.Ref, err)
	}
	return nil
}

// exchange answers calls until the stream ends.
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
