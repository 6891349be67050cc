package client

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"time"
)

// RunRequest starts a run.
type RunRequest struct {
	Inputs  map[string]any `json:"inputs,omitempty"`
	Trigger string         `json:"trigger,omitempty"` // cli, manual or api; the hub's default is api for a token
}

// RunSummary is a run in a list.
type RunSummary struct {
	ID         string        `json:"id"`
	Job        string        `json:"job"`
	JobVersion int           `json:"job_version"`
	State      string        `json:"state"`
	Trigger    string        `json:"trigger"`
	Schedule   string        `json:"schedule,omitempty"`
	Attempt    int           `json:"attempt"`
	Host       string        `json:"host,omitempty"`    // the agent's, or the server that it runs on
	Server     string        `json:"server,omitempty"`  // that it runs on, through an agent
	Parent     string        `json:"parent,omitempty"`  // id of the run that fans out, of which this is one target's
	Target     string        `json:"target,omitempty"`  // of a run with a parent: name of the host or the server
	Targets    *TargetCounts `json:"targets,omitempty"` // of a run that fans out
	Reason     *RunReason    `json:"reason,omitempty"`  // why it waits
	Outcome    *RunOutcome   `json:"outcome,omitempty"` // why it ended as it did
	ExitCode   *int          `json:"exit_code,omitempty"`
	CreatedAt  time.Time     `json:"created_at"`
	StartedAt  *time.Time    `json:"started_at,omitempty"`
	FinishedAt *time.Time    `json:"finished_at,omitempty"`
	DurationMS *int64        `json:"duration_ms,omitempty"`
	StartedBy  string        `json:"started_by"`
}

// The states of a run.
const (
	Queued    = "queued"
	Assigned  = "assigned"
	Running   = "running"
	Unknown   = "unknown" // its agent is silent
	Succeeded = "succeeded"
	Partial   = "partial" // some of its targets succeeded and some did not
	Failed    = "failed"
	TimedOut  = "timed_out"
	Cancelled = "cancelled"
	Lost      = "lost"
	Skipped   = "skipped"
)

// Final reports whether the run's state will not change again.
func (r RunSummary) Final() bool {
	switch r.State {
	case Succeeded, Partial, Failed, TimedOut, Cancelled, Lost, Skipped:
		return true
	}
	return false
}

// TargetCounts says what has become of the targets of a run.
type TargetCounts struct {
	Total     int `json:"total"`
	Queued    int `json:"queued"`  // also those whose turn has not come
	Running   int `json:"running"` // also assigned and unknown
	Succeeded int `json:"succeeded"`
	Failed    int `json:"failed"`    // also timed out and lost
	Cancelled int `json:"cancelled"` // also those that were not let go after too many failures
}

// RunReason is why a run waits.
type RunReason struct {
	Code   string    `json:"code"`
	Detail string    `json:"detail"`
	Since  time.Time `json:"since"`
}

// RunOutcome is why a run or an attempt ended as it did.
type RunOutcome struct {
	Code   string `json:"code"`
	Detail string `json:"detail"`
	Hint   string `json:"hint"`
}

// Run is a run with its attempts.
type Run struct {
	RunSummary
	Inputs map[string]any `json:"inputs"` // without the secret ones

	Output      json.RawMessage `json:"output,omitempty"` // what the script has set, if that is at most 64 KiB; see [Client.RunOutput]
	OutputBytes int64           `json:"output_bytes"`     // 0: there is none
	OutputAt    *time.Time      `json:"output_at,omitempty"`
	Condition   *bool           `json:"condition,omitempty"` // what the script has set it to
	Progress    *RunProgress    `json:"progress,omitempty"`

	Artifacts *ArtifactTotal `json:"artifacts,omitempty"` // nil: it keeps none

	Attempts    []Attempt `json:"attempts"`
	Timeline    []Moment  `json:"timeline"`
	MaxAttempts int       `json:"max_attempts"`
}

// RunProgress is how far a run says it has come.
type RunProgress struct {
	Fraction *float64  `json:"fraction,omitempty"` // 0 to 1; nil: it does not know
	Text     string    `json:"text"`
	At       time.Time `json:"at"`
}

// Attempt is one try of a run on one host.
type Attempt struct {
	Attempt      int         `json:"attempt"`
	Host         string      `json:"host"`
	State        string      `json:"state"` // assigned, running, finished, revoked or lost
	Outcome      string      `json:"outcome,omitempty"`
	ExitCode     *int        `json:"exit_code,omitempty"`
	Signal       string      `json:"signal,omitempty"`
	AssignedAt   time.Time   `json:"assigned_at"`
	AcceptedAt   *time.Time  `json:"accepted_at,omitempty"`
	StartedAt    *time.Time  `json:"started_at,omitempty"`
	FinishedAt   *time.Time  `json:"finished_at,omitempty"`
	Problem      *RunOutcome `json:"problem,omitempty"`
	Image        string      `json:"image,omitempty"`        // reference that its container was made of
	ImageDigest  string      `json:"image_digest,omitempty"` // sha256:…, which image that was
	Stages       []Stage     `json:"stages,omitempty"`       // once it has ended, in order
	LogBytes     int64       `json:"log_bytes"`
	DroppedBytes int64       `json:"dropped_bytes"`
	Late         bool        `json:"late"`
}

