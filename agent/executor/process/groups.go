package process

import (
	"cmp"
	"context"
	"fmt"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/cronium/cronium/agent/cgroup"
	"github.com/cronium/cronium/agent/executor"
	"github.com/cronium/cronium/agent/journal"
	"github.com/cronium/cronium/proto/payload"
	runnerv1 "github.com/cronium/cronium/proto/runner/v1"
)

const (
	sweepEvery = 30 * time.Second
	lastBreath = 10 * time.Second      // a runner may take from its result to its end
	lookAgain  = 20 * time.Millisecond // whether it has ended

	// defaultProcesses stops fork bombs where processes can be counted and nobody has
	// said another number.
	defaultProcesses = 4096
)

// handover completes what the attempt's runner is given: whom its script runs as, what
// it may use, and in which control groups, which are made here.
func (x *Executor) handover(a executor.Attempt) (*runnerv1.Handover, error) {
	h := proto.CloneOf(a.Handover)
	if h == nil {
		h = &runnerv1.Handover{}
	}
	h.User, h.Dir, h.HttpClient, h.Dependencies = x.cfg.User, a.Entry.Dir, x.cfg.HTTPClient, x.cfg.Dependencies
	spec, err := a.Entry.Spec()
	if err != nil {
		return nil, fmt.Errorf("read the payload: %w", err)
	}
	p, err := payload.Keys(h.GetKeys()).Open(spec)
	if err != nil {
		return h, nil //nolint:nilerr // the runner rejects it, in words of its own
	}
	if h.Limits, err = x.cfg.Limits.inForce(p.GetLimits(), x.cfg.Groups); err != nil {
		return nil, err
	}
	if x.cfg.Users != nil {
		if h.User, err = x.cfg.Users.take(a.Entry, x.isAttended); err != nil {
			return nil, err
		}
	}
	return h, x.group(a.Entry, h)
}

// group makes the attempt's control groups. Without a limit that needs them, it is
// started without, too.
func (x *Executor) group(e *journal.Entry, h *runnerv1.Handover) error {
	if x.cfg.Groups == nil {
		return nil
	}
	l := h.GetLimits()
	g, err := x.cfg.Groups.Make(e.Ref.String(), cgroup.Limits{MemoryBytes: l.GetMemoryBytes(), MilliCPUs: l.GetMilliCpus(), Processes: cmp.Or(l.GetProcesses(), defaultProcesses)})
	if err == nil {
		h.ScriptCgroups, h.MemoryCgroup, h.PidsCgroup = g.Dirs, g.Memory(), g.Pids()
		return nil
	}
	for _, one := range all {
		if one.controller != "" && *one.of(l) > 0 {
			return executor.ErrLimitUnsupported.With("It could not limit %s: %v", one.name, err)
		}
	}
	x.cfg.Log.Warn("an attempt has no control groups", "run", e.Ref.RunID, "attempt", e.Ref.Attempt, "err", err)
	return nil
}

// clearUp removes what is left of an attempt outside of its directory, as soon as its
// runner has ended.
func (x *Executor) clearUp(ctx context.Context, e *journal.Entry, groups []string, gone func() bool) {
	uid, own, _ := e.User()
	x.work.Go(func() {
		defer x.forget(e.Ref)
		for waited := time.Duration(0); !gone() && waited < lastBreath; waited += lookAgain {
			time.Sleep(lookAgain)
		}
		err := cgroup.Group{Dirs: groups}.End()
		if own && err == nil {
			err = removeFiles(uid)
		}
		if err != nil {
			x.cfg.Log.WarnContext(ctx, "clear up after an attempt", "run", e.Ref.RunID, "attempt", e.Ref.Attempt, "err", err)
		}
	})
}

// keepGroups ends control groups that no attempt accounts for: what a killed agent
// has left, and what could not be removed before. Attempts that run have been
// attached to long before the first look.
func (x *Executor) keepGroups(ctx context.Context) {
	tick := time.NewTicker(sweepEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			x.Sweep(ctx)
		}
	}
}

// Sweep ends the agent's control groups that belong to no attempt that is attended.
func (x *Executor) Sweep(ctx context.Context) {
	if x.cfg.Groups == nil {
		return
	}
	if err := x.cfg.Groups.Sweep(x.isAttended); err != nil {
		x.cfg.Log.WarnContext(ctx, "remove control groups", "err", err)
	}
}

func (x *Executor) attend(ref journal.Ref) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.attended[ref.String()] = true
}

func (x *Executor) forget(ref journal.Ref) {
	x.mu.Lock()
	defer x.mu.Unlock()
	delete(x.attended, ref.String())
}

func (x *Executor) isAttended(name string) bool {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.attended[name]
}
