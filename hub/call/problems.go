package call

import (
	"net/http"

	"github.com/cronium/cronium/sdk/problem"
)

// Problems of calls. Scripts see them.
var (
	ErrUnknown = problem.New("call_unknown", http.StatusNotFound,
		"There is no such call", "Check its spelling, and that the hub is as new as the agent.")
	ErrArgs = problem.New("args_invalid", http.StatusUnprocessableEntity,
		"The arguments of the call are wrong", "See the call in the documentation of the runtime API.")
	ErrNotDeclared = problem.New("secret_not_declared", http.StatusForbidden,
		"The job may not read this secret", "Add its name to spec.secrets of the job, and run it again.")
	ErrNotRunning = problem.New("attempt_not_running", http.StatusConflict,
		"The attempt does not run any more", "Nothing to do: the run went on without it.")
)
