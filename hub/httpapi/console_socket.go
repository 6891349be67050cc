package httpapi

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/coder/websocket"

	"github.com/cronium/cronium/hub/authz"
	"github.com/cronium/cronium/hub/console"
	"github.com/cronium/cronium/sdk/problem"
)

// A console's socket carries one shell. Binary messages are what is typed and what
// is printed, at most 64 KiB each; everything else is JSON in text messages:
//
//	client: hello (first, with the ticket), resize, close
//	hub:    attached (first), gap, notice, resize, error, closed or refused (last)
//
// The byte that comes next has an offset: attached and gap name it, and every byte
// counts one. A client that lost its socket asks for the one that it wants next.
// A refusal closes the socket with 4000 and the status of its problem.
const (
	helloWait   = 10 * time.Second
	closeBase   = 4000
	longestTerm = 64
)

// consoleCommand is what a client says.
type consoleCommand struct {
	Op     string `json:"op"`
	Ticket string `json:"ticket"`
	Offset *int64 `json:"offset"`
	Cols   int    `json:"cols"`
	Rows   int    `json:"rows"`
	Term   string `json:"term"`
}

// consoleEvent is what the hub says, but for what is printed.
type consoleEvent struct {
	Type string `json:"type"`

	// Of attached.
	Console string `json:"console,omitempty"`
	Host    string `json:"host,omitempty"`
	Owner   string `json:"owner,omitempty"`
	User    string `json:"user,omitempty"`
	Shell   string `json:"shell,omitempty"`
	Watches bool   `json:"watches,omitempty"`
	Idle    int    `json:"idle_s,omitempty"`
	Max     int    `json:"max_s,omitempty"`

	Offset  *int64 `json:"offset,omitempty"`
	Missing int64  `json:"missing,omitempty"`
	Cols    int    `json:"cols,omitempty"`
	Rows    int    `json:"rows,omitempty"`
	Notice  string `json:"notice,omitempty"`

	// Of closed.
	Reason string `json:"reason,omitempty"`
	Words  string `json:"words,omitempty"`
	Code   *int   `json:"code,omitempty"`
	Signal string `json:"signal,omitempty"`

	Problem *Problem `json:"problem,omitempty"`
}

// consoleSocket is one connection to one console.
type consoleSocket struct {
	api    *API
	call   *call
	conn   *websocket.Conn
	req    *http.Request
	needs  authz.Action
	grant  console.Grant
	at     *console.Attachment
	typing atomic.Bool // the shell does not read, so we do not either
}

// serveConsole upgrades and serves until either side has enough.
func (a *API) serveConsole(w http.ResponseWriter, r *http.Request) {
	c := callFrom(r.Context())
	leave, err := a.enterSocket(c, r)
	if err != nil {
		c.problem(r.Context(), err).write(w)
		return
	}
	defer leave()
	conn, err := websocket.Accept(w, r, &websocket.AcceptOptions{
		Subprotocols:       []string{subprotocol},
		InsecureSkipVerify: true, // checkSocketOrigin is stricter
		CompressionMode:    websocket.CompressionDisabled,
	})
	if err != nil {
		return // Accept has answered
	}
	conn.SetReadLimit(maxMessage)
	s := &consoleSocket{api: a, call: c, conn: conn, req: r}
	ctx := context.WithoutCancel(r.Context()) // a connection that was taken over has no end of its own
	if err := s.begin(ctx); err != nil {
		s.refuse(ctx, err)
		return
	}
	defer s.at.Leave()
	s.serve(ctx)
}

// begin reads the first message and does what its ticket is for.
func (s *consoleSocket) begin(ctx context.Context) error {
	hello, err := s.hello(ctx)
	if err != nil {
		return err
	}
	who := s.call.who()
	if s.grant, err = s.api.consoles.Redeem(hello.Ticket, who); err != nil {
		return err
	}
	s.needs = authz.TerminalOpen
	if s.grant.Watches() {
		s.needs = authz.TerminalObserve
	}
	if err := s.permitted(s.call.actor); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, handlerTimeout)
	defer cancel()
	s.at, err = s.api.consoles.Begin(ctx, s.grant, who, console.Request{
		Size: console.Size{Cols: hello.Cols, Rows: hello.Rows}, Term: clip(hello.Term, longestTerm), Offset: hello.Offset,
	})
	return err
}

// permitted is nil while somebody may be here.
func (s *consoleSocket) permitted(actor authz.Actor) error {
	if !actor.Sees(s.grant.Project()) {
		return console.ErrNotFound.With("No such console")
	}
	return actor.Check(s.needs, s.grant.Project())
}

func (s *consoleSocket) hello(ctx context.Context) (consoleCommand, error) {
	ctx, cancel := context.WithTimeout(ctx, helloWait)
	defer cancel()
	var hello consoleCommand
	kind, text, err := s.conn.Read(ctx)
	if err != nil {
		return hello, errHungUp
	}
	if kind != websocket.MessageText || json.Unmarshal(text, &hello) != nil || hello.Op != "hello" {
		return hello, ErrInvalidConsoleMessage.With("The first message must be hello")
	}
	return hello, nil
}

func (s *consoleSocket) serve(ctx context.Context) {
	ctx, cancel := context.WithCancelCause(ctx)
	var work sync.WaitGroup
	work.Go(func() { s.keepAlive(ctx, cancel) })
	work.Go(func() { s.recheck(ctx, cancel) })
	work.Go(func() { cancel(s.show(ctx)) })
	work.Go(func() {
		<-ctx.Done()
		s.closeFor(ctx, context.Cause(ctx))
	})
	cancel(s.listen(ctx))
	work.Wait()
}

// errShown ends a socket whose client was told everything.
var errShown = errors.New("the console has ended")

