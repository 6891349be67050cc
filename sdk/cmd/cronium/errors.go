package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/cronium/cronium/sdk/client"
	"github.com/cronium/cronium/sdk/cmd/cronium/internal/screen"
	"github.com/cronium/cronium/sdk/definition"
	"github.com/cronium/cronium/sdk/problem"
)

// Exit codes. They are documented in --help and do not change.
const (
	exitFailed      = 1   // the run failed, timed out or was lost; or anything without a code of its own
	exitUsage       = 2   // wrong usage; with --detailed-exitcode: changes pending
	exitNotFound    = 3   //
	exitDenied      = 4   // not signed in, or not allowed
	exitUnreachable = 5   // the hub
	exitConflict    = 6   // changed by somebody else, already finished
	exitPartial     = 7   // some succeeded, some did not
	exitCancelled   = 8   // the run was cancelled
	exitTimeout     = 124 // --timeout came before the run's end
	exitInterrupted = 130
)

var (
	errInterrupted = errors.New("interrupted")
	errTimeout     = errors.New("the time to wait is over")
)

// usageError is what the user typed wrongly.
type usageError struct{ text, hint string }

func (e *usageError) Error() string { return e.text }

func usage(hint, format string, args ...any) error {
	return &usageError{fmt.Sprintf(format, args...), hint}
}

// exitError ends the command with a code; everything has been said already.
type exitError struct{ code int }

func (e *exitError) Error() string { return fmt.Sprintf("exit code %d", e.code) }

// hinted adds what to do to an error that does not say it.
type hinted struct {
	error
	hint string
}

func (h *hinted) Unwrap() error { return h.error }

// exitCode is the code of an error.
func exitCode(err error) int {
	if err == nil {
		return 0
	}
	if e, ok := errors.AsType[*exitError](err); ok {
		return e.code
	}
	if _, ok := errors.AsType[*usageError](err); ok {
		return exitUsage
	}
	switch {
	case errors.Is(err, errInterrupted), errors.Is(err, context.Canceled):
		return exitInterrupted
	case errors.Is(err, errTimeout):
		return exitTimeout
	}
	if p, ok := problem.As(err); ok {
		return problemCode(p)
	}
	return exitFailed
}

func problemCode(p *problem.Problem) int {
	if errors.Is(p, client.ErrUnreachable) || errors.Is(p, client.ErrNotAHub) || errors.Is(p, client.ErrRedirected) {
		return exitUnreachable
	}
	switch p.Status {
	case http.StatusNotFound, http.StatusGone:
		return exitNotFound
	case http.StatusUnauthorized, http.StatusForbidden:
		return exitDenied
	case http.StatusConflict, http.StatusPreconditionFailed:
		return exitConflict
	case http.StatusBadRequest, http.StatusUnprocessableEntity, http.StatusRequestEntityTooLarge:
		return exitUsage
	case http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		return exitUnreachable
	}
	return exitFailed
}

// explain writes an error: what is wrong, then what to do.
func explain(s *screen.Screen, err error, debug bool) {
	if _, silent := errors.AsType[*exitError](err); silent || err == nil {
		return
	}
	s.Clear()
	if found, ok := errors.AsType[*definition.Error](err); ok {
		for _, f := range found.Findings {
			s.Complain("%s %s", s.PaintTalk(screen.Bad, "error:"), screen.Name(f.String()))
		}
		return
	}
	text, hint := words(err)
	s.Complain("%s %s", s.PaintTalk(screen.Bad, "error:"), screen.Name(text))
	if hint != "" {
		s.Complain("%s", screen.Name(hint))
	}
	if answer, ok := errors.AsType[*client.AnswerError](err); ok && (debug || answer.Problem.Status >= 500) && answer.RequestID != "" {
		s.Complain("Request %s", screen.Name(answer.RequestID))
	}
	if debug {
		s.Complain("debug: %s", screen.Name(err.Error()))
	}
}

// words are an error's sentence and hint.
func words(err error) (text, hint string) {
	if h, ok := errors.AsType[*hinted](err); ok {
		hint = h.hint
	}
	if u, ok := errors.AsType[*usageError](err); ok {
		return u.text, u.hint
	}
	if w, ok := errors.AsType[*waitedError](err); ok {
		return w.text, w.hint
	}
	p, ok := problem.As(err)
	if !ok {
		return err.Error(), hint
	}
	text = p.Detail
	if text == "" {
		text = p.Title
	}
	if p.Field != "" && !strings.Contains(text, p.Field) {
		text = p.Field + ": " + text
	}
	if hint == "" {
		hint = p.Hint
	}
	return text, hint
}
