package supervisor

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/cronium/cronium/agent/boot"
	"github.com/cronium/cronium/agent/executor"
	"github.com/cronium/cronium/agent/journal"
	"github.com/cronium/cronium/agent/logstream"
	runnerv1 "github.com/cronium/cronium/proto/runner/v1"
	"github.com/cronium/cronium/sdk/problem"
)

const (
	grantValid      = 5 * time.Second
	defaultMinFree  = 128 << 20
	saveEvery       = 5 * time.Second
	cancelTimeout   = 10 * time.Second
	supersededGrace = 10 * time.Second
)

// Logs uploads logs: [logstream.Streamer].
type Logs interface {
	Follow(ctx context.Context, log logstream.Log) error
}

// Config is what a supervisor needs.
type Config struct {
	Journal   *journal.Journal
	Executors map[string]executor.Executor // by the kind that assignments name
	Logs      Logs
	// Calls answers what scripts ask of the hub.
	Calls func(context.Context, journal.Ref, *runnerv1.Call) *runnerv1.Answer
	Slots int // attempts at once
	// MinFree is the free disk space below which nothing new is taken; 128 MiB if zero.
	MinFree int64
	// Draining says that nothing new is taken; never if nil.
	Draining func() bool
	Now      func() time.Time
	Log      *slog.Logger
}

// Supervisor holds the attempts of this agent.
type Supervisor struct {
	cfg  Config
	bell chan struct{} // something is to be asked or told
	work chan struct{} // something is to be launched

	mu       sync.Mutex
	stopping bool
	attempts map[key]*attempt
	accepts  []*attempt              // assigned, to be asked, in order
	reports  []*attempt              // started or finished, to be told
	queue    []func(context.Context) // for Run
	taken    int                     // slots in use
}

// key is an attempt without its fence: there is one of them on a host.
type key struct {
	run     string
	attempt int32
}

func keyOf(r journal.Ref) key { return key{r.RunID, r.Attempt} }

// Phase is how far an attempt is.
type Phase int

// The phases, in order.
const (
	Assigned Phase = iota + 1
	Starting
	Running
	Finished
)

// attempt is guarded by the supervisor's lock, except what only its own goroutine
// uses: entry until Running, grew.
type attempt struct {
	ref      journal.Ref
	phase    Phase
	kind     string // of executor, while nothing is on disk
	payload  []byte
	handover *runnerv1.Handover
	entry    *journal.Entry // nil before Starting, and when the journal was not writable
	running  executor.Running
	cancel   *time.Duration // ordered before it ran

	askedAt time.Duration // on the boot clock

	started   time.Duration // on the boot clock, 0 while it has not
	told      bool          // the hub knows that it started
	exit      *journal.Exit
	launch    journal.Launch
	phases    []journal.Phase
	digest    []byte
	delivered bool // the hub has the result
	logDone   bool // the hub has the log, or does not want it
	queued    bool // in reports
	removed   bool
}

// New returns a supervisor. Call [Supervisor.Recover] before anything else.
func New(cfg Config) *Supervisor {
	if cfg.MinFree == 0 {
		cfg.MinFree = defaultMinFree
	}
	if cfg.Draining == nil {
		cfg.Draining = func() bool { return false }
	}
	return &Supervisor{cfg: cfg, bell: make(chan struct{}, 1), work: make(chan struct{}, 1), attempts: map[key]*attempt{}}
}

// Assignment is what the hub hands over.
type Assignment struct {
	Ref      journal.Ref
	Kind     string // of executor
	Payload  []byte
	Handover *runnerv1.Handover
}

// Refusal says why an assignment is not taken.
type Refusal struct {
	Ref     journal.Ref
	Problem *problem.Problem
}

// Assign takes what it can; it returns what it does not. It starts nothing.
func (s *Supervisor) Assign(list []Assignment) []Refusal {
	pressure := s.pressure()
	s.mu.Lock()
	defer s.mu.Unlock()
	var refused []Refusal
	for _, a := range list {
		if p := s.take(a, pressure); p != nil {
			refused = append(refused, Refusal{a.Ref, p})
		}
	}
	s.ring()
	return refused
}

func (s *Supervisor) take(a Assignment, pressure *problem.Problem) *problem.Problem {
	held := s.attempts[keyOf(a.Ref)]
	switch {
	case !a.Ref.Valid():
		return ErrRef.With("run %q, attempt %d, fence %d", a.Ref.RunID, a.Ref.Attempt, a.Ref.Fence)
	case held != nil && held.ref == a.Ref:
		return nil // sent again
	case held != nil:
		return ErrStale.With("attempt %s has fence %d here, not %d", a.Ref, held.ref.Fence, a.Ref.Fence)
	case s.cfg.Executors[a.Kind] == nil:
		return ErrExecutor.With("it has no executor %q", a.Kind)
	case s.stopping:
		return ErrStopping.With("it takes nothing new")
	case s.cfg.Draining():
		return ErrDraining.With("it takes nothing new until it is resumed")
	case s.taken >= s.cfg.Slots:
		return ErrFull.With("%d of %d slots are taken", s.taken, s.cfg.Slots)
	case pressure != nil:
		return pressure
	}
	t := &attempt{ref: a.Ref, phase: Assigned, kind: a.Kind, payload: a.Payload, handover: a.Handover}
	s.attempts[keyOf(a.Ref)] = t
	s.accepts = append(s.accepts, t)
	s.taken++
	return nil
}

func (s *Supervisor) pressure() *problem.Problem {
	free, err := s.cfg.Journal.Free()
	switch {
	case err != nil:
		return ErrDisk.With("%v", err)
	case free < s.cfg.MinFree:
		return ErrDisk.With("%d MiB are free, %d MiB are needed", free>>20, s.cfg.MinFree>>20)
	}
	return nil
}

