package ssh

import (
	"context"
	"fmt"

	"github.com/containerd/ttrpc"

	"github.com/cronium/cronium/agent/executor"
	"github.com/cronium/cronium/agent/executor/local"
	runnerv1 "github.com/cronium/cronium/proto/runner/v1"
)

// Calls implements [executor.Running], through the connection to the server. A
// runner keeps what was not answered when that is cut.
func (r *running) Calls(ctx context.Context, answer executor.Answerer) error {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	err := r.takeCalls(ctx, answer)
	if _, _, over, exitErr := r.entry.Exit(); err == nil || over || exitErr != nil {
		return nil
	}
	return fmt.Errorf("take calls of %s: %w", r.entry.Ref, err)
}

func (r *running) takeCalls(ctx context.Context, answer executor.Answerer) error {
	conn, err := r.Dial(ctx)
	if err != nil {
		return err
	}
	client := ttrpc.NewClient(conn)
	defer func() { _ = client.Close() }()
	return local.Exchange(ctx, runnerv1.NewRunnerServiceClient(client), answer)
}
