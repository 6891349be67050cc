package ssh

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"net"
	"os"
	"sync"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/cronium/cronium/agent/boot"
	"github.com/cronium/cronium/agent/executor"
	"github.com/cronium/cronium/agent/executor/ssh/resident"
	"github.com/cronium/cronium/agent/journal"
	"github.com/cronium/cronium/agent/segment"
	runnerv1 "github.com/cronium/cronium/proto/runner/v1"
	"github.com/cronium/cronium/sdk/problem"
)

const (
	// lostAfter is how long beyond its timeout an attempt is waited for whose server
	// cannot be reached.
	lostAfter  = 15 * time.Minute
	minWait    = 100 * time.Millisecond // before the first new connection, twice as long before each further one
	maxWait    = time.Minute
	forgetTime = 10 * time.Second

	defaultTimeout = time.Hour // the runner's
	maxGrace       = 5 * time.Minute
)

// running is an attempt that may run on a server. One goroutine leads it to its end.
type running struct {
	x      *Executor
	entry  *journal.Entry
	ref    *runnerv1.Attempt
	server *runnerv1.Server
	lives  time.Duration // at most, from its start
	limit  int64         // of its log
	grew   chan struct{}

	begun time.Duration      // on the boot clock
	stop  context.CancelFunc // of the leader; nil without one
	ended chan struct{}      // closed when the leader has gone
	over  chan struct{}      // closed when the result is in the entry

	mu      sync.Mutex
	line    *line         // nil while the credential is not known
	contact time.Duration // with the server, the last one
}

func (x *Executor) running(e *journal.Entry, p *runnerv1.Payload) *running {
	r := &running{x: x, entry: e, ref: refTo(e.Ref), server: p.GetServer(), limit: logLimit(p), grew: make(chan struct{}, 1),
		begun: boot.Now(), contact: boot.Now(), ended: make(chan struct{}), over: make(chan struct{})}
	r.lives = maxGrace + defaultTimeout
	if d := p.GetTimeout().AsDuration(); d > 0 {
		r.lives = maxGrace + d
	}
	return r
}

// Grew implements [executor.Running].
func (r *running) Grew() <-chan struct{} { return r.grew }

func (r *running) ring() {
	select {
	case r.grew <- struct{}{}:
	default:
	}
}

var errClosed = errors.New("the attempt was let go of")

