package probe

import (
	"net/http"
	"time"

	"github.com/cronium/cronium/sdk/problem"
)

// Problems of looking at a server.
var (
	ErrNoAgent = problem.New("no_agent_for_server", http.StatusConflict,
		"No connected agent reaches it", "Start an agent that has SSH switched on and all labels that the server asks for, or ask for fewer.")
	ErrAgent = problem.New("agent_did_not_answer", http.StatusServiceUnavailable,
		"Agent did not answer", "Try again; look at the agent's log if it stays, and upgrade the agent if it is older than the hub.").After(5 * time.Second)
	ErrPatience = problem.New("probe_takes_long", http.StatusServiceUnavailable,
		"Test of the connection is not over yet", "Look at the server again in a moment.").After(10 * time.Second)
)
