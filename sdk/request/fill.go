package request

import (
	"maps"
	"net/url"
	"regexp"
	"strings"

	"github.com/cronium/cronium/sdk/schema"
)

var placeholder = regexp.MustCompile(`\$\{\{\s*inputs\.([A-Za-z_][A-Za-z0-9_-]{0,63})\s*\}\}`)

// Fill returns the request with values in the place of the inputs' names. Inputs
// without a value are empty texts, or null where they are a whole JSON value.
func (r Request) Fill(values map[string]any) (Request, error) {
	plain := func(text string) string { return replace(text, values, func(s string) string { return s }) }
	r.URL = fillURL(r.URL, values)
	if _, err := address(r.URL); err != nil {
		return r, ErrValue.With("%s", err)
	}
	r.Body, r.Headers, r.Query = plain(r.Body), maps.Clone(r.Headers), maps.Clone(r.Query)
	for name, text := range r.Headers {
		if r.Headers[name] = plain(text); !clean(r.Headers[name]) {
			return r, ErrValue.With("The header %s would hold a line break or another control character", name)
		}
	}
	for name, text := range r.Query {
		r.Query[name] = plain(text)
	}
	if r.Auth != nil {
		a := *r.Auth
		a.Username, a.Password, a.Token, a.Value = plain(a.Username), plain(a.Password), plain(a.Token), plain(a.Value)
		if !clean(a.Username + a.Password + a.Token + a.Value) {
			return r, ErrValue.With("auth would hold a line break or another control character")
		}
		r.Auth = &a
	}
	r.JSON = fillJSON(r.JSON, values)
	return r, nil
}

// fillURL escapes values but one at the very beginning.
func fillURL(text string, values map[string]any) string {
	head := ""
	if at := placeholder.FindStringIndex(text); at != nil && at[0] == 0 {
		head, text = replace(text[:at[1]], values, func(s string) string { return s }), text[at[1]:]
	}
	path, query, _ := strings.Cut(text, "?")
	head += replace(path, values, url.PathEscape)
	if len(path) < len(text) {
		head += "?" + replace(query, values, url.QueryEscape)
	}
	return head
}

func fillJSON(v any, values map[string]any) any {
	switch v := v.(type) {
	case string:
		if m := placeholder.FindStringSubmatch(v); m != nil && m[0] == v {
			return values[m[1]]
		}
		return replace(v, values, func(s string) string { return s })
	case []any:
		filled := make([]any, len(v))
		for i, e := range v {
			filled[i] = fillJSON(e, values)
		}
		return filled
	case map[string]any:
		filled := make(map[string]any, len(v))
		for name, e := range v {
			filled[name] = fillJSON(e, values)
		}
		return filled
	}
	return v
}

func replace(text string, values map[string]any, escape func(string) string) string {
	return placeholder.ReplaceAllStringFunc(text, func(found string) string {
		value := values[placeholder.FindStringSubmatch(found)[1]]
		if value == nil {
			return ""
		}
		return escape(schema.Text(value))
	})
}
