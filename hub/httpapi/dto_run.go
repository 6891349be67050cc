package httpapi

import (
	"encoding/json"
	"time"
)

// RunRequest starts a run.
type RunRequest struct {
	Inputs  map[string]any `json:"inputs,omitempty" maxProperties:"100"`
	Trigger string         `json:"trigger,omitempty" enum:"cli,manual,api" doc:"How the caller started it; the default is api for a token, manual for a session"`
}

// RunSummary is a run in a list.
type RunSummary struct {
	ID         string        `json:"id" example:"r_0dk3c9p5v4s3p9j2n0q4c7g5f8"`
	Job        string        `json:"job"`
	JobVersion int           `json:"job_version"`
	State      string        `json:"state" enum:"queued,assigned,running,unknown,succeeded,partial,failed,timed_out,cancelled,lost,skipped" doc:"partial: of a run that fans out, some targets succeeded and some did not"`
	Trigger    string        `json:"trigger" enum:"manual,api,cli,schedule,retry"`
	Schedule   string        `json:"schedule,omitempty" doc:"Id of the schedule that started it"`
	Attempt    int           `json:"attempt"`
	Host       string        `json:"host,omitempty" doc:"The agent's, or the server that it runs on"`
	Server     string        `json:"server,omitempty" doc:"That it runs on, through an agent"`
	Parent     string        `json:"parent,omitempty" doc:"Id of the run that fans out, of which this is one target's"`
	Target     string        `json:"target,omitempty" doc:"Of a run with a parent: name of the host or the server"`
	Targets    *TargetCounts `json:"targets,omitempty" doc:"Of a run that fans out: what has become of its targets, whose runs are listed with ?parent="`

	Reason     *RunReason  `json:"reason,omitempty" doc:"Why it waits"`
	Outcome    *RunOutcome `json:"outcome,omitempty" doc:"Why it ended as it did"`
	ExitCode   *int        `json:"exit_code,omitempty"`
	CreatedAt  time.Time   `json:"created_at"`
	StartedAt  *time.Time  `json:"started_at,omitempty"`
	FinishedAt *time.Time  `json:"finished_at,omitempty"`
	DurationMS *int64      `json:"duration_ms,omitempty"`
	StartedBy  string      `json:"started_by"`
}

// TargetCounts says what has become of the targets of a run.
type TargetCounts struct {
	Total     int `json:"total"`
	Queued    int `json:"queued" doc:"Also those whose turn has not come"`
	Running   int `json:"running" doc:"Also assigned and unknown"`
	Succeeded int `json:"succeeded"`
	Failed    int `json:"failed" doc:"Also timed out and lost"`
	Cancelled int `json:"cancelled" doc:"Also those that were not let go after too many failures"`
}

// RunReason is why a run waits.
type RunReason struct {
	Code   string    `json:"code"`
	Detail string    `json:"detail"`
	Since  time.Time `json:"since"`
}

// RunOutcome is why a run ended as it did.
type RunOutcome struct {
	Code   string `json:"code"`
	Detail string `json:"detail"`
	Hint   string `json:"hint"`
}

// Run is a run with its attempts.
type Run struct {
	RunSummary
	Inputs map[string]any `json:"inputs" doc:"Secret inputs are left out"`

	Output      json.RawMessage `json:"output,omitempty" doc:"What the script has set, if that is at most 64 KiB; all of it is at …/output"`
	OutputBytes int64           `json:"output_bytes" doc:"0: there is none"`
	OutputAt    *time.Time      `json:"output_at,omitempty"`
	Condition   *bool           `json:"condition,omitempty" doc:"What the script has set it to"`
	Progress    *RunProgress    `json:"progress,omitempty"`

	Artifacts *ArtifactTotal `json:"artifacts,omitempty" doc:"Missing: it keeps none"`

	Attempts    []Attempt `json:"attempts"`
	Timeline    []Moment  `json:"timeline"`
	MaxAttempts int       `json:"max_attempts"`
}

// ArtifactTotal says what a run keeps in all; the list is at …/artifacts.
type ArtifactTotal struct {
	Count  int       `json:"count"`
	Bytes  int64     `json:"bytes"`
	MadeAt time.Time `json:"made_at" doc:"Of the newest: another time, another list"`
}

