package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
	"time"

	"golang.org/x/term"

	"github.com/cronium/cronium/sdk/client"
	"github.com/cronium/cronium/sdk/cmd/cronium/internal/screen"
)

type consoleCmd struct {
	Host   string `arg:"" optional:"" predict:"host" help:"Host to open a shell on."`
	Attach string `placeholder:"ID" predict:"console" help:"Come back to a console that you have left."`
	Watch  string `placeholder:"ID" predict:"console" help:"Watch somebody's console, who is told."`
	Ls     bool   `name:"ls" help:"List the consoles that are open."`
	All    bool   `help:"With --ls: also those that have ended."`
}

func (consoleCmd) Help() string {
	return examples("cronium console web-1", "exit ends it; ~. at the beginning of a line leaves it open for 15 minutes",
		"cronium console --ls", "", "cronium console --attach 01990d6e-7a52-7c31-9c55-5d9f1f0c8a11", "from the byte that you saw last") +
		"\nThe exit code is that of the shell.\n"
}

func (c *consoleCmd) Run(a *app) error {
	given := 0
	for _, set := range []bool{c.Host != "", c.Attach != "", c.Watch != "", c.Ls} {
		if set {
			given++
		}
	}
	switch {
	case given == 0:
		return usage("Name one, or list what is open with --ls.", "the host is missing")
	case given > 1:
		return usage("Give one of them.", "a host, --attach, --watch and --ls exclude each other")
	case c.All && !c.Ls:
		return usage("Add --ls.", "--all goes with --ls")
	}
	hub, err := a.client()
	if err != nil {
		return err
	}
	if c.Ls {
		return c.list(a, hub)
	}
	return c.open(a, hub)
}

func (c *consoleCmd) list(a *app, hub *client.Client) error {
	page, err := hub.Consoles(a.ctx, a.Project, !c.All, client.Paging{Limit: 200})
	if err != nil {
		return err
	}
	return list(a, page, view[client.Console]{
		name: func(c client.Console) string { return c.ID },
		columns: []column{{Title: "id"}, {Title: "host", Flex: true}, {Title: "user", Flex: true}, {Title: "from"}, {Title: "created"},
			{Title: "state"}, {Title: "printed", Right: true}, {Title: "took", Right: true}},
		row: func(c client.Console) []cell {
			return []cell{text(c.ID), text(c.Host), text(c.User), text(c.IP), a.when(&c.OpenedAt), a.consoleState(c),
				{Text: byteSize(c.BytesOut)}, a.took(c.DurationMS)}
		},
		none: "No consoles are open in project " + a.Project + ". Open one with cronium console HOST.",
	})
}

func (a *app) consoleState(c client.Console) cell {
	switch {
	case c.Reason != "":
		return cell{Text: screen.Name(c.Reason), Style: screen.Dim}
	case c.Attached:
		return cell{Text: "attached", Style: screen.Good}
	}
	return cell{Text: "detached", Style: screen.Warn}
}

func (c *consoleCmd) open(a *app, hub *client.Client) error {
	in := int(os.Stdin.Fd())
	if !term.IsTerminal(in) || !term.IsTerminal(int(os.Stdout.Fd())) {
		return usage("Type it in a terminal. What needs no person is a job: cronium run.", "a console needs a terminal")
	}
	t := &terminal{app: a, hub: hub, id: c.Attach, watch: c.Watch != "", host: c.Host, keys: make(chan []byte)}
	if t.watch {
		t.id = c.Watch
	}
	conn, err := t.dial(a.ctx)
	if err != nil {
		return a.consoleMissing(err, c)
	}
	before, err := term.MakeRaw(in)
	if err != nil {
		conn.Close()
		return fmt.Errorf("put the terminal into raw mode: %w", err)
	}
	defer func() { _ = term.Restore(in, before) }()
	go t.readKeys(os.Stdin) // ends with the program: nobody can take a read of a terminal back
	end, err := t.stay(conn)
	_ = term.Restore(in, before)
	if err != nil {
		return a.consoleMissing(err, c)
	}
	return t.farewell(end)
}

func (a *app) consoleMissing(err error, c *consoleCmd) error {
	if c.Host != "" {
		return a.hostMissing(err, c.Host)
	}
	return err
}

// terminal is the user's own, on which a console is shown.
type terminal struct {
	*app
	hub   *client.Client
	host  string
	id    string // of the console, once it is known
	watch bool
	keys  chan []byte // typed
	seen  *int64      // offset of the byte that comes next, once something was seen
}

// How long a lost connection is tried again.
const (
	comeBackFor   = 2 * time.Minute
	comeBackEvery = time.Second
)

// errLeft is the user's wish.
var errLeft = errors.New("left")

// dial connects: to a new console, or to the one that there is.
func (t *terminal) dial(ctx context.Context) (*client.ConsoleConn, error) {
	ask := func() (client.ConsoleTicket, error) { return t.hub.OpenConsole(ctx, t.Project, t.host) }
	switch {
	case t.watch:
		ask = func() (client.ConsoleTicket, error) { return t.hub.WatchConsole(ctx, t.Project, t.id) }
	case t.id != "":
		ask = func() (client.ConsoleTicket, error) { return t.hub.AttachConsole(ctx, t.Project, t.id) }
	}
	ticket, err := ask()
	if err != nil {
		return nil, err
	}
	cols, rows := t.size()
	conn, err := t.hub.DialConsole(ctx, client.ConsoleHello{Ticket: ticket.Ticket, Cols: cols, Rows: rows, Term: t.env("TERM"), Offset: t.seen})
	if err != nil {
		return nil, err
	}
	first, err := conn.Next(ctx)
	if err != nil {
		conn.Close()
		return nil, err
	}
	t.id, t.host = first.Console, first.Host
	t.gap(first.Missing)
	if t.watch && t.seen == nil {
		t.say("You watch the console of %s on %s. ~. leaves.", first.Owner, first.Host)
	}
	return conn, nil
}

