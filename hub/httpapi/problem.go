package httpapi

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/cronium/cronium/hub/postgres"
	"github.com/cronium/cronium/sdk/problem"
)

// Problem is every error of this API, in the shape of RFC 9457.
type Problem struct {
	Type       string `json:"type" example:"urn:cronium:problem:not_found"`
	Title      string `json:"title" doc:"The same for every happening"`
	Status     int    `json:"status"`
	Code       string `json:"code" doc:"Stable; match on this" example:"not_found"`
	Detail     string `json:"detail" doc:"What is wrong, this time"`
	Hint       string `json:"hint" doc:"What to do now"`
	Field      string `json:"field,omitempty" doc:"The input at fault, as a path"`
	RequestID  string `json:"request_id" doc:"Also in the hub's log"`
	RetryAfter int    `json:"retry_after,omitempty" doc:"Seconds"`
}

// Error is the code and what happened.
func (p *Problem) Error() string { return p.Code + ": " + p.Detail }

// GetStatus is huma's way to ask for the status.
func (p *Problem) GetStatus() int { return p.Status }

// ContentType is huma's way to ask for the media type.
func (p *Problem) ContentType(string) string { return "application/problem+json" }

// GetHeaders is huma's way to ask for more headers.
func (p *Problem) GetHeaders() http.Header {
	h := http.Header{}
	if p.RetryAfter > 0 {
		h.Set("Retry-After", strconv.Itoa(p.RetryAfter))
	}
	if p.Status == http.StatusUnauthorized {
		h.Set("WWW-Authenticate", `Bearer realm="cronium"`)
	}
	return h
}

// write renders the problem on a route that is not huma's.
func (p *Problem) write(w http.ResponseWriter) {
	for name, values := range p.GetHeaders() {
		w.Header()[name] = values
	}
	w.Header().Set("Content-Type", p.ContentType(""))
	w.WriteHeader(p.Status)
	_ = json.NewEncoder(w).Encode(p) // the client went away
}

// shown is a catalogue entry, or its happening, as the API shows it.
func shown(p *problem.Problem, requestID string) *Problem {
	detail := p.Detail
	if detail == "" {
		detail = p.Title
	}
	return &Problem{
		Type: "urn:cronium:problem:" + p.Code, Title: p.Title, Status: p.Status, Code: p.Code,
		Detail: detail, Hint: p.Hint, Field: p.Field, RequestID: requestID,
		RetryAfter: int(math.Ceil(p.RetryAfter.Seconds())),
	}
}

// explain turns any error into a problem. What nobody has named is logged here,
// once, and shown as internal: its text may hold anything.
func explain(ctx context.Context, log *slog.Logger, err error, requestID string) *Problem {
	if known, ok := errors.AsType[*Problem](err); ok {
		return known
	}
	if p, ok := problem.As(err); ok {
		return shown(p, requestID)
	}
	if postgres.Unavailable(err) || errors.Is(err, context.DeadlineExceeded) {
		log.WarnContext(ctx, "database unavailable", "request", requestID, "err", err)
		return shown(ErrStorageUnavailable.With("The database does not answer"), requestID)
	}
	if ctx.Err() != nil {
		return shown(ErrBodyUnreadable.With("The client went away"), requestID)
	}
	log.ErrorContext(ctx, "internal error", "request", requestID, "err", err)
	return shown(ErrInternal.With("Internal error, quote request id %s", requestID), requestID)
}

// configureHuma replaces huma's package variables once: its own errors echo the
// value at fault, which may be a secret, and its arrays may be null.
var configureHuma = sync.OnceFunc(func() {
	huma.DefaultArrayNullable = false
	huma.ValidateStrictCasing = true
	huma.NewError = func(status int, msg string, errs ...error) huma.StatusError {
		return shown(refused(status, msg, errs), "")
	}
	huma.NewErrorWithContext = func(ctx huma.Context, status int, msg string, errs ...error) huma.StatusError {
		return shown(refused(status, msg, errs), callFrom(ctx.Context()).id)
	}
})

// refused is huma's refusal of a request in our words, without any value.
func refused(status int, msg string, errs []error) *problem.Problem {
	for _, err := range errs {
		if p, ok := problem.As(err); ok {
			return p
		}
	}
	switch first, rest := worst(errs); {
	case first != nil:
		return named(first, rest)
	case status == http.StatusBadRequest:
		return ErrMalformedJSON.With("The body is empty; send a JSON object")
	case status == http.StatusUnsupportedMediaType:
		return ErrUnsupportedMediaType.With("Send application/json")
	case status >= 400 && status < 500:
		return ErrInvalidField.With("%s", sentence(msg))
	}
	return ErrInternal.With("Internal error")
}

// worst chooses the finding to show: an unknown field first, because it may
// explain the others.
func worst(errs []error) (*huma.ErrorDetail, int) {
	var first *huma.ErrorDetail
	for _, err := range errs {
		d, ok := errors.AsType[*huma.ErrorDetail](err)
		if !ok {
			continue
		}
		if first == nil || (d.Message == unexpectedProperty && first.Message != unexpectedProperty) {
			first = d
		}
	}
	return first, len(errs) - 1
}

const unexpectedProperty = "unexpected property"

func named(d *huma.ErrorDetail, others int) *problem.Problem {
	place, field, _ := strings.Cut(d.Location, ".")
	more := ""
	if others > 0 {
		more = fmt.Sprintf(" (and %d more)", others)
	}
	switch {
	case place == "query" || place == "header" || place == "path":
		return ErrInvalidParameter.With("%s: %s%s", field, d.Message, more).At(field)
	case d.Message == unexpectedProperty:
		return ErrUnknownField.With("Unknown field '%s'%s", field, more).At(field)
	case strings.HasPrefix(d.Message, "expected required property "):
		name := strings.Fields(d.Message)[3]
		return ErrMissingField.With("Field '%s' is required%s", joinPath(field, name), more).At(joinPath(field, name))
	case strings.HasPrefix(d.Message, "json: "):
		return ErrInvalidField.With("A value has the wrong type%s", more)
	}
	return ErrInvalidField.With("%s%s", sentence(strings.TrimSpace(field+" "+d.Message)), more).At(field)
}

func joinPath(path, name string) string {
	if path == "" {
		return name
	}
	return path + "." + name
}

func sentence(s string) string {
	if s == "" {
		return s
	}
	return strings.ToUpper(s[:1]) + s[1:]
}

// seconds rounds up, because a client that comes too early is refused again.
func seconds(d time.Duration) time.Duration {
	return time.Duration(math.Ceil(d.Seconds())) * time.Second
}
