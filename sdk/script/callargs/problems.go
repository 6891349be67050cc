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
	ErrUnreadable = problem.New("artifact_file_unreadable", 422,
		"The file cannot be read", "Give the path of a regular file that the script's user may read.")
	ErrUnwritable = problem.New("artifact_file_unwritable", 422,
		"The file cannot be written", "Give the path of a file in a directory that the script's user may write to.")
	ErrChanged = problem.New("artifact_file_changed", 409,
		"The file became shorter while it was read", "Put a copy, or wait until what writes the file has ended.")
	ErrDamaged = problem.New("artifact_damaged", 422,
		"Artifact is not what was sent", "Get it again; if that does not help, something changes the bytes on their way.")
)
