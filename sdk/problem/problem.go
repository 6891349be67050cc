// Package problem is the one error type that crosses processes: a stable code,
// a sentence for people and a hint they can follow, in the shape of RFC 9457.
//
// A room declares its catalogue as package variables and returns them with
// [Problem.With]; errors.Is recognises them by code, also after a trip over the
// wire. It knows no transport: a door renders it.
package problem

import (
	"errors"
	"fmt"
	"time"
)

// Source says whose fault it is.
type Source string

// Where a problem comes from.
const (
	Caller   Source = "caller"   // the request
	Job      Source = "job"      // what the user's script did
	Hub      Source = "hub"      // us
	Agent    Source = "agent"    // the host or our program on it
	Plugin   Source = "plugin"   // a tool plugin
	Upstream Source = "upstream" // a service that a plugin called
)

// Problem is a catalogue entry, or one happening of it. The zero value is not
// useful; call [New].
type Problem struct {
	Code       string        // "run.not_found": stable, documented
	Status     int           // HTTP status
	Title      string        // a few words, the same for every happening
	Detail     string        // what is wrong, this time
	Hint       string        // an instruction that the reader can follow now
	Field      string        // the input at fault, as a path: "spec.timeout"
	Source     Source        // empty means Caller below 500, Hub from 500
	RetryAfter time.Duration // zero: not told
}

// New returns a catalogue entry. It panics without a code, status or title,
// because a catalogue is written by programmers.
func New(code string, status int, title, hint string) *Problem {
	if code == "" || status < 400 || title == "" {
		panic(fmt.Sprintf("problem.New(%q, %d, %q): code, status and title are required", code, status, title))
	}
	return &Problem{Code: code, Status: status, Title: title, Hint: hint}
}

// With returns a copy that says what happened this time.
func (p *Problem) With(format string, args ...any) *Problem {
	c := *p
	c.Detail = fmt.Sprintf(format, args...)
	return &c
}

// At returns a copy that names the input at fault.
func (p *Problem) At(field string) *Problem {
	c := *p
	c.Field = field
	return &c
}

// Hinted returns a copy with another hint.
func (p *Problem) Hinted(format string, args ...any) *Problem {
	c := *p
	c.Hint = fmt.Sprintf(format, args...)
	return &c
}

// After returns a copy that says when to try again.
func (p *Problem) After(d time.Duration) *Problem {
	c := *p
	c.RetryAfter = d
	return &c
}

// Error is the code and what happened.
func (p *Problem) Error() string {
	if p.Detail == "" {
		return p.Code + ": " + p.Title
	}
	return p.Code + ": " + p.Detail
}

// Is reports whether target is the same catalogue entry.
func (p *Problem) Is(target error) bool {
	t, ok := target.(*Problem)
	return ok && t.Code == p.Code
}

// Fault returns the source, never empty.
func (p *Problem) Fault() Source {
	switch {
	case p.Source != "":
		return p.Source
	case p.Status < 500:
		return Caller
	default:
		return Hub
	}
}

// As finds a problem in err's chain.
func As(err error) (*Problem, bool) {
	return errors.AsType[*Problem](err)
}
