package agentapi

import (
	"context"

	"github.com/cronium/cronium/hub/fleet"
	"github.com/cronium/cronium/hub/run"
	"github.com/cronium/cronium/hub/runlog"
	agentv1 "github.com/cronium/cronium/proto/agent/v1"
)

// report takes started marks and results. A mark whose result is in the same
// message is not written: the result says when the script began.
func (s *session) report(ctx context.Context, in *agentv1.ReportRequest) (*agentv1.ReportResponse, error) {
	live, err := s.begun()
	if err != nil {
		return nil, err
	}
	marks, results, err := toReport(in)
	if err != nil {
		return nil, err
	}
	ended := make(map[run.Ref]run.Answer, len(results))
	for _, r := range results {
		ended[r.Ref] = 0
	}
	var open []run.StartMark
	for _, m := range marks {
		if _, ok := ended[m.Ref]; !ok {
			open = append(open, m)
		}
	}
	started, err := s.starts.do(ctx, open)
	if err != nil {
		return nil, err
	}
	finished, err := s.finishes.do(ctx, results)
	if err != nil {
		return nil, err
	}
	taken := make([]fleet.Attempt, len(results))
	for i, r := range results {
		ended[r.Ref] = finished[i]
		taken[i] = keyOf(r.Ref)
	}
	live.Take(taken...)

	out := &agentv1.ReportResponse{Verdicts: make([]*agentv1.Verdict, 0, len(marks)+len(results))}
	foreign := 0
	say := func(ref *agentv1.AttemptRef, a run.Answer) {
		if a == run.NotYours {
			foreign++
		}
		out.Verdicts = append(out.Verdicts, &agentv1.Verdict{Ref: ref, Answer: answers[a]})
	}
	for i, m := range marks {
		answer, withResult := ended[m.Ref]
		if !withResult {
			answer, started = started[0], started[1:]
		}
		say(in.GetStarted()[i].GetRef(), answer)
	}
	for i := range results {
		say(in.GetResults()[i].GetRef(), finished[i])
	}
	s.strike(ctx, "report", foreign)
	return out, nil
}

func toReport(in *agentv1.ReportRequest) ([]run.StartMark, []run.Result, error) {
	if n := len(in.GetStarted()) + len(in.GetResults()); n > maxRefs {
		return nil, nil, ErrMessage.With("%d reports in one message, at most %d", n, maxRefs)
	}
	marks := make([]run.StartMark, len(in.GetStarted()))
	for i, m := range in.GetStarted() {
		ref, err := toRef(m.GetRef())
		if err != nil {
			return nil, nil, err
		}
		marks[i] = run.StartMark{Ref: ref, Age: toDuration(m.GetAge())}
	}
	results := make([]run.Result, len(in.GetResults()))
	for i, r := range in.GetResults() {
		var err error
		if results[i], err = toResult(r); err != nil {
			return nil, nil, err
		}
	}
	return marks, results, nil
}

// finish writes results and says where their logs end. If the second fails the
// agent is not answered, reports again, and is told that it is a duplicate, which
// comes through here as well.
func (s *session) finish(ctx context.Context, results []run.Result) ([]run.Answer, error) {
	given, err := s.door.config.Runs.Finish(ctx, s.agent, results)
	if err != nil {
		return nil, err
	}
	completions := make([]runlog.Completion, 0, len(results))
	for i, r := range results {
		if given[i] != run.NotYours {
			completions = append(completions, runlog.Completion{RunID: r.RunID, Attempt: r.Attempt, LogBytes: r.LogBytes})
		}
	}
	if err := s.door.config.Logs.CompleteAll(ctx, completions); err != nil {
		return nil, err
	}
	return given, nil
}
