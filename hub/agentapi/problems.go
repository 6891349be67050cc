package agentapi

import (
	"net/http"

	"github.com/cronium/cronium/sdk/problem"
)

// Problems of the conversation with an agent.
var (
	ErrNotAllowed = problem.New("not_allowed_here", http.StatusForbidden,
		"Call is not served on this connection", "Upgrade the agent; if it is current, report this.")
	ErrHelloFirst = problem.New("hello_first", http.StatusConflict,
		"Session has not begun", "Upgrade the agent; if it is current, report this.")
	ErrTooNew = problem.New("agent_too_new", http.StatusConflict,
		"Agent is newer than the hub", "Upgrade the hub first, then the agents.")
	ErrTooOld = problem.New("agent_too_old", http.StatusConflict,
		"Agent is too old", "Upgrade the agent to the version of the hub.")
	ErrMessage = problem.New("message_invalid", http.StatusUnprocessableEntity,
		"Message cannot be understood", "Upgrade the agent; if it is current, report this.")
	ErrTooLarge = problem.New("frame_too_large", http.StatusRequestEntityTooLarge,
		"Log chunk is too large", "Upgrade the agent; if it is current, report this.")
	ErrFrames = problem.New("frames_invalid", http.StatusUnprocessableEntity,
		"Log chunk is not made of whole frames", "Upgrade the agent; if it is current, report this.")
	ErrStrikes = problem.New("not_yours", http.StatusForbidden,
		"Agent speaks for runs that are not its own", "Look at the agent's host: its program or its identity is not what it should be.")
	ErrSilent = problem.New("session_silent", http.StatusRequestTimeout,
		"Agent fell silent", "Look at the network between agent and hub, and at the load of the host.")
	ErrCertificateEnded = problem.New("certificate_expired", http.StatusForbidden,
		"Certificate of the session has ended", "Nothing to do: the agent connects with its next certificate.")
	ErrVersionGone = problem.New("version_gone", http.StatusConflict,
		"This hub no longer has the version", "Ask for the upgrade again: it goes to the version that the hub has now.")
	ErrPanic = problem.New("internal", http.StatusInternalServerError,
		"Hub made a mistake", "Report this with the hub's log.")
)
