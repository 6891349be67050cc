package supervisor

import (
	"context"
	"time"

	"github.com/cronium/cronium/agent/boot"
	"github.com/cronium/cronium/agent/journal"
)

// report puts an attempt on the list of what the hub must be told.
func (s *Supervisor) report(a *attempt) {
	if !a.queued {
		a.queued = true
		s.reports = append(s.reports, a)
	}
	s.ring()
}

// Started tells the hub that a script has begun.
type Started struct {
	Ref journal.Ref
	Age time.Duration
}

// Result tells the hub how an attempt ended.
type Result struct {
	Ref    journal.Ref
	Exit   journal.Exit
	Launch journal.Launch
	Phases []journal.Phase
	Age    time.Duration
	Digest []byte
}

// Reports returns what is to be told about at most limit attempts. The answers
// about results go to [Supervisor.Acknowledge].
func (s *Supervisor) Reports(limit int) (started []Started, results []Result) {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := min(limit, len(s.reports))
	for _, a := range s.reports[:n] {
		a.queued = false
		if a.started > 0 && !a.told && !a.delivered {
			a.told = true
			started = append(started, Started{a.ref, max(0, boot.Now()-a.started)})
		}
		if a.exit != nil && !a.delivered {
			results = append(results, Result{Ref: a.ref, Exit: *a.exit, Launch: a.launch, Phases: a.phases, Age: a.exit.Age(s.cfg.Now), Digest: a.digest})
		}
	}
	s.reports = s.reports[n:]
	if len(s.reports) > 0 {
		s.ring()
	}
	return started, results
}

// Acknowledge takes the hub's word that it has the result of an attempt, or does
// not want it.
func (s *Supervisor) Acknowledge(ctx context.Context, ref journal.Ref, wanted bool) {
	s.mu.Lock()
	a := s.attempts[keyOf(ref)]
	if a == nil || a.ref != ref || a.exit == nil || a.delivered {
		s.mu.Unlock()
		return
	}
	a.delivered = true
	if !wanted {
		a.logDone = true
	}
	gone, entry := a.logDone, a.entry
	s.mu.Unlock()
	switch {
	case gone:
		s.remove(ctx, a)
	case entry != nil:
		if err := entry.Delivered(); err != nil {
			s.log(a).WarnContext(ctx, "note the delivery", "err", err) // then it is delivered again
		}
	}
}
