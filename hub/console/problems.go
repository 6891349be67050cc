package console

import (
	"net/http"

	"github.com/cronium/cronium/sdk/problem"
)

// Problems of consoles.
var (
	ErrNotFound = problem.New("console_not_found", http.StatusNotFound,
		"Console not found", "List those that you can come back to with: cronium console --ls")
	ErrEnded = problem.New("console_ended", http.StatusGone,
		"Console has ended", "Open a new one.")
	ErrTicket = problem.New("console_ticket_invalid", http.StatusUnauthorized,
		"Ticket is not valid", "Ask for a new one: a ticket is good for 30 seconds, once, for the login that asked, and on the replica that made it.")
	ErrOff = problem.New("console_off", http.StatusConflict,
		"The console of this host is off", "Its operator can switch it on: start the agent with `cronium-agent run --console`.")
	ErrOffline = problem.New("host_offline", http.StatusConflict,
		"Host is not connected", "Start its agent, or look at its log there.")
	ErrElsewhere = problem.New("console_elsewhere", http.StatusConflict,
		"Host is connected to another replica of the hub", "Ask that replica: a console is reached only where its host's agent is connected. A load balancer may need another try.")
	ErrTooMany = problem.New("too_many_consoles", http.StatusTooManyRequests,
		"Too many consoles", "End one first: come back to it and type exit.")
	ErrTooManyTickets = problem.New("too_many_console_tickets", http.StatusTooManyRequests,
		"Too many tickets", "Use those that you have, or wait half a minute.")
	ErrAgent = problem.New("console_agent_failed", http.StatusBadGateway,
		"The agent did not open a shell", "See the agent's log on the host.")
	ErrTakenOver = problem.New("console_taken_over", http.StatusConflict,
		"You are attached from somewhere else now", "Come back to it here to take it over again.")
	ErrReadOnly = problem.New("console_read_only", http.StatusForbidden,
		"You are only watching", "Its owner alone can type.")
	ErrLimits = problem.New("console_limits_invalid", http.StatusUnprocessableEntity,
		"Limits of the console cannot be used", "Use at most 15m for --console-idle and 8h for --console-max, and more than nothing.")
	ErrCursor = problem.New("invalid_parameter", http.StatusUnprocessableEntity,
		"Parameter is not valid", "Use the cursor of the page before, or none.")
)

// errAgentBroke is a fault of the agent's, which costs it the session.
var errAgentBroke = problem.New("console_protocol", http.StatusBadGateway,
	"The agent broke the protocol of consoles", "Upgrade the agent; if it is current, report this.")
