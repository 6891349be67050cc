// Package executor is the contract between an agent and the ways to start an
// attempt: as a process on its own host, in a container there, or on another
// machine. The suite in executortest holds every implementation against it.
//
// Call order: the caller writes payload and intent into the journal, then calls
// [Executor.Start] once; after a restart of the agent it calls
// [Executor.Reattach] for what was started. Whatever happens, user code runs at
// most once, because a runner must create the journal entry's `started` first.
//
// The log appears, masked, as segments in the entry's directory; the result
// appears there as `exit`. Both are there for good when [Running.Wait] returns nil.
package executor

import (
	"context"
	"time"

	"github.com/cronium/cronium/agent/boot"
	"github.com/cronium/cronium/agent/journal"
	runnerv1 "github.com/cronium/cronium/proto/runner/v1"
	"github.com/cronium/cronium/sdk/problem"
)

// Attempt is what is to be started. Its entry has payload and intent.
type Attempt struct {
	Entry    *journal.Entry
	Handover *runnerv1.Handover // secrets: not to be written anywhere
}

// Executor starts attempts. All methods may be called concurrently.
type Executor interface {
	// Kind names the executor in journals.
	Kind() string
	// Run does the executor's own work until ctx ends. Start and Reattach may be
	// called before it runs, but then nobody watches.
	Run(ctx context.Context) error
	// Start launches the attempt and returns when it is decided that it runs. After
	// an error it is decided that it never does (`started` says "abandoned", or the
	// journal of the machine where it would have run), unless ctx has ended: then the
	// journal will tell.
	Start(ctx context.Context, a Attempt) (Running, error)
	// Reattach returns an attempt that has a `started` which is not "abandoned",
	// whether it still runs or not.
	Reattach(ctx context.Context, e *journal.Entry) (Running, error)
}

// Running is a started attempt. All methods may be called concurrently.
type Running interface {
	// Grew rings, with one ring outstanding at most, after the log has grown.
	Grew() <-chan struct{}
	// Cancel gives the script's tree SIGTERM, and SIGKILL after the grace. It
	// returns when the order is given, and nil if the attempt is over. Again is
	// harmless and may only shorten the grace.
	Cancel(ctx context.Context, grace time.Duration) error
	// Calls answers the calls of the script that the hub must answer, each in a
	// goroutine of its own, whose context ends when nobody waits for it any more. It
	// returns nil when there will be none, and an error when it lost the runner, which
	// keeps what was not answered for the next one who calls this.
	Calls(ctx context.Context, answer Answerer) error
	// Wait returns nil when the result is in the entry. If whoever ran the attempt
	// died, Wait makes sure that nothing of it is left and writes that result.
	Wait(ctx context.Context) error
	// Close lets go of the attempt, which runs on if it runs.
	Close()
}

// Answerer answers a call of a script. It never returns nil.
type Answerer func(context.Context, *runnerv1.Call) *runnerv1.Answer

// Abandon decides that the attempt never runs, because of why, and returns that as
// [ErrRunnerFailed]; or journal.ErrClaimed if it was decided before.
func Abandon(e *journal.Entry, why string) error {
	if err := e.Claim(journal.Started{Abandoned: true, At: boot.Now()}); err != nil {
		return err
	}
	return ErrRunnerFailed.With("%s", why)
}

// Refuse is Abandon for a reason that is a problem of its own.
func Refuse(e *journal.Entry, why error) error {
	p, ok := problem.As(why)
	if !ok {
		return Abandon(e, why.Error())
	}
	if err := e.Claim(journal.Started{Abandoned: true, At: boot.Now()}); err != nil {
		return err
	}
	return p
}
