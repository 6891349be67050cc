package run

// State of a run. Assigned, Running and Unknown have a live attempt.
type State string

// All states, in the words of the API.
const (
	Queued    State = "queued"    // waits for an agent or a time
	Assigned  State = "assigned"  // sent to an agent, which has not yet accepted
	Running   State = "running"   // accepted: the script may start, runs, or has ended unreported
	Unknown   State = "unknown"   // accepted, but the agent has been silent for longer than the lease
	Succeeded State = "succeeded" // final
	Partial   State = "partial"   // final: of a run that fans out, some targets succeeded and some did not
	Failed    State = "failed"    // final
	TimedOut  State = "timed_out" // final
	Cancelled State = "cancelled" // final
	Lost      State = "lost"      // final: nobody will ever know the outcome
)

// States lists all states, open ones first.
func States() []State {
	return []State{Queued, Assigned, Running, Unknown, Succeeded, Partial, Failed, TimedOut, Cancelled, Lost}
}

// Final reports whether a run in s stays in s for ever.
func (s State) Final() bool {
	switch s {
	case Queued, Assigned, Running, Unknown:
		return false
	default:
		return true
	}
}

// event is what may happen to an open run.
type event string

const (
	evClaim    event = "claim"     // dispatch gives it to an agent
	evAccept   event = "accept"    // the agent may start it
	evStart    event = "start"     // the agent says that the script started
	evRenew    event = "renew"     // the agent says that it holds it
	evHandBack event = "hand back" // proven: this attempt never started anything
	evExpire   event = "expire"    // the lease of an accepted attempt ran out
	evOrphan   event = "orphan"    // the agent's journal is gone
	evRetry    event = "retry"     // the attempt is over and another is allowed
	evSucceed  event = "succeed"
	evFail     event = "fail"
	evTimeOut  event = "time out"
	evCancel   event = "cancel" // before the start at once; later by the agent's result
	evLose     event = "lose"

	// Only of runs that fan out, and of their children before they are claimed.
	evBegin  event = "begin"   // the first target has started
	evPart   event = "part"    // all targets have ended, some of them well
	evNone   event = "none"    // all targets have ended, none of them well
	evGiveUp event = "give up" // nobody took it in time
)

// transition is one row of the table.
type transition struct {
	from State
	on   event
	to   State
}

// transitions is the law: what is not in this table does not happen. Statements
// get their sets of states from it, see [sources].
var transitions = []transition{
	{Queued, evClaim, Assigned},
	{Queued, evCancel, Cancelled},
	{Queued, evGiveUp, Failed},
	{Queued, evBegin, Running},
	{Queued, evNone, Failed},

	{Assigned, evAccept, Running},
	{Assigned, evStart, Running}, // the answer to Accept was lost on the hub's side
	{Assigned, evRenew, Assigned},
	{Assigned, evHandBack, Queued},
	{Assigned, evRetry, Queued},
	{Assigned, evSucceed, Succeeded},
	{Assigned, evFail, Failed},
	{Assigned, evTimeOut, TimedOut},
	{Assigned, evCancel, Cancelled},

	{Running, evAccept, Running}, // asked again because the answer was lost
	{Running, evStart, Running},
	{Running, evRenew, Running},
	{Running, evExpire, Unknown},
	{Running, evOrphan, Unknown},
	{Running, evHandBack, Queued},
	{Running, evRetry, Queued},
	{Running, evSucceed, Succeeded},
	{Running, evFail, Failed},
	{Running, evTimeOut, TimedOut},
	{Running, evCancel, Cancelled},
	{Running, evLose, Lost},
	{Running, evPart, Partial},
	{Running, evNone, Failed},

	{Unknown, evAccept, Running},
	{Unknown, evStart, Running},
	{Unknown, evRenew, Running},
	{Unknown, evOrphan, Unknown},
	{Unknown, evHandBack, Queued},
	{Unknown, evRetry, Queued},
	{Unknown, evSucceed, Succeeded},
	{Unknown, evFail, Failed},
	{Unknown, evTimeOut, TimedOut},
	{Unknown, evCancel, Cancelled},
	{Unknown, evLose, Lost},
}

// next returns the state that e leads to from s, or false: e does not happen there.
func next(s State, e event) (State, bool) {
	for _, t := range transitions {
		if t.from == s && t.on == e {
			return t.to, true
		}
	}
	return "", false
}

// sources lists the states in which one of the events may happen: the "from" of a
// compare-and-set.
func sources(events ...event) []string {
	var from []string
	for _, s := range States() {
		for _, e := range events {
			if _, ok := next(s, e); ok {
				from = append(from, string(s))
				break
			}
		}
	}
	return from
}

// The sets that the statements use, computed once.
var (
	fromAccept  = sources(evAccept)
	fromStart   = sources(evStart)
	fromRenew   = sources(evRenew)
	fromExpire  = sources(evExpire)
	fromOrphan  = sources(evOrphan)
	fromRequeue = sources(evHandBack, evRetry)
	fromSettle  = sources(evSucceed, evFail, evTimeOut, evCancel, evLose, evPart, evNone, evGiveUp)
	fromBegin   = sources(evBegin)
)
