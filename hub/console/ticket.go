package console

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"sync"
	"time"

	"github.com/google/uuid"

	"github.com/cronium/cronium/hub/fleet"
)

const (
	ticketLife = 30 * time.Second
	mostOfOne  = 20    // tickets of one user that are not used yet
	mostOfAll  = 4_000 //
)

// Who is somebody at the door.
type Who struct {
	User    uuid.UUID
	Email   string
	Binding string // names the login or token that speaks for the user
	IP      string
}

type purpose int

const (
	toOpen purpose = iota + 1
	toAttach
	toWatch
)

// Grant is what a ticket was made for.
type Grant struct {
	purpose purpose
	project uuid.UUID
	agent   uuid.UUID // to open
	host    string
	session uuid.UUID // to attach and to watch
}

// Project is where the right to use the grant must be held.
func (g Grant) Project() uuid.UUID { return g.project }

// Watches reports whether it only lets one watch.
func (g Grant) Watches() bool { return g.purpose == toWatch }

// Ticket is what lets somebody in once.
type Ticket struct {
	Text      string
	ExpiresAt time.Time
}

type issued struct {
	grant   Grant
	user    uuid.UUID
	binding string
	expires time.Time
}

// tickets are those that nobody has used yet, by the hash of their text.
type tickets struct {
	mu  sync.Mutex
	all map[[sha256.Size]byte]issued
}

func newTickets() *tickets { return &tickets{all: map[[sha256.Size]byte]issued{}} }

func (t *tickets) issue(now time.Time, who Who, g Grant) (Ticket, error) {
	raw := make([]byte, 32)
	_, _ = rand.Read(raw) // never fails
	text := base64.RawURLEncoding.EncodeToString(raw)
	t.mu.Lock()
	defer t.mu.Unlock()
	own := 0
	for key, i := range t.all {
		if !i.expires.After(now) {
			delete(t.all, key)
		} else if i.user == who.User {
			own++
		}
	}
	if own >= mostOfOne || len(t.all) >= mostOfAll {
		return Ticket{}, ErrTooManyTickets.With("You have %d that are not used", own).After(ticketLife)
	}
	i := issued{grant: g, user: who.User, binding: who.Binding, expires: now.Add(ticketLife)}
	t.all[sha256.Sum256([]byte(text))] = i
	return Ticket{Text: text, ExpiresAt: i.expires}, nil
}

// redeem uses a ticket up, whether or not it is the right one.
func (t *tickets) redeem(now time.Time, text string, who Who) (Grant, error) {
	key := sha256.Sum256([]byte(text))
	t.mu.Lock()
	defer t.mu.Unlock()
	i, ok := t.all[key]
	delete(t.all, key)
	if !ok || !i.expires.After(now) || i.user != who.User || i.binding != who.Binding {
		return Grant{}, ErrTicket
	}
	return i.grant, nil
}

// TicketToOpen lets somebody open a console on a host, if that is possible now.
func (c *Console) TicketToOpen(ctx context.Context, who Who, project uuid.UUID, host string) (Ticket, error) {
	agent, err := c.config.Hosts.Agent(ctx, project, host)
	if err != nil {
		return Ticket{}, err
	}
	if agent.State == fleet.Revoked {
		return Ticket{}, fleet.ErrNotFound.With("host %q was removed", host)
	}
	if _, err := c.reach(ctx, agent.ID, agent.Name); err != nil {
		return Ticket{}, err
	}
	return c.tickets.issue(c.config.Now(), who, Grant{purpose: toOpen, project: project, agent: agent.ID, host: agent.Name})
}

// TicketToAttach lets the owner of a session come back to it.
func (c *Console) TicketToAttach(ctx context.Context, who Who, project, session uuid.UUID) (Ticket, error) {
	return c.ticketFor(ctx, who, project, session, toAttach)
}

// TicketToWatch lets somebody else watch a session.
func (c *Console) TicketToWatch(ctx context.Context, who Who, project, session uuid.UUID) (Ticket, error) {
	return c.ticketFor(ctx, who, project, session, toWatch)
}

func (c *Console) ticketFor(ctx context.Context, who Who, project, session uuid.UUID, p purpose) (Ticket, error) {
	g := Grant{purpose: p, project: project, session: session}
	if _, err := c.find(ctx, who, g); err != nil {
		return Ticket{}, err
	}
	return c.tickets.issue(c.config.Now(), who, g)
}

// Redeem returns what a ticket lets its owner do, once. Whatever is wrong with it,
// the answer is [ErrTicket].
func (c *Console) Redeem(text string, who Who) (Grant, error) {
	return c.tickets.redeem(c.config.Now(), text, who)
}
