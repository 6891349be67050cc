package httpapi

import (
	"fmt"
	"net/http"
	"strings"

	"github.com/go-chi/chi/v5"

	"github.com/cronium/cronium/hub/authz"
)

// Route is a line of the table as the tests see it.
type Route struct {
	Method, Pattern string
	Public          bool
	TokenOnly       bool
	Project         bool
	Action          authz.Action
	Body            int64
	HasBody         bool
	Changes         bool
	Described       bool
}

// Table is the route table that was mounted.
func (a *API) Table() []Route {
	var table []Route
	for _, r := range a.mounted {
		table = append(table, Route{
			Method: r.method, Pattern: r.pattern, Public: r.auth == public, TokenOnly: r.auth == tokenOnly, Project: r.scope == scopeProject,
			Action: r.action, Body: r.body, HasBody: r.body != noBody, Changes: r.change == changes, Described: r.doc != nil,
		})
	}
	return table
}

// Lines is the table as text, for its golden file.
func (a *API) Lines() string {
	name := func(names ...string) func(int) string { return func(i int) string { return names[i] } }
	auth := name("", "public", "signed in", "token")
	scopes := name("", "-", "self", "project", "instance", "message")
	rates := name("", "login", "read", "write", "probe")
	does := name("", "reads", "changes")
	var b strings.Builder
	for _, r := range a.mounted {
		fmt.Fprintf(&b, "%-6s %-60s %-9s %-8s %-13s %7d %-5s %s\n", r.method, r.pattern, auth(int(r.auth)), scopes(int(r.scope)),
			string(r.action), r.body, rates(int(r.rate)), does(int(r.change)))
	}
	return b.String()
}

// Plant adds a route through the back door, as a careless change would.
func (a *API) Plant(method, pattern string, h http.HandlerFunc) { a.router.Method(method, pattern, h) }

// Unlisted returns the routes that can be reached but stand in no table.
func (a *API) Unlisted() []string {
	listed := map[string]bool{}
	for _, r := range a.mounted {
		listed[r.method+" "+r.pattern] = true
	}
	var found []string
	_ = chi.Walk(a.router, func(method, pattern string, _ http.Handler, _ ...func(http.Handler) http.Handler) error {
		if !listed[method+" "+pattern] {
			found = append(found, method+" "+pattern)
		}
		return nil
	})
	return found
}

// PatternOf is the pattern that a request would be routed to.
func (a *API) PatternOf(method, path string) string {
	return a.router.Find(chi.NewRouteContext(), method, path)
}

// MountIncomplete declares a route without a field and mounts it.
func MountIncomplete(forget string) {
	r := &route{method: "GET", pattern: "/x", auth: signedIn, scope: scopeSelf, body: noBody, rate: rateRead, change: reads,
		raw: func(http.ResponseWriter, *http.Request) {}}
	switch forget {
	case "method":
		r.method = ""
	case "auth":
		r.auth = 0
	case "scope":
		r.scope = 0
	case "body":
		r.body = 0
	case "rate":
		r.rate = 0
	case "change":
		r.change = 0
	case "handler":
		r.raw = nil
	case "action":
		r.scope = scopeInstance
	case "project":
		r.scope, r.action = scopeProject, authz.JobRead
	case "get that changes":
		r.change = changes
	}
	r.validate()
}

// Spec is the OpenAPI document.
func (a *API) Spec() []byte { return a.spec }

// Explain is how an error is shown.
var Explain = explain
