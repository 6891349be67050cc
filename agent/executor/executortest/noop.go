package executortest

import (
	"context"
	"time"

	"github.com/cronium/cronium/agent/boot"
	"github.com/cronium/cronium/agent/executor"
	"github.com/cronium/cronium/agent/journal"
)

// Noop is an executor whose attempts succeed at once and print nothing: what is
// left is the cost of the system around a script. It keeps the journal as a runner
// would.
type Noop struct{}

// Kind implements [executor.Executor].
func (Noop) Kind() string { return "noop" }

// Run implements [executor.Executor].
func (Noop) Run(ctx context.Context) error {
	<-ctx.Done()
	return context.Cause(ctx)
}

// Start implements [executor.Executor].
func (n Noop) Start(_ context.Context, a executor.Attempt) (executor.Running, error) {
	self, err := boot.Self()
	if err != nil {
		return nil, err
	}
	now := boot.Now()
	if err := a.Entry.Claim(journal.Started{Runner: self, At: now}); err != nil {
		return nil, err
	}
	return ended{}, a.Entry.Finish(journal.Exit{Outcome: journal.Succeeded, BootID: boot.ID(), EndedAt: now})
}

// Reattach implements [executor.Executor].
func (Noop) Reattach(context.Context, *journal.Entry) (executor.Running, error) { return ended{}, nil }

type ended struct{}

func (ended) Grew() <-chan struct{}      { return nil }
func (ended) Wait(context.Context) error { return nil }
func (ended) Close()                     {}

func (ended) Calls(context.Context, executor.Answerer) error { return nil }

func (ended) Cancel(context.Context, time.Duration) error { return nil }
