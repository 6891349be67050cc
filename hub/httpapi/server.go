package httpapi

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/go-chi/chi/v5"
	"github.com/go-chi/chi/v5/middleware"
)

// Server is an HTTP server with the limits that this door wants. The caller owns
// the listener; after Shutdown, call [API.Close] for the sockets.
func (a *API) Server() *http.Server {
	return &http.Server{
		Handler:           a,
		ReadHeaderTimeout: 10 * time.Second,
		IdleTimeout:       2 * time.Minute,
		MaxHeaderBytes:    16 << 10,
		ErrorLog:          slog.NewLogLogger(a.log.Handler(), slog.LevelDebug),
		// Bodies and answers have deadlines of their own, so that a log can be
		// downloaded for longer than a login may take.
	}
}

// ServeHTTP gives every request an id, headers and a way to fail, then routes it.
func (a *API) ServeHTTP(w http.ResponseWriter, r *http.Request) { a.outer.ServeHTTP(w, r) }

// wrap is what surrounds the router.
func (a *API) wrap(router http.Handler, proxies []string) http.Handler {
	inner := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c := a.newCall(r)
		ctx := context.WithValue(r.Context(), callKey{}, c)
		r = r.WithContext(ctx)
		a.setHeaders(w.Header(), c)
		_ = http.NewResponseController(w).SetWriteDeadline(a.now().Add(writeTimeout))
		defer a.recover(w, r, c)
		if err := a.checkRequest(r); err != nil {
			c.problem(ctx, err).write(w)
			return
		}
		router.ServeHTTP(w, r)
	})
	if len(proxies) == 0 {
		return middleware.ClientIPFromRemoteAddr(inner)
	}
	return middleware.ClientIPFromXFF(proxies...)(inner)
}

// The policy of every answer but the dashboard's, which sets its own.
const contentPolicy = "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"

func (a *API) setHeaders(h http.Header, c *call) {
	h.Set("X-Request-Id", c.id)
	h.Set("X-Hub-Time", a.now().UTC().Format("2006-01-02T15:04:05.000Z07:00"))
	h.Set("Content-Security-Policy", contentPolicy)
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("Cross-Origin-Opener-Policy", "same-origin")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
	h.Set("Permissions-Policy", "camera=(), geolocation=(), microphone=(), payment=(), usb=()")
	h.Set("Cache-Control", "no-store")
	if c.secure {
		h.Set("Strict-Transport-Security", "max-age=31536000")
	}
}

// recover turns a panic into an internal error, logged once with its stack.
func (a *API) recover(w http.ResponseWriter, r *http.Request, c *call) {
	cause := recover()
	if cause == nil {
		return
	}
	if err, ok := cause.(error); ok && errors.Is(err, http.ErrAbortHandler) {
		panic(cause)
	}
	a.log.ErrorContext(r.Context(), "panic in a handler", "request", c.id, "panic", cause, "stack", string(debug.Stack()))
	shown(ErrInternal.With("Internal error, quote request id %s", c.id), c.id).write(w)
}

// checkRequest refuses hosts that are not ours, against DNS rebinding, and text
// that no name or parameter can hold.
func (a *API) checkRequest(r *http.Request) error {
	if !a.knownHost(r) {
		return ErrUnknownHost.With("This hub does not answer for the host in the request")
	}
	if !cleanText(r.URL.Path) {
		return ErrNotFound.With("No such path")
	}
	query, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return ErrInvalidParameter.With("The query cannot be read")
	}
	for name, values := range query {
		if !cleanText(name) || slices.ContainsFunc(values, func(v string) bool { return !cleanText(v) }) {
			return ErrInvalidParameter.With("A parameter contains invalid text")
		}
	}
	return nil
}

func cleanText(s string) bool { return utf8.ValidString(s) && !strings.ContainsRune(s, 0) }

// knownHost accepts the configured names, loopback names, and the address that
// the connection came in on: a page of another site can resolve its own name to
// our address, but cannot send our address as its name.
func (a *API) knownHost(r *http.Request) bool {
	host := hostOf(r.Host)
	if slices.Contains(a.knownHosts, host) || host == "localhost" || strings.HasSuffix(host, ".localhost") {
		return true
	}
	ip, err := netip.ParseAddr(host)
	if err != nil {
		return false
	}
	if ip.IsLoopback() {
		return true
	}
	local, ok := r.Context().Value(http.LocalAddrContextKey).(net.Addr)
	if !ok {
		return false
	}
	at, err := netip.ParseAddrPort(local.String())
	return err == nil && at.Addr().Unmap() == ip.Unmap()
}

// hostOf is a Host header without its port, in lower case.
func hostOf(hostport string) string {
	host := hostport
	if h, _, err := net.SplitHostPort(hostport); err == nil {
		host = h
	}
	return strings.TrimSuffix(strings.ToLower(strings.Trim(host, "[]")), ".")
}

// notFound and notAllowed are what the router says when the table has no line.
func (a *API) notFound(w http.ResponseWriter, r *http.Request) {
	c := callFrom(r.Context())
	c.problem(r.Context(), ErrNotFound.With("No such path")).write(w)
}

func (a *API) notAllowed(w http.ResponseWriter, r *http.Request) {
	var allowed []string
	for _, method := range []string{"GET", "POST", "PUT", "DELETE"} {
		pattern := a.router.Find(chi.NewRouteContext(), method, r.URL.Path)
		if pattern != "" && pattern != everythingElse {
			allowed = append(allowed, method)
		}
	}
	if len(allowed) == 0 && strings.HasPrefix(r.URL.Path, "/api") {
		a.notFound(w, r)
		return
	}
	if len(allowed) == 0 {
		allowed = []string{"GET"}
	}
	w.Header().Set("Allow", strings.Join(allowed, ", "))
	c := callFrom(r.Context())
	c.problem(r.Context(), ErrMethodNotAllowed.With("Use %s", strings.Join(allowed, " or "))).write(w)
}

// watched remembers the status of an answer.
type watched struct {
	http.ResponseWriter
	status int
}

func watch(w http.ResponseWriter) *watched { return &watched{ResponseWriter: w, status: http.StatusOK} }

func (w *watched) WriteHeader(status int) {
	w.status = status
	w.ResponseWriter.WriteHeader(status)
}

// Unwrap lets http.ResponseController and the WebSocket reach the connection.
func (w *watched) Unwrap() http.ResponseWriter { return w.ResponseWriter }

func statusClass(status int) string { return strconv.Itoa(status/100) + "xx" }
