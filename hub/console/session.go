package console

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/google/uuid"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/cronium/cronium/hub/fleet"
	agentv1 "github.com/cronium/cronium/proto/agent/v1"
	"github.com/cronium/cronium/proto/wire"
)

const (
	openWait     = 10 * time.Second // for an agent to start a shell
	maxData      = 64 << 10         // of one message
	inputWindow  = 64 << 10         // typed and not yet taken by the terminal
	ackEvery     = 32 << 10         // output taken before the agent is told
	resizeEvery  = 100 * time.Millisecond
	mostWatchers = 5
)

// End is how a session ended.
type End struct {
	Reason Reason
	Code   int    // of the shell, when it exited
	Signal string // that ended the shell, when one did
}

// session is one shell.
type session struct {
	id      uuid.UUID
	project uuid.UUID
	host    string
	who     Who // its owner
	console *Console
	live    *fleet.Live
	stream  agentv1.AgentService_ConsoleClient
	cancel  context.CancelCauseFunc
	opened  time.Time // by the database
	user    string    // whom the shell runs as
	shell   string

	sending sync.Mutex    // guards Send
	room    chan struct{} // rings when input was taken
	resized chan struct{} // rings when another size is wanted

	mu       sync.Mutex
	ring     ring
	acked    int64 // output that the agent knows to be taken
	typed    int64
	taken    int64 // of what was typed
	size     Size
	clock    clock
	owner    *Attachment // nil: detached
	watchers map[*Attachment]struct{}
	end      *End // nil: it lives
}

// open begins a session: its row, then its shell.
func (c *Console) open(ctx context.Context, g Grant, who Who, r Request) (*session, error) {
	live, err := c.reach(ctx, g.agent, g.host)
	if err != nil {
		return nil, err
	}
	id, err := uuid.NewV7()
	if err != nil {
		return nil, fmt.Errorf("draw an id: %w", err)
	}
	s := &session{
		id: id, project: g.project, host: g.host, who: who, console: c, live: live,
		room: make(chan struct{}, 1), resized: make(chan struct{}, 1),
		size: r.Size.clamp(), watchers: map[*Attachment]struct{}{},
	}
	if err := c.insert(ctx, s); err != nil {
		return nil, err
	}
	if err := s.begin(ctx, r); err != nil {
		c.note(ctx, s, End{Reason: NotOpened}, 0, 0)
		return nil, err
	}
	c.log.InfoContext(ctx, "console opened", "session", id, "host", g.host, "by", who.Email, "ip", who.IP, "as", s.user)
	return s, nil
}

// begin asks the agent for a shell and starts what serves it, which outlives the
// request that wanted it.
func (s *session) begin(ctx context.Context, r Request) error {
	ctx, s.cancel = context.WithCancelCause(context.WithoutCancel(ctx))
	patience := time.AfterFunc(openWait, func() { s.cancel(ErrAgent.With("The agent did not answer within %s", openWait)) })
	opened, err := s.ask(ctx, r)
	if !patience.Stop() || err != nil {
		s.cancel(err)
		return s.explain(ctx, err)
	}
	s.user, s.shell = opened.GetUser(), opened.GetShell()
	now := s.console.config.Now()
	s.clock = clock{opened: now, active: now, detached: now}
	if err := s.console.add(s, func() { s.serve(ctx) }); err != nil {
		s.cancel(err)
		return err
	}
	return nil
}

func (s *session) ask(ctx context.Context, r Request) (*agentv1.ConsoleOpened, error) {
	var err error
	if s.stream, err = agentv1.NewAgentServiceClient(s.live.Conn()).Console(ctx); err != nil {
		return nil, err
	}
	err = s.stream.Send(&agentv1.ConsoleRequest{Kind: &agentv1.ConsoleRequest_Open{Open: &agentv1.ConsoleOpen{
		Cols: int32(s.size.Cols), Rows: int32(s.size.Rows), Term: clean(r.Term, 64), User: s.who.Email, Session: s.id.String(), //nolint:gosec // clamped
	}}})
	if err != nil {
		// The answer says why.
		_, err = s.stream.Recv()
		return nil, err
	}
	first, err := s.stream.Recv()
	if err != nil {
		return nil, err
	}
	if first.GetOpened() == nil {
		return nil, errAgentBroke.With("It did not say that it opened a shell")
	}
	o := first.GetOpened()
	return &agentv1.ConsoleOpened{User: clean(o.GetUser(), 64), Shell: clean(o.GetShell(), 128)}, nil
}

