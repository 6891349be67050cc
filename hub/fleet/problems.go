package fleet

import (
	"net/http"

	"github.com/cronium/cronium/sdk/problem"
)

// Problems of agents.
var (
	ErrNotFound = problem.New("host_not_found", http.StatusNotFound,
		"Host not found", "Check the name and the project; list them with: cronium hosts")
	ErrTokenRequest = problem.New("invalid_parameter", http.StatusUnprocessableEntity,
		"Parameter is not valid", "Use a value within the limits that the message names.")
	ErrTokenUnknown = problem.New("join_token_invalid", http.StatusForbidden,
		"Join token is not known", "Copy the whole token again, or make a new one with: cronium hosts add")
	ErrTokenExpired = problem.New("join_token_expired", http.StatusForbidden,
		"Join token has expired", "Make a new one with: cronium hosts add")
	ErrTokenUsed = problem.New("join_token_used", http.StatusForbidden,
		"Join token was used already", "Make a new one with: cronium hosts add")
	ErrCSR = problem.New("csr_invalid", http.StatusUnprocessableEntity,
		"Certificate request cannot be used", "Upgrade the agent; if it is current, report this.")
	ErrIdentity = problem.New("wrong_instance", http.StatusForbidden,
		"Certificate of another hub", "Enrol this host with a join token of this hub.")
	ErrRevoked = problem.New("certificate_revoked", http.StatusForbidden,
		"Certificate was revoked", "The host was removed, or a newer certificate of it is in use. Enrol it again with a new join token.")
	ErrCloned = problem.New("certificate_cloned", http.StatusForbidden,
		"Certificate was renewed by somebody else",
		"Two copies of this agent's data directory are in use. Remove the host, then enrol each machine with its own join token.")
	ErrDuplicate = problem.New("duplicate_identity", http.StatusConflict,
		"Agent is connected from another machine",
		"Stop the other agent, or enrol this machine with its own join token; do not copy an agent's data directory.")
	ErrEpoch = problem.New("stale_epoch", http.StatusConflict,
		"Session was replaced", "Nothing to do: the agent connects anew.")
)