// Wait implements [executor.Running].
func (r *running) Wait(ctx context.Context) error {
	select {
	case <-r.over:
		return nil
	case <-r.ended:
		select {
		case <-r.over:
			return nil
		default:
			return errClosed
		}
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// Close implements [executor.Running].
func (r *running) Close() {
	if r.stop != nil {
		r.stop()
		<-r.ended
	}
	r.drop()
}

// Cancel implements [executor.Running].
func (r *running) Cancel(ctx context.Context, grace time.Duration) error {
	s, err := r.session(ctx)
	if err == nil {
		_, err = s.hands.Stop(ctx, &runnerv1.StopRequest{Ref: r.ref, Grace: durationpb.New(grace)})
	}
	select {
	case <-r.over:
		return nil
	default:
	}
	if err != nil {
		return fmt.Errorf("cancel %s: %w", r.entry.Ref, err)
	}
	return nil
}

// Dial connects to the socket of the attempt's runner, through the connection to its
// server. It lasts no longer than that.
func (r *running) Dial(ctx context.Context) (net.Conn, error) {
	s, err := r.session(ctx)
	if err != nil {
		return nil, err
	}
	return resident.Dial(context.WithoutCancel(ctx), s.hands, r.ref)
}

// session returns a session with the server. Its errors are problems, unless ctx has
// ended.
func (r *running) session(ctx context.Context) (*session, error) {
	l, err := r.open(ctx)
	if err != nil {
		return nil, err
	}
	s, err := l.session(ctx)
	if errors.Is(err, ErrAuth) || errors.Is(err, ErrKey) || errors.Is(err, ErrCredentials) {
		r.drop() // the next time there may be another credential
	}
	if err == nil {
		r.touch()
	}
	return s, err
}

func (r *running) touch() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.contact = boot.Now()
}

// open returns the line to the server.
func (r *running) open(ctx context.Context) (*line, error) {
	r.mu.Lock()
	l := r.line
	r.mu.Unlock()
	if l != nil {
		return l, nil
	}
	credentials, err := r.x.credentials(ctx, r.entry.Ref)
	if err != nil {
		return nil, err
	}
	w, err := wayTo(r.server, credentials)
	if err != nil {
		return nil, err
	}
	l = r.x.line(w)
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.line != nil { // opened meanwhile
		l.leave()
		return r.line, nil
	}
	r.line = l
	return l, nil
}

func (r *running) drop() {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.line != nil {
		r.line.leave()
		r.line = nil
	}
}

// begin has the attempt started. It returns nil when it runs, and a problem when it
// is decided that it never does. An order whose answer is lost is not repeated:
// the server is asked, for as long as it takes, what became of it.
func (r *running) begin(ctx context.Context, s *session, in *runnerv1.StartRequest) error {
	timed, stop := context.WithTimeout(ctx, startLimit)
	defer stop()
	out, err := s.hands.Start(timed, in)
	switch {
	case err != nil:
		s.end()
		return r.settle(ctx)
	case out.GetClaim() != nil:
		return r.note(out.GetClaim())
	}
	refusal := out.GetRefusal()
	r.forget(ctx)
	return &problem.Problem{Code: clean(refusal.GetCode(), 64), Status: 503, Title: clean(refusal.GetTitle(), 200),
		Detail: clean(refusal.GetDetail(), 2000), Hint: clean(refusal.GetHint(), 500)}
}

// settle finds out whether an attempt has started, and sees to it that otherwise it
// never does.
func (r *running) settle(ctx context.Context) error {
	for n := 0; ; n++ {
		claim, err := r.ask(ctx)
		switch {
		case err == nil && claim != nil:
			return r.note(claim)
		case err == nil:
			return ErrNotStarted.With("the connection to the server broke while the script was being started")
		case ctx.Err() != nil:
			return context.Cause(ctx)
		case r.silent():
			return ErrSilent.With("The last thing known: %v", err)
		}
		if err := wait(ctx, pauseBefore(n, err)); err != nil {
			return err
		}
	}
}

// ask returns who runs the attempt, nil if nobody ever will.
func (r *running) ask(ctx context.Context) (*runnerv1.Claim, error) {
	s, err := r.session(ctx)
	if err != nil {
		return nil, err
	}
	timed, stop := context.WithTimeout(ctx, startLimit)
	defer stop()
	out, err := s.hands.Settle(timed, &runnerv1.SettleRequest{Ref: r.ref})
	return out.GetClaim(), err
}

// proof is what the entry keeps of the server's claim, in the file `server`.
type proof struct {
	BootID string `json:"boot_id"` // of the server
	PID    int32  `json:"pid"`     // there
}

func (r *running) note(c *runnerv1.Claim) error {
	b, err := json.Marshal(proof{BootID: clean(c.GetBootId(), 64), PID: c.GetPid()})
	if err == nil {
		err = os.WriteFile(r.entry.Path("server.tmp"), b, 0o600)
	}
	if err == nil {
		err = os.Rename(r.entry.Path("server.tmp"), r.entry.Path("server"))
	}
	if err != nil { // then it is asked for again
		r.x.cfg.Log.Warn("note that an attempt runs", "run", r.entry.Ref.RunID, "err", err)
	}
	return nil
}

func (r *running) proof() (proof, bool, error) {
	var p proof
	b, err := os.ReadFile(r.entry.Path("server"))
	if errors.Is(err, fs.ErrNotExist) {
		return p, false, nil
	}
	if err == nil {
		err = json.Unmarshal(b, &p)
	}
	return p, err == nil, err
}

// lead starts the goroutine that brings the attempt to its end. [running.Close] ends
// it.
func (r *running) lead(ctx context.Context) {
	ctx, r.stop = context.WithCancel(context.WithoutCancel(ctx))
	go func() {
		defer close(r.ended)
		exit, err := r.outcome(ctx)
		if err == nil {
			err = r.finish(ctx, exit)
		}
		if err != nil {
			return // ctx has ended
		}
		close(r.over)
		r.ring()
		if !errors.Is(known(exit), ErrSilent) && exit.Outcome != journal.NotStarted { // see package resident: a grave stays a while
			r.forget(ctx)
		}
	}()
}

// known is the problem of a result as an error.
func known(exit journal.Exit) error {
	if exit.Problem == nil {
		return nil
	}
	return &problem.Problem{Code: exit.Problem.Code}
}

// outcome follows the attempt over however many connections until there is a result.
// It returns an error only when ctx has ended.
func (r *running) outcome(ctx context.Context) (journal.Exit, error) {
	for n := 0; ; n++ {
		if exit, _, ok, err := r.entry.Exit(); ok && err == nil {
			return exit, nil
		}
		before, _ := segment.Whole(r.entry.Dir)
		exit, err := r.follow(ctx)
		if err == nil {
			return exit, nil
		}
		if ctx.Err() != nil {
			return exit, context.Cause(ctx)
		}
		if p := final(err); p != nil {
			return r.failure(p), nil
		}
		if r.silent() {
			return r.failure(ErrSilent.With("The last thing known: %v", err)), nil
		}
		if after, _ := segment.Whole(r.entry.Dir); after > before {
			n = 0
		}
		r.x.cfg.Log.InfoContext(ctx, "the connection to a script's server is gone; it runs on", "run", r.entry.Ref.RunID, "server", r.server.GetName(), "err", err)
		if err := wait(ctx, pauseBefore(n, err)); err != nil {
			return exit, err
		}
	}
}

// final returns the problem of an error after which nothing more will come.
func final(err error) *problem.Problem {
	p, ok := problem.As(err)
	if !ok {
		return nil
	}
	for _, end := range []*problem.Problem{ErrLost, ErrNonsense, ErrNotStarted, executor.ErrRebooted} {
		if errors.Is(p, end) {
			return p
		}
	}
	return nil
}

// silent reports whether the server was not reached for so long that nothing more is
// to be expected.
func (r *running) silent() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return boot.Now()-r.begun > r.lives+lostAfter && boot.Now()-r.contact > lostAfter
}

