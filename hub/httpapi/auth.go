package httpapi

import (
	"net/http"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/cronium/cronium/hub/authz"
	"github.com/cronium/cronium/sdk/problem"
)

// The session cookie. On https its name makes the browser refuse it from any
// other host, path or scheme; plain http on loopback cannot have that name.
const (
	secureCookie = "__Host-sid"
	plainCookie  = "sid"
)

// sessionAge is how long a browser keeps the cookie; the hub forgets it earlier
// when it is idle.
const sessionAge = 7 * 24 * time.Hour

// authenticate finds out who asks. A token in the header wins over a cookie,
// because only a program sends one.
func (a *API) authenticate(r *route, c *call, _ http.ResponseWriter, req *http.Request) error {
	if r.auth == public {
		return nil
	}
	err := a.identify(r, c, req)
	if err == nil {
		return nil
	}
	// Who fails often is slowed down; who succeeds never is.
	if limited := a.take(rateLogin, "failed:"+c.source()); limited != nil && isUnauthenticated(err) {
		return limited
	}
	return err
}

func (a *API) identify(r *route, c *call, req *http.Request) (err error) {
	ctx := req.Context()
	if header := req.Header.Get("Authorization"); header != "" {
		token, ok := bearer(header)
		if !ok {
			return ErrUnauthenticated.With("Authorization must be Bearer and a token")
		}
		c.token = token
		c.actor, err = a.identity.ActorByToken(ctx, token)
		return err
	}
	cookie, err := req.Cookie(cookieName(c.secure))
	switch {
	case err != nil || cookie.Value == "":
		return ErrUnauthenticated.With("Sign in")
	case r.auth == tokenOnly:
		return ErrTokenNeeded
	}
	c.actor, err = a.identity.ActorBySession(ctx, cookie.Value)
	c.session = cookie.Value
	return err
}

func bearer(header string) (string, bool) {
	scheme, token, ok := strings.Cut(header, " ")
	return strings.TrimSpace(token), ok && strings.EqualFold(scheme, "Bearer")
}

func isUnauthenticated(err error) bool {
	p, ok := problem.As(err)
	return ok && p.Status == http.StatusUnauthorized
}

// authorise asks for the route's permission: 404 for a project that the caller
// may not know of, 403 for a verb that they may not do.
func (a *API) authorise(r *route, c *call, _ http.ResponseWriter, req *http.Request) (err error) {
	switch r.scope {
	case scopeProject:
		if c.project, err = a.projects.For(req.Context(), c.actor, req.PathValue("project")); err != nil {
			return err
		}
		return a.may(c, r.action)
	case scopeInstance:
		return c.actor.Check(r.action, uuid.Nil)
	}
	return nil
}

// may names the project by its slug, where authz knows only its id.
func (a *API) may(c *call, action authz.Action) error {
	if err := c.actor.Check(action, c.project.ID); err != nil {
		return authz.ErrForbidden.With("Needs permission %s in project %s", action, c.project.Slug)
	}
	return nil
}

// secure reports whether the browser speaks https to us or to the proxy that
// stands before us under the public URL.
func (a *API) secure(r *http.Request) bool {
	return r.TLS != nil || (a.publicURL != nil && a.publicURL.Scheme == "https" && hostOf(r.Host) == hostOf(a.publicURL.Host))
}

func cookieName(secure bool) string {
	if secure {
		return secureCookie
	}
	return plainCookie
}

// sessionCookie is the Set-Cookie of a session; an empty value ends it.
func sessionCookie(c *call, value string) string {
	cookie := &http.Cookie{
		Name: cookieName(c.secure), Value: value, Path: "/", MaxAge: int(sessionAge.Seconds()),
		HttpOnly: true, Secure: c.secure, SameSite: http.SameSiteLaxMode,
	}
	if value == "" {
		cookie.MaxAge = -1
	}
	return cookie.String()
}
