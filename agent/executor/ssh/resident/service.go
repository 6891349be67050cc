package resident

import (
	"context"
	"errors"
	"io/fs"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/cronium/cronium/agent/boot"
	"github.com/cronium/cronium/agent/executor"
	"github.com/cronium/cronium/agent/journal"
	runnerv1 "github.com/cronium/cronium/proto/runner/v1"
	"github.com/cronium/cronium/sdk/problem"
)

const (
	// settleWait is how long somebody may take between making an entry and the claim
	// of its runner, before the attempt is abandoned. Whoever is first wins.
	settleWait = 5 * time.Second
	settleLook = 20 * time.Millisecond
)

// attended is an attempt that was asked for.
type attended struct {
	entry   *journal.Entry
	running executor.Running
	turn    turn
}

func refOf(in *runnerv1.Attempt) (journal.Ref, error) {
	ref := journal.Ref{RunID: in.GetRunId(), Attempt: in.GetAttempt(), Fence: in.GetFence()}
	if !ref.Valid() {
		return ref, status.Errorf(codes.InvalidArgument, "%q is no attempt", ref)
	}
	return ref, nil
}

// missing says in the service's terms that an attempt is not here.
func missing(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return status.Error(codes.NotFound, err.Error())
	}
	return err
}

// Start implements the service. What was begun is brought to its decision, also
// when nobody is left to hear it.
func (r *resident) Start(ctx context.Context, in *runnerv1.StartRequest) (*runnerv1.StartResponse, error) {
	ref, err := refOf(in.GetRef())
	if err != nil {
		return nil, err
	}
	r.work.Add(1)
	defer r.work.Done()
	ctx = context.WithoutCancel(ctx)
	e, fresh, err := r.home.take(ref, r.exec.Kind(), in.GetSpec())
	if err != nil {
		return refused(ErrDisk.With("%v", err)), nil
	}
	if !fresh {
		claim, err := settle(ctx, e)
		if claim == nil && err == nil {
			return refused(ErrInterrupted), nil
		}
		return &runnerv1.StartResponse{Claim: claim}, err
	}
	running, err := r.exec.Start(ctx, executor.Attempt{Entry: e, Handover: in.GetHandover()})
	if err != nil {
		return refused(err), nil
	}
	r.keep(e, running)
	started, _, err := e.Started()
	return &runnerv1.StartResponse{Claim: claimOf(started)}, err
}

func refused(err error) *runnerv1.StartResponse {
	p, ok := problem.As(err)
	if !ok {
		p = executor.ErrRunnerFailed.With("%v", err)
	}
	return &runnerv1.StartResponse{Refusal: &runnerv1.Refusal{Code: p.Code, Title: p.Title, Detail: p.Detail, Hint: p.Hint}}
}

func claimOf(s journal.Started) *runnerv1.Claim {
	return &runnerv1.Claim{BootId: s.Runner.BootID, Pid: int32(s.Runner.PID)}
}

// Settle implements the service.
func (r *resident) Settle(ctx context.Context, in *runnerv1.SettleRequest) (*runnerv1.SettleResponse, error) {
	ref, err := refOf(in.GetRef())
	if err != nil {
		return nil, err
	}
	e, fresh, err := r.home.take(ref, r.exec.Kind(), nil)
	if err != nil {
		return nil, err
	}
	if fresh { // a stone on the grave: a Start that is still on its way finds it
		return &runnerv1.SettleResponse{}, e.Claim(abandoned())
	}
	claim, err := settle(ctx, e)
	return &runnerv1.SettleResponse{Claim: claim}, err
}

func abandoned() journal.Started { return journal.Started{Abandoned: true, At: boot.Now()} }

// settle waits for the claim of an attempt that somebody has begun to start, and
// abandons it when there is none. It returns nil of what never runs.
func settle(ctx context.Context, e *journal.Entry) (*runnerv1.Claim, error) {
	look := time.NewTicker(settleLook)
	defer look.Stop()
	for until := boot.Now() + settleWait; ; {
		s, ok, err := e.Started()
		switch {
		case err != nil:
			return nil, err
		case ok && s.Abandoned:
			return nil, nil
		case ok:
			return claimOf(s), nil
		}
		if boot.Now() > until {
			if err := e.Claim(abandoned()); err != nil && !errors.Is(err, journal.ErrClaimed) {
				return nil, err
			}
			continue
		}
		select {
		case <-look.C:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// keep remembers an attempt that was started here.
func (r *resident) keep(e *journal.Entry, running executor.Running) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.here[e.Ref.String()] = &attended{entry: e, running: running}
}

// attend returns an attempt that was started, whoever did it.
func (r *resident) attend(ctx context.Context, ref journal.Ref) (*attended, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if a := r.here[ref.String()]; a != nil && a.entry.Ref == ref {
		return a, nil
	}
	e, err := r.home.entry(ref)
	if err != nil {
		return nil, missing(err)
	}
	running, err := r.exec.Reattach(ctx, e)
	if err != nil {
		return nil, err
	}
	a := &attended{entry: e, running: running}
	r.here[ref.String()] = a
	return a, nil
}

// Stop implements the service.
func (r *resident) Stop(ctx context.Context, in *runnerv1.StopRequest) (*runnerv1.StopResponse, error) {
	ref, err := refOf(in.GetRef())
	if err != nil {
		return nil, err
	}
	a, err := r.attend(ctx, ref)
	if err != nil {
		return nil, err
	}
	return &runnerv1.StopResponse{}, a.running.Cancel(ctx, in.GetGrace().AsDuration())
}

// Forget implements the service.
func (r *resident) Forget(_ context.Context, in *runnerv1.ForgetRequest) (*runnerv1.ForgetResponse, error) {
	ref, err := refOf(in.GetRef())
	if err != nil {
		return nil, err
	}
	e, err := r.home.entry(ref)
	if errors.Is(err, fs.ErrNotExist) {
		return &runnerv1.ForgetResponse{}, nil
	}
	if err == nil && !ended(e) && !neverRuns(e, 0) {
		return nil, status.Errorf(codes.FailedPrecondition, "attempt %s is not over", ref)
	}
	if err != nil {
		return nil, err
	}
	r.mu.Lock()
	a := r.here[ref.String()]
	delete(r.here, ref.String())
	r.mu.Unlock()
	if a != nil {
		a.running.Close()
	}
	return &runnerv1.ForgetResponse{}, e.Remove()
}

// Held implements the service.
func (r *resident) Held(context.Context, *runnerv1.HeldRequest) (*runnerv1.HeldResponse, error) {
	out := &runnerv1.HeldResponse{}
	for _, e := range r.home.entries() {
		out.Attempts = append(out.Attempts, &runnerv1.HeldAttempt{
			Ref:  &runnerv1.Attempt{RunId: e.Ref.RunID, Attempt: e.Ref.Attempt, Fence: e.Ref.Fence},
			Over: ended(e) || neverRuns(e, mourning)})
	}
	return out, nil
}

// Ping implements the service.
func (r *resident) Ping(context.Context, *runnerv1.PingRequest) (*runnerv1.PingResponse, error) {
	r.stood.Store(int64(boot.Now()))
	return &runnerv1.PingResponse{}, nil
}
