package client

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/coder/websocket"
)

// Console is a shell that somebody has or had on a host.
type Console struct {
	ID         string     `json:"id"`
	Host       string     `json:"host"`
	User       string     `json:"user"` // e-mail of its owner
	Mine       bool       `json:"mine"`
	IP         string     `json:"ip"`
	OpenedAt   time.Time  `json:"opened_at"`
	ClosedAt   *time.Time `json:"closed_at,omitempty"`
	DurationMS *int64     `json:"duration_ms,omitempty"` // once it has ended
	BytesIn    int64      `json:"bytes_in"`
	BytesOut   int64      `json:"bytes_out"`
	Reason     string     `json:"reason,omitempty"` // why it ended
	Attached   bool       `json:"attached"`         // its owner is there
	Watchers   int        `json:"watchers"`
}

// ConsoleTicket lets its owner onto a console once, within half a minute.
type ConsoleTicket struct {
	Ticket    string    `json:"ticket"`
	ExpiresAt time.Time `json:"expires_at"`
}

// Consoles lists consoles, newest first; with open only those that have not ended.
func (c *Client) Consoles(ctx context.Context, project string, open bool, p Paging) (Page[Console], error) {
	r := get("projects", project, "consoles")
	if r.query = p.query(); open {
		r.query.Set("open", "true")
	}
	return page[Console](ctx, c, r)
}

// OpenConsole makes a ticket that opens a console on a host.
func (c *Client) OpenConsole(ctx context.Context, project, host string) (ConsoleTicket, error) {
	return c.consoleTicket(ctx, hosts(project, host, "console-tickets"))
}

// AttachConsole makes a ticket that leads back to a console of one's own.
func (c *Client) AttachConsole(ctx context.Context, project, id string) (ConsoleTicket, error) {
	return c.consoleTicket(ctx, []string{"projects", project, "consoles", id, "tickets"})
}

// WatchConsole makes a ticket that lets one watch somebody's console.
func (c *Client) WatchConsole(ctx context.Context, project, id string) (ConsoleTicket, error) {
	return c.consoleTicket(ctx, []string{"projects", project, "consoles", id, "watch-tickets"})
}

func (c *Client) consoleTicket(ctx context.Context, path []string) (ConsoleTicket, error) {
	var t ConsoleTicket
	return t, c.call(ctx, request{method: http.MethodPost, path: path}, &t)
}

// ConsoleHello says how one comes to a console.
type ConsoleHello struct {
	Ticket     string
	Cols, Rows int
	Term       string // of a new shell, as in $TERM
	Offset     *int64 // of the byte that is wanted next; nil: the oldest that is kept
}

// ConsoleEvent is what one is told.
type ConsoleEvent struct {
	// Type is attached (first), data, gap, notice, resize, error or closed (last).
	Type string `json:"type"`
	Data []byte `json:"-"` // printed

	Console string `json:"console"` // id
	Host    string `json:"host"`
	Owner   string `json:"owner"` // e-mail
	User    string `json:"user"`  // whom the shell runs as
	Shell   string `json:"shell"`
	Watches bool   `json:"watches"`
	IdleS   int    `json:"idle_s"` // without a key pressed, after which it ends
	MaxS    int    `json:"max_s"`  // after which it ends

	Offset  int64  `json:"offset"`  // of the byte that comes next
	Missing int64  `json:"missing"` // bytes that are gone
	Cols    int    `json:"cols"`
	Rows    int    `json:"rows"`
	Notice  string `json:"notice"`

	Reason string `json:"reason"` // why it was closed
	Words  string `json:"words"`  // the same for people
	Code   *int   `json:"code"`   // the shell's exit code
	Signal string `json:"signal"` // that ended the shell

	Problem *answerBody `json:"problem"`
}

// Err is the problem of an error, else nil.
func (e ConsoleEvent) Err() error {
	if e.Problem == nil {
		return nil
	}
	return e.Problem.problem(http.StatusBadRequest)
}

// ConsoleConn is a connection to a console. Next is for one goroutine; the other
// methods may be called concurrently.
type ConsoleConn struct {
	client *Client
	conn   *websocket.Conn
	next   atomic.Int64
}

// DialConsole connects. What the hub refuses, Next returns.
func (c *Client) DialConsole(ctx context.Context, h ConsoleHello) (*ConsoleConn, error) {
	conn, err := c.dialSocket(ctx, "/console/ws", func() {})
	if err != nil {
		return nil, err
	}
	cc := &ConsoleConn{client: c, conn: conn}
	hello := map[string]any{"op": "hello", "ticket": h.Ticket, "cols": h.Cols, "rows": h.Rows, "term": h.Term}
	if h.Offset != nil {
		hello["offset"] = *h.Offset
	}
	if err := cc.say(ctx, hello); err != nil {
		_ = conn.CloseNow()
		return nil, err
	}
	return cc, nil
}

// Offset is of the byte that comes next: what to ask for after a loss.
func (cc *ConsoleConn) Offset() int64 { return cc.next.Load() }

// Next waits for what comes next. A refusal of the hub is an error, and so is the
// loss of the connection, [ErrUnreachable], after which one may come back.
func (cc *ConsoleConn) Next(ctx context.Context) (ConsoleEvent, error) {
	kind, data, err := cc.conn.Read(ctx)
	if err != nil {
		return ConsoleEvent{}, cc.client.broken(ctx, err)
	}
	if kind == websocket.MessageBinary {
		cc.next.Add(int64(len(data)))
		return ConsoleEvent{Type: "data", Data: data}, nil
	}
	var e ConsoleEvent
	if err := json.Unmarshal(data, &e); err != nil {
		return e, ErrNotAHub.With("A message on the socket is not JSON: %v", err)
	}
	switch {
	case e.Type == "attached" || e.Type == "gap":
		cc.next.Store(e.Offset)
	case e.Type == "refused" && e.Problem != nil:
		return e, e.Problem.problem(e.Problem.Status)
	}
	return e, nil
}

// Type sends what was typed. It waits while the shell does not read.
func (cc *ConsoleConn) Type(ctx context.Context, data []byte) error {
	for len(data) > 0 {
		n := min(len(data), 32<<10)
		if err := cc.conn.Write(ctx, websocket.MessageBinary, data[:n]); err != nil {
			return cc.client.broken(ctx, err)
		}
		data = data[n:]
	}
	return nil
}

// Resize tells how large the terminal is now, in characters.
func (cc *ConsoleConn) Resize(ctx context.Context, cols, rows int) error {
	return cc.say(ctx, map[string]any{"op": "resize", "cols": cols, "rows": rows})
}

// HangUp ends the shell and everything begun in it.
func (cc *ConsoleConn) HangUp(ctx context.Context) error {
	return cc.say(ctx, map[string]any{"op": "close"})
}

// Close detaches: the shell stays for a quarter of an hour.
func (cc *ConsoleConn) Close() { _ = cc.conn.Close(websocket.StatusNormalClosure, "") }

func (cc *ConsoleConn) say(ctx context.Context, v any) error {
	text, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("encode a message: %w", err)
	}
	if err := cc.conn.Write(ctx, websocket.MessageText, text); err != nil {
		return cc.client.broken(ctx, err)
	}
	return nil
}
