package console

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"github.com/google/uuid"

	"github.com/cronium/cronium/hub/authz"
	"github.com/cronium/cronium/hub/fleet"
	"github.com/cronium/cronium/hub/postgres"
	"github.com/cronium/cronium/sdk/problem"
)

// Hosts knows where shells can be opened. *fleet.Fleet is one.
type Hosts interface {
	Agent(ctx context.Context, project uuid.UUID, name string) (fleet.Agent, error)
	Live(agent uuid.UUID) *fleet.Live
	Elsewhere(ctx context.Context, agent uuid.UUID) (bool, error)
	CheckEpoch(ctx context.Context, agent uuid.UUID, epoch int64) error
	HubID() uuid.UUID
}

// People knows what a user may do now. *identity.Store is one.
type People interface {
	ActorByUser(ctx context.Context, user uuid.UUID) (authz.Actor, error)
}

// Config says whom to ask. Hosts and People are required.
type Config struct {
	Hosts   Hosts
	People  People
	Limits  Limits
	Recheck time.Duration // how often an owner's right is asked for; default 5 s

	Now func() time.Time // default: time.Now
	Log *slog.Logger     // default: discard
}

// onLabel is what agents say when shells can be opened on their hosts.
const onLabel = "console"

// Console is the sessions of this replica.
type Console struct {
	db      *postgres.DB
	config  Config
	log     *slog.Logger
	tickets *tickets
	work    sync.WaitGroup // of sessions

	mu       sync.Mutex
	sessions map[uuid.UUID]*session
	closing  bool
}

// New returns a console without sessions, or [ErrLimits].
func New(db *postgres.DB, config Config) (*Console, error) {
	if config.Hosts == nil || config.People == nil {
		panic("console: Config needs Hosts and People")
	}
	if err := config.Limits.fill(); err != nil {
		return nil, err
	}
	if config.Recheck <= 0 {
		config.Recheck = 5 * time.Second
	}
	if config.Now == nil {
		config.Now = time.Now
	}
	if config.Log == nil {
		config.Log = slog.New(slog.DiscardHandler)
	}
	return &Console{db: db, config: config, log: config.Log, sessions: map[uuid.UUID]*session{}, tickets: newTickets()}, nil
}

// settleEvery is how often the table is searched for sessions of lost replicas.
const settleEvery = time.Minute

// Run keeps the rights of owners and the table true until ctx ends; then it ends
// all sessions and waits for them.
func (c *Console) Run(ctx context.Context) error {
	recheck, settle := time.NewTicker(c.config.Recheck), time.NewTicker(settleEvery)
	defer recheck.Stop()
	defer settle.Stop()
	defer c.stop()
	for {
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-recheck.C:
			c.recheck(ctx)
		case <-settle.C:
			if err := c.Settle(ctx); err != nil && ctx.Err() == nil {
				c.log.WarnContext(ctx, "settle consoles of lost replicas", "err", err)
			}
		}
	}
}

func (c *Console) stop() {
	c.mu.Lock()
	c.closing = true
	c.mu.Unlock()
	for _, s := range c.all() {
		s.finish(End{Reason: HubStopped})
	}
	c.work.Wait()
}

func (c *Console) all() []*session {
	c.mu.Lock()
	defer c.mu.Unlock()
	list := make([]*session, 0, len(c.sessions))
	for _, s := range c.sessions {
		list = append(list, s)
	}
	return list
}

// recheck ends the sessions whose owner may no longer have one. There are few
// owners at a time; a database that does not answer changes nothing meanwhile.
func (c *Console) recheck(ctx context.Context) {
	byOwner := map[uuid.UUID][]*session{}
	for _, s := range c.all() {
		byOwner[s.who.User] = append(byOwner[s.who.User], s)
	}
	for owner, list := range byOwner {
		actor, err := c.config.People.ActorByUser(ctx, owner)
		if err != nil && !refused(err) {
			c.log.WarnContext(ctx, "ask for the rights of an owner", "user", owner, "err", err)
			continue
		}
		for _, s := range list {
			if err != nil || actor.Check(authz.TerminalOpen, s.project) != nil {
				s.finish(End{Reason: NotPermitted})
			}
		}
	}
}

