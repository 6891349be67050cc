package httpapi

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"mime"
	"net/http"
	"strings"
	"time"

	"github.com/cronium/cronium/hub/httpapi/internal/strictjson"
	"github.com/cronium/cronium/sdk/problem"
)

const (
	bodyTimeout    = 30 * time.Second // to read a body
	handlerTimeout = 30 * time.Second // of a typed handler
	writeTimeout   = 60 * time.Second // to hand over an answer
)

// mount puts a route on the router, behind its guard. Nothing else does.
func (a *API) mount(r *route, h http.Handler) {
	a.mounted = append(a.mounted, r)
	a.router.Method(r.method, r.pattern, a.guard(r, h))
}

// guard is everything that happens before a handler, in this order: another
// site's requests are turned away before credentials are looked at, and nobody's
// body is read before they may send one.
func (a *API) guard(r *route, h http.Handler) http.Handler {
	steps := []func(*route, *call, http.ResponseWriter, *http.Request) error{
		a.checkOrigin, a.limitGuessing, a.authenticate, a.limit, a.authorise, a.readBody,
	}
	return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		began := a.now()
		c, seen := callFrom(req.Context()), watch(w)
		defer func() { a.metrics.observe(r, seen.status, a.now().Sub(began)) }()
		for _, step := range steps {
			if err := step(r, c, seen, req); err != nil {
				c.problem(req.Context(), err).write(seen)
				return
			}
		}
		if r.typed == nil {
			h.ServeHTTP(seen, req)
			return
		}
		req.Header.Del("Accept") // there is one answer: JSON
		ctx, cancel := context.WithTimeout(req.Context(), handlerTimeout)
		defer cancel()
		h.ServeHTTP(seen, req.WithContext(ctx))
	})
}

// checkOrigin refuses what another site's page made a browser send.
func (a *API) checkOrigin(_ *route, _ *call, _ http.ResponseWriter, req *http.Request) error {
	if err := a.origins.Check(req); err != nil {
		return ErrCrossOrigin
	}
	return nil
}

// limitGuessing counts by address, whoever asks.
func (a *API) limitGuessing(r *route, c *call, _ http.ResponseWriter, _ *http.Request) error {
	if r.rate != rateLogin {
		return nil
	}
	return a.take(rateLogin, c.source())
}

// limit counts by principal.
func (a *API) limit(r *route, c *call, _ http.ResponseWriter, _ *http.Request) error {
	if r.rate == rateLogin || r.rate == rateProbe {
		return nil
	}
	return a.take(r.rate, c.principal())
}

func (a *API) take(class rateClass, key string) error {
	if wait, ok := a.buckets[class].Take(key); !ok {
		wait = max(seconds(wait), time.Second)
		return ErrTooManyRequests.With("Try again in %s", wait).After(wait)
	}
	return nil
}

// readBody reads and checks the whole body, so that a handler gets valid JSON of
// bounded size or is not called.
func (a *API) readBody(r *route, _ *call, w http.ResponseWriter, req *http.Request) error {
	if err := checkMediaType(r, req); err != nil {
		return err
	}
	if req.Body == nil || req.Body == http.NoBody {
		return nil
	}
	rc := http.NewResponseController(w)
	_ = rc.SetReadDeadline(a.now().Add(bodyTimeout)) // not every writer has deadlines
	body, err := io.ReadAll(http.MaxBytesReader(w, req.Body, r.body))
	_ = rc.SetReadDeadline(time.Time{})
	if err != nil {
		return unreadable(w, r, err)
	}
	if len(body) > 0 {
		if fault := strictjson.Check(body); fault != nil {
			return faulty(fault)
		}
	}
	if r.body == noBody {
		if err := refuseContent(body); err != nil {
			return err
		}
		body = nil
	}
	req.Body, req.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
	return nil
}

// checkMediaType lets only JSON change anything: a form or plain text is what a
// page of another site can send without asking.
func checkMediaType(r *route, req *http.Request) error {
	given := req.Header.Get("Content-Type")
	if given == "" && req.ContentLength == 0 {
		return nil
	}
	if r.body == noBody && r.change == reads && req.ContentLength == 0 {
		return nil
	}
	media, params, err := mime.ParseMediaType(given)
	charset := strings.ToLower(params["charset"])
	if err != nil || media != "application/json" || (charset != "" && charset != "utf-8") {
		return ErrUnsupportedMediaType.With("Send application/json in UTF-8")
	}
	return nil
}

// unreadable also closes the connection, because the rest of the body is on it.
func unreadable(w http.ResponseWriter, r *route, err error) error {
	w.Header().Set("Connection", "close")
	if _, tooLarge := errors.AsType[*http.MaxBytesError](err); !tooLarge {
		return ErrBodyUnreadable.With("The body did not arrive")
	}
	if r.body == noBody {
		return ErrBodyTooLarge.With("This route takes no body")
	}
	return ErrBodyTooLarge.With("The limit of this route is %d KiB", r.body>>10)
}

func faulty(f *strictjson.Fault) error {
	entry := map[strictjson.Kind]*problem.Problem{
		strictjson.Malformed:    ErrMalformedJSON,
		strictjson.DuplicateKey: ErrDuplicateKey,
		strictjson.TooComplex:   ErrJSONTooComplex,
		strictjson.InvalidText:  ErrInvalidText,
		strictjson.OutOfRange:   ErrOutOfRange,
	}[f.Kind]
	return entry.With("%s", f.Detail).At(f.Path)
}

// refuseContent accepts nothing, and the empty object.
func refuseContent(body []byte) error {
	if len(body) == 0 {
		return nil
	}
	var object map[string]json.RawMessage
	if err := json.Unmarshal(body, &object); err != nil {
		return ErrInvalidField.With("This route takes no body")
	}
	for name := range object {
		return ErrUnknownField.With("Unknown field '%s': this route takes no body", clip(name, 64)).At(clip(name, 64))
	}
	return nil
}

// decodeJSON keeps whole numbers whole in fields of any type: 9007199254740993
// is an id somewhere, and a float would change it.
func decodeJSON(data []byte, v any) error {
	if generic, ok := v.(*any); ok { // huma validates this form and wants floats
		return json.Unmarshal(data, generic)
	}
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.UseNumber()
	return dec.Decode(v)
}