// Bell rings when [Supervisor.Accepts] or [Supervisor.Reports] has something.
func (s *Supervisor) Bell() <-chan struct{} { return s.bell }

func (s *Supervisor) ring() {
	select {
	case s.bell <- struct{}{}:
	default:
	}
}

// Accepts returns at most limit attempts that the hub must be asked about now. The
// answers go to [Supervisor.Decide].
func (s *Supervisor) Accepts(limit int) []journal.Ref {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := boot.Now()
	n := min(limit, len(s.accepts))
	refs := make([]journal.Ref, 0, n)
	for _, a := range s.accepts[:n] {
		if a.phase == Assigned && s.attempts[keyOf(a.ref)] == a {
			a.askedAt = now
			refs = append(refs, a.ref)
		}
	}
	s.accepts = s.accepts[n:]
	return refs
}

// Decision is the hub's answer about an assigned attempt.
type Decision struct {
	Ref     journal.Ref
	Granted bool // else it is forgotten
}

// Decide takes the hub's answers.
func (s *Supervisor) Decide(list []Decision) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := boot.Now()
	for _, d := range list {
		a := s.attempts[keyOf(d.Ref)]
		switch {
		case a == nil || a.ref != d.Ref || a.phase != Assigned:
		case !d.Granted:
			s.forget(a)
		case now-a.askedAt > grantValid:
			s.accepts = append(s.accepts, a) // too late: ask again
			s.ring()
		default:
			a.phase = Starting
			s.launch(func(ctx context.Context) { s.start(ctx, a) })
		}
	}
}

// forget removes an attempt of which nothing is on disk.
func (s *Supervisor) forget(a *attempt) {
	if s.attempts[keyOf(a.ref)] == a {
		delete(s.attempts, keyOf(a.ref))
		if a.phase < Finished {
			s.taken--
		}
	}
}

// launch gives work to Run.
func (s *Supervisor) launch(work func(context.Context)) {
	s.queue = append(s.queue, work)
	select {
	case s.work <- struct{}{}:
	default:
	}
}

// Run does the work until ctx ends, and returns when nothing of it is left. The
// scripts run on.
func (s *Supervisor) Run(ctx context.Context) error {
	var all sync.WaitGroup
	defer all.Wait()
	defer s.save(ctx)
	defer s.stop()
	tick := time.NewTicker(saveEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-tick.C:
			s.save(ctx)
		case <-s.work:
			for _, work := range s.takeWork() {
				all.Go(func() { work(ctx) })
			}
		}
	}
}

func (s *Supervisor) takeWork() []func(context.Context) {
	s.mu.Lock()
	defer s.mu.Unlock()
	work := s.queue
	s.queue = nil
	return work
}

func (s *Supervisor) stop() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.stopping = true
}

func (s *Supervisor) save(ctx context.Context) {
	s.cfg.Journal.Refill()
	if err := s.cfg.Journal.SaveFence(); err != nil {
		s.cfg.Log.WarnContext(ctx, "save the fence", "err", err)
	}
}

// FreeSlots is how many attempts may be assigned now.
func (s *Supervisor) FreeSlots() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.cfg.Draining() {
		return 0
	}
	return max(0, s.cfg.Slots-s.taken)
}

// Held is an attempt that is here.
type Held struct {
	Ref      journal.Ref
	Phase    Phase
	LogBytes int64 // of a finished one
}

// Held returns the attempts whose result the hub does not have.
func (s *Supervisor) Held() []Held {
	s.mu.Lock()
	defer s.mu.Unlock()
	list := make([]Held, 0, len(s.attempts))
	for _, a := range s.attempts {
		if a.delivered {
			continue
		}
		h := Held{Ref: a.ref, Phase: a.phase}
		if a.exit != nil {
			h.LogBytes = a.exit.LogBytes
		}
		list = append(list, h)
	}
	return list
}

// NewSession makes everything unanswered be asked and told again.
func (s *Supervisor) NewSession() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.accepts, s.reports = nil, nil
	for _, a := range s.attempts {
		a.queued, a.told = false, false
		switch {
		case a.phase == Assigned:
			s.accepts = append(s.accepts, a)
		case a.delivered:
		case a.exit != nil || a.started > 0:
			s.report(a)
		}
	}
	s.ring()
}

// Drop lets go of superseded attempts: one that has not begun is forgotten, one
// that runs is ended. Its result and log are still offered to the hub.
func (s *Supervisor) Drop(refs []journal.Ref) {
	for _, ref := range refs {
		s.Cancel(ref, supersededGrace)
		s.mu.Lock()
		if a := s.attempts[keyOf(ref)]; a != nil && a.ref == ref && a.phase == Assigned {
			s.forget(a)
		}
		s.mu.Unlock()
	}
}

// Cancel ends an attempt that runs or is about to. Of one that is merely assigned
// the hub's answer to Accept decides.
func (s *Supervisor) Cancel(ref journal.Ref, grace time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	a := s.attempts[keyOf(ref)]
	if a == nil || a.ref != ref {
		return
	}
	switch running := a.running; {
	case a.phase == Starting, a.phase == Running && running == nil:
		a.cancel = &grace
	case a.phase == Running:
		s.launch(func(ctx context.Context) { s.order(ctx, ref, running, grace) })
	}
}

func (s *Supervisor) order(ctx context.Context, ref journal.Ref, r executor.Running, grace time.Duration) {
	ctx, stop := context.WithTimeout(ctx, cancelTimeout)
	defer stop()
	if err := r.Cancel(ctx, grace); err != nil {
		s.cfg.Log.WarnContext(ctx, "cancel", "run", ref.RunID, "attempt", ref.Attempt, "err", err)
	}
}
