package environment

import "github.com/cronium/cronium/sdk/problem"

// ErrUnusable is an environment that cannot be kept. A number instead of net/http's
// name, because this is part of the runner, which must stay small.
var ErrUnusable = problem.New("environment_unavailable", 503,
	"The environment of the dependencies cannot be kept", "Free space on the agent's disk and check the permissions of its data directory.")
