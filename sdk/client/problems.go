package client

import (
	"fmt"
	"net/http"

	"github.com/cronium/cronium/sdk/problem"
)

// What the client itself can say. Everything else comes from the hub.
var (
	ErrUnreachable = problem.New("hub_unreachable", http.StatusServiceUnavailable,
		"Hub not reachable", "Check that the hub runs and that the address is right.")
	ErrNotAHub = problem.New("not_a_hub", http.StatusBadGateway,
		"Not an answer of a Cronium hub", "Check the address, and the proxy in front of the hub.")
	ErrRedirected = problem.New("redirected", http.StatusBadGateway,
		"The hub's address redirects", "Use the final address.")
	ErrDamaged = problem.New("artifact_damaged", http.StatusBadGateway,
		"Artifact is not what the run has put", "Download it again; it was replaced meanwhile, or something changes the bytes on their way.")
	ErrInvalidURL = problem.New("invalid_url", http.StatusBadRequest,
		"Invalid address of a hub", "Write it like https://cronium.example.com or http://127.0.0.1:8420.")
)

// AnswerError is a refusal by the hub.
type AnswerError struct {
	Problem   *problem.Problem
	Method    string
	Path      string
	RequestID string // also in the hub's log; empty when the hub did not say
}

// Error says what was asked and what the hub said.
func (e *AnswerError) Error() string {
	return fmt.Sprintf("%s %s: %v", e.Method, e.Path, e.Problem)
}

// Unwrap returns the problem.
func (e *AnswerError) Unwrap() error { return e.Problem }