// failure is the result of an attempt that no runner has told.
func (r *running) failure(p *problem.Problem) journal.Exit {
	size, err := segment.Whole(r.entry.Dir)
	if err != nil {
		r.x.cfg.Log.Warn("read a log", "run", r.entry.Ref.RunID, "err", err)
	}
	exit := journal.Exit{Outcome: journal.Infrastructure, LogBytes: size, BootID: boot.ID(), EndedAt: boot.Now(), WallTime: r.x.cfg.Now().UTC(),
		Problem: &journal.Problem{Code: p.Code, Title: p.Title, Detail: p.Detail, Hint: p.Hint}}
	if errors.Is(p, ErrNotStarted) {
		exit.Outcome = journal.NotStarted
	}
	return exit
}

// finish writes the result, and returns when it is on disk. A disk that refuses it
// is tried until ctx ends.
func (r *running) finish(ctx context.Context, exit journal.Exit) error {
	if _, _, ok, err := r.entry.Exit(); ok && err == nil {
		return nil
	}
	for n := 0; ; n++ {
		err := r.entry.Finish(exit)
		if err == nil {
			err = r.entry.Sync()
		}
		if err == nil {
			return nil
		}
		r.x.cfg.Log.WarnContext(ctx, "write a result", "run", r.entry.Ref.RunID, "err", err)
		if err := wait(ctx, pauseBefore(n, err)); err != nil {
			return err
		}
	}
}

// forget has the attempt's copy on the server removed, now or when the server is
// reached the next time.
func (r *running) forget(ctx context.Context) {
	ctx, stop := context.WithTimeout(context.WithoutCancel(ctx), forgetTime)
	defer stop()
	for n := 0; ctx.Err() == nil; n++ {
		s, err := r.session(ctx)
		if err == nil {
			_, err = s.hands.Forget(ctx, &runnerv1.ForgetRequest{Ref: r.ref})
		}
		if err == nil || status.Code(err) == codes.FailedPrecondition {
			return
		}
		if errors.Is(err, errStopped) || wait(ctx, pauseBefore(n, err)) != nil {
			break
		}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.line != nil {
		r.line.forgetLater(r.ref)
	}
}

// pauseBefore is how long to wait after n failures in a row, with full jitter, or as
// long as the last one says.
func pauseBefore(n int, err error) time.Duration {
	if p, ok := problem.As(err); ok && p.RetryAfter > 0 {
		return p.RetryAfter + rand.N(time.Second)
	}
	return rand.N(min(maxWait, minWait<<min(n, 10)))
}

func wait(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-timer.C:
		return nil
	}
}
