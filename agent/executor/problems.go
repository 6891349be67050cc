package executor

import (
	"net/http"

	"github.com/cronium/cronium/sdk/problem"
)

// The problems that every executor may have.
var (
	ErrRunnerFailed = problem.New("runner_failed", http.StatusServiceUnavailable,
		"The runner could not start the script", "Look at the agent's log on the host; check its disk, memory and process limits.")
	ErrRebooted = problem.New("host_rebooted", http.StatusServiceUnavailable,
		"The host was restarted while the script ran", "What the script has done until then is unknown; run it again if that is safe.")
)
