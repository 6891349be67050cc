package uplink

import (
	"net/http"

	"github.com/cronium/cronium/sdk/problem"
)

// The problems of becoming and being an agent of a hub.
var (
	ErrNotEnrolled = problem.New("not_enrolled", http.StatusConflict,
		"This host is not enrolled", "Run `cronium hosts add` where you are signed in, and the command it prints on this host.")
	ErrEnrolled = problem.New("already_enrolled", http.StatusConflict,
		"This data directory is enrolled already", "Start the agent with `cronium-agent run`, or choose another --data-dir.")
	ErrIdentity = problem.New("identity_broken", http.StatusInternalServerError,
		"The agent's identity cannot be read", "Remove agent.json, ca.pem and credentials.pem from the data directory and enrol again.")
	ErrUnreachable = problem.New("hub_unreachable", http.StatusServiceUnavailable,
		"The hub cannot be reached", "Check the address (port 8421 by default), the network and that the hub runs.")
	ErrHubTooOld = problem.New("hub_too_old", http.StatusConflict,
		"The hub is older than this agent", "Upgrade the hub.")
	ErrAddress = problem.New("hub_address_invalid", http.StatusUnprocessableEntity,
		"The hub's address is invalid", "Give it as HOST:PORT, such as hub.example.com:8421.")
)
