package httpjob

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/cronium/cronium/sdk/problem"
	"github.com/cronium/cronium/sdk/request"
	"github.com/cronium/cronium/sdk/schema"
)

// Exit codes of an HTTP job.
const (
	ExitExpected   = 0
	ExitUnexpected = 1 // an answer came, and is not as expected
	ExitInvalid    = 2 // the request could not be made of the inputs
	ExitNoAnswer   = 3 // no connection, no answer, or half of one
)

const (
	maxRead  = 10 << 20
	maxShown = 1 << 20
	patience = 15 * time.Second // for a connection, and for a TLS handshake
)

// Job is one request.
type Job struct {
	Spec    []byte                      // a [request.Request] as JSON
	Lookup  func(string) (string, bool) // where the inputs are: os.LookupEnv
	Out     io.Writer                   // the body
	Err     io.Writer                   // all else
	Version string                      // of the agent, for User-Agent
}

// Run asks and returns the exit code.
func (j Job) Run(ctx context.Context) int {
	r, err := j.read()
	if err != nil {
		j.complain(err)
		return ExitInvalid
	}
	question, err := j.question(ctx, r)
	if err != nil {
		j.complain(err)
		return ExitInvalid
	}
	j.say("%s %s", question.Method, question.URL.Redacted())
	answer, err := ask(question, r)
	if err != nil {
		j.complain(err)
		return ExitNoAnswer
	}
	j.show(answer)
	failed := r.Judge(answer)
	for _, sentence := range failed {
		j.say("not as expected: %s", sentence)
	}
	if len(failed) > 0 {
		return ExitUnexpected
	}
	return ExitExpected
}

func (j Job) say(format string, args ...any) { _, _ = fmt.Fprintf(j.Err, format+"\n", args...) }

func (j Job) complain(err error) {
	if p, ok := problem.As(err); ok {
		j.say("error: %s: %s (%s)\nhint: %s", p.Title, p.Detail, p.Code, p.Hint)
		return
	}
	var u *url.Error
	if errors.As(err, &u) {
		err = u.Err // without the URL, which may hold a key
	}
	j.say("error: no answer: %v", err)
}

// read returns the request with the inputs of this run.
func (j Job) read() (request.Request, error) {
	var r request.Request
	if err := json.Unmarshal(j.Spec, &r); err != nil {
		return r, request.ErrInvalid.With("The request cannot be read: %v", err)
	}
	inputs, _ := j.Lookup("CRONIUM_INPUTS")
	dec := json.NewDecoder(strings.NewReader(inputs))
	dec.UseNumber()
	values := map[string]any{}
	if err := dec.Decode(&values); err != nil && !errors.Is(err, io.EOF) {
		return r, request.ErrInvalid.With("The inputs cannot be read: %v", err)
	}
	for _, name := range r.Inputs() {
		if _, plain := values[name]; !plain { // secret ones are in the environment alone
			if text, given := j.Lookup("CRONIUM_INPUT_" + schema.Variable(name)); given {
				values[name] = text
			}
		}
	}
	return r.Fill(values)
}

func (j Job) question(ctx context.Context, r request.Request) (*http.Request, error) {
	body, kind := r.Body, "text/plain; charset=utf-8"
	if r.JSON != nil {
		encoded, err := json.Marshal(r.JSON)
		if err != nil {
			return nil, request.ErrInvalid.With("json: %v", err)
		}
		body, kind = string(encoded), "application/json"
	}
	q, err := http.NewRequestWithContext(ctx, r.Method, r.URL, strings.NewReader(body))
	if err != nil {
		return nil, request.ErrValue.With("%v", err)
	}
	q.Header.Set("User-Agent", "cronium-agent/"+j.Version)
	if body != "" {
		q.Header.Set("Content-Type", kind)
	} else {
		q.Body = http.NoBody
	}
	for name, value := range r.Headers {
		q.Header.Set(name, value)
	}
	query := q.URL.Query()
	for name, value := range r.Query {
		query.Set(name, value)
	}
	authorise(q, query, r.Auth)
	if len(r.Query) > 0 || r.Auth != nil && r.Auth.In == "query" {
		q.URL.RawQuery = query.Encode()
	}
	return q, nil
}

