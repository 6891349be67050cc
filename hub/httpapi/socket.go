package httpapi

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"sync"
	"time"

	"github.com/coder/websocket"

	"github.com/cronium/cronium/sdk/problem"
)

// Limits of the WebSocket. Nothing is queued for a client: each subscription
// reads its own source with its own cursor and waits for the connection, so a
// slow client costs what its subscriptions hold and delays nobody else.
const (
	subprotocol      = "cronium.v1"
	maxMessage       = 64 << 10 // from a client
	maxSubscriptions = 32
	maxSockets       = 32 // of one principal
	pingEvery        = 20 * time.Second
	recheckEvery     = 5 * time.Second
	sendTimeout      = 60 * time.Second
)

var (
	errClosing  = errors.New("the hub is shutting down")
	errHungUp   = errors.New("the client went away")
	errUnsubbed = errors.New("unsubscribed")
)

// command is what a client says.
type command struct {
	Op      string `json:"op"`
	ID      int64  `json:"id"`
	Topic   string `json:"topic"`
	Project string `json:"project"`
	Run     string `json:"run"`
	Attempt int    `json:"attempt"`
	From    int64  `json:"from"`
}

// event is what the hub says, but for log batches, which have their own shape.
type event struct {
	ID      int64         `json:"id"`
	Type    string        `json:"type"`
	Run     *Run          `json:"run,omitempty"`
	Runs    *[]RunSummary `json:"runs,omitempty"`
	Hosts   *[]Host       `json:"hosts,omitempty"`
	Problem *Problem      `json:"problem,omitempty"`
}

// socket is one connection and its subscriptions.
type socket struct {
	api  *API
	call *call
	conn *websocket.Conn

	mu   sync.Mutex
	subs map[int64]*subscription
	work sync.WaitGroup
}

type subscription struct {
	command
	call   call // with the project that was authorised
	cancel context.CancelCauseFunc
}

// serveSocket upgrades and serves until either side has enough.
func (a *API) serveSocket(w http.ResponseWriter, r *http.Request) {
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
	s := &socket{api: a, call: c, conn: conn, subs: map[int64]*subscription{}}
	s.serve(r.Context())
}

// enterSocket checks the origin and counts the socket.
func (a *API) enterSocket(c *call, r *http.Request) (leave func(), err error) {
	if !a.originIsOurs(c, r) {
		return nil, ErrCrossOrigin
	}
	return a.sockets.enter(c.principal())
}

// originIsOurs refuses a socket that another site's page opened. A browser
// always says where a page comes from; only a token may come without.
func (a *API) originIsOurs(c *call, r *http.Request) bool {
	origins := r.Header.Values("Origin")
	if len(origins) == 0 {
		return c.session == ""
	}
	origin, err := url.Parse(origins[0])
	if err != nil || len(origins) > 1 || origin.Host == "" || (origin.Scheme != "http" && origin.Scheme != "https") {
		return false
	}
	return origin.Host == r.Host || (a.publicURL != nil && origin.Host == a.publicURL.Host)
}

func (s *socket) serve(ctx context.Context) {
	ctx, cancel := context.WithCancelCause(ctx)
	s.work.Go(func() { s.keepAlive(ctx, cancel) })
	s.work.Go(func() { s.recheck(ctx, cancel) })
	s.work.Go(func() {
		<-ctx.Done()
		s.closeFor(context.Cause(ctx))
	})
	cancel(s.listen(ctx))
	s.work.Wait()
}

// closeFor tells the client why, as far as it still listens.
func (s *socket) closeFor(cause error) {
	switch {
	case errors.Is(cause, errClosing):
		_ = s.conn.Close(websocket.StatusGoingAway, "the hub is shutting down")
	case errors.Is(cause, errHungUp):
		_ = s.conn.CloseNow()
	default:
		_ = s.conn.Close(websocket.StatusPolicyViolation, "sign in again")
	}
}

// listen reads commands until the connection ends. The read itself is not
// cancelled: that would break the connection before the client is told why.
func (s *socket) listen(ctx context.Context) error {
	for {
		kind, text, err := s.conn.Read(context.WithoutCancel(ctx))
		if err != nil {
			return errHungUp
		}
		if err := s.api.take(rateRead, s.call.principal()); err != nil {
			s.fail(ctx, 0, err)
			continue
		}
		var c command
		if kind != websocket.MessageText || json.Unmarshal(text, &c) != nil {
			s.fail(ctx, 0, ErrInvalidMessage)
			continue
		}
		if err := s.obey(ctx, c); err != nil {
			s.fail(ctx, c.ID, err)
		}
	}
}

func (s *socket) obey(ctx context.Context, c command) error {
	switch c.Op {
	case "sub":
		return s.subscribe(ctx, c)
	case "unsub":
		s.drop(c.ID, errUnsubbed)
		return nil
	}
	return ErrInvalidMessage.With("op must be sub or unsub").At("op")
}

