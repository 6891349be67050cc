package run

import (
	"net/http"

	"github.com/cronium/cronium/sdk/problem"
)

// Problems of runs.
var (
	ErrNotFound = problem.New("run_not_found", http.StatusNotFound,
		"Run not found", "Check the id and the project; the run may have been pruned.")
	ErrFinished = problem.New("run_already_finished", http.StatusConflict,
		"Run has finished", "A finished run cannot be cancelled; start a new one.")
	ErrNotHeld = problem.New("attempt_not_held", http.StatusForbidden,
		"Attempt is not this agent's", "Nothing to do: the attempt is over, or another agent has it.")
	ErrParameter = problem.New("invalid_parameter", http.StatusUnprocessableEntity,
		"Parameter is not valid", "Use one of the values that the message lists.")
)

// Codes of outcomes that this package decides itself.
const (
	codeExit         = "exit_status"
	codeSignal       = "killed_by_signal"
	codeFailed       = "failed"
	codeTimedOut     = "timed_out"
	codeCancelled    = "cancelled"
	codeNeverStarted = "never_started"
	codeInfra        = "infrastructure_error"
	codeRejected     = "rejected_by_agent"
	codeLost         = "lost"

	codeSomeFailed  = "some_targets_failed"
	codeAllFailed   = "all_targets_failed"
	codeStopped     = "fan_out_stopped"
	codeNotTaken    = "target_not_started"
	CodeNoTargets   = "no_targets"       // a run that fans out to nobody
	CodeManyTargets = "too_many_targets" // more than [MaxTargets]
)

// Reasons why a queued run waits. Dispatch sets more of them.
const (
	ReasonWaiting    = "waiting_for_dispatch"
	ReasonRetryDelay = "retry_delay"
	ReasonTurn       = "waiting_for_turn"    // a target that its run has not let go yet
	ReasonTargets    = "waiting_for_targets" // a run that fans out, before its first target starts
)
