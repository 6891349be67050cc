package run

import (
	"encoding/json"
	"time"

	"github.com/google/uuid"

	"github.com/cronium/cronium/sdk/problem"
)

// Ref names one attempt. Fence orders attempts; a write about an attempt compares
// all three fields.
type Ref struct {
	RunID   uuid.UUID
	Attempt int32
	Fence   int64
}

// Trigger says who asked for a run.
type Trigger string

// All triggers.
const (
	ByHand     Trigger = "manual"
	ByAPI      Trigger = "api"
	ByCLI      Trigger = "cli"
	BySchedule Trigger = "schedule"
	ByRetry    Trigger = "retry"
)

// Valid reports whether t is one of the triggers above.
func (t Trigger) Valid() bool {
	switch t {
	case ByHand, ByAPI, ByCLI, BySchedule, ByRetry:
		return true
	}
	return false
}

// Request asks for one run. The caller has checked permission, job and inputs.
type Request struct {
	Project    uuid.UUID
	JobID      uuid.UUID
	JobName    string
	JobVersion int
	Trigger    Trigger
	StartedBy  string // email of a person, name of a schedule

	// Both for a scheduled run: one run per schedule and planned time.
	ScheduleID   *uuid.UUID
	ScheduledFor *time.Time

	Inputs       map[string]any    // resolved, without secrets
	SealedInputs []byte            // secret inputs, sealed by the caller
	Target       map[string]string // labels that the agent must have
	Server       string            // name of the server that it runs on; empty: the agent's own host
	Retry        Retry
	LostAfter    time.Duration // silence after which the run is lost; default 75 minutes: the default timeout and 15
	NotBefore    time.Time     // zero: at once; of a run that fans out it is not looked at
	Priority     int16         // higher first; default 0
	FanOut       *FanOut       // default: it runs once, somewhere

	parent     uuid.UUID // of a target's run
	targetName string
}

// Run is one run as it is now.
type Run struct {
	ID           uuid.UUID
	ProjectID    uuid.UUID
	JobID        uuid.UUID
	JobName      string
	JobVersion   int
	Trigger      Trigger
	ScheduleID   *uuid.UUID
	ScheduledFor *time.Time
	StartedBy    string
	Inputs       map[string]any // only from Get; numbers are json.Number

	State       State
	Reason      *Reason       // while queued
	Outcome     *Ending       // once finished other than succeeded
	ParentID    *uuid.UUID    // of the run whose target this one is for
	Target      string        // its name then: of a host or a server
	Targets     *TargetCounts // of a run that fans out
	Attempt     int           // the last one, 0 before the first and of a run that fans out
	MaxAttempts int
	AgentID     *uuid.UUID // of the last attempt
	Server      string     // that it runs on through the agent; empty: the agent's own host
	ExitCode    *int
	Signal      string

	CancelRequested bool
	CancelBy        string

	CreatedAt  time.Time
	NotBefore  *time.Time // while queued and that time has not come
	StartedAt  *time.Time // of the last attempt
	FinishedAt *time.Time

	Attempts []Attempt // only from Get, oldest first, the live one last
	Existed  bool      // from Create: the fire had its run already, and this is it
}

// Public is the id in the form of the API.
func (r Run) Public() string { return FormatID(r.ID) }

// Reason says why a queued run waits.
type Reason struct {
	Code   string
	Detail string
	Since  time.Time
}

// Ending says why a run ended as it did.
type Ending struct {
	Code   string
	Detail string
	Hint   string
}

// Attempt is one try.
type Attempt struct {
	Number       int
	AgentID      uuid.UUID
	Fence        int64
	State        string // assigned, running, unknown, then finished, revoked or lost
	Outcome      Outcome
	ExitCode     *int
	Signal       string
	AssignedAt   time.Time
	AcceptedAt   *time.Time
	StartedAt    *time.Time
	FinishedAt   *time.Time
	Problem      *problem.Problem
	Ran          Ran
	LogBytes     int64
	DroppedBytes int64
	Late         bool
}

// Ran is how an attempt went, as its agent told.
type Ran struct {
	Image  string  `json:"image,omitempty"`  // reference, of a container
	Digest string  `json:"digest,omitempty"` // sha256:…, which image that was
	Stages []Stage `json:"stages,omitempty"` // in order
}

