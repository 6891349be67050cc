package httpapi

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"time"

	"github.com/google/uuid"

	"github.com/cronium/cronium/hub/authz"
	"github.com/cronium/cronium/hub/run"
	"github.com/cronium/cronium/hub/runlog"
	"github.com/cronium/cronium/proto/frame"
)

func (a *API) getRunLog(ctx context.Context, c *call, in *runLogInput) (*output[Log], error) {
	of, err := a.findAttempt(ctx, c, in.Run, in.Attempt)
	if err != nil {
		return nil, err
	}
	lines, head, err := a.logs.Lines(ctx, of.run, of.number, in.From, in.Limit)
	if err != nil {
		return nil, err
	}
	shown := Log{From: in.From, Total: head.Total(), Bytes: head.Content, Complete: head.Complete, Lines: []LogLine{}}
	for _, line := range lines {
		shown.Lines = append(shown.Lines, showLine(line))
		shown.Open = line.Open
	}
	return answer(shown), nil
}

func showLine(line runlog.Line) LogLine {
	l := LogLine{N: line.N, At: line.At.UTC(), Stream: streamName(line.Stream), Text: lineText(line)}
	if line.Cut() {
		l.Cut, l.Length = true, line.Length
	}
	return l
}

// attemptRef is whose log is read.
type attemptRef struct {
	run    uuid.UUID
	number int32 // 0: the run has no attempt yet
	ended  bool  // its result is known; the rest of its log may follow
}

// findAttempt finds the run in the caller's project, and its last attempt unless
// one is named.
func (a *API) findAttempt(ctx context.Context, c *call, public string, attempt int) (attemptRef, error) {
	id, err := run.ParseID(public)
	if err != nil {
		return attemptRef{}, err
	}
	r, err := a.runs.Get(ctx, c.project.ID, id)
	if err != nil {
		return attemptRef{}, err
	}
	if r.Targets != nil {
		return attemptRef{}, ErrFansOut.With("Run %s fans out to %d targets", public, r.Targets.Total)
	}
	if attempt == 0 {
		attempt = r.Attempt
	}
	if attempt < 0 || attempt > r.Attempt {
		return attemptRef{}, ErrNoAttempt.With("The run has had attempts up to %d, not %d", r.Attempt, attempt).At("attempt")
	}
	i := slices.IndexFunc(r.Attempts, func(t run.Attempt) bool { return t.Number == attempt })
	return attemptRef{id, int32(attempt), i >= 0 && r.Attempts[i].State == "finished"}, nil
}

func (a *API) rawLogRoute() *route {
	r := within("GET", "/runs/{run}/log/raw", authz.RunRead,
		doc{"getRunLogRaw", "runs", "Download a log: exactly the bytes that the script wrote, after masking; of a run that fans out, the lines of all targets, each with its target in front", 0}, nil)
	r.raw = a.getRunLogRaw
	return r
}

var streamChoices = map[string][]frame.Stream{
	"":       {frame.Stdout, frame.Stderr},
	"all":    {frame.Stdout, frame.Stderr},
	"stdout": {frame.Stdout},
	"stderr": {frame.Stderr},
}

func (a *API) getRunLogRaw(w http.ResponseWriter, r *http.Request) {
	ctx, c := r.Context(), callFrom(r.Context())
	of, streams, err := a.rawLogRequest(ctx, c, r)
	if errors.Is(err, ErrFansOut) && r.URL.Query().Get("attempt") == "" {
		a.getTargetsLogRaw(ctx, c, w, r.PathValue("run"), streams)
		return
	}
	if err != nil {
		c.problem(ctx, err).write(w)
		return
	}
	if of.ended {
		a.awaitRest(ctx, of)
	}
	// A log is the work of a stranger's script: no browser may take it for a page.
	w.Header().Set("Content-Type", "application/octet-stream")
	w.Header().Set("Content-Disposition", fmt.Sprintf("attachment; filename=%q", fmt.Sprintf("%s-%d.log", run.FormatID(of.run), of.number)))
	out := &patient{ResponseWriter: w, api: a}
	if err := a.logs.Raw(ctx, of.run, of.number, streams, out); err != nil {
		a.abort(ctx, c, w, out, err)
	}
}

// restTimeout is how long a download waits for the rest of an ended attempt's log.
// An agent that is connected sends it within a moment; one that is not may never.
const restTimeout = 15 * time.Second

// awaitRest makes a download that is asked for right after the end a whole one.
func (a *API) awaitRest(ctx context.Context, of attemptRef) {
	ctx, cancel := context.WithTimeout(ctx, restTimeout)
	defer cancel()
	_ = a.logs.AwaitComplete(ctx, of.run, of.number) // what is there is given then
}

func (a *API) rawLogRequest(ctx context.Context, c *call, r *http.Request) (of attemptRef, streams []frame.Stream, err error) {
	query := r.URL.Query()
	for name := range query {
		if name != "attempt" && name != "stream" {
			return of, nil, ErrInvalidParameter.With("Unknown parameter '%s'", clip(name, 64)).At(clip(name, 64))
		}
	}
	var attempt int
	if text := query.Get("attempt"); text != "" {
		if attempt, err = strconv.Atoi(text); err != nil || attempt < 1 {
			return of, nil, ErrInvalidParameter.With("attempt must be a whole number from 1").At("attempt")
		}
	}
	streams, known := streamChoices[query.Get("stream")]
	if !known {
		return of, nil, ErrInvalidParameter.With("stream must be all, stdout or stderr").At("stream")
	}
	of, err = a.findAttempt(ctx, c, r.PathValue("run"), attempt)
	return of, streams, err
}

// abort ends an answer that failed. When bytes are out already the connection is
// broken on purpose: a log that looks whole and is not would be worse.
func (a *API) abort(ctx context.Context, c *call, w http.ResponseWriter, out *patient, err error) {
	if !out.begun {
		w.Header().Del("Content-Disposition")
		c.problem(ctx, err).write(w)
		return
	}
	if ctx.Err() == nil {
		a.log.WarnContext(ctx, "log download broke off", "request", c.id, "err", err)
	}
	panic(http.ErrAbortHandler)
}

// patient moves the deadline with every write: a download may take hours, but a
// client that takes nothing for a minute is gone.
type patient struct {
	http.ResponseWriter
	api   *API
	begun bool
	moved time.Time
}

func (p *patient) WriteHeader(status int) {
	p.begun = true
	p.ResponseWriter.WriteHeader(status)
}

func (p *patient) Write(b []byte) (int, error) {
	p.begun = true
	if now := p.api.now(); now.Sub(p.moved) > time.Second {
		p.moved = now
		_ = http.NewResponseController(p.ResponseWriter).SetWriteDeadline(now.Add(writeTimeout))
	}
	return p.ResponseWriter.Write(b)
}
