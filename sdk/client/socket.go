package client

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/coder/websocket"

	"github.com/cronium/cronium/sdk/problem"
)

const (
	subprotocol  = "cronium.v1"
	messageLimit = 8 << 20
	silence      = 50 * time.Second // the hub pings every 20 s
)

// subscription is what a socket is opened for; each has a socket of its own.
type subscription struct {
	Op      string `json:"op"`
	ID      int    `json:"id"`
	Topic   string `json:"topic"`
	Project string `json:"project"`
	Run     string `json:"run"`
	Attempt int    `json:"attempt,omitempty"`
	From    int64  `json:"from,omitempty"`
}

// message is anything that the hub says on a socket.
type message struct {
	Type    string      `json:"type"`
	Problem *answerBody `json:"problem"`

	Run *Run `json:"run"`

	From     int64   `json:"from"`
	At       []int64 `json:"at"` // milliseconds since 1970
	Streams  string  `json:"streams"`
	Text     string  `json:"text"`
	Open     bool    `json:"open"`
	Total    int64   `json:"total"`
	Complete bool    `json:"complete"`
}

// errEnded is the regular end of a subscription.
var errEnded = errors.New("subscription ended")

// stopped carries an error of the caller's own function out of a socket or a
// poll, unchanged.
type stopped struct{ err error }

func (s *stopped) Error() string { return s.err.Error() }
func (s *stopped) Unwrap() error { return s.err }

// subscribe opens a socket and hands every message of one subscription to fn.
// It returns errEnded, the hub's refusal, fn's error or why the socket broke.
func (c *Client) subscribe(ctx context.Context, sub subscription, fn func(message) error) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	watchdog := time.AfterFunc(silence, func() { cancel(fmt.Errorf("nothing heard for %s", silence)) })
	defer watchdog.Stop()

	conn, err := c.dialSocket(ctx, "/ws", func() { watchdog.Reset(silence) })
	if err != nil {
		return err
	}
	defer func() { _ = conn.CloseNow() }()
	sub.Op, sub.ID = "sub", 1
	text, err := json.Marshal(sub)
	if err != nil {
		return fmt.Errorf("encode the subscription: %w", err)
	}
	if err := conn.Write(ctx, websocket.MessageText, text); err != nil {
		return c.broken(ctx, err)
	}
	for {
		_, text, err := conn.Read(ctx)
		if err != nil {
			return c.broken(ctx, err)
		}
		watchdog.Reset(silence)
		var m message
		if err := json.Unmarshal(text, &m); err != nil {
			return ErrNotAHub.With("A message on the socket is not JSON: %v", err)
		}
		switch {
		case m.Type == "end":
			return errEnded
		case m.Type == "error" && m.Problem != nil:
			return m.Problem.problem(http.StatusBadRequest)
		}
		if err := fn(m); err != nil {
			return err
		}
	}
}

func (c *Client) dialSocket(ctx context.Context, path string, alive func()) (*websocket.Conn, error) {
	header := http.Header{}
	c.identify(header)
	conn, resp, err := websocket.Dial(ctx, c.base.String()+base+path, &websocket.DialOptions{ //nolint:bodyclose // Dial says that it need not be
		HTTPClient: c.http, HTTPHeader: header, Subprotocols: []string{subprotocol},
		OnPingReceived: func(context.Context, []byte) bool { alive(); return true },
	})
	seen := Exchange{Method: http.MethodGet, Path: base + path, Err: err}
	if resp != nil {
		seen.Status, seen.RequestID = resp.StatusCode, resp.Header.Get("X-Request-Id")
	}
	c.trace(seen)
	switch {
	case err == nil:
		conn.SetReadLimit(messageLimit)
		return conn, nil
	case resp != nil && resp.StatusCode >= 300:
		return nil, refusal(http.MethodGet, base+path, resp)
	}
	return nil, c.broken(ctx, err)
}

// hopeless reports whether asking again cannot help: the hub understood and
// refused, or the caller gave up.
func hopeless(ctx context.Context, err error) bool {
	if ctx.Err() != nil {
		return true
	}
	if _, ours := errors.AsType[*stopped](err); ours {
		return true
	}
	p, ok := problem.As(err)
	if !ok || errors.Is(err, ErrUnreachable) || errors.Is(err, ErrNotAHub) {
		return false
	}
	return p.Status < 500 && p.Status != http.StatusTooManyRequests
}
