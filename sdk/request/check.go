package request

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// Methods are the methods that may be used.
func Methods() []string {
	return []string{"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"}
}

var (
	tokenRE  = regexp.MustCompile("^[!#$%&'*+.^_`|~0-9A-Za-z-]{1,128}$") // RFC 9110, 5.6.2
	statusRE = regexp.MustCompile(`^([1-5])xx$|^([1-5][0-9]{2})(?:-([1-5][0-9]{2}))?$`)
)

// Headers that the client writes itself, or that would change whom it speaks to.
var denied = []string{"host", "content-length", "transfer-encoding", "connection", "upgrade", "te", "trailer", "expect", "proxy-authorization", "proxy-connection"}

// Normalise checks a request for a job with these inputs and returns it with
// defaults written out. Problems name the field below spec.http.
func (r Request) Normalise(inputs []string) (Request, error) {
	if r.Method = strings.ToUpper(r.Method); r.Method == "" {
		r.Method = "GET"
	}
	checks := []func() error{
		r.checkMethod, r.checkURL, r.checkHeaders, r.checkAuth, r.checkBody, r.checkProxy, r.checkExpect,
		func() error { return r.checkInputs(inputs) },
	}
	for _, check := range checks {
		if err := check(); err != nil {
			return r, err
		}
	}
	return r, nil
}

func wrong(field, format string, args ...any) error {
	return ErrInvalid.With(format, args...).At("spec.http." + field)
}

func (r Request) checkMethod() error {
	if !slices.Contains(Methods(), r.Method) {
		return wrong("method", "Method %q is not one of %s", cut(r.Method), strings.Join(Methods(), ", "))
	}
	if r.Redirects < 0 || r.Redirects > MaxRedirects {
		return wrong("redirects", "redirects must be 0 to %d, this is %d", MaxRedirects, r.Redirects)
	}
	return nil
}

func (r Request) checkURL() error {
	if r.URL == "" || len(r.URL) > MaxURL || !clean(r.URL) {
		return wrong("url", "The URL is empty, longer than %d bytes, or holds a control character", MaxURL)
	}
	if len(r.Query) > MaxHeaders {
		return wrong("query", "%d query parameters, at most %d are allowed", len(r.Query), MaxHeaders)
	}
	for name, value := range r.Query {
		if name == "" || len(name)+len(value) > MaxURL || !clean(name+value) {
			return wrong("query", "Query parameter %q is too long or holds a control character", cut(name))
		}
	}
	if strings.HasPrefix(r.URL, "${{") {
		return nil // the value says where; it is checked when there is one
	}
	if _, err := address(placeholder.ReplaceAllString(r.URL, "x")); err != nil {
		return wrong("url", "%s", err)
	}
	return nil
}

// address parses an absolute URL of http or https.
func address(text string) (*url.URL, error) {
	u, err := url.Parse(text)
	switch {
	case err != nil:
		return nil, fmt.Errorf("%q is not a URL", cut(text))
	case u.Scheme != "http" && u.Scheme != "https":
		return nil, fmt.Errorf("the URL must begin with http:// or https://, this is %q", cut(text))
	case u.Hostname() == "":
		return nil, fmt.Errorf("the URL %q names no host", cut(text))
	case u.User != nil:
		return nil, fmt.Errorf("the URL holds a user or a password; use auth")
	}
	return u, nil
}

func (r Request) checkHeaders() error {
	if len(r.Headers) > MaxHeaders {
		return wrong("headers", "%d headers, at most %d are allowed", len(r.Headers), MaxHeaders)
	}
	for _, name := range slices.Sorted(maps.Keys(r.Headers)) {
		switch value := r.Headers[name]; {
		case !tokenRE.MatchString(name):
			return wrong("headers", "%q cannot be the name of a header", cut(name))
		case slices.Contains(denied, strings.ToLower(name)):
			return wrong("headers."+name, "%s is written by the agent", name)
		case len(value) > MaxHeader || !clean(value):
			return wrong("headers."+name, "%s is longer than %d bytes or holds a control character", name, MaxHeader)
		}
	}
	return nil
}

func (r Request) checkAuth() error {
	a := r.Auth
	if a == nil {
		return nil
	}
	for _, text := range []string{a.Username, a.Password, a.Token, a.Name, a.Value} {
		if len(text) > MaxHeader || !clean(text) {
			return wrong("auth", "A value is longer than %d bytes or holds a control character", MaxHeader)
		}
	}
	missing := func(field string) error {
		return wrong("auth."+field, "auth of type %s needs %s", a.Type, field)
	}
	switch {
	case a.Type == "basic" && a.Username == "":
		return missing("username")
	case a.Type == "basic" && strings.Contains(a.Username, ":"):
		return wrong("auth.username", "A user of basic authentication holds no colon")
	case a.Type == "bearer" && a.Token == "":
		return missing("token")
	case a.Type == "api_key" && a.Value == "":
		return missing("value")
	case a.Type == "api_key" && (!tokenRE.MatchString(a.Name) || slices.Contains(denied, strings.ToLower(a.Name))):
		return wrong("auth.name", "%q cannot be the name of an API key", cut(a.Name))
	case a.Type == "api_key" && !slices.Contains([]string{"", "header", "query"}, a.In):
		return wrong("auth.in", "%q is not one of header, query", cut(a.In))
	case !slices.Contains([]string{"basic", "bearer", "api_key"}, a.Type):
		return wrong("auth.type", "%q is not one of basic, bearer, api_key", cut(a.Type))
	}
	return nil
}

