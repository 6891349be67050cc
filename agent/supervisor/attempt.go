package supervisor

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"time"

	"github.com/cronium/cronium/agent/boot"
	"github.com/cronium/cronium/agent/executor"
	"github.com/cronium/cronium/agent/journal"
	"github.com/cronium/cronium/agent/logstream"
	runnerv1 "github.com/cronium/cronium/proto/runner/v1"
	"github.com/cronium/cronium/sdk/problem"
)

// readAgain is the pause after the journal could not be read.
const readAgain = time.Second

func (s *Supervisor) log(a *attempt) *slog.Logger {
	return s.cfg.Log.With("run", a.ref.RunID, "attempt", a.ref.Attempt)
}

// start leads a granted attempt from the intent to its end.
func (s *Supervisor) start(ctx context.Context, a *attempt) {
	entry, err := s.cfg.Journal.Create(journal.Intent{Ref: a.ref, Kind: a.kind}, a.payload)
	if errors.Is(err, journal.ErrExists) {
		s.log(a).ErrorContext(ctx, "granted an attempt that was here before", "err", err)
		s.mu.Lock()
		defer s.mu.Unlock()
		s.forget(a)
		return
	}
	if err != nil {
		s.finish(ctx, a, s.unstarted(journal.Infrastructure, record(err, ErrJournal)))
		return
	}
	s.mu.Lock()
	a.entry = entry
	late := boot.Now()-a.askedAt > grantValid
	handover := a.handover
	a.payload, a.handover = nil, nil
	s.mu.Unlock()
	if late {
		s.abandon(ctx, a, ErrLate.With("more than %s went by since the hub was asked", grantValid))
		return
	}
	running, err := s.cfg.Executors[a.kind].Start(ctx, executor.Attempt{Entry: entry, Handover: handover})
	switch {
	case err == nil:
		s.attend(ctx, a, running)
	case ctx.Err() != nil: // the journal tells the next agent
	default:
		s.log(a).WarnContext(ctx, "start", "err", err)
		s.finish(ctx, a, s.unstarted(outcomeOf(err), record(err, ErrJournal)))
	}
}

// outcomeOf tells a start that the host does not allow, and never will, from one
// that has failed.
func outcomeOf(err error) journal.Outcome {
	p, ok := problem.As(err)
	switch {
	case ok && p.Status == http.StatusForbidden, errors.Is(err, executor.ErrLimitUnsupported), errors.Is(err, executor.ErrLimitTooHigh):
		return journal.Rejected
	}
	return journal.Infrastructure
}

// abandon decides that an attempt with an intent never runs, if a runner has not
// decided otherwise before.
func (s *Supervisor) abandon(ctx context.Context, a *attempt, why error) {
	err := a.entry.Claim(journal.Started{Abandoned: true, At: boot.Now()})
	if errors.Is(err, journal.ErrClaimed) {
		s.resume(ctx, a)
		return
	}
	if err != nil {
		s.log(a).ErrorContext(ctx, "abandon an attempt that did not start", "err", err)
		return // decided neither way: left to the next recovery
	}
	s.finish(ctx, a, s.unstarted(journal.NotStarted, record(why, ErrNotStarted)))
}

// resume attaches to an attempt that somebody has claimed.
func (s *Supervisor) resume(ctx context.Context, a *attempt) {
	started, _, err := a.entry.Started()
	if err == nil && started.Abandoned {
		s.finish(ctx, a, s.unstarted(journal.NotStarted, record(ErrNotStarted.With("it was abandoned"), ErrNotStarted)))
		return
	}
	var running executor.Running
	if err == nil {
		running, err = s.reattach(ctx, a.entry)
	}
	if err != nil {
		s.log(a).ErrorContext(ctx, "attach to a running attempt", "err", err)
		return
	}
	s.attend(ctx, a, running)
}

func (s *Supervisor) reattach(ctx context.Context, e *journal.Entry) (executor.Running, error) {
	intent, _, err := e.Intent()
	if err != nil {
		return nil, err
	}
	x := s.cfg.Executors[intent.Kind]
	if x == nil {
		return nil, ErrExecutor.With("it was started by the executor %q", intent.Kind)
	}
	return x.Reattach(ctx, e)
}

