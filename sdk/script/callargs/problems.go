package callargs

import (
	"net/http"

	"github.com/cronium/cronium/sdk/problem"
)

// What is known to be wrong without an answer of the runner. The helpers of Python,
// Node and bash say the same, word for word; a test of package script compares them.
var (
	ErrNotInARun = problem.New("not_in_a_run", http.StatusConflict,
		"This script is not in a run", "Let Cronium run the script: it can only ask from inside of a run.")
	ErrRunnerUnreachable = problem.New("runner_unreachable", http.StatusServiceUnavailable,
		"The runner does not answer", "Whether the call happened is not known; repeat it only if it may happen twice.")
	ErrArgs = problem.New("args_invalid", http.StatusUnprocessableEntity,
		"The call has wrong arguments", "Compare it with the table of calls on the page on scripts.")
	ErrTooLarge = problem.New("request_too_large", http.StatusRequestEntityTooLarge,
		"The call is too large", "Send at most 1 MiB of JSON; put more into a file or a service and pass where it is.")
)
