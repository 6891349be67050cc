package client

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/cronium/cronium/sdk/problem"
)

const (
	base = "/api/v1"

	requestTimeout = 30 * time.Second // of one JSON exchange
	answerLimit    = 64 << 20         // of one JSON answer
	patience       = 30 * time.Second // the longest Retry-After that is waited for
	busyTries      = 4
)

// Config says which hub, as whom.
type Config struct {
	URL       string       // https://hub.example.com, without a path
	Token     string       // an API token; empty asks anonymously
	UserAgent string       // default "cronium-go"
	HTTP      *http.Client // default: the proxy of the environment, time limits, no redirects
	Now       func() time.Time
	Trace     func(Exchange) // told of every exchange; default nobody
}

// Exchange is one request and its answer, for debugging. It holds no body and
// no credential.
type Exchange struct {
	Method, Path string
	Status       int // 0: no answer
	RequestID    string
	Took         time.Duration
	Err          error
}

// Client talks to one hub.
type Client struct {
	base  *url.URL
	token string
	agent string
	http  *http.Client
	now   func() time.Time
	trace func(Exchange)
	skew  atomic.Int64 // the hub's clock minus ours, in nanoseconds
}

// New returns a client; it connects to nothing yet.
func New(c Config) (*Client, error) {
	base, err := ParseURL(c.URL)
	if err != nil {
		return nil, err
	}
	cl := &Client{base: base, token: c.Token, agent: c.UserAgent, http: c.HTTP, now: c.Now, trace: c.Trace}
	if cl.agent == "" {
		cl.agent = "cronium-go"
	}
	if cl.http == nil {
		cl.http = &http.Client{Transport: newTransport(), CheckRedirect: func(*http.Request, []*http.Request) error {
			return http.ErrUseLastResponse
		}}
	}
	if cl.now == nil {
		cl.now = time.Now
	}
	if cl.trace == nil {
		cl.trace = func(Exchange) {}
	}
	return cl, nil
}

func newTransport() *http.Transport {
	return &http.Transport{
		Proxy:                 http.ProxyFromEnvironment,
		DialContext:           (&net.Dialer{Timeout: 10 * time.Second, KeepAlive: 15 * time.Second}).DialContext,
		TLSHandshakeTimeout:   10 * time.Second,
		ResponseHeaderTimeout: requestTimeout,
		IdleConnTimeout:       90 * time.Second,
		MaxIdleConnsPerHost:   4,
		ForceAttemptHTTP2:     true,
	}
}

// ParseURL reads the address of a hub. Without a scheme it is https, or http on
// a loopback address. A path, a query and a user name are refused.
func ParseURL(text string) (*url.URL, error) {
	text = strings.TrimSpace(text)
	if !strings.Contains(text, "://") {
		text = schemeFor(text) + "://" + text
	}
	u, err := url.Parse(text)
	if err != nil {
		return nil, ErrInvalidURL.With("Not an address")
	}
	u.Path = strings.TrimRight(u.Path, "/")
	switch {
	case u.Scheme != "http" && u.Scheme != "https":
		return nil, ErrInvalidURL.With("The scheme must be http or https, not %q", u.Scheme)
	case u.Hostname() == "":
		return nil, ErrInvalidURL.With("The address has no host")
	case u.User != nil:
		return nil, ErrInvalidURL.With("The address must not hold a user name or password")
	case u.Path != "" || u.RawQuery != "" || u.Fragment != "":
		return nil, ErrInvalidURL.With("The address must end after the host and port")
	}
	return u, nil
}

func schemeFor(hostport string) string {
	host, _, err := net.SplitHostPort(hostport)
	if err != nil {
		host = hostport
	}
	if Loopback(host) {
		return "http"
	}
	return "https"
}

// Loopback reports whether host is this machine.
func Loopback(host string) bool {
	ip := net.ParseIP(strings.Trim(host, "[]"))
	return strings.EqualFold(host, "localhost") || (ip != nil && ip.IsLoopback())
}

// URL is the address of the hub.
func (c *Client) URL() string { return c.base.String() }

// Now is the time on the hub's clock, as far as its answers told.
func (c *Client) Now() time.Time { return c.now().Add(time.Duration(c.skew.Load())) }

// request is one question to the hub.
type request struct {
	method  string
	path    []string // segments after /api/v1, escaped when sent
	query   url.Values
	body    any
	header  http.Header
	cookies []*http.Cookie
}

func get(path ...string) request { return request{method: http.MethodGet, path: path} }

func (r request) escaped() string {
	var b strings.Builder
	b.WriteString(base)
	for _, segment := range r.path {
		b.WriteByte('/')
		if strings.Trim(segment, ".") == "" { // "", "." and ".." would change the path
			b.WriteString(strings.ReplaceAll(segment, ".", "%2E"))
			continue
		}
		b.WriteString(url.PathEscape(segment))
	}
	return b.String()
}

// call sends r and decodes the answer into out, which may be nil.
func (c *Client) call(ctx context.Context, r request, out any) error {
	_, err := c.exchange(ctx, r, out)
	return err
}

// exchange is call for who also needs the answer's header.
func (c *Client) exchange(ctx context.Context, r request, out any) (http.Header, error) {
	ctx, cancel := context.WithTimeout(ctx, requestTimeout+patience)
	defer cancel()
	resp, err := c.send(ctx, r)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	if out == nil || resp.StatusCode == http.StatusNoContent {
		_, _ = io.Copy(io.Discard, io.LimitReader(resp.Body, 1<<20)) // so that the connection is used again
		return resp.Header, nil
	}
	dec := json.NewDecoder(io.LimitReader(resp.Body, answerLimit))
	if err := dec.Decode(out); err != nil {
		if ctx.Err() != nil || !isSyntax(err) {
			return nil, c.broken(ctx, err)
		}
		return nil, ErrNotAHub.With("%s %s answered something that is not its JSON: %v", r.method, r.escaped(), err)
	}
	return resp.Header, nil
}