// explain is why there is no shell, in words for who wanted it.
func (s *session) explain(ctx context.Context, err error) error {
	if cause := context.Cause(ctx); errors.Is(cause, ErrAgent) {
		return cause
	}
	p := wire.Problem(err)
	switch {
	case p != nil && p.Code == ErrOff.Code:
		return ErrOff.With("The agent on %s does not open shells", s.host)
	case p != nil && p.Code == ErrTooMany.Code:
		return ErrTooMany.With("%s", p.Detail).Hinted("End one of the consoles on the host first.")
	case p != nil:
		return ErrAgent.With("%s: %s", p.Title, p.Detail).Hinted("%s", p.Hint)
	case status.Code(err) == codes.Unimplemented:
		return ErrOff.With("The agent on %s is too old to open shells", s.host).Hinted("Upgrade the agent, and start it with --console.")
	case status.Code(err) == codes.Unavailable:
		return ErrOffline.With("The connection to %s was lost", s.host)
	}
	return fmt.Errorf("open a console on %s: %w", s.host, err)
}

// serve is the life of a session.
func (s *session) serve(ctx context.Context) {
	var work sync.WaitGroup
	ctx, stop := context.WithCancel(ctx)
	work.Go(func() { s.keepTime(ctx) })
	work.Go(func() { s.passSizes(ctx) })
	s.finish(s.pump())
	stop()
	work.Wait()
	s.console.remove(s)
	s.mu.Lock()
	end, in, out := *s.end, s.typed, s.ring.end
	s.mu.Unlock()
	s.console.note(ctx, s, end, in, out)
	s.console.log.InfoContext(context.WithoutCancel(ctx), "console closed", "session", s.id, "host", s.host, "by", s.who.Email, "reason", end.Reason, "in", in, "out", out)
}

// pump takes what the agent says, until it says no more. It never waits for a
// reader: the agent stops when it is not told that its output was taken.
func (s *session) pump() End {
	for {
		in, err := s.stream.Recv()
		if err != nil {
			return End{Reason: HostLost}
		}
		switch kind := in.GetKind().(type) {
		case *agentv1.ConsoleResponse_Data:
			err = s.print(kind.Data)
		case *agentv1.ConsoleResponse_Taken:
			s.inputTaken(kind.Taken)
		case *agentv1.ConsoleResponse_Exit:
			return End{Reason: Exited, Code: int(kind.Exit.GetCode()), Signal: clean(kind.Exit.GetSignal(), 16)}
		default:
			err = errAgentBroke
		}
		if err != nil {
			s.console.log.Warn("agent broke the protocol of consoles", "session", s.id, "agent", s.live.AgentID, "err", err)
			return End{Reason: HostLost}
		}
	}
}

func (s *session) print(data []byte) error {
	s.mu.Lock()
	if len(data) > maxData || s.ring.end+int64(len(data))-s.acked > window {
		s.mu.Unlock()
		return errAgentBroke.With("It sent more than was taken")
	}
	s.ring.write(data)
	s.ringAll()
	s.mu.Unlock()
	s.acknowledge()
	return nil
}

// acknowledge tells the agent how much is taken: everything while nobody is there,
// else no more than what leaves the owner's next byte in the ring.
func (s *session) acknowledge() {
	s.mu.Lock()
	taken := s.ring.end
	if s.owner != nil {
		taken = min(taken, s.owner.next+Kept)
	}
	due := taken-s.acked >= ackEvery
	if due {
		s.acked = taken
	}
	s.mu.Unlock()
	if due {
		_ = s.send(&agentv1.ConsoleRequest{Kind: &agentv1.ConsoleRequest_Taken{Taken: taken}}) // Recv tells of the end
	}
}