func refused(err error) bool {
	p, ok := problem.As(err)
	return ok && p.Status < 500
}

// reach returns the agent's connection to this replica.
func (c *Console) reach(ctx context.Context, agent uuid.UUID, host string) (*fleet.Live, error) {
	live := c.config.Hosts.Live(agent)
	if live != nil {
		if live.Labels[onLabel] != "true" {
			return nil, ErrOff.With("The agent on %s does not open shells", host)
		}
		return live, nil
	}
	elsewhere, err := c.config.Hosts.Elsewhere(ctx, agent)
	switch {
	case err != nil:
		return nil, err
	case elsewhere:
		return nil, ErrElsewhere.With("%s is connected to another replica than the one that you have reached", host)
	}
	return nil, ErrOffline.With("%s is not connected", host)
}

// Request is what somebody wants to see.
type Request struct {
	Size Size
	Term string // of a new shell; of terminfo
	// Offset is of the byte that is wanted next; nil: the oldest that is kept.
	Offset *int64
}

// Begin does what a grant is for: it opens a console, or attaches to one, or
// watches it.
func (c *Console) Begin(ctx context.Context, g Grant, who Who, r Request) (*Attachment, error) {
	if g.purpose == toOpen {
		s, err := c.open(ctx, g, who, r)
		if err != nil {
			return nil, err
		}
		return s.attach(who, r), nil
	}
	s, err := c.find(ctx, who, g)
	if err != nil {
		return nil, err
	}
	if g.purpose == toWatch {
		return s.watch(who, r)
	}
	return s.attach(who, r), nil
}

// find returns the session of a grant. One that is not the user's own, and not to
// be watched, is not there for them.
func (c *Console) find(ctx context.Context, who Who, g Grant) (*session, error) {
	c.mu.Lock()
	s := c.sessions[g.session]
	c.mu.Unlock()
	if s != nil && s.project == g.project {
		if !g.Watches() && s.who.User != who.User {
			c.log.WarnContext(ctx, "somebody asked for another's console", "session", s.id, "owner", s.who.Email, "by", who.Email, "ip", who.IP)
			return nil, ErrNotFound.With("You have no console %s", g.session)
		}
		return s, nil
	}
	return nil, c.explain(ctx, who, g)
}

// explain says why a session is not here.
func (c *Console) explain(ctx context.Context, who Who, g Grant) error {
	r, err := c.record(ctx, g.project, g.session)
	switch {
	case errors.Is(err, ErrNotFound) || err == nil && !g.Watches() && r.User != who.User:
		return ErrNotFound.With("You have no console %s", g.session)
	case err != nil:
		return err
	case r.ClosedAt != nil:
		return ErrEnded.With("It ended at %s: %s", r.ClosedAt.UTC().Format(time.RFC3339), r.Reason.Words())
	}
	return ErrElsewhere.With("The console is on another replica, or was lost with it")
}

// add makes a session findable and serves it, unless it is too late for that.
func (c *Console) add(s *session, serve func()) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closing {
		return ErrElsewhere.With("This replica is shutting down")
	}
	c.sessions[s.id] = s
	c.work.Go(serve)
	return nil
}

func (c *Console) remove(s *session) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.sessions, s.id)
}

// List returns a page of the record of a project, newest first, with what is known
// here of those that are open.
func (c *Console) List(ctx context.Context, project uuid.UUID, f Filter) (Page, error) {
	page, err := c.list(ctx, project, f)
	if err != nil {
		return Page{}, err
	}
	for i := range page.Records {
		r := &page.Records[i]
		c.mu.Lock()
		s := c.sessions[r.ID]
		c.mu.Unlock()
		if s != nil && r.ClosedAt == nil {
			s.fill(r)
		}
	}
	return page, nil
}
