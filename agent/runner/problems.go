package runner

import (
	"github.com/cronium/cronium/agent/journal"
	"github.com/cronium/cronium/sdk/problem"
)

// How a script may end without success. The first nine are what a script that ran may
// meet.
var (
	ErrExitCode = problem.New("exit_code", 422,
		"The script failed", "Read the end of the log; the script's last command says why.")
	ErrSignal = problem.New("killed_by_signal", 422,
		"The script was killed by a signal", "SIGKILL often means that the host ran out of memory; see `dmesg` on it.")
	ErrMemory = problem.New("out_of_memory", 422,
		"The script used more memory than it may", "Raise limits.memory of the job, or make the script use less.")
	ErrProcesses = problem.New("too_many_processes", 422,
		"The script has had more processes than it may", "Raise limits.processes of the job, or make the script start fewer at once.")
	ErrFileSize = problem.New("file_too_large", 422,
		"The script wrote a file that is larger than it may be", "Raise limits.file_size of the job, or make the script write smaller files.")
	ErrWorkspaceFull = problem.New("workspace_full", 422,
		"The script's workspace holds more than it may", "Raise limits.workspace of the job, or make the script remove what it no longer needs.")
	ErrDiskFull = problem.New("disk_full", 503,
		"The disk of the script's workspace is full", "Free space on the file system of the agent's data directory.")
	ErrTimeout = problem.New("timed_out", 422,
		"The script ran into its timeout", "Raise `timeout` in the job, or make the script faster.")
	ErrCancelled = problem.New("cancelled", 422,
		"The run was cancelled", "Start it again if that was a mistake.")

	ErrLanguage = problem.New("language_unknown", 422,
		"This agent does not know the script's language", "Use bash, python or node, or upgrade the agent.")
	ErrInterpreter = problem.New("interpreter_missing", 503,
		"The host lacks the script's interpreter", "Install it on the host, or target hosts that have it.")
	ErrRequester = problem.New("http_unavailable", 503,
		"HTTP requests cannot be made here", "Upgrade the agent, or target hosts with a newer one.")
	ErrDigest = problem.New("script_digest_mismatch", 422,
		"The script is not what the hub sent", "Run the job again; if it happens again, check the agent's disk.")
	ErrPayload = problem.New("payload_invalid", 422,
		"The payload cannot be read", "Upgrade the agent to the hub's version.")
	ErrEnvironment = problem.New("environment_invalid", 422,
		"The script's environment cannot be set", "Keep every value below 128 KiB and free of NUL; pass large data in a file.")
	ErrWorkspace = problem.New("workspace_unavailable", 503,
		"The workspace cannot be prepared", "Free space on the agent's disk and check the permissions of its data directory.")
	ErrDependenciesOff = problem.New("dependencies_unavailable", 422,
		"Dependencies are not installed here", "Run the job as a process of a host that has the label dependencies.LANGUAGE; start its agent with --dependencies on, --pip-index, --npm-registry or --wheelhouse.")
	ErrDependencies = problem.New("dependencies_not_installed", 422,
		"The job's dependencies could not be installed", "Read the log; check names and versions in spec.dependencies, and that the host's index or wheelhouse has them for its interpreter.")
	ErrDependencySource = problem.New("dependency_source_unreachable", 503,
		"The host could not reach its index of packages", "Check the network of the host, and the index that its agent was started with; then run the job again.")
	ErrDependencyTime = problem.New("dependencies_timed_out", 422,
		"The job's dependencies were not installed in time", "Start the agent with a longer --dependency-limits time=…, or depend on less.")
	ErrDependencySize = problem.New("dependencies_too_large", 422,
		"The job's dependencies take more disk than they may", "Start the agent with a higher --dependency-limits size=…, or depend on less.")
	ErrExec = problem.New("exec_refused", 503,
		"The host refused to start the script", "Check the process limit and the memory of the host, and that it allows execution.")
	ErrStopped = problem.New("runner_stopped", 503,
		"The runner was told to stop", "The host or its Docker engine was shut down; run the job again.")
)

// asRecord is p as it lies in the journal.
func asRecord(p *problem.Problem) *journal.Problem {
	return &journal.Problem{Code: p.Code, Title: p.Title, Detail: p.Detail, Hint: p.Hint}
}
