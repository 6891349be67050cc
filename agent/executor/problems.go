package executor

import "github.com/cronium/cronium/sdk/problem"

// The problems that every executor may have. Numbers instead of net/http's names,
// because this is part of the runner on a server, which must stay small.
var (
	ErrRunnerFailed = problem.New("runner_failed", 503,
		"The runner could not start the script", "Look at the agent's log on the host; check its disk, memory and process limits.")
	ErrLimitUnsupported = problem.New("limit_unsupported", 422,
		"The host cannot enforce a limit of the job", "Remove the limit, target hosts that have the label limits.NAME, or give the agent control groups; `cronium-agent status` says what it has.")
	ErrLimitTooHigh = problem.New("limit_too_high", 422,
		"The job asks for more than the host allows", "Lower the limit in the job, or start the agent with a higher --max-limits.")
	ErrRebooted = problem.New("host_rebooted", 503,
		"The host was restarted while the script ran", "What the script has done until then is unknown; run it again if that is safe.")
)