// Artifact is a file that a run keeps.
type Artifact struct {
	Name        string    `json:"name" example:"report.pdf"`
	Size        int64     `json:"size" doc:"Bytes"`
	SHA256      string    `json:"sha256" doc:"Hexadecimal"`
	ContentType string    `json:"content_type" doc:"What the ending of the name says" example:"application/pdf"`
	Attempt     int       `json:"attempt" doc:"Which has put it"`
	MadeAt      time.Time `json:"made_at"`
}

// Attempt is one try of a run on one host.
type Attempt struct {
	Attempt      int         `json:"attempt"`
	Host         string      `json:"host"`
	State        string      `json:"state" enum:"assigned,running,unknown,finished,revoked,lost"`
	Outcome      string      `json:"outcome,omitempty"`
	ExitCode     *int        `json:"exit_code,omitempty"`
	Signal       string      `json:"signal,omitempty"`
	AssignedAt   time.Time   `json:"assigned_at"`
	AcceptedAt   *time.Time  `json:"accepted_at,omitempty"`
	StartedAt    *time.Time  `json:"started_at,omitempty"`
	FinishedAt   *time.Time  `json:"finished_at,omitempty"`
	Problem      *RunOutcome `json:"problem,omitempty"`
	Image        string      `json:"image,omitempty" doc:"The reference that its container was made of" example:"debian:12"`
	ImageDigest  string      `json:"image_digest,omitempty" doc:"Which image that was: the registry's digest, or the id of an image that is from no registry" example:"sha256:9f1d…"`
	Stages       []Stage     `json:"stages,omitempty" doc:"How long each part took, in order, once it has ended"`
	LogBytes     int64       `json:"log_bytes"`
	DroppedBytes int64       `json:"dropped_bytes"`
	Late         bool        `json:"late" doc:"It reported after the run had gone on without it"`
}

// Stage is a part of an attempt.
type Stage struct {
	Name       string `json:"name" enum:"prepare,pull,install,run,collect" doc:"prepare: until the script's runner is there; pull: of an image; install: of the script's dependencies; run: the script; collect: from its end to the result"`
	DurationMS int64  `json:"duration_ms"`
}

// Moment is a line of a run's timeline.
type Moment struct {
	At     time.Time `json:"at"`
	What   string    `json:"what" enum:"created,waiting,assigned,accepted,started,finished,revoked,lost,ended"`
	Detail string    `json:"detail,omitempty"`
}

// Log is a window of an attempt's log, by line.
type Log struct {
	From     int64     `json:"from" doc:"Number of the first line here"`
	Total    int64     `json:"total" doc:"Lines so far, an unfinished one included"`
	Bytes    int64     `json:"bytes" doc:"What the script wrote so far"`
	Complete bool      `json:"complete" doc:"Nothing more will come"`
	Open     bool      `json:"open" doc:"The last line here is unfinished"`
	Lines    []LogLine `json:"lines" doc:"May be fewer than asked: an answer holds at most 4 MiB of text"`
}

// LogLine is a line with the stream and time of its first byte.
type LogLine struct {
	N      int64     `json:"n"`
	At     time.Time `json:"at"`
	Stream string    `json:"stream" enum:"out,err,sys"`
	Text   string    `json:"text" doc:"Invalid UTF-8 is replaced; the raw log has the bytes"`
	Cut    bool      `json:"cut,omitempty" doc:"Longer than 64 KiB: only its beginning is here"`
	Length int64     `json:"length,omitempty" doc:"The whole line in bytes, when cut"`
}

// TargetsLog is a piece of the logs of all targets of a run, merged.
type TargetsLog struct {
	Lines    []TargetLine `json:"lines" doc:"Those of one target in the order in which it wrote them"`
	Cursor   string       `json:"cursor" doc:"Send it to get what follows"`
	Complete bool         `json:"complete" doc:"Every target has ended, and nothing more will come"`
	Ended    bool         `json:"ended" doc:"Every target has ended; the rest of a log may still be on its way"`
	More     bool         `json:"more" doc:"There is more already: ask again without waiting"`
}

// TargetLine is a line of the log of one target.
type TargetLine struct {
	Run     string    `json:"run" doc:"Id of the target's run"`
	Target  string    `json:"target" example:"web-1"`
	Attempt int       `json:"attempt"`
	N       int64     `json:"n" doc:"Number of the line in the attempt's own log"`
	At      time.Time `json:"at" doc:"By the clock of the host"`
	Stream  string    `json:"stream" enum:"out,err,sys"`
	Text    string    `json:"text" doc:"Without the target's name"`
	Cut     bool      `json:"cut,omitempty" doc:"Longer than 64 KiB: only its beginning is here"`
}
