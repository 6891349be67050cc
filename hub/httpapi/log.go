package httpapi

import (
	"context"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"github.com/google/uuid"

	"github.com/cronium/cronium/hub/authz"
	"github.com/cronium/cronium/hub/run"
	"github.com/cronium/cronium/hub/runlog"
	"github.com/cronium/cronium/proto/frame"
)

func (a *API) getRunLog(ctx context.Context, c *call, in *runLogInput) (*output[Log], error) {
	id, attempt, err := a.findAttempt(ctx, c, in.Run, in.Attempt)
	if err != nil {
		return nil, err
	}
	lines, head, err := a.logs.Lines(ctx, id, int32(attempt), in.From, in.Limit)
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

// findAttempt finds the run in the caller's project, and its last attempt unless
// one is named. Attempt 0 is a run that has none yet.
func (a *API) findAttempt(ctx context.Context, c *call, public string, attempt int) (uuid.UUID, int, error) {
	id, err := run.ParseID(public)
	if err != nil {
		return uuid.Nil, 0, err
	}
	r, err := a.runs.Get(ctx, c.project.ID, id)
	if err != nil {
		return uuid.Nil, 0, err
	}
	if attempt == 0 {
		attempt = r.Attempt
	}
	if attempt < 0 || attempt > r.Attempt {
		return uuid.Nil, 0, ErrNotFound.With("The run has %d attempts", r.Attempt).At("attempt")
	}
	return id, attempt, nil
}

func (a *API) rawLogRoute() *route {
	r := within("GET", "/runs/{run}/log/raw", authz.RunRead,
		doc{"getRunLogRaw", "runs", "Download a log: exactly the bytes that the script wrote, after masking", 0}, nil)
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
	id, attempt, streams, err := a.rawLogRequest(ctx, c, r)
	if err != nil {
		c.problem(ctx, err).write(w)
		return
	}
	// A log is the work of a stranger's script: no browser may take it for a page.
	w.Header().Set("Content-Type", "application/octet-stream")
	w.Header().Set("Content-Disposition", fmt.Sprintf("attachment; filename=%q", fmt.Sprintf("%s-%d.log", run.FormatID(id), attempt)))
	out := &patient{ResponseWriter: w, api: a}
	if err := a.logs.Raw(ctx, id, int32(attempt), streams, out); err != nil {
		a.abort(ctx, c, w, out, err)
	}
}

func (a *API) rawLogRequest(ctx context.Context, c *call, r *http.Request) (id uuid.UUID, attempt int, streams []frame.Stream, err error) {
	query := r.URL.Query()
	for name := range query {
		if name != "attempt" && name != "stream" {
			return id, 0, nil, ErrInvalidParameter.With("Unknown parameter '%s'", clip(name, 64)).At(clip(name, 64))
		}
	}
	if text := query.Get("attempt"); text != "" {
		if attempt, err = strconv.Atoi(text); err != nil || attempt < 1 {
			return id, 0, nil, ErrInvalidParameter.With("attempt must be a whole number from 1").At("attempt")
		}
	}
	streams, ok := streamChoices[query.Get("stream")]
	if !ok {
		return id, 0, nil, ErrInvalidParameter.With("stream must be all, stdout or stderr").At("stream")
	}
	id, attempt, err = a.findAttempt(ctx, c, r.PathValue("run"), attempt)
	return id, attempt, streams, err
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

func (p *patient) Write(b []byte) (int, error) {
	p.begun = true
	if now := p.api.now(); now.Sub(p.moved) > time.Second {
		p.moved = now
		_ = http.NewResponseController(p.ResponseWriter).SetWriteDeadline(now.Add(writeTimeout))
	}
	return p.ResponseWriter.Write(b)
}