// subscribe authorises and starts a subscription.
func (s *socket) subscribe(ctx context.Context, c command) error {
	t, ok := topicNamed(c.Topic)
	if !ok {
		return ErrInvalidMessage.With("topic must be log, run, runs or hosts").At("topic")
	}
	sub := &subscription{command: c, call: *s.call}
	if err := s.api.authoriseTopic(ctx, &sub.call, t.action, c.Project); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, taken := s.subs[c.ID]; taken {
		return ErrInvalidMessage.With("id %d is in use", c.ID).At("id")
	}
	if len(s.subs) == maxSubscriptions {
		return ErrTooManySubscriptions.With("A socket has at most %d", maxSubscriptions)
	}
	ctx, sub.cancel = context.WithCancelCause(ctx)
	s.subs[c.ID] = sub
	s.work.Go(func() { s.follow(ctx, sub, t.follow) })
	return nil
}

// follow runs a subscription and says how it ended.
func (s *socket) follow(ctx context.Context, sub *subscription, serve func(*socket, context.Context, *subscription) error) {
	err := serve(s, ctx, sub)
	s.forget(sub)
	cause := context.Cause(ctx)
	switch {
	case errors.Is(cause, errUnsubbed), errors.Is(cause, errHungUp), errors.Is(cause, errClosing):
		return
	case cause != nil:
		err = cause // lost its permission
	}
	sub.cancel(nil)
	if err != nil {
		s.fail(context.WithoutCancel(ctx), sub.ID, err)
		return
	}
	_ = s.send(context.WithoutCancel(ctx), event{ID: sub.ID, Type: "end"})
}

func (s *socket) drop(id int64, cause error) {
	s.mu.Lock()
	sub := s.subs[id]
	s.mu.Unlock()
	if sub != nil {
		sub.cancel(cause)
	}
}

func (s *socket) forget(sub *subscription) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.subs[sub.ID] == sub {
		delete(s.subs, sub.ID)
	}
}

func (s *socket) active() []*subscription {
	s.mu.Lock()
	defer s.mu.Unlock()
	all := make([]*subscription, 0, len(s.subs))
	for _, sub := range s.subs {
		all = append(all, sub)
	}
	return all
}

// keepAlive notices a client that is gone, and a hub that is closing.
func (s *socket) keepAlive(ctx context.Context, cancel context.CancelCauseFunc) {
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
			if s.ping(ctx) != nil {
				cancel(errHungUp)
				return
			}
		}
	}
}

func (s *socket) ping(ctx context.Context) error {
	ctx, done := context.WithTimeout(ctx, pingEvery)
	defer done()
	return s.conn.Ping(ctx)
}

// recheck asks again, while the socket lasts, what was asked when it began: a
// role that was taken away takes effect within seconds.
func (s *socket) recheck(ctx context.Context, cancel context.CancelCauseFunc) {
	tick := time.NewTicker(s.api.cfg.Recheck)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		actor, err := s.api.again(ctx, s.call)
		if p, known := problem.As(err); known && p.Status == http.StatusUnauthorized {
			cancel(err)
			return
		}
		if err != nil {
			continue // the database is away: nothing new is read meanwhile
		}
		for _, sub := range s.active() {
			now := *s.call
			now.actor = actor
			t, _ := topicNamed(sub.Topic)
			if err := s.api.authoriseTopic(ctx, &now, t.action, sub.Project); isRefusal(err) {
				sub.cancel(err)
			}
		}
	}
}

func isRefusal(err error) bool {
	p, known := problem.As(err)
	return known && (p.Status == http.StatusForbidden || p.Status == http.StatusNotFound)
}

func (s *socket) fail(ctx context.Context, id int64, err error) {
	_ = s.send(ctx, event{ID: id, Type: "error", Problem: s.call.problem(ctx, err)})
}

// send hands a message to the connection. It uses the socket's time, not the
// subscription's: a write that is cut short would break the connection for all.
func (s *socket) send(ctx context.Context, message any) error {
	text, err := json.Marshal(message)
	if err != nil {
		return err
	}
	ctx, done := context.WithTimeout(context.WithoutCancel(ctx), sendTimeout)
	defer done()
	return s.conn.Write(ctx, websocket.MessageText, text)
}

// socketCount bounds the sockets of each principal and lets Close wait for all.
type socketCount struct {
	mu     sync.Mutex
	by     map[string]int
	closed bool
	open   sync.WaitGroup
	gauge  interface{ Add(float64) }
}

func (n *socketCount) enter(who string) (leave func(), err error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.closed {
		return nil, ErrNotReady.With("The hub is shutting down")
	}
	if n.by[who] >= maxSockets {
		return nil, ErrTooManyRequests.With("At most %d sockets at once", maxSockets).After(pingEvery)
	}
	n.by[who]++
	n.open.Add(1)
	n.gauge.Add(1)
	return func() { n.leave(who) }, nil
}

func (n *socketCount) leave(who string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.by[who]--; n.by[who] == 0 {
		delete(n.by, who)
	}
	n.gauge.Add(-1)
	n.open.Done()
}