func (s *Supervisor) unstarted(outcome journal.Outcome, p *journal.Problem) journal.Exit {
	return journal.Exit{Outcome: outcome, Problem: p, BootID: boot.ID(), EndedAt: boot.Now(), WallTime: s.cfg.Now().UTC()}
}

// attend stays with a started attempt until its result and log are with the hub.
func (s *Supervisor) attend(ctx context.Context, a *attempt, running executor.Running) {
	defer running.Close()
	started, _, err := a.entry.Started()
	if err != nil {
		s.log(a).ErrorContext(ctx, "read the journal", "err", err)
	}
	s.mu.Lock()
	a.phase, a.running, a.started = Running, running, started.At
	if started.Runner.BootID != boot.ID() {
		a.started = 0 // its clock is gone; the result says the rest
	}
	if a.cancel != nil {
		grace := *a.cancel
		s.launch(func(ctx context.Context) { s.order(ctx, a.ref, running, grace) })
	}
	if a.started > 0 {
		s.report(a)
	}
	s.mu.Unlock()
	ended, uploaded := make(chan int64, 1), make(chan struct{})
	go func() {
		defer close(uploaded)
		s.follow(ctx, a, running.Grew(), ended)
	}()
	calling, hangUp := context.WithCancel(ctx)
	called := make(chan struct{})
	go func() {
		defer close(called)
		s.answerCalls(calling, a, running)
	}()
	exit, ok := s.wait(ctx, a, running)
	hangUp()
	<-called
	if ok {
		ended <- exit.LogBytes
		s.conclude(a, exit)
	}
	<-uploaded
}

// callAgain is the pause after a runner that lives was lost.
const callAgain = time.Second

// answerCalls answers the script's calls until there will be none, or ctx ends.
func (s *Supervisor) answerCalls(ctx context.Context, a *attempt, running executor.Running) {
	level := slog.LevelDebug // a runner may end a moment before its result is here
	for {
		err := running.Calls(ctx, func(ctx context.Context, c *runnerv1.Call) *runnerv1.Answer { return s.cfg.Calls(ctx, a.ref, c) })
		if err == nil || ctx.Err() != nil {
			return
		}
		s.log(a).Log(ctx, level, "take the script's calls", "err", err)
		level = slog.LevelWarn
		select {
		case <-ctx.Done():
			return
		case <-time.After(callAgain):
		}
	}
}

// wait returns the result when there is one, false when ctx has ended first.
func (s *Supervisor) wait(ctx context.Context, a *attempt, running executor.Running) (journal.Exit, bool) {
	for {
		err := running.Wait(ctx)
		if err == nil {
			exit, raw, ok, readErr := a.entry.Exit()
			if readErr == nil && ok {
				s.mu.Lock()
				a.digest = journal.Digest(raw)
				s.mu.Unlock()
				return exit, true
			}
			err = fmt.Errorf("read the result: %w", errors.Join(readErr))
		}
		if ctx.Err() != nil {
			return journal.Exit{}, false
		}
		s.log(a).ErrorContext(ctx, "wait for an attempt", "err", err)
		select {
		case <-ctx.Done():
			return journal.Exit{}, false
		case <-time.After(readAgain):
		}
	}
}

// finish writes the result of an attempt that no runner has ended, and sees it
// off. If the disk refuses, the result is kept in memory: better than nothing.
func (s *Supervisor) finish(ctx context.Context, a *attempt, exit journal.Exit) {
	raw, err := json.Marshal(exit)
	if err == nil && a.entry != nil {
		if err = a.entry.Finish(exit); err == nil {
			_, raw, _, err = a.entry.Exit()
		}
	}
	if err != nil {
		s.log(a).ErrorContext(ctx, "write the result", "err", err)
	}
	s.sync(ctx, a)
	s.seeOff(ctx, a, exit, raw)
}

func (s *Supervisor) sync(ctx context.Context, a *attempt) {
	if a.entry == nil {
		return
	}
	if err := a.entry.Sync(); err != nil {
		s.log(a).WarnContext(ctx, "sync the journal", "err", err)
	}
}

