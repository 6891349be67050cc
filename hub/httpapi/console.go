package httpapi

import (
	"context"
	"crypto/sha256"
	"encoding/hex"

	"github.com/google/uuid"

	"github.com/cronium/cronium/hub/authz"
	"github.com/cronium/cronium/hub/console"
)

func (a *API) consoleRoutes() []*route {
	return []*route{
		within("GET", "/consoles", authz.TerminalRead, doc{"listConsoles", "consoles", "List consoles, newest first, also those that have ended", 0}, handle(a.listConsoles)),
		within("POST", "/hosts/{host}/console-tickets", authz.TerminalOpen, doc{"openConsole", "consoles", "Make a ticket that opens a console on a host", 201}, handle(a.openConsole)),
		within("POST", "/consoles/{console}/tickets", authz.TerminalOpen, doc{"attachConsole", "consoles", "Make a ticket that leads back to a console of one's own", 201}, handle(a.attachConsole)),
		within("POST", "/consoles/{console}/watch-tickets", authz.TerminalObserve, doc{"watchConsole", "consoles", "Make a ticket that lets one watch a console", 201}, handle(a.watchConsole)),
		{method: "GET", pattern: base + "/console/ws", auth: signedIn, scope: scopeMessage, body: noBody, rate: rateRead, change: reads, raw: a.serveConsole},
	}
}

func (a *API) listConsoles(ctx context.Context, c *call, in *listConsolesInput) (*output[Page[Console]], error) {
	page, err := a.consoles.List(ctx, c.project.ID, console.Filter{Open: in.Open, Limit: in.Limit, Cursor: in.Cursor})
	if err != nil {
		return nil, err
	}
	list := make([]Console, len(page.Records))
	for i, r := range page.Records {
		list[i] = showConsole(c, r)
	}
	return pageOf(list, page.Next), nil
}

func (a *API) openConsole(ctx context.Context, c *call, in *HostPath) (*output[ConsoleTicket], error) {
	return showTicket(a.consoles.TicketToOpen(ctx, c.who(), c.project.ID, in.Host))
}

func (a *API) attachConsole(ctx context.Context, c *call, in *ConsolePath) (*output[ConsoleTicket], error) {
	id, err := consoleID(in.Console)
	if err != nil {
		return nil, err
	}
	return showTicket(a.consoles.TicketToAttach(ctx, c.who(), c.project.ID, id))
}

func (a *API) watchConsole(ctx context.Context, c *call, in *ConsolePath) (*output[ConsoleTicket], error) {
	id, err := consoleID(in.Console)
	if err != nil {
		return nil, err
	}
	return showTicket(a.consoles.TicketToWatch(ctx, c.who(), c.project.ID, id))
}

func consoleID(text string) (uuid.UUID, error) {
	id, err := uuid.Parse(text)
	if err != nil {
		return uuid.Nil, console.ErrNotFound.With("No such console")
	}
	return id, nil
}

// who is the caller as the consoles know them: with the login or the token that
// speaks for them, by its hash.
func (c *call) who() console.Who {
	speaks := "token:" + c.actor.TokenID
	if c.session != "" {
		sum := sha256.Sum256([]byte(c.session))
		speaks = "session:" + hex.EncodeToString(sum[:])
	}
	return console.Who{User: c.actor.UserID, Email: c.actor.Email, Binding: speaks, IP: c.addr.String()}
}

func showTicket(t console.Ticket, err error) (*output[ConsoleTicket], error) {
	if err != nil {
		return nil, err
	}
	return answer(ConsoleTicket{Ticket: t.Text, ExpiresAt: t.ExpiresAt.UTC()}), nil
}

func showConsole(c *call, r console.Record) Console {
	shown := Console{
		ID: r.ID.String(), Host: r.Host, User: r.Email, Mine: r.User == c.actor.UserID, IP: r.IP, OpenedAt: r.OpenedAt, ClosedAt: r.ClosedAt,
		BytesIn: r.BytesIn, BytesOut: r.BytesOut, Reason: string(r.Reason), Attached: r.Attached, Watchers: r.Watchers,
	}
	if r.ClosedAt != nil {
		took := r.ClosedAt.Sub(r.OpenedAt).Milliseconds()
		shown.DurationMS = &took
	}
	return shown
}
