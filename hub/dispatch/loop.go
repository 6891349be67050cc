package dispatch

import (
	"context"
	"time"
)

// pause keeps passes apart while slots become free one by one, so that claims grow
// into batches. The first pass after a quiet moment never waits.
const pause = 2 * time.Millisecond

// Run plans until ctx ends, then waits for what is being sent. queue and cancel are
// the bells of those topics; either may be nil, and nothing is lost but time.
func (d *Dispatch) Run(ctx context.Context, queue, cancel <-chan struct{}) error {
	defer d.sending.Wait()
	poll := time.NewTicker(d.config.Poll)
	defer poll.Stop()
	var last time.Time
	for {
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-cancel:
			d.report(ctx, "pass on cancel requests", d.passCancels(ctx))
			continue
		case <-queue:
		case <-d.config.Fleet.Bell():
		case <-poll.C:
			d.report(ctx, "look after the queue", d.lookAround(ctx))
			continue
		}
		if wait := pause - d.config.Now().Sub(last); wait > 0 {
			select {
			case <-ctx.Done():
				return context.Cause(ctx)
			case <-time.After(wait):
			}
		}
		claimed, err := d.hand(ctx)
		d.report(ctx, "claim runs", err)
		if claimed > 0 {
			last = d.config.Now()
		}
	}
}

func (d *Dispatch) report(ctx context.Context, what string, err error) {
	if err != nil && ctx.Err() == nil {
		d.log.ErrorContext(ctx, what, "err", err)
	}
}

// hand gives out what there is, at the sound of a bell.
func (d *Dispatch) hand(ctx context.Context) (int, error) {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	ready := d.ready()
	switch {
	case len(ready) == 0:
		return 0, nil
	case len(ready) <= few:
		return d.claimBlindly(ctx, ready)
	}
	waiting, err := d.config.Runs.Queued(ctx, listLimit)
	if err != nil {
		return 0, err
	}
	return d.claimPlanned(ctx, ready, newPlan(waiting))
}

// lookAround is the poll behind the bells. It lists the queue, claims what agents
// here can take, and explains the rest. With an empty queue it costs one question.
func (d *Dispatch) lookAround(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	waiting, err := d.config.Runs.Queued(ctx, listLimit)
	if err != nil || len(waiting) == 0 {
		return err
	}
	p := newPlan(waiting)
	if _, err := d.claimPlanned(ctx, d.ready(), p); err != nil {
		return err
	}
	return d.explain(ctx, p.left())
}