func (t *terminal) size() (cols, rows int) {
	cols, rows, err := term.GetSize(int(os.Stdout.Fd()))
	if err != nil {
		return 80, 24
	}
	return cols, rows
}

// stay shows the console until it ends, and comes back when the connection is lost.
// It returns nil when the user has left it.
func (t *terminal) stay(conn *client.ConsoleConn) (*client.ConsoleEvent, error) {
	for {
		end, err := t.show(conn)
		next := conn.Offset()
		t.seen = &next
		switch {
		case errors.Is(err, errLeft):
			return nil, nil
		case err == nil:
			return end, nil
		case t.ctx.Err() != nil:
			return nil, context.Cause(t.ctx)
		case !errors.Is(err, client.ErrUnreachable):
			return nil, err
		}
		if conn, err = t.comeBack(); err != nil {
			return nil, err
		}
	}
}

func (t *terminal) comeBack() (*client.ConsoleConn, error) {
	t.say("The connection is lost; trying again.")
	for until := t.now().Add(comeBackFor); ; {
		conn, err := t.dial(t.ctx)
		if err == nil {
			t.say("Connected again.")
			return conn, nil
		}
		if !errors.Is(err, client.ErrUnreachable) || t.now().After(until) {
			return nil, &hinted{err, "Come back to it with: cronium console --attach " + t.id}
		}
		select {
		case <-t.ctx.Done():
			return nil, context.Cause(t.ctx)
		case <-time.After(comeBackEvery):
		}
	}
}

// show is one connection. It returns how the console ended, errLeft when the user
// wants to go, or why the connection ended.
func (t *terminal) show(conn *client.ConsoleConn) (*client.ConsoleEvent, error) {
	ctx, cancel := context.WithCancelCause(t.ctx)
	var typing sync.WaitGroup
	typing.Go(func() {
		if err := t.send(ctx, conn); err != nil || ctx.Err() != nil {
			cancel(err)
			conn.Close()
		}
	})
	defer typing.Wait()
	defer cancel(nil)
	for {
		e, err := conn.Next(context.WithoutCancel(ctx))
		if cause := context.Cause(ctx); cause != nil {
			return nil, cause
		}
		if err != nil {
			return nil, err
		}
		if e.Type == "closed" {
			conn.Close()
			return &e, nil
		}
		if err := t.take(e); err != nil {
			conn.Close()
			return nil, err
		}
	}
}

func (t *terminal) take(e client.ConsoleEvent) error {
	switch e.Type {
	case "data":
		if _, err := os.Stdout.Write(e.Data); err != nil {
			return fmt.Errorf("write to the terminal: %w", err)
		}
	case "gap":
		t.gap(e.Missing)
	case "notice":
		t.say("%s", screen.Name(e.Notice))
	case "error":
		text, _ := words(e.Err())
		t.say("%s", screen.Name(text))
	}
	return nil
}

func (t *terminal) gap(missing int64) {
	if missing > 0 {
		t.say("%s of output are missing here: more came than is kept.", byteSize(missing))
	}
}

// say writes a line of our own into the console, in raw mode.
func (t *terminal) say(format string, args ...any) {
	fmt.Fprint(os.Stderr, "\r\n[cronium: "+fmt.Sprintf(format, args...)+"]\r\n")
}

// send passes on what is typed, and the size of the terminal, until ctx ends.
func (t *terminal) send(ctx context.Context, conn *client.ConsoleConn) error {
	bell, stop := resizes()
	defer stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-bell:
			cols, rows := t.size()
			if t.watch {
				continue
			}
			if err := conn.Resize(ctx, cols, rows); err != nil {
				return nil //nolint:nilerr // who reads is told why
			}
		case keys, open := <-t.keys:
			if !open {
				return errLeft
			}
			if t.watch {
				continue
			}
			if err := conn.Type(ctx, keys); err != nil {
				return nil //nolint:nilerr // who reads is told why
			}
		}
	}
}

// readKeys passes on what is typed until the user leaves.
func (t *terminal) readKeys(in io.Reader) {
	defer close(t.keys)
	var e escape
	buf := make([]byte, 32<<10)
	for {
		n, err := in.Read(buf)
		send, leave := e.filter(buf[:n])
		if len(send) > 0 {
			t.keys <- append([]byte(nil), send...)
		}
		if leave || err != nil {
			return
		}
	}
}

// farewell says how it ended, if that is not plain to see.
func (t *terminal) farewell(end *client.ConsoleEvent) error {
	switch {
	case end == nil && t.watch:
		t.Say("\nYou no longer watch.")
		return nil
	case end == nil:
		t.Say("\nThe console on %s stays for 15 minutes. Come back with: cronium console --attach %s", screen.Name(t.host), t.id)
		return nil
	case end.Code == nil:
		t.Complain("\nThe console has ended: %s.", screen.Name(end.Words))
		return &exitError{exitFailed}
	case *end.Code != 0:
		return &exitError{*end.Code}
	}
	return nil
}
