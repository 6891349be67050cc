package job

import (
	"time"

	"github.com/google/uuid"

	"github.com/cronium/cronium/sdk/request"
	"github.com/cronium/cronium/sdk/schema"
)

// State of a job.
type State string

// All states.
const (
	Active   State = "active"
	Paused   State = "paused"   // schedules do not fire
	Archived State = "archived" // nothing runs it; its history stays
)

// Definition is what somebody wants a job to be.
type Definition struct {
	Name   string
	Labels map[string]string
	Spec   Spec
	Note   string // why this version, for people
}

// Spec is what a job runs. Its JSON is that of the API and of definition files.
type Spec struct {
	Script  Script            `json:"script,omitzero"`
	HTTP    *request.Request  `json:"http,omitempty"` // in the place of a script
	Inputs  schema.Inputs     `json:"inputs,omitempty"`
	Target  Target            `json:"target,omitzero"`
	FanOut  *FanOut           `json:"fan_out,omitempty"` // default: one of the target's hosts
	Timeout string            `json:"timeout,omitempty"` // "2m"; 1s to 168h; default 1h
	Retries *Retries          `json:"retries,omitempty"` // default: none
	Env     map[string]string `json:"env,omitempty"`

	Container *Container `json:"container,omitempty"` // default: a process of the host
	Limits    *Limits    `json:"limits,omitempty"`    // default: the executor's

	Secrets []string `json:"secrets,omitempty"` // names of the project's secrets that the script may read, sorted

	Dependencies []string `json:"dependencies,omitempty"` // packages that the host installs for the script (sdk/dependency), sorted
}

// Language is what the job's work is written in: that of its script, or http.
func (s Spec) Language() string {
	if s.HTTP != nil {
		return request.Language
	}
	return s.Script.Language
}

// Script is a program in one of the languages that agents run.
type Script struct {
	Language string `json:"language"` // bash, python or node
	Source   string `json:"source"`
}

// Target says where the job runs: on a host that has all of these labels, on the
// server of that name, or on all of those servers. There is never more than one of
// the three.
type Target struct {
	Labels  map[string]string `json:"labels,omitempty"`
	Server  string            `json:"server,omitempty"`
	Servers []string          `json:"servers,omitempty"` // in the order in which their turn comes
}

// Retries says which attempts are followed by another.
type Retries struct {
	Max     int      `json:"max"`               // 0 to 20 attempts after the first
	Backoff string   `json:"backoff,omitempty"` // fixed (default), linear, exponential
	Delay   string   `json:"delay,omitempty"`   // "10s" (default); 0s to 24h, before the first
	On      []string `json:"on,omitempty"`      // failed, timed_out, lost; default the first two
}

// Limit is how long an attempt may take. Only for a spec that was accepted.
func (s Spec) Limit() time.Duration {
	d, _ := time.ParseDuration(s.Timeout)
	return d
}

// Wait is the delay before the first retry. Only for a spec that was accepted.
func (r Retries) Wait() time.Duration {
	d, _ := time.ParseDuration(r.Delay)
	return d
}

// Job is a job at its current version.
type Job struct {
	ID        uuid.UUID
	ProjectID uuid.UUID
	Name      string
	Labels    map[string]string
	State     State
	Version   int
	Spec      Spec // without the script's source in lists and from ByIDs
	CreatedAt time.Time
	UpdatedAt time.Time
	UpdatedBy string // email of who wrote this version; empty if that person is gone

	Warnings []Warning // only from Put
}

// Warning is something about a definition that is accepted but probably not meant.
type Warning struct {
	Code   string
	Detail string
	Field  string
}

// Version is what a job was at one time. It never changes.
type Version struct {
	JobID        uuid.UUID
	Version      int
	Spec         Spec
	SHA256       []byte // of the whole definition
	ScriptSHA256 []byte // of the script's source
	Note         string
	CreatedAt    time.Time
	CreatedBy    string // email
}

// VersionRef names a version.
type VersionRef struct {
	JobID   uuid.UUID
	Version int
}

// Change says what a Put did.
type Change string

// All changes.
const (
	Created   Change = "created"
	Updated   Change = "updated"
	Unchanged Change = "unchanged"
)