// show hands over what the session tells.
func (s *consoleSocket) show(ctx context.Context) error {
	info := s.at.Info()
	err := s.say(ctx, consoleEvent{
		Type: "attached", Console: info.Session.String(), Host: info.Host, Owner: info.Owner, User: info.User, Shell: info.Shell, Watches: info.Watches,
		Idle: int(info.Limits.Idle.Seconds()), Max: int(info.Limits.Max.Seconds()),
		Offset: &info.Offset, Missing: info.Missing, Cols: info.Size.Cols, Rows: info.Size.Rows,
	})
	for err == nil {
		var e console.Event
		if e, err = s.at.Next(ctx); err != nil {
			return err
		}
		err = s.tell(ctx, e)
		if e.Kind == console.Ended && err == nil {
			return errShown
		}
	}
	return errHungUp
}

func (s *consoleSocket) tell(ctx context.Context, e console.Event) error {
	switch e.Kind {
	case console.Printed:
		return s.write(ctx, websocket.MessageBinary, e.Data)
	case console.Gap:
		return s.say(ctx, consoleEvent{Type: "gap", Offset: &e.Offset, Missing: e.Missing})
	case console.Noticed:
		return s.say(ctx, consoleEvent{Type: "notice", Notice: e.Notice})
	case console.Resized:
		return s.say(ctx, consoleEvent{Type: "resize", Cols: e.Size.Cols, Rows: e.Size.Rows})
	}
	closed := consoleEvent{Type: "closed", Reason: string(e.End.Reason), Words: e.End.Reason.Words()}
	if e.End.Reason == console.Exited {
		closed.Code, closed.Signal = &e.End.Code, e.End.Signal
	}
	return s.say(ctx, closed)
}

// listen reads what the client says until the connection ends; see [socket.listen].
func (s *consoleSocket) listen(ctx context.Context) error {
	for {
		kind, data, err := s.conn.Read(context.WithoutCancel(ctx))
		if err != nil {
			return errHungUp
		}
		if kind == websocket.MessageBinary {
			s.typing.Store(true)
			err = s.at.Type(ctx, data)
			s.typing.Store(false)
		} else {
			err = s.obey(data)
		}
		switch {
		case ctx.Err() != nil:
			return context.Cause(ctx)
		case err != nil:
			_ = s.say(ctx, consoleEvent{Type: "error", Problem: s.call.problem(ctx, err)})
		}
	}
}

func (s *consoleSocket) obey(text []byte) error {
	var c consoleCommand
	if json.Unmarshal(text, &c) != nil {
		return ErrInvalidConsoleMessage
	}
	switch c.Op {
	case "resize":
		s.at.Resize(console.Size{Cols: c.Cols, Rows: c.Rows})
		return nil
	case "close":
		return s.at.HangUp()
	}
	return ErrInvalidConsoleMessage.With("op must be resize or close").At("op")
}

// keepAlive notices a client that is gone, and a hub that is closing. While input
// waits for the shell nobody reads the answer to a ping, so none is sent.
func (s *consoleSocket) keepAlive(ctx context.Context, cancel context.CancelCauseFunc) {
	tick := time.NewTicker(pingEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-s.api.closing:
			cancel(errClosing)
			return
		case <-tick.C:
		}
		if s.typing.Load() {
			continue
		}
		patience, done := context.WithTimeout(ctx, pingEvery)
		err := s.conn.Ping(patience)
		done()
		if err != nil && !s.typing.Load() {
			cancel(errHungUp)
			return
		}
	}
}

// recheck asks again, while the socket lasts, what was asked when it began. An owner
// who may not be here any more loses the shell, not only the sight of it.
func (s *consoleSocket) recheck(ctx context.Context, cancel context.CancelCauseFunc) {
	tick := time.NewTicker(s.api.cfg.Recheck)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		actor, err := s.api.again(ctx, s.call)
		reason := console.SignedOut
		if err == nil {
			reason, err = console.NotPermitted, s.permitted(actor)
		}
		if err == nil && !s.api.originIsOurs(s.call, s.req) {
			err = ErrCrossOrigin
		}
		if p, known := problem.As(err); known && p.Status < http.StatusInternalServerError {
			s.at.Revoke(reason)
			cancel(err)
			return
		}
	}
}

// closeFor tells the client why, as far as it still listens.
func (s *consoleSocket) closeFor(ctx context.Context, cause error) {
	switch {
	case errors.Is(cause, errClosing):
		_ = s.conn.Close(websocket.StatusGoingAway, "the hub is shutting down")
	case errors.Is(cause, errHungUp):
		_ = s.conn.CloseNow()
	case errors.Is(cause, errShown):
		_ = s.conn.Close(websocket.StatusNormalClosure, "")
	default:
		s.refuse(ctx, cause)
	}
}

// refuse tells a client the problem and closes the socket with its status.
func (s *consoleSocket) refuse(ctx context.Context, err error) {
	if errors.Is(err, errHungUp) {
		_ = s.conn.CloseNow()
		return
	}
	p := s.call.problem(context.WithoutCancel(ctx), err)
	_ = s.say(ctx, consoleEvent{Type: "refused", Problem: p})
	_ = s.conn.Close(websocket.StatusCode(closeBase+p.Status), p.Code)
}

func (s *consoleSocket) say(ctx context.Context, e consoleEvent) error {
	text, err := json.Marshal(e)
	if err != nil {
		return err
	}
	return s.write(ctx, websocket.MessageText, text)
}

// write uses the socket's time, not the caller's; see [socket.send].
func (s *consoleSocket) write(ctx context.Context, kind websocket.MessageType, data []byte) error {
	ctx, done := context.WithTimeout(context.WithoutCancel(ctx), sendTimeout)
	defer done()
	return s.conn.Write(ctx, kind, data)
}