func isSyntax(err error) bool {
	_, syntax := errors.AsType[*json.SyntaxError](err)
	_, shape := errors.AsType[*json.UnmarshalTypeError](err)
	return syntax || shape || errors.Is(err, io.EOF)
}

// send returns an answer below 300 whose body the caller closes. It waits and
// repeats only when the hub was busy and said so, because then it did nothing.
func (c *Client) send(ctx context.Context, r request) (*http.Response, error) {
	var body []byte
	if r.body != nil {
		var err error
		if body, err = json.Marshal(r.body); err != nil {
			return nil, fmt.Errorf("encode the body of %s: %w", r.escaped(), err)
		}
	}
	for try := 1; ; try++ {
		resp, err := c.once(ctx, r, body)
		p, ok := problem.As(err)
		if !ok || p.Status != http.StatusTooManyRequests || p.RetryAfter > patience || try == busyTries {
			return resp, err
		}
		select {
		case <-ctx.Done():
			return nil, err
		case <-time.After(max(p.RetryAfter, time.Second)):
		}
	}
}

func (c *Client) once(ctx context.Context, r request, body []byte) (*http.Response, error) {
	path := r.escaped()
	target := c.base.String() + path
	if len(r.query) > 0 {
		target += "?" + r.query.Encode()
	}
	req, err := http.NewRequestWithContext(ctx, r.method, target, bytes.NewReader(body))
	if err != nil {
		return nil, fmt.Errorf("make the request %s: %w", path, err)
	}
	for name, values := range r.header {
		req.Header[name] = values
	}
	c.identify(req.Header)
	if r.body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	for _, cookie := range r.cookies {
		req.AddCookie(cookie)
	}
	began := c.now()
	resp, err := c.http.Do(req)
	seen := Exchange{Method: r.method, Path: path, Took: c.now().Sub(began), Err: err}
	if err != nil {
		c.trace(seen)
		return nil, c.broken(ctx, err)
	}
	seen.Status, seen.RequestID = resp.StatusCode, resp.Header.Get("X-Request-Id")
	c.trace(seen)
	c.readClock(resp.Header)
	if resp.StatusCode < 300 {
		return resp, nil
	}
	defer resp.Body.Close()
	return nil, refusal(r.method, path, resp)
}

func (c *Client) identify(h http.Header) {
	h.Set("User-Agent", c.agent)
	h.Set("Accept", "application/json, application/problem+json")
	if c.token != "" {
		h.Set("Authorization", "Bearer "+c.token)
	}
}

// readClock learns how far the hub's clock is from ours; less than 5 s is noise.
func (c *Client) readClock(h http.Header) {
	at, err := time.Parse(time.RFC3339Nano, h.Get("X-Hub-Time"))
	if err != nil {
		return
	}
	skew := at.Sub(c.now())
	if skew.Abs() < 5*time.Second {
		skew = 0
	}
	c.skew.Store(int64(skew))
}

// broken names a failure of the connection; a caller that gave up gets its own
// reason back.
func (c *Client) broken(ctx context.Context, err error) error {
	if cause := context.Cause(ctx); cause != nil && !errors.Is(cause, context.DeadlineExceeded) {
		return cause
	}
	if wrapped, ok := errors.AsType[*url.Error](err); ok {
		err = wrapped.Err
	}
	return ErrUnreachable.With("No answer from %s: %v", c.base, err)
}

// answerBody is a problem as it travels.
type answerBody struct {
	Title      string `json:"title"`
	Status     int    `json:"status"`
	Code       string `json:"code"`
	Detail     string `json:"detail"`
	Hint       string `json:"hint"`
	Field      string `json:"field"`
	RequestID  string `json:"request_id"`
	RetryAfter int    `json:"retry_after"`
}

func (b answerBody) problem(status int) *problem.Problem {
	return &problem.Problem{
		Code: b.Code, Status: status, Title: b.Title, Detail: b.Detail, Hint: b.Hint, Field: b.Field,
		RetryAfter: time.Duration(b.RetryAfter) * time.Second,
	}
}

// refusal decodes an answer of 300 and above.
func refusal(method, path string, resp *http.Response) error {
	e := &AnswerError{Method: method, Path: path, RequestID: resp.Header.Get("X-Request-Id")}
	text, _ := io.ReadAll(io.LimitReader(resp.Body, 1<<20)) // half a body is as good as none below
	var body answerBody
	switch {
	case resp.StatusCode < 400:
		e.Problem = ErrRedirected.With("It sends to %q", resp.Header.Get("Location"))
	case json.Unmarshal(text, &body) == nil && body.Code != "":
		e.Problem = body.problem(resp.StatusCode)
		e.RequestID = body.RequestID
	default:
		e.Problem = ErrNotAHub.With("%s %s answered %s", method, path, resp.Status)
	}
	if e.Problem.RetryAfter == 0 {
		e.Problem = e.Problem.After(retryAfter(resp.Header))
	}
	return e
}

func retryAfter(h http.Header) time.Duration {
	seconds, err := strconv.Atoi(h.Get("Retry-After"))
	if err != nil || seconds < 0 {
		return 0
	}
	return time.Duration(seconds) * time.Second
}
