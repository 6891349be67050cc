package supervisor

import (
	"net/http"

	"github.com/cronium/cronium/agent/journal"
	"github.com/cronium/cronium/sdk/problem"
)

// Why an attempt is refused, or ends without having run.
var (
	ErrFull = problem.New("agent_full", http.StatusServiceUnavailable,
		"All slots of the agent are taken", "Wait, or start the agent with more --slots.")
	ErrDisk = problem.New("disk_pressure", http.StatusServiceUnavailable,
		"The agent's disk is nearly full", "Free space on the file system of the agent's data directory.")
	ErrRef = problem.New("assignment_invalid", http.StatusUnprocessableEntity,
		"The assignment cannot be understood", "Upgrade the agent to the hub's version.")
	ErrStale = problem.New("stale_fence", http.StatusConflict,
		"The agent has the attempt under another fence", "Nothing to do: the hub decides which one counts.")
	ErrExecutor = problem.New("executor_unavailable", http.StatusServiceUnavailable,
		"The agent cannot start it that way", "Start the agent where that executor is available (`cronium-agent status` lists them), or change the job.")
	ErrDraining = problem.New("agent_draining", http.StatusServiceUnavailable,
		"The agent is draining", "Nothing to do: the attempt goes to another agent or waits until somebody resumes this one.")
	ErrStopping = problem.New("agent_stopping", http.StatusServiceUnavailable,
		"The agent is shutting down", "Nothing to do: the attempt goes to another agent or waits.")

	ErrNotStarted = problem.New("not_started", http.StatusServiceUnavailable,
		"The agent stopped before the script was started", "Nothing ran; the attempt is made again by itself.")
	ErrLate = problem.New("grant_expired", http.StatusServiceUnavailable,
		"The host was too slow to start the script", "Nothing ran. Look at the load of the host and the speed of its disk.")
	ErrJournal = problem.New("journal_unavailable", http.StatusServiceUnavailable,
		"The agent cannot write to its disk", "Free space on the file system of the agent's data directory and check its permissions.")
)

func record(err error, otherwise *problem.Problem) *journal.Problem {
	p, ok := problem.As(err)
	if !ok {
		p = otherwise.With("%v", err)
	}
	return &journal.Problem{Code: p.Code, Title: p.Title, Detail: p.Detail, Hint: p.Hint}
}
