package agentapi

import (
	"time"

	"github.com/google/uuid"
	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/cronium/cronium/hub/fleet"
	"github.com/cronium/cronium/hub/run"
	agentv1 "github.com/cronium/cronium/proto/agent/v1"
	"github.com/cronium/cronium/proto/wire"
)

const (
	maxRequest = 4 << 20 // of any message
	maxRefs    = 10_000  // in any message
)

func toRef(in *agentv1.AttemptRef) (run.Ref, error) {
	id, err := uuid.Parse(in.GetRunId())
	if err != nil || in.GetAttempt() < 1 || in.GetFence() < 1 {
		return run.Ref{}, ErrMessage.With("a reference to an attempt needs a run, an attempt and a fence")
	}
	return run.Ref{RunID: id, Attempt: in.GetAttempt(), Fence: in.GetFence()}, nil
}

func toRefs(in []*agentv1.AttemptRef) ([]run.Ref, error) {
	if len(in) > maxRefs {
		return nil, ErrMessage.With("%d attempts in one message, at most %d", len(in), maxRefs)
	}
	out := make([]run.Ref, len(in))
	for i, one := range in {
		var err error
		if out[i], err = toRef(one); err != nil {
			return nil, err
		}
	}
	return out, nil
}

func fromRef(r run.Ref) *agentv1.AttemptRef {
	return &agentv1.AttemptRef{RunId: r.RunID.String(), Attempt: r.Attempt, Fence: r.Fence}
}

func fromRefs(refs []run.Ref) []*agentv1.AttemptRef {
	out := make([]*agentv1.AttemptRef, len(refs))
	for i, r := range refs {
		out[i] = fromRef(r)
	}
	return out
}

func keyOf(r run.Ref) fleet.Attempt { return fleet.Attempt{RunID: r.RunID, Fence: r.Fence} }

func keysOf(refs []run.Ref) []fleet.Attempt {
	out := make([]fleet.Attempt, len(refs))
	for i, r := range refs {
		out[i] = keyOf(r)
	}
	return out
}

// toDuration reads a length of time that cannot be negative or absurd.
func toDuration(in *durationpb.Duration) time.Duration {
	return min(max(in.AsDuration(), 0), 366*24*time.Hour)
}

func toFacts(in *agentv1.Facts) fleet.Facts {
	return fleet.Facts{
		Hostname: in.GetHostname(), OS: in.GetOs(), Arch: in.GetArch(), Kernel: in.GetKernel(), Distribution: in.GetDistribution(),
		CPUs: int(in.GetCpus()), MemoryBytes: in.GetMemoryBytes(), Interpreters: in.GetInterpreters(),
	}
}

var phases = map[agentv1.Phase]run.Phase{
	agentv1.Phase_PHASE_ASSIGNED: run.PhaseAssigned,
	agentv1.Phase_PHASE_STARTING: run.PhaseStarting,
	agentv1.Phase_PHASE_RUNNING:  run.PhaseRunning,
	agentv1.Phase_PHASE_FINISHED: run.PhaseFinished,
}

func toHeld(in []*agentv1.Held) ([]run.Held, error) {
	if len(in) > maxRefs {
		return nil, ErrMessage.With("%d attempts held, at most %d", len(in), maxRefs)
	}
	out := make([]run.Held, len(in))
	for i, one := range in {
		ref, err := toRef(one.GetRef())
		if err != nil {
			return nil, err
		}
		phase, ok := phases[one.GetPhase()]
		if !ok {
			return nil, ErrMessage.With("unknown phase %d", one.GetPhase())
		}
		out[i] = run.Held{Ref: ref, Phase: phase}
	}
	return out, nil
}

var outcomes = map[agentv1.Outcome]run.Outcome{
	agentv1.Outcome_OUTCOME_SUCCEEDED:      run.OutcomeSucceeded,
	agentv1.Outcome_OUTCOME_FAILED:         run.OutcomeFailed,
	agentv1.Outcome_OUTCOME_TIMED_OUT:      run.OutcomeTimedOut,
	agentv1.Outcome_OUTCOME_CANCELLED:      run.OutcomeCancelled,
	agentv1.Outcome_OUTCOME_NOT_STARTED:    run.OutcomeNotStarted,
	agentv1.Outcome_OUTCOME_INFRASTRUCTURE: run.OutcomeInfrastructure,
	agentv1.Outcome_OUTCOME_REJECTED:       run.OutcomeRejected,
}

const (
	maxSignal = 16
	hashSize  = 32
)

func toResult(in *agentv1.Result) (run.Result, error) {
	ref, err := toRef(in.GetRef())
	if err != nil {
		return run.Result{}, err
	}
	outcome, ok := outcomes[in.GetOutcome()]
	switch {
	case !ok:
		return run.Result{}, ErrMessage.With("unknown outcome %d", in.GetOutcome())
	case in.GetLogBytes() < 0 || in.GetDroppedBytes() < 0:
		return run.Result{}, ErrMessage.With("a length is negative")
	case len(in.GetSignal()) > maxSignal || len(in.GetSha256()) > hashSize:
		return run.Result{}, ErrMessage.With("signal or hash is too long")
	}
	return run.Result{
		Ref: ref, Outcome: outcome, ExitCode: int(in.GetExitCode()), Signal: in.GetSignal(),
		Duration: toDuration(in.GetDuration()), Age: toDuration(in.GetAge()),
		LogBytes: in.GetLogBytes(), DroppedBytes: in.GetDroppedBytes(),
		Problem: wire.ToProblem(in.GetProblem()), Ran: toRan(in), SHA256: in.GetSha256(),
	}, nil
}

// toRan reads how an attempt went; the room cleans and cuts it.
func toRan(in *agentv1.Result) run.Ran {
	out := run.Ran{Image: in.GetImage(), Digest: in.GetImageDigest()}
	for _, s := range in.GetStages() {
		out.Stages = append(out.Stages, run.Stage{Name: s.GetName(), Duration: toDuration(s.GetDuration())})
	}
	return out
}

var decisions = map[run.Decision]agentv1.Decision{
	run.Granted:         agentv1.Decision_DECISION_GRANTED,
	run.CancelledBefore: agentv1.Decision_DECISION_CANCELLED,
	run.Stale:           agentv1.Decision_DECISION_STALE,
}

var answers = map[run.Answer]agentv1.Answer{
	run.Accepted:  agentv1.Answer_ANSWER_ACCEPTED,
	run.Duplicate: agentv1.Answer_ANSWER_DUPLICATE,
	run.Late:      agentv1.Answer_ANSWER_LATE,
	run.NotYours:  agentv1.Answer_ANSWER_NOT_YOURS,
}

func fromCertificate(c fleet.Certificate) *agentv1.Certificate {
	return &agentv1.Certificate{ChainPem: c.ChainPEM, CaPem: c.CAPEM, NotAfter: timestamp(c.NotAfter), Generation: c.Generation}
}
