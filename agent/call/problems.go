package call

import (
	"net/http"

	"github.com/cronium/cronium/sdk/problem"
)

// What a script can be told without the hub.
var (
	ErrUnknown = problem.New("call_unknown", http.StatusNotFound,
		"There is no such call", "Check its spelling; the documentation of the runtime API lists all calls.")
	ErrArgs = problem.New("args_invalid", http.StatusUnprocessableEntity,
		"The arguments of the call are wrong", "See the call in the documentation of the runtime API.")
	ErrRequest = problem.New("request_invalid", http.StatusBadRequest,
		"The request is not one JSON object in UTF-8 on a line", `Send {"call": NAME, "args": {…}} and a newline.`)
	ErrTooLarge = problem.New("request_too_large", http.StatusRequestEntityTooLarge,
		"The request is too large", "A request may have 1 MiB and 64 KiB; write larger data to a file.")
	ErrPeer = problem.New("caller_refused", http.StatusForbidden,
		"This socket belongs to another run", "A script may use its own CRONIUM_SOCKET alone, as the user that it was started as.")
	ErrUnreachable = problem.New("hub_unreachable", http.StatusServiceUnavailable,
		"The hub did not answer in time", "Try again. What the call was to change may have been changed.")
	ErrNoRun = problem.New("not_in_a_run", http.StatusConflict,
		"There is no run to speak for", "Call it from the script of a run, which has CRONIUM_SOCKET in its environment.")
	ErrNoAnswer = problem.New("runner_unreachable", http.StatusServiceUnavailable,
		"The run's runner does not answer", "The script has probably been told to end.")
)
