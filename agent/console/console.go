package console

import (
	"context"
	"log/slog"
	"sync"

	agentv1 "github.com/cronium/cronium/proto/agent/v1"
)

// Config says what there is.
type Config struct {
	Shells  Shells // nil: the console is off
	AgentID string
	Log     *slog.Logger
}

// Console serves shells to the hub.
type Console struct {
	cfg Config

	mu   sync.Mutex
	open int
}

// New returns a console. It serves once [Console.Run] runs.
func New(cfg Config) *Console { return &Console{cfg: cfg} }

// On reports whether shells can be opened.
func (c *Console) On() bool { return c.cfg.Shells != nil }

// Run ends what an earlier agent's consoles have left, also when the console is off
// now, and waits for the end of ctx. Shells end with the streams that they are on.
func (c *Console) Run(ctx context.Context) error {
	Sweep(c.cfg.AgentID)
	<-ctx.Done()
	return context.Cause(ctx)
}

// Serve opens one shell and serves it until it ends, the hub hangs up, or the
// stream breaks. Then nothing of it is left.
func (c *Console) Serve(stream agentv1.AgentService_ConsoleServer) error {
	open, err := opening(stream)
	if err != nil {
		return err
	}
	if !c.On() {
		return ErrOff
	}
	if err := c.enter(); err != nil {
		return err
	}
	defer c.leave()
	shell, err := c.cfg.Shells.Open(Request{Size: sizeOf(open.GetCols(), open.GetRows()), Term: open.GetTerm()})
	if err != nil {
		return err
	}
	user, program := shell.About()
	log := c.cfg.Log.With("session", open.GetSession(), "for", open.GetUser(), "user", user)
	log.InfoContext(stream.Context(), "console opened", "shell", program)
	l := newLine(stream, shell)
	exit, err := l.serve()
	log.InfoContext(context.WithoutCancel(stream.Context()), "console closed", "exit", exit.Code, "signal", exit.Signal, "err", err)
	return err
}

func opening(stream agentv1.AgentService_ConsoleServer) (*agentv1.ConsoleOpen, error) {
	first, err := stream.Recv()
	if err != nil {
		return nil, err
	}
	if first.GetOpen() == nil {
		return nil, ErrProtocol.With("the first message must be open")
	}
	return first.GetOpen(), nil
}

func sizeOf(cols, rows int32) Size { return Size{int(cols), int(rows)}.clamp() }

func (c *Console) enter() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.open == maxOpen {
		return ErrTooMany.With("This host has %d consoles open", c.open)
	}
	c.open++
	return nil
}

func (c *Console) leave() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.open--
}
