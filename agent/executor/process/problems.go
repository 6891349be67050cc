package process

import "github.com/cronium/cronium/sdk/problem"

// The problems of starting and losing processes. Numbers instead of net/http's names,
// because this is part of the runner on a server, which must stay small.
var (
	ErrRunnerMissing = problem.New("runner_missing", 503,
		"The agent cannot find cronium-runner", "Install cronium-runner beside cronium-agent, or start the agent with --runner PATH.")
	ErrUser = problem.New("user_not_found", 422,
		"Scripts cannot run as this user", "Name an existing user, and start the agent as root.")
	ErrRunnerDied = problem.New("runner_died", 503,
		"The script's runner was killed", "The host probably ran out of memory; see `dmesg` on it. What the script has done until then is unknown.")
)