func (s *session) inputTaken(n int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if n > s.taken && n <= s.typed {
		s.taken = n
		ringBell(s.room)
	}
}

// input types. It waits while the shell does not read.
func (s *session) input(ctx context.Context, data []byte) error {
	s.touch()
	for len(data) > 0 {
		n, err := s.reserve(ctx, len(data))
		if err != nil {
			return err
		}
		if err := s.send(&agentv1.ConsoleRequest{Kind: &agentv1.ConsoleRequest_Data{Data: data[:n]}}); err != nil {
			return nil //nolint:nilerr // it has ended, which the reader is told
		}
		data = data[n:]
	}
	return nil
}

// reserve returns how much of n bytes may be sent now; it waits for at least one.
func (s *session) reserve(ctx context.Context, n int) (int, error) {
	for {
		s.mu.Lock()
		free := int(inputWindow - (s.typed - s.taken))
		n = min(n, free)
		if n > 0 {
			s.typed += int64(n)
		}
		s.mu.Unlock()
		if n > 0 {
			return n, nil
		}
		select {
		case <-ctx.Done():
			return 0, context.Cause(ctx)
		case <-s.room:
		}
	}
}

// touch notes a sign of life of the owner.
func (s *session) touch() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.clock.active, s.clock.warnedIdle = s.console.config.Now(), false
}

// send is for everybody: a stream takes one message at a time. The agent always
// reads, so it does not take long.
func (s *session) send(m *agentv1.ConsoleRequest) error {
	s.sending.Lock()
	defer s.sending.Unlock()
	return s.stream.Send(m)
}

// want notes the size that the owner's terminal has now.
func (s *session) want(size Size) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.size == size {
		return
	}
	s.size = size
	for w := range s.watchers {
		w.tell(Event{Kind: Resized, Size: size})
	}
	ringBell(s.resized)
}

// passSizes tells the agent the last size that was wanted, at most ten times a
// second.
func (s *session) passSizes(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-s.resized:
		}
		s.mu.Lock()
		size := s.size
		s.mu.Unlock()
		_ = s.send(&agentv1.ConsoleRequest{Kind: &agentv1.ConsoleRequest_Resize{Resize: &agentv1.ConsoleSize{Cols: int32(size.Cols), Rows: int32(size.Rows)}}}) //nolint:gosec // clamped
		select {
		case <-ctx.Done():
			return
		case <-time.After(resizeEvery):
		}
	}
}

// keepTime holds the session against its limits.
func (s *session) keepTime(ctx context.Context) {
	limits := s.console.config.Limits
	tick := time.NewTicker(max(time.Millisecond, min(time.Second, limits.Idle/10, limits.Max/10)))
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		s.mu.Lock()
		end, warning := limits.due(s.console.config.Now(), &s.clock)
		if warning != "" && s.owner != nil {
			s.owner.tell(Event{Kind: Noticed, Notice: warning})
		}
		s.mu.Unlock()
		if end != "" {
			s.finish(End{Reason: end})
		}
	}
}

// finish ends the session, for the first reason that is given.
func (s *session) finish(end End) {
	s.mu.Lock()
	if s.end == nil {
		s.end = &end
		s.ringAll()
	}
	s.mu.Unlock()
	s.cancel(nil) // the agent ends what it has begun
}

// fill adds to a record what only we know.
func (s *session) fill(r *Record) {
	s.mu.Lock()
	defer s.mu.Unlock()
	r.BytesIn, r.BytesOut, r.Attached, r.Watchers = s.typed, s.ring.end, s.owner != nil, len(s.watchers)
}

// ringAll wakes every reader. The lock is held.
func (s *session) ringAll() {
	if s.owner != nil {
		ringBell(s.owner.bell)
	}
	for w := range s.watchers {
		ringBell(w.bell)
	}
}

func ringBell(bell chan struct{}) {
	select {
	case bell <- struct{}{}:
	default:
	}
}
