package fleet

import (
	"context"
	"net"
	"sync"
	"time"

	"github.com/google/uuid"
	"google.golang.org/grpc"
)

// Link is the connection below a session. *wire.Session is one.
type Link interface {
	Ping(ctx context.Context) error
	Client() *grpc.ClientConn
	RemoteAddr() net.Addr
	Done() <-chan struct{}
	Close(cause error)
}

// Live is the current session of an agent that is connected to this replica, and
// which attempts it has in hand: those given to it and not known to have ended.
type Live struct {
	AgentID   uuid.UUID
	ProjectID uuid.UUID
	Name      string
	Labels    map[string]string
	Epoch     int64
	Slots     int

	machine string
	remote  string
	link    Link
	freed   func()

	mu    sync.Mutex
	held  map[Attempt]time.Time // since when we believe so
	limit int                   // how many it takes, by its own last word

	wishes Wishes
}

// Attempt names one attempt, as a key.
type Attempt struct {
	RunID uuid.UUID
	Fence int64
}

// Conn is for calls to the agent.
func (l *Live) Conn() grpc.ClientConnInterface { return l.link.Client() }

// Done is closed when the session has ended.
func (l *Live) Done() <-chan struct{} { return l.link.Done() }

// Close ends the session.
func (l *Live) Close(cause error) { l.link.Close(cause) }

// Free is how many attempts the agent can take now; none while it is draining.
func (l *Live) Free() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.wishes.Draining {
		return 0
	}
	return max(0, l.limit-len(l.held))
}

// Held is how many attempts the agent has in hand.
func (l *Live) Held() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.held)
}

// Give notes attempts that are on their way to the agent.
func (l *Live) Give(at time.Time, attempts ...Attempt) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, a := range attempts {
		l.held[a] = at
	}
}

// Take notes attempts that the agent no longer has.
func (l *Live) Take(attempts ...Attempt) {
	l.mu.Lock()
	before := len(l.held)
	for _, a := range attempts {
		delete(l.held, a)
	}
	freed := len(l.held) < before
	l.mu.Unlock()
	if freed {
		l.freed()
	}
}

// settle is how long an attempt may be on its way before a heartbeat that does
// not name it means that the agent does not have it.
const settle = 5 * time.Second

// Correct weighs belief against the agent's own word: what it has, and how many
// more it takes. What it names and we do not believe in has ended, and its end and
// this heartbeat have crossed; whether it takes a slot is in free.
func (l *Live) Correct(now time.Time, held []Attempt, free int) {
	l.mu.Lock()
	before := l.limit - len(l.held)
	named := make(map[Attempt]bool, len(held))
	for _, a := range held {
		named[a] = true
	}
	agreed := 0
	for a, since := range l.held {
		switch {
		case named[a]:
			agreed++
		case now.Sub(since) > settle:
			delete(l.held, a)
		}
	}
	l.limit = min(l.Slots, max(0, free)+agreed)
	freed := l.limit-len(l.held) > before
	l.mu.Unlock()
	if freed {
		l.freed()
	}
}

// registry is all live sessions of this replica.
type registry struct {
	bell chan struct{} // capacity 1: somebody came, or has a slot more

	mu       sync.Mutex
	agents   map[uuid.UUID]*Live
	sessions map[*tracked]struct{}
}

// tracked is any connection with a certificate, control or data.
type tracked struct {
	agent  uuid.UUID
	serial string
	end    func(error)
}

func (r *registry) init() {
	r.bell = make(chan struct{}, 1)
	r.agents = map[uuid.UUID]*Live{}
	r.sessions = map[*tracked]struct{}{}
}

func (r *registry) ring() {
	select {
	case r.bell <- struct{}{}:
	default:
	}
}

func (r *registry) get(id uuid.UUID) *Live {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.agents[id]
}

// Join makes a session the agent's current one and ends the one before. held are
// the attempts that it brought along.
func (f *Fleet) Join(a Admitted, machine string, link Link, held []Attempt) *Live {
	l := &Live{
		AgentID: a.AgentID, ProjectID: a.ProjectID, Name: a.Name, Labels: a.Labels, Epoch: a.Epoch, Slots: a.Slots,
		machine: cleanText(machine, 64), remote: link.RemoteAddr().String(), link: link, freed: f.live.ring,
		held: make(map[Attempt]time.Time, len(held)), limit: a.Slots, wishes: a.Wishes,
	}
	l.Give(f.now(), held...)
	r := &f.live
	r.mu.Lock()
	before := r.agents[a.AgentID]
	if before != nil && before.Epoch > l.Epoch {
		r.mu.Unlock()
		link.Close(ErrEpoch)
		return l
	}
	r.agents[a.AgentID] = l
	r.mu.Unlock()
	if before != nil {
		before.Close(ErrEpoch)
	}
	f.Seen(l)
	r.ring()
	return l
}

// Leave ends what Join began, if the session is still the current one.
func (f *Fleet) Leave(ctx context.Context, l *Live) {
	r := &f.live
	r.mu.Lock()
	current := r.agents[l.AgentID] == l
	if current {
		delete(r.agents, l.AgentID)
	}
	r.mu.Unlock()
	if !current {
		return
	}
	f.seen.forget(l)
	// If this is lost, silence says the same a little later.
	if err := f.queries().Disconnected(ctx, l.AgentID, l.Epoch); err != nil {
		f.log.WarnContext(ctx, "note disconnect", "agent", l.AgentID, "err", err)
	}
	f.config.Changed()
}

// Connected returns the sessions of this replica.
func (f *Fleet) Connected() []*Live {
	r := &f.live
	r.mu.Lock()
	defer r.mu.Unlock()
	out := make([]*Live, 0, len(r.agents))
	for _, l := range r.agents {
		out = append(out, l)
	}
	return out
}

// Live returns the agent's session on this replica, or nil.
func (f *Fleet) Live(agent uuid.UUID) *Live { return f.live.get(agent) }

// Bell rings when an agent came or can take more. Dispatch alone listens.
func (f *Fleet) Bell() <-chan struct{} { return f.live.bell }
