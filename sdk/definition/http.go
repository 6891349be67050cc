package definition

import (
	"fmt"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/cronium/cronium/sdk/request"
)

// http reads the request of an HTTP job. What a schema cannot say, the request's
// own rules do.
func (r *reader) http(n *yaml.Node, at string) *request.Request {
	q := &request.Request{}
	r.object(n, at, fields{
		"method":    r.oneOf(&q.Method, request.Methods()...),
		"url":       r.text(&q.URL, request.MaxURL),
		"query":     r.texts(&q.Query, paramName, headerText, request.MaxHeaders),
		"headers":   r.texts(&q.Headers, headerName, headerText, request.MaxHeaders),
		"auth":      func(n *yaml.Node, at string) { q.Auth = r.auth(n, at) },
		"body":      r.text(&q.Body, request.MaxBody),
		"json":      func(n *yaml.Node, at string) { q.JSON = r.value(n, at) },
		"redirects": r.integer(&q.Redirects, 0, request.MaxRedirects),
		"proxy":     r.text(&q.Proxy, request.MaxURL),
		"expect":    func(n *yaml.Node, at string) { q.Expect = r.expect(n, at) },
	}, "url")
	if child(n, "body") != nil && child(n, "json") != nil {
		r.found(child(n, "json"), join(at, "json"), "say either body or json, not both")
	}
	return q
}

func (r *reader) auth(n *yaml.Node, at string) *request.Auth {
	var a request.Auth
	r.object(n, at, fields{
		"type":     r.oneOf(&a.Type, "basic", "bearer", "api_key"),
		"username": r.text(&a.Username, request.MaxHeader),
		"password": r.text(&a.Password, request.MaxHeader),
		"token":    r.text(&a.Token, request.MaxHeader),
		"name":     r.matching(&a.Name, headerName),
		"value":    r.text(&a.Value, request.MaxHeader),
		"in":       r.oneOf(&a.In, "header", "query"),
	}, "type")
	return &a
}

func (r *reader) expect(n *yaml.Node, at string) *request.Expect {
	var e request.Expect
	r.object(n, at, fields{
		"status":      func(n *yaml.Node, at string) { e.Status = r.statuses(n, at) },
		"contains":    r.text(&e.Contains, request.MaxHeader),
		"headers":     r.texts(&e.Headers, headerName, headerText, request.MaxExpected),
		"max_latency": r.duration(&e.MaxLatency, time.Millisecond, time.Hour),
		"json": func(n *yaml.Node, at string) {
			e.JSON = map[string]any{}
			r.entries(n, at, request.MaxExpected, func(key, value *yaml.Node, at string) {
				if !pointers.text.MatchString(key.Value) {
					r.found(key, at, "%s: %s", quote(key.Value), pointers.words)
				}
				e.JSON[key.Value] = r.value(value, at)
			})
		},
	})
	return &e
}

// statuses takes 200 for "200": nobody quotes a number.
func (r *reader) statuses(n *yaml.Node, at string) []string {
	var all []string
	r.items(n, at, request.MaxExpected, func(n *yaml.Node, at string) {
		var text string
		if n.Kind == yaml.ScalarNode && n.ShortTag() == "!!int" {
			n = &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: n.Value, Line: n.Line, Column: n.Column}
		}
		r.matching(&text, statusCodes)(n, at)
		all = append(all, text)
	})
	return all
}

// value reads any value that JSON has.
func (r *reader) value(n *yaml.Node, at string) any {
	switch n.Kind {
	case yaml.MappingNode:
		object := map[string]any{}
		r.entries(n, at, maxValues, func(key, value *yaml.Node, at string) { object[key.Value] = r.value(value, at) })
		return object
	case yaml.SequenceNode:
		list := []any{}
		r.items(n, at, maxValues, func(n *yaml.Node, at string) { list = append(list, r.value(n, at)) })
		return list
	}
	if isNull(n) {
		return nil
	}
	var v any
	r.scalar(&v)(n, at)
	return v
}

// ruled finds what the request's own rules refuse and no schema can say: a name
// that is no input, a URL that is none, an auth without its token.
func (r *reader) ruled(n *yaml.Node, at string, s Spec) {
	names := make([]string, 0, len(s.Inputs))
	for name := range s.Inputs {
		names = append(names, name)
	}
	if _, err := s.HTTP.Normalise(names); err != nil {
		r.found(n, at, "%s", said(err))
	}
}

// work says that a job does one thing.
func (r *reader) work(n *yaml.Node, at string, s Spec) {
	script, http := child(n, "script"), child(n, "http")
	switch {
	case n.Kind != yaml.MappingNode:
	case script == nil && http == nil:
		r.found(n, join(at, "script"), "%q is missing%s", "script", fmt.Sprintf(" in %s; or write http", at))
	case script != nil && http != nil:
		r.found(http, join(at, "http"), "say either script or http, not both")
	case http != nil && child(n, "container") != nil:
		r.found(child(n, "container"), join(at, "container"), "an HTTP request is made by the agent, not in a container")
	}
}