// Stage is a part of an attempt.
type Stage struct {
	Name     string        `json:"name"` // prepare, pull, install, run, collect
	Duration time.Duration `json:"duration"`
}

// Outcome of an attempt.
type Outcome string

// All outcomes. Lost is the hub's own word; the others are an agent's.
const (
	OutcomeSucceeded      Outcome = "succeeded"
	OutcomeFailed         Outcome = "failed"
	OutcomeTimedOut       Outcome = "timed_out"
	OutcomeCancelled      Outcome = "cancelled"
	OutcomeNotStarted     Outcome = "not_started"    // proven: nothing ran
	OutcomeInfrastructure Outcome = "infrastructure" // not the script's fault
	OutcomeRejected       Outcome = "rejected"       // the agent refuses this payload
	OutcomeLost           Outcome = "lost"
)

func (o Outcome) reportable() bool {
	switch o {
	case OutcomeSucceeded, OutcomeFailed, OutcomeTimedOut, OutcomeCancelled, OutcomeNotStarted, OutcomeInfrastructure, OutcomeRejected:
		return true
	}
	return false
}

// Claimed is a run that was given to an agent, with what dispatch needs to send it.
type Claimed struct {
	Ref
	ProjectID  uuid.UUID
	JobID      uuid.UUID
	JobName    string
	JobVersion int
	Server     string         // that it runs on; empty: the agent's own host
	Inputs     map[string]any // numbers are json.Number
	InputsJSON json.RawMessage
	Sealed     []byte
}

// Decision answers Accept.
type Decision int

// Decisions. The zero value is none of them.
const (
	Granted         Decision = iota + 1 // start it
	CancelledBefore                     // cancelled before it started: never start it
	Stale                               // no longer this agent's
)

// Answer answers a started mark or a result.
type Answer int

// Answers. The zero value is none of them.
const (
	Accepted  Answer = iota + 1
	Duplicate        // the same result was here before
	Late             // kept, but the run went on without it
	NotYours         // no such attempt of this agent
)

// StartMark says that the script of an attempt started, Age ago.
type StartMark struct {
	Ref
	Age time.Duration
}

// Result says how an attempt ended, Age ago.
type Result struct {
	Ref
	Outcome      Outcome
	ExitCode     int
	Signal       string
	Duration     time.Duration
	Age          time.Duration
	LogBytes     int64
	DroppedBytes int64
	Problem      *problem.Problem
	Ran          Ran
	SHA256       []byte
}

// exitCode is the script's own exit status, or -1 if there is none to show.
func (r Result) exitCode() int32 {
	ended := r.Outcome == OutcomeSucceeded || r.Outcome == OutcomeFailed ||
		r.ExitCode != 0 && (r.Outcome == OutcomeTimedOut || r.Outcome == OutcomeCancelled)
	if !ended || r.Signal != "" {
		return -1
	}
	return int32(r.ExitCode) //nolint:gosec // an exit status is a byte
}

// Renewal is one agent's word that it holds these attempts.
type Renewal struct {
	AgentID uuid.UUID
	Refs    []Ref
}

// Orders answer a renewal.
type Orders struct {
	Cancel []Ref // somebody asked for their end
	Drop   []Ref // superseded: kill if running; results and logs are late but welcome
}

// Held is an attempt that an agent says it has, at the start of a session.
type Held struct {
	Ref
	Phase Phase
}

// Phase is how far the agent's journal says an attempt came.
type Phase int

// Phases, as in the agent protocol.
const (
	PhaseAssigned Phase = iota + 1
	PhaseStarting
	PhaseRunning
	PhaseFinished
)

// Waiting is dispatch's explanation of a queued run.
type Waiting struct {
	RunID  uuid.UUID
	Code   string
	Detail string
}

// Queueing is a run that waits, as dispatch sees it.
type Queueing struct {
	RunID     uuid.UUID
	ProjectID uuid.UUID
	JobID     uuid.UUID
	Target    map[string]string
	Reason    Reason
	NotBefore time.Time
	Delayed   bool // NotBefore has not come
}

// Reaped counts what a pass of the reaper did.
type Reaped struct {
	Requeued int // assignments that nobody accepted in time
	Unknown  int // leases that ran out
	Lost     int // runs and attempts given up
}
