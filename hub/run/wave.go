package run

import (
	"fmt"
	"strings"

	"github.com/cronium/cronium/hub/run/internal/db"
)

// spread is an open run that fans out, with what has become of its targets.
type spread struct {
	rules
	state      State // Queued or Running
	cancelling bool
	begun      bool // some target has started

	total     int
	succeeded int
	ended     int // succeeded included
	held      int // their turn has not come
	busy      int // let go and not ended
	late      int // of those, in the queue for longer than they may be
}

func spreadOf(row db.FanOutsRow, r rules) spread {
	return spread{rules: r, state: State(row.State), cancelling: row.Cancelling, begun: row.Begun || row.Succeeded > 0,
		total: int(row.Total), succeeded: int(row.Succeeded), ended: int(row.Ended), held: int(row.Held), busy: int(row.Busy), late: int(row.Late)}
}

// move is what is to be done about a fan-out now.
type move struct {
	begin  bool // it runs from now on
	giveUp bool // those that are late
	stop   bool // nobody else is let go
	letGo  int  // so many are let go
	end    bool // all have ended
}

func (m move) none() bool { return m == move{} }

// next decides. It is pure, and only of what is there: whoever comes next, after
// whatever accident, decides the same.
func (s spread) next() move {
	m := move{begin: s.state == Queued && s.begun, giveUp: s.late > 0, end: s.ended == s.total}
	switch failed := s.ended - s.succeeded; {
	case s.held == 0:
	case s.cancelling, s.Failures >= 0 && failed > s.Failures:
		m.stop = true
	default:
		m.letGo = min(s.held, max(s.Parallel-s.busy, 0))
	}
	return m
}

// verdict is the end of a fan-out whose targets have all ended. notWell names some
// of those that have not succeeded.
func (s spread) verdict(notWell []string) (event, outcome) {
	said := fmt.Sprintf("%d of %d targets succeeded", s.succeeded, s.total)
	if missing := s.total - s.succeeded; missing > 0 && s.succeeded > 0 && len(notWell) > 0 {
		said += "; not " + strings.Join(notWell, ", ")
		if more := missing - len(notWell); more > 0 {
			said += fmt.Sprintf(" and %d more", more)
		}
	}
	switch {
	case s.succeeded == s.total && s.total > 0:
		return evSucceed, outcome{}
	case s.cancelling:
		return evCancel, outcome{Code: codeCancelled, Detail: "Cancelled: " + said}
	case s.succeeded == 0:
		return evNone, outcome{codeAllFailed, said, "Look at the runs of its targets."}
	}
	return evPart, outcome{codeSomeFailed, said, "Look at the runs of those targets."}
}

// stopped is what the targets end with that were not let go.
func (s spread) stopped() outcome {
	if s.cancelling {
		return cancelledBeforeStart
	}
	return outcome{codeStopped, fmt.Sprintf("Not started: at most %d of %d targets may fail, and %d had not succeeded", s.Failures, s.total, s.ended-s.succeeded),
		"Look at the targets that failed; then run the job again."}
}
