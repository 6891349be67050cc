package callargs

import (
	"github.com/cronium/cronium/sdk/problem"
)

// What is known to be wrong without an answer of the runner. The helpers of Python,
// Node and bash say the same, word for word; a test of package script compares them.
var (
	ErrNotInARun = problem.New("not_in_a_run", 409,
		"There is no run to speak for", "Call it from the script of a run, which has CRONIUM_SOCKET in its environment.")
	ErrRunnerUnreachable = problem.New("runner_unreachable", 503,
		"The run's runner does not answer", "Whether the call happened is not known; repeat it only if it may happen twice.")
	ErrArgs = problem.New("args_invalid", 422,
		"The arguments of the call are wrong", "See the call in the documentation of the runtime API.")
	ErrTooLarge = problem.New("request_too_large", 413,
		"The request is too large", "A request may have 1 MiB and 64 KiB; write larger data to a file.")
)
