package call

import (
	"github.com/cronium/cronium/sdk/problem"
	"github.com/cronium/cronium/sdk/script/callargs"
)

// What a script can be told without the hub.
var (
	ErrUnknown = problem.New("call_unknown", 404,
		"There is no such call", "Check its spelling; the documentation of the runtime API lists all calls.")
	ErrArgs = problem.New("args_invalid", 422,
		"The arguments of the call are wrong", "See the call in the documentation of the runtime API.")
	ErrRequest = problem.New("request_invalid", 400,
		"The request is not one JSON object in UTF-8 on a line", `Send {"call": NAME, "args": {…}} and a newline.`)
	ErrTooLarge = problem.New("request_too_large", 413,
		"The request is too large", "A request may have 1 MiB and 64 KiB; write larger data to a file.")
	ErrPeer = problem.New("caller_refused", 403,
		"This socket belongs to another run", "A script may use its own CRONIUM_SOCKET alone, as the user that it was started as.")
	ErrUnreachable = problem.New("hub_unreachable", 503,
		"The hub did not answer in time", "Try again. What the call was to change may have been changed.")
	ErrNoRun    = callargs.ErrNotInARun
	ErrNoAnswer = callargs.ErrRunnerUnreachable
)