// seeOff stays with an ended attempt until its result and log are with the hub.
func (s *Supervisor) seeOff(ctx context.Context, a *attempt, exit journal.Exit, raw []byte) {
	s.mu.Lock()
	a.digest = journal.Digest(raw)
	s.mu.Unlock()
	s.conclude(a, exit)
	ended := make(chan int64, 1)
	ended <- exit.LogBytes
	s.follow(ctx, a, nil, ended)
}

// conclude makes the result known, and gives the slot free.
func (s *Supervisor) conclude(a *attempt, exit journal.Exit) {
	launch, phases := s.story(a, exit)
	s.mu.Lock()
	defer s.mu.Unlock()
	a.launch, a.phases = launch, phases
	if a.phase < Finished {
		s.taken--
	}
	a.phase, a.exit, a.running = Finished, &exit, nil
	if !a.delivered {
		s.report(a)
	}
}

// story is what the journal tells of an ended attempt besides its result. A result
// is worth telling without it.
func (s *Supervisor) story(a *attempt, exit journal.Exit) (journal.Launch, []journal.Phase) {
	if a.entry == nil {
		return journal.Launch{}, nil
	}
	launch, err := a.entry.Launch()
	phases, phasesErr := a.entry.Phases(exit)
	if err := errors.Join(err, phasesErr); err != nil {
		s.log(a).Warn("read how the attempt went", "err", err)
	}
	return launch, phases
}

// follow uploads the log to its end.
func (s *Supervisor) follow(ctx context.Context, a *attempt, grew <-chan struct{}, ended <-chan int64) {
	if a.entry != nil {
		err := s.cfg.Logs.Follow(ctx, logstream.Log{Ref: a.ref, Dir: a.entry.Dir, Grew: grew, Ended: ended})
		if ctx.Err() != nil {
			return
		}
		if err != nil {
			s.log(a).WarnContext(ctx, "log not delivered", "err", err)
			if !errors.Is(err, logstream.ErrRefused) && !errors.Is(err, logstream.ErrIncomplete) {
				return // it stays on disk for the next agent
			}
		}
	}
	s.mu.Lock()
	a.logDone = true
	gone := a.delivered && a.exit != nil
	s.mu.Unlock()
	if gone {
		s.remove(ctx, a)
	}
}

// remove lets an attempt go for good.
func (s *Supervisor) remove(ctx context.Context, a *attempt) {
	s.mu.Lock()
	again := a.removed
	a.removed = true
	s.mu.Unlock()
	if again {
		return
	}
	if a.entry != nil {
		if err := a.entry.Remove(); err != nil {
			s.log(a).WarnContext(ctx, "remove the attempt's directory", "err", err)
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.forget(a)
}

// Recover finds what an earlier agent has left. It launches nothing.
func (s *Supervisor) Recover() error {
	entries, err := s.cfg.Journal.Entries()
	if err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, e := range entries {
		a := &attempt{ref: e.Ref, phase: Starting, entry: e, delivered: e.WasDelivered()}
		s.attempts[keyOf(a.ref)] = a
		s.taken++
		if err := s.recover(a); err != nil {
			return fmt.Errorf("recover %s: %w", e.Ref, err)
		}
	}
	return nil
}

// recover says at once how far an attempt is, because the hub asks for that first,
// and leaves the rest to Run.
func (s *Supervisor) recover(a *attempt) error {
	exit, raw, ended, err := a.entry.Exit()
	if err != nil {
		return err
	}
	if ended {
		a.phase, a.exit = Finished, &exit
		a.launch, a.phases = s.story(a, exit)
		s.taken--
		s.launch(func(ctx context.Context) { s.seeOff(ctx, a, exit, raw) })
		return nil
	}
	_, claimed, err := a.entry.Started()
	if err != nil {
		return err
	}
	if claimed {
		a.phase = Running
		s.launch(func(ctx context.Context) { s.resume(ctx, a) })
		return nil
	}
	intent, _, err := a.entry.Intent()
	if err != nil {
		return err
	}
	s.launch(func(ctx context.Context) {
		if intent.BootID != boot.ID() { // `started` may be missing because power was lost
			p := executor.ErrRebooted.With("whether the script had started is not known")
			s.finish(ctx, a, s.unstarted(journal.Infrastructure, record(p, executor.ErrRebooted)))
			return
		}
		s.abandon(ctx, a, ErrNotStarted.With("the agent was restarted between the grant and the start"))
	})
	return nil
}
