package executor

import "github.com/cronium/cronium/sdk/problem"

// The problems that every executor may have. Numbers instead of net/http's names,
// because this is part of the runner on a server, which must stay small.
var (
	ErrRunnerFailed = problem.New("runner_failed", 503,
		"The runner could not start the script", "Look at the agent's log on the host; check its disk, memory and process limits.")
	ErrRebooted = problem.New("host_rebooted", 503,
		"The host was restarted while the script ran", "What the script has done until then is unknown; run it again if that is safe.")
)
