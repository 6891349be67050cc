package ssh

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/cronium/cronium/agent/boot"
	"github.com/cronium/cronium/agent/journal"
	runnerv1 "github.com/cronium/cronium/proto/runner/v1"
	"github.com/cronium/cronium/sdk/problem"
)

const (
	openLimit = 8 * time.Minute // from the dial to the greeting, with an upload
	idleLimit = 5 * time.Minute

	breakAfter = 3 // failures in a row
	minBreak   = 30 * time.Second
	maxBreak   = 5 * time.Minute
	minRefused = time.Minute // until a refused credential is offered again
	maxRefused = 30 * time.Minute
)

// line is a server as one set of credentials opens it. One session at most is open
// on it, and one is being opened at most.
type line struct {
	x     *Executor
	way   way
	turn  chan struct{} // held by who opens
	pause pause         // after refusals; guarded by turn

	mu    sync.Mutex
	live  *session
	users int
	used  time.Duration       // the last time, on the boot clock
	done  []*runnerv1.Attempt // to be forgotten there
}

// line returns the line of a way, and counts its user until [line.leave].
func (x *Executor) line(w way) *line {
	x.mu.Lock()
	defer x.mu.Unlock()
	key := w.key()
	l := x.lines[key]
	if l == nil {
		l = &line{x: x, way: w, turn: make(chan struct{}, 1), pause: pause{after: 1, min: minRefused, max: maxRefused}}
		x.lines[key] = l
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.users++
	return l
}

func (l *line) leave() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.users--
	l.used = boot.Now()
}

// current returns the open session, nil without one.
func (l *line) current() *session {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.live != nil && l.live.ended() {
		return nil
	}
	return l.live
}

// errStopped means that [Executor.Run] has ended.
var errStopped = errors.New("the executor has stopped")

// session returns the open session, or opens one. Its errors are problems, unless
// ctx or the executor has ended.
func (l *line) session(ctx context.Context) (*session, error) {
	if s := l.current(); s != nil {
		return s, nil
	}
	select {
	case l.turn <- struct{}{}:
		defer func() { <-l.turn }()
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
	if s := l.current(); s != nil { // opened while we waited
		return s, nil
	}
	if l.x.stopped.Load() {
		return nil, errStopped
	}
	l.swap(nil)
	s, err := l.open(ctx)
	if err != nil {
		return nil, err
	}
	l.swap(s)
	l.tidy(ctx, s)
	return s, nil
}

// swap makes s the session, and closes the last one.
func (l *line) swap(s *session) {
	l.mu.Lock()
	last := l.live
	l.live, l.used = s, boot.Now()
	l.mu.Unlock()
	if last != nil {
		last.close()
	}
}

// open connects, unless that has just failed too often.
func (l *line) open(ctx context.Context) (*session, error) {
	server := l.way.server()
	if err := l.pause.check(ErrAuth, l.x.cfg.Now()); err != nil {
		return nil, err
	}
	breaker := l.x.breaker(server.id)
	if err := breaker.check(ErrPaused, l.x.cfg.Now()); err != nil {
		return nil, err
	}
	timed, stop := context.WithTimeoutCause(ctx, openLimit, ErrUnreachable.With("%s was not ready within %s", server, openLimit))
	defer stop()
	s, err := l.x.open(timed, l.way)
	switch {
	case err == nil:
		breaker.success()
		l.pause.success()
	case ctx.Err() != nil: // says nothing about the server
	case errors.Is(err, ErrAuth):
		l.pause.failure(err)
	case errors.Is(err, ErrUnreachable), errors.Is(err, ErrShell):
		breaker.failure(err)
	}
	return s, err
}

// pause is how long something is not tried again after it has failed.
type pause struct {
	after    int // failures
	min, max time.Duration

	mu       sync.Mutex
	failures int
	until    time.Duration // on the boot clock
	last     error
}

// check returns a happening of p while it is not time yet.
func (p *pause) check(what *problem.Problem, now time.Time) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	left := p.until - boot.Now()
	if left <= 0 {
		return nil
	}
	text := p.last.Error()
	if last, ok := problem.As(p.last); ok {
		text = last.Detail
	}
	return what.With("%s. It is not tried again before %s", text, now.Add(left).UTC().Format(time.TimeOnly+" MST")).After(left)
}