// Stage is a part of an attempt: prepare, pull, run or collect.
type Stage struct {
	Name       string `json:"name"`
	DurationMS int64  `json:"duration_ms"`
}

// Moment is a line of a run's timeline.
type Moment struct {
	At     time.Time `json:"at"`
	What   string    `json:"what"`
	Detail string    `json:"detail,omitempty"`
}

// RunFilter narrows a list of runs.
type RunFilter struct {
	States  []string
	Job     string
	Trigger string
	Parent  string // id of a run that fans out: the runs of its targets, in their order
}

// Log is a window of an attempt's log, by line.
type Log struct {
	From     int64     `json:"from"`
	Total    int64     `json:"total"` // an unfinished line included
	Bytes    int64     `json:"bytes"`
	Complete bool      `json:"complete"` // nothing more will come
	Open     bool      `json:"open"`     // the last line here is unfinished
	Lines    []LogLine `json:"lines"`
}

// LogLine is a line with the stream and time of its first byte.
type LogLine struct {
	N      int64     `json:"n"`
	At     time.Time `json:"at"`
	Stream string    `json:"stream"` // out, err or sys
	Text   string    `json:"text"`
	Cut    bool      `json:"cut,omitempty"`    // only its beginning is here
	Length int64     `json:"length,omitempty"` // the whole line in bytes, when cut
}

// LogWindow chooses lines. Attempt 0 is the last one.
type LogWindow struct {
	Attempt int
	From    int64
	Limit   int
}

func runs(project string, rest ...string) []string {
	return append([]string{"projects", project, "runs"}, rest...)
}

// StartRun starts a run of a job.
func (c *Client) StartRun(ctx context.Context, project, job string, r RunRequest) (Run, error) {
	var started Run
	return started, c.call(ctx, request{method: http.MethodPost, path: jobs(project, job, "runs"), body: r}, &started)
}

// Runs lists runs, newest first, without those of targets unless their parent is named.
func (c *Client) Runs(ctx context.Context, project string, f RunFilter, p Paging) (Page[RunSummary], error) {
	r := get(runs(project)...)
	r.query = p.query()
	set(r.query, "state", join(f.States))
	set(r.query, "job", f.Job)
	set(r.query, "trigger", f.Trigger)
	set(r.query, "parent", f.Parent)
	return page[RunSummary](ctx, c, r)
}

// Run returns a run with its attempts.
func (c *Client) Run(ctx context.Context, project, id string) (Run, error) {
	var run Run
	return run, c.call(ctx, get(runs(project, id)...), &run)
}

// RunOutput returns the whole output of a run.
func (c *Client) RunOutput(ctx context.Context, project, id string) (json.RawMessage, error) {
	var output json.RawMessage
	return output, c.call(ctx, get(runs(project, id, "output")...), &output)
}

// CancelRun asks for the end of a run; a running script gets its grace period.
func (c *Client) CancelRun(ctx context.Context, project, id string) (Run, error) {
	var run Run
	return run, c.call(ctx, post(runs(project, id, "cancel")...), &run)
}

// Log reads a window of a run's log.
func (c *Client) Log(ctx context.Context, project, id string, w LogWindow) (Log, error) {
	r := get(runs(project, id, "log")...)
	r.query = attemptQuery(w.Attempt)
	if w.From > 0 {
		r.query.Set("from", strconv.FormatInt(w.From, 10))
	}
	if w.Limit > 0 {
		r.query.Set("limit", strconv.Itoa(w.Limit))
	}
	var l Log
	return l, c.call(ctx, r, &l)
}

// RawLog copies exactly the bytes of a run's log to w. Stream is all, stdout or
// stderr; empty is all.
func (c *Client) RawLog(ctx context.Context, project, id string, attempt int, stream string, w io.Writer) error {
	r := get(runs(project, id, "log", "raw")...)
	r.query = attemptQuery(attempt)
	set(r.query, "stream", stream)
	resp, err := c.send(ctx, r)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	out := &sink{w: w}
	if _, err := io.Copy(out, resp.Body); err != nil {
		if out.err != nil {
			return out.err
		}
		return c.broken(ctx, err)
	}
	return nil
}

// sink remembers whether it was the writer that failed.
type sink struct {
	w   io.Writer
	err error
}

func (s *sink) Write(p []byte) (int, error) {
	n, err := s.w.Write(p)
	s.err = err
	return n, err
}

func attemptQuery(attempt int) url.Values {
	q := url.Values{}
	if attempt > 0 {
		q.Set("attempt", strconv.Itoa(attempt))
	}
	return q
}

func etag(version int) string { return `"` + strconv.Itoa(version) + `"` }
