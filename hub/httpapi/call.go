package httpapi

import (
	"context"
	"log/slog"
	"net/http"
	"net/netip"

	"github.com/go-chi/chi/v5/middleware"
	"github.com/google/uuid"

	"github.com/cronium/cronium/hub/authz"
	"github.com/cronium/cronium/hub/project"
)

// call is what is known of one request: by whom, from where, under which id. The
// guard fills it in; handlers read it.
type call struct {
	id      string
	addr    netip.Addr
	agent   string // User-Agent
	host    string // under which we were asked: one that we answer for
	secure  bool   // the browser is on https
	log     *slog.Logger
	actor   authz.Actor
	session string // value of the session cookie, if it was used
	token   string // the API token, if it was used
	project project.Project
}

type callKey struct{}

// callFrom returns the call of a request's context. Huma's handlers get only a
// context, so this is the one thing that travels in it besides the trace.
func callFrom(ctx context.Context) *call {
	c, ok := ctx.Value(callKey{}).(*call)
	if !ok {
		panic("httpapi: a request without a call")
	}
	return c
}

func (a *API) newCall(r *http.Request) *call {
	id := uuid.Must(uuid.NewV7()).String()
	return &call{
		id: id, agent: clip(r.UserAgent(), 256), host: r.Host, secure: a.secure(r), log: a.log,
		addr: clientAddr(r),
	}
}

// clientAddr is set by the middleware that knows which proxies are trusted.
func clientAddr(r *http.Request) netip.Addr {
	addr, _ := netip.ParseAddr(middleware.GetClientIP(r.Context()))
	return addr
}

// problem is err as this call shows it.
func (c *call) problem(ctx context.Context, err error) *Problem {
	return explain(ctx, c.log, err, c.id)
}

// source is whom a request without a principal is counted against: its address,
// or the network of it, because an IPv6 client has a whole /64.
func (c *call) source() string {
	bits := 32
	if c.addr.Is6() {
		bits = 64
	}
	prefix, err := c.addr.Prefix(bits)
	if err != nil {
		return "unknown"
	}
	return prefix.String()
}

// principal is whom a request is counted against.
func (c *call) principal() string {
	switch {
	case c.actor.TokenID != "":
		return "token:" + c.actor.TokenID
	case c.actor.UserID != uuid.Nil:
		return "user:" + c.actor.UserID.String()
	}
	return c.source()
}

func clip(s string, most int) string {
	if len(s) > most {
		return s[:most]
	}
	return s
}