func (p *pause) failure(err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.failures++
	p.last = err
	if p.failures >= p.after {
		p.until = boot.Now() + min(p.max, p.min<<min(p.failures-p.after, 10))
	}
}

func (p *pause) success() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.failures, p.until = 0, 0
}

// idle reports whether it remembers nothing.
func (p *pause) idle() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.failures == 0 || p.until < boot.Now()-p.max
}

// breaker returns the pause of a server, which all its lines share.
func (x *Executor) breaker(server string) *pause {
	x.mu.Lock()
	defer x.mu.Unlock()
	b := x.breakers[server]
	if b == nil {
		b = &pause{after: breakAfter, min: minBreak, max: maxBreak}
		x.breakers[server] = b
	}
	return b
}

// sweep closes what was not used for a while and forgets what is not needed.
func (x *Executor) sweep() {
	x.mu.Lock()
	var old []*session
	for key, l := range x.lines {
		old = append(old, l.retire(func() { delete(x.lines, key) })...)
	}
	for server, b := range x.breakers {
		if b.idle() {
			delete(x.breakers, server)
		}
	}
	x.mu.Unlock()
	for _, s := range old {
		s.close()
	}
}

// retire gives up the session of a line that is idle, and the line if it has none.
func (l *line) retire(forget func()) []*session {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.users > 0 || boot.Now()-l.used < l.x.idle() {
		return nil
	}
	if l.live == nil {
		if l.pause.idle() {
			forget()
		}
		return nil
	}
	s := l.live
	l.live = nil
	return []*session{s}
}

// closeAll ends every session for good.
func (x *Executor) closeAll() {
	x.stopped.Store(true)
	x.mu.Lock()
	var lines []*line
	for _, l := range x.lines {
		lines = append(lines, l)
	}
	x.mu.Unlock()
	for _, l := range lines {
		l.turn <- struct{}{} // who opens one has seen that we stop, or has opened it
		l.swap(nil)
		<-l.turn
	}
}

// forgetLater notes that an attempt's copy on the server is not needed.
func (l *line) forgetLater(ref *runnerv1.Attempt) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.done = append(l.done, ref)
}

// tidy removes what is not needed on a server that has just been reached: what could
// not be removed earlier, and what ended while nobody here knew of it.
func (l *line) tidy(ctx context.Context, s *session) {
	ctx, stop := context.WithTimeout(ctx, tidyLimit)
	defer stop()
	l.mu.Lock()
	done := l.done
	l.done = nil
	l.mu.Unlock()
	if l.x.cfg.Holds != nil {
		held, err := s.hands.Held(ctx, &runnerv1.HeldRequest{})
		if err != nil {
			return
		}
		for _, a := range held.GetAttempts() {
			if a.GetOver() && !l.x.cfg.Holds(refFrom(a.GetRef())) {
				done = append(done, a.GetRef())
			}
		}
	}
	for _, ref := range done {
		if _, err := s.hands.Forget(ctx, &runnerv1.ForgetRequest{Ref: ref}); err != nil {
			l.x.cfg.Log.DebugContext(ctx, "remove an attempt from its server", "run", ref.GetRunId(), "err", err)
		}
	}
}

const tidyLimit = 10 * time.Second

func refFrom(a *runnerv1.Attempt) journal.Ref {
	return journal.Ref{RunID: a.GetRunId(), Attempt: a.GetAttempt(), Fence: a.GetFence()}
}

func refTo(r journal.Ref) *runnerv1.Attempt {
	return &runnerv1.Attempt{RunId: r.RunID, Attempt: r.Attempt, Fence: r.Fence}
}