func authorise(q *http.Request, query url.Values, a *request.Auth) {
	switch {
	case a == nil:
	case a.Type == "basic":
		q.SetBasicAuth(a.Username, a.Password)
	case a.Type == "bearer":
		q.Header.Set("Authorization", "Bearer "+a.Token)
	case a.In == "query":
		query.Set(a.Name, a.Value)
	default:
		q.Header.Set(a.Name, a.Value)
	}
}

var (
	errRedirects = errors.New("more redirects than the job allows")
	errDowngrade = errors.New("the answer redirects from https to http")
	errElsewhere = errors.New("the answer redirects the body to another host")
	errTooLarge  = fmt.Errorf("the body is larger than %d MiB", maxRead>>20)
)

func ask(q *http.Request, r request.Request) (request.Answer, error) {
	transport := &http.Transport{TLSHandshakeTimeout: patience, ForceAttemptHTTP2: true, DisableKeepAlives: true, MaxResponseHeaderBytes: 64 << 10}
	if r.Proxy != "" {
		proxy, err := url.Parse(r.Proxy)
		if err != nil {
			return request.Answer{}, err
		}
		transport.Proxy = http.ProxyURL(proxy)
	}
	client := &http.Client{Transport: transport, CheckRedirect: follow(r)}
	began := time.Now()
	answer, err := client.Do(q)
	if err != nil {
		return request.Answer{}, err
	}
	defer func() { _ = answer.Body.Close() }()
	body, err := io.ReadAll(io.LimitReader(answer.Body, maxRead+1))
	if err == nil && len(body) > maxRead {
		err = errTooLarge
	}
	return request.Answer{Status: answer.StatusCode, Headers: answer.Header, Body: body, Latency: time.Since(began)}, err
}

// follow allows as many redirects as the job does. What the job says of itself stays
// with the host and port that it names: its headers, its credentials, its body, and
// its URL, which the standard client would tell as Referer.
func follow(r request.Request) func(*http.Request, []*http.Request) error {
	return func(next *http.Request, via []*http.Request) error {
		switch {
		case r.Redirects == 0:
			return http.ErrUseLastResponse
		case len(via) > r.Redirects:
			return errRedirects
		case via[len(via)-1].URL.Scheme == "https" && next.URL.Scheme == "http":
			return errDowngrade
		}
		next.Header.Del("Referer")
		if next.URL.Host == via[0].URL.Host {
			return nil
		}
		if next.Method != http.MethodGet && next.Method != http.MethodHead {
			return errElsewhere
		}
		for name := range r.Headers {
			next.Header.Del(name)
		}
		next.Header.Del("Authorization")
		if r.Auth != nil {
			next.Header.Del(r.Auth.Name)
		}
		return nil
	}
}

func (j Job) show(a request.Answer) {
	kind, _, _ := mime.ParseMediaType(a.Headers.Get("Content-Type"))
	j.say("%d %s in %d ms, %d bytes%s", a.Status, http.StatusText(a.Status), a.Latency.Milliseconds(), len(a.Body), prefixed(", ", kind))
	shown := a.Body[:min(len(a.Body), maxShown)]
	switch {
	case len(shown) == 0:
	case !utf8.Valid(shown) && len(shown) == len(a.Body):
		j.say("The body is not text and is not printed.")
		return
	default:
		_, _ = fmt.Fprintf(j.Out, "%s\n", strings.TrimSuffix(strings.ToValidUTF8(string(shown), "\uFFFD"), "\n"))
	}
	if len(shown) < len(a.Body) {
		j.say("The first %d of %d bytes of the body are printed.", len(shown), len(a.Body))
	}
}

func prefixed(prefix, text string) string {
	if text == "" {
		return ""
	}
	return prefix + text
}