func (r Request) checkBody() error {
	if r.Body != "" && r.JSON != nil {
		return wrong("body", "Say either body or json, not both")
	}
	encoded, err := json.Marshal(r.JSON)
	if err != nil {
		return wrong("json", "It cannot be written as JSON")
	}
	if !exactNumbers(r.JSON) {
		return wrong("json", "A whole number beyond 2^53 would not arrive as it is; write it as text")
	}
	if len(r.Body) > MaxBody || len(encoded) > MaxBody || !utf8.ValidString(r.Body) {
		return wrong("body", "The body is larger than 1 MiB or is not UTF-8")
	}
	return nil
}

// exactNumbers says that every number is the same after it was a float64, which it
// is on its way.
func exactNumbers(v any) bool {
	const most = 1 << 53
	switch v := v.(type) {
	case json.Number:
		whole, err := strconv.ParseInt(v.String(), 10, 64)
		return (err == nil && -most <= whole && whole <= most) || strings.ContainsAny(v.String(), ".eE")
	case int:
		return -most <= v && v <= most
	case int64:
		return -most <= v && v <= most
	case []any:
		return !slices.ContainsFunc(v, func(e any) bool { return !exactNumbers(e) })
	case map[string]any:
		for _, e := range v {
			if !exactNumbers(e) {
				return false
			}
		}
	}
	return true
}

func (r Request) checkProxy() error {
	if r.Proxy == "" {
		return nil
	}
	if u, err := address(r.Proxy); err != nil || u.Scheme != "http" {
		return wrong("proxy", "%q is not the http:// URL of a proxy", cut(r.Proxy))
	}
	return nil
}

func (r Request) checkExpect() error {
	e := r.Expect
	if e == nil {
		return nil
	}
	if len(e.Status) > MaxExpected || len(e.JSON) > MaxExpected || len(e.Headers) > MaxExpected || len(e.Contains) > MaxHeader {
		return wrong("expect", "More than %d statuses, values or headers, or a text of more than %d bytes", MaxExpected, MaxHeader)
	}
	for i, s := range e.Status {
		if _, ok := statusRange(s); !ok {
			return wrong(fmt.Sprintf("expect.status[%d]", i), "%q is not a status: write 204, 2xx or 200-399", cut(s))
		}
	}
	if !exactNumbers(e.JSON) {
		return wrong("expect.json", "A whole number beyond 2^53 cannot be compared exactly")
	}
	for _, pointer := range slices.Sorted(maps.Keys(e.JSON)) {
		if pointer != "" && !strings.HasPrefix(pointer, "/") {
			return wrong("expect.json", "%q is not a JSON pointer: write /items/0/name, or nothing for the whole", cut(pointer))
		}
	}
	if e.MaxLatency != "" {
		if d, err := time.ParseDuration(e.MaxLatency); err != nil || d < time.Millisecond || d > time.Hour {
			return wrong("expect.max_latency", "%q is not a duration from 1ms to 1h", cut(e.MaxLatency))
		}
	}
	return nil
}

// statusRange reads "204", "2xx" and "200-399".
func statusRange(text string) (bounds [2]int, ok bool) {
	m := statusRE.FindStringSubmatch(text)
	switch {
	case m == nil:
		return bounds, false
	case m[1] != "":
		n, _ := strconv.Atoi(m[1])
		return [2]int{n * 100, n*100 + 99}, true
	}
	bounds[0], _ = strconv.Atoi(m[2])
	if bounds[1] = bounds[0]; m[3] != "" {
		bounds[1], _ = strconv.Atoi(m[3])
	}
	return bounds, bounds[0] <= bounds[1]
}

// checkInputs finds names that the job has no input for.
func (r Request) checkInputs(inputs []string) error {
	var err error
	look := func(text, field string) {
		for _, m := range placeholder.FindAllStringSubmatch(text, -1) {
			if err == nil && !slices.Contains(inputs, m[1]) {
				err = ErrInput.With("%s is not an input of this job", m[1]).At("spec.http." + field)
			}
		}
		if rest := placeholder.ReplaceAllString(text, ""); err == nil && strings.Contains(rest, "${{") {
			err = ErrInput.With("%q cannot be read", cut(rest[strings.Index(rest, "${{"):])).At("spec.http." + field)
		}
	}
	r.texts(look)
	return err
}

// Inputs are the names of the inputs that the request's texts hold.
func (r Request) Inputs() []string {
	var names []string
	r.texts(func(text, _ string) {
		for _, m := range placeholder.FindAllStringSubmatch(text, -1) {
			names = append(names, m[1])
		}
	})
	slices.Sort(names)
	return slices.Compact(names)
}

// texts shows every text that may name inputs.
func (r Request) texts(look func(text, field string)) {
	look(r.URL, "url")
	look(r.Body, "body")
	for field, texts := range map[string]map[string]string{"headers": r.Headers, "query": r.Query} {
		for name, text := range texts {
			look(text, field+"."+name)
		}
	}
	if a := r.Auth; a != nil {
		look(a.Username, "auth.username")
		look(a.Password, "auth.password")
		look(a.Token, "auth.token")
		look(a.Value, "auth.value")
	}
	eachText(r.JSON, func(text string) { look(text, "json") })
}

func eachText(v any, look func(string)) {
	switch v := v.(type) {
	case string:
		look(v)
	case []any:
		for _, e := range v {
			eachText(e, look)
		}
	case map[string]any:
		for _, e := range v {
			eachText(e, look)
		}
	}
}

// clean is UTF-8 without control characters but tabs.
func clean(s string) bool {
	return utf8.ValidString(s) && !strings.ContainsFunc(s, func(r rune) bool { return r < ' ' && r != '\t' || r == 0x7f })
}

func cut(s string) string {
	if r := []rune(s); len(r) > 80 {
		return string(r[:80]) + "…"
	}
	return s
}
