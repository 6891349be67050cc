package httpapi

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/cronium/cronium/hub/authz"
)

// authClass says which credentials open a route. The zero value opens nothing.
type authClass int

const (
	// public routes need no credentials. A test holds the list of them.
	public authClass = iota + 1
	// signedIn routes need a session cookie or an API token.
	signedIn
	// tokenOnly routes need an API token: machines call them.
	tokenOnly
)

// scope says whose permission is asked for.
type scope int

const (
	// scopeNone goes with public: nobody is asked.
	scopeNone scope = iota + 1
	// scopeSelf routes touch only what belongs to the caller.
	scopeSelf
	// scopeProject takes the project from {project} in the path.
	scopeProject
	// scopeInstance asks for a permission on the whole hub.
	scopeInstance
	// scopeMessage asks for every message on a socket, and again while it lasts.
	scopeMessage
)

// rateClass chooses the bucket that a request is counted against.
type rateClass int

const (
	// rateLogin is for guessing: few, by address.
	rateLogin rateClass = iota + 1
	// rateRead and rateWrite are by principal, or by address without one.
	rateRead
	rateWrite
	// rateProbe is not limited: load balancers ask often and cost nothing.
	rateProbe
)

// change says whether a request may change state. GET never does.
type change int

const (
	reads change = iota + 1
	changes
)

// Body limits. A route without a body refuses even one byte, but for the empty
// object that some clients send.
const (
	noBody    = 64
	smallBody = 64 << 10
	jobBody   = 3 << 20
	// A value of 64 KiB with space between its parts.
	variableBody = 128 << 10
)

// route is one line of the table: everything that is decided before a handler
// runs. The zero value of every field is refused at construction.
type route struct {
	method  string
	pattern string
	auth    authClass
	scope   scope
	action  authz.Action // needed with scopeProject and scopeInstance, refused otherwise
	body    int64        // most bytes of a request's body
	rate    rateClass
	change  change
	doc     *doc // nil: not part of the described API

	// Exactly one of these.
	typed typedHandler
	raw   http.HandlerFunc
}

// doc is how a route appears in the OpenAPI document.
type doc struct {
	id      string // "listJobs"
	tag     string // "jobs"
	summary string
	status  int // of success; 0 is 200, or 204 without a body
}

// typedHandler registers a handler with huma.
type typedHandler func(huma.API, huma.Operation)

// handle makes a typed handler of a method: decode, one call, encode.
func handle[I, O any](h func(context.Context, *call, *I) (*O, error)) typedHandler {
	return func(api huma.API, op huma.Operation) {
		huma.Register(api, op, func(ctx context.Context, in *I) (*O, error) {
			c := callFrom(ctx)
			out, err := h(ctx, c, in)
			if err != nil {
				return nil, c.problem(ctx, err)
			}
			return out, nil
		})
	}
}

// validate panics when the route is not fully declared, because a route is
// written by programmers and an undeclared one is a hole.
func (r *route) validate() {
	fail := func(why string) {
		panic(fmt.Sprintf("httpapi: route %s %s: %s", r.method, r.pattern, why))
	}
	needsAction := r.scope == scopeProject || r.scope == scopeInstance
	switch {
	case r.method == "" || !strings.HasPrefix(r.pattern, "/"):
		fail("needs a method and a pattern")
	case r.auth < public || r.auth > tokenOnly:
		fail("needs an auth class")
	case r.scope < scopeNone || r.scope > scopeMessage:
		fail("needs a scope")
	case (r.scope == scopeNone) != (r.auth == public):
		fail("public and no scope go together")
	case needsAction != (r.action != ""):
		fail("an action and a scope that asks for one go together")
	case (r.scope == scopeProject) != strings.Contains(r.pattern, "/{project}"):
		fail("{project} in the pattern and the project's scope go together")
	case r.body <= 0:
		fail("needs a body limit")
	case r.rate < rateLogin || r.rate > rateProbe:
		fail("needs a rate class")
	case r.change != reads && r.change != changes:
		fail("must say whether it changes state")
	case r.change == changes && (r.method == http.MethodGet || r.method == http.MethodHead):
		fail("a GET never changes state")
	case (r.typed == nil) == (r.raw == nil):
		fail("needs exactly one handler")
	case r.typed != nil && (r.doc == nil || r.doc.id == "" || r.doc.tag == "" || r.doc.summary == ""):
		fail("needs a description")
	}
}

// operation is the route as huma knows it. Limits and bodies are ours: by the
// time huma reads, the body is in memory and checked.
func (r *route) operation() huma.Operation {
	op := huma.Operation{
		Method:          r.method,
		Path:            r.pattern,
		OperationID:     r.doc.id,
		Tags:            []string{r.doc.tag},
		Summary:         r.doc.summary,
		DefaultStatus:   r.doc.status,
		MaxBodyBytes:    -1,
		BodyReadTimeout: -time.Second,
		Metadata:        map[string]any{routeKey: r},
	}
	switch r.auth {
	case signedIn:
		op.Security = []map[string][]string{{"session": {}}, {"token": {}}}
	case tokenOnly:
		op.Security = []map[string][]string{{"token": {}}}
	}
	if r.action != "" {
		op.Description = "Needs " + string(r.action) + "."
	}
	return op
}

const routeKey = "route"
