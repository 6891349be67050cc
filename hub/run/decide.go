package run

import (
	"fmt"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/cronium/cronium/sdk/problem"
)

// live is an open run as the queue has it, locked by the caller.
type live struct {
	Ref
	state      State
	retry      Retry
	retries    int // counted attempts so far that were tried again
	misses     int
	cancelling bool
	started    bool
	orphan     bool // of a journal that is gone
}

// verdict is what becomes of a run when its attempt is over.
type verdict struct {
	on      event
	to      State
	attempt string        // what is written about the attempt
	delay   time.Duration // to == Queued: before it may be claimed again
	code    string        // outcome, or the reason for waiting
	detail  string
	hint    string
}

// The states of an attempt that is over.
const (
	attemptFinished = "finished" // with a result
	attemptRevoked  = "revoked"  // never started anything, or was called back
	attemptLost     = "lost"
)

// judge decides what a result makes of the run. It is pure.
func judge(l live, o Outcome, what outcome) verdict {
	switch o {
	case OutcomeSucceeded:
		return l.end(evSucceed, attemptFinished, outcome{})
	case OutcomeCancelled:
		return l.end(evCancel, attemptFinished, what)
	case OutcomeRejected:
		return l.end(evFail, attemptFinished, what)
	case OutcomeNotStarted:
		v := l.handBack(what)
		v.attempt = attemptFinished
		return v
	case OutcomeTimedOut:
		return l.retryOr(evTimeOut, o, attemptFinished, what)
	case OutcomeLost:
		return l.retryOr(evLose, o, attemptLost, what)
	default:
		return l.retryOr(evFail, o, attemptFinished, what)
	}
}

// handBack is the end of an attempt that provably started nothing. It costs no
// retry, but it does not go on for ever.
func (l live) handBack(why outcome) verdict {
	switch {
	case l.cancelling:
		return l.end(evCancel, attemptRevoked, cancelledBeforeStart)
	case l.misses+1 >= maxMisses && l.state != Assigned:
		return l.end(evFail, attemptRevoked, outcome{codeNeverStarted,
			fmt.Sprintf("Handed back %d times without having started: %s", l.misses+1, why.Detail),
			"Look at the agents' logs; then run the job again."})
	}
	v := l.end(evHandBack, attemptRevoked, outcome{Code: ReasonWaiting, Detail: why.Detail})
	v.delay = missWait(l.misses + 1)
	return v
}

func (l live) retryOr(e event, o Outcome, attempt string, what outcome) verdict {
	if l.cancelling || !l.retry.covers(o) || l.retries >= l.retry.Max {
		return l.end(e, attempt, what)
	}
	n := l.retries + 1
	delay := l.retry.wait(n)
	v := l.end(evRetry, attempt, outcome{Code: ReasonRetryDelay,
		Detail: fmt.Sprintf("Attempt %d: %s. Retry %d of %d after %s", l.Attempt, what.Detail, n, l.retry.Max, delay)})
	v.delay = delay
	return v
}

// end follows the table. An event that the table does not know from here is a bug
// in this package, not a state of the world.
func (l live) end(e event, attempt string, what outcome) verdict {
	to, ok := next(l.state, e)
	if !ok {
		panic(fmt.Sprintf("run: %q cannot happen to a run that is %s", e, l.state))
	}
	return verdict{on: e, to: to, attempt: attempt, code: what.Code, detail: what.Detail, hint: what.Hint}
}

// settles reports whether o ends a run whatever its queue row says, and in which state.
func settles(o Outcome) (State, bool) {
	switch o {
	case OutcomeSucceeded:
		return Succeeded, true
	case OutcomeCancelled:
		return Cancelled, true
	case OutcomeRejected:
		return Failed, true
	default:
		return "", false
	}
}

type outcome struct{ Code, Detail, Hint string }

var (
	cancelledBeforeStart = outcome{codeCancelled, "Cancelled before it started", ""}
	lostOutcome          = outcome{codeLost, "The host did not report in time; the outcome is not known",
		"Look at the host and at what the script did there, then run the job again."}
	lostByAgent = outcome{codeLost, "The agent came back without this attempt, although it had started",
		"Look at what the script did on the host, then run the job again."}
)

// describe says in words what a result means. A problem from an agent is hostile
// text: it is cleaned and cut.
func describe(r Result) outcome {
	if p := r.Problem; p != nil && p.Code != "" {
		what := outcome{clean(p.Code, 64), clean(p.Detail, 2000), clean(p.Hint, 500)}
		if what.Detail == "" {
			what.Detail = clean(p.Title, 200)
		}
		return what
	}
	switch r.Outcome {
	case OutcomeSucceeded:
		return outcome{}
	case OutcomeTimedOut:
		return outcome{codeTimedOut, "The script ran longer than its timeout", "Raise the job's timeout or make the script faster."}
	case OutcomeCancelled:
		return outcome{Code: codeCancelled, Detail: "Cancelled"}
	case OutcomeNotStarted:
		return outcome{Code: codeNeverStarted, Detail: "The agent did not start it"}
	case OutcomeInfrastructure:
		return outcome{codeInfra, "The host could not run the script", "Look at the agent's log."}
	case OutcomeRejected:
		return outcome{codeRejected, "The agent refuses this payload", "Look at the agent's log."}
	}
	if r.Signal != "" {
		return outcome{codeSignal, "The script was ended by signal " + clean(r.Signal, 20), ""}
	}
	if r.ExitCode != 0 {
		return outcome{codeExit, fmt.Sprintf("The script ended with exit status %d", r.ExitCode), ""}
	}
	return outcome{Code: codeFailed, Detail: "The script failed"}
}

// clean makes foreign text safe to store and to show, and at most n bytes long.
func clean(s string, n int) string {
	s = strings.Map(func(r rune) rune {
		if r == '\n' || r == '\t' || r != utf8.RuneError && !unicode.IsControl(r) {
			return r
		}
		return -1
	}, s)
	if len(s) <= n {
		return s
	}
	s = s[:n]
	for !utf8.ValidString(s) {
		s = s[:len(s)-1]
	}
	return s + "…"
}

func cleanProblem(p *problem.Problem) *problem.Problem {
	if p == nil {
		return nil
	}
	return &problem.Problem{Code: clean(p.Code, 64), Title: clean(p.Title, 200), Detail: clean(p.Detail, 2000), Hint: clean(p.Hint, 500)}
}
