package process

import (
	"net/http"

	"github.com/cronium/cronium/sdk/problem"
)

// The problems of starting and losing processes.
var (
	ErrRunnerMissing = problem.New("runner_missing", http.StatusServiceUnavailable,
		"The agent cannot find cronium-runner", "Install cronium-runner beside cronium-agent, or start the agent with --runner PATH.")
	ErrUser = problem.New("user_not_found", http.StatusUnprocessableEntity,
		"Scripts cannot run as this user", "Name an existing user, and start the agent as root.")
	ErrRunnerDied = problem.New("runner_died", http.StatusServiceUnavailable,
		"The script's runner was killed", "The host probably ran out of memory; see `dmesg` on it. What the script has done until then is unknown.")
)
