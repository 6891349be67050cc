package definition

import (
	_ "embed"

	"github.com/cronium/cronium/sdk/request"
	"github.com/cronium/cronium/sdk/schema"
)

// The only version and kind so far.
const (
	APIVersion = "cronium/v1"
	KindJob    = "Job"
)

//go:embed job.schema.json
var jobSchema []byte

// Schema returns the JSON Schema of a definition file.
func Schema() []byte { return append([]byte(nil), jobSchema...) }

// Job is a definition of a job. Its JSON is what the hub's API takes.
type Job struct {
	APIVersion string   `json:"apiVersion"`
	Kind       string   `json:"kind"`
	Metadata   Metadata `json:"metadata"`
	Spec       Spec     `json:"spec"`

	Origin Position `json:"-"` // where it begins
}

// Metadata names a job.
type Metadata struct {
	Name    string            `json:"name"`
	Project string            `json:"project,omitempty"`
	Labels  map[string]string `json:"labels,omitempty"`
}

// Spec is what a job does, where and when.
type Spec struct {
	Script  Script            `json:"script,omitzero"`
	HTTP    *request.Request  `json:"http,omitempty"` // in the place of a script
	Inputs  schema.Inputs     `json:"inputs,omitempty"`
	Target  *Target           `json:"target,omitempty"`
	FanOut  *FanOut           `json:"fan_out,omitempty"` // nil: one of the target's hosts
	Timeout string            `json:"timeout,omitempty"`
	Retries *Retries          `json:"retries,omitempty"`
	Env     map[string]string `json:"env,omitempty"`

	Container *Container `json:"container,omitempty"` // nil: a process of the host
	Limits    *Limits    `json:"limits,omitempty"`

	Secrets []string `json:"secrets,omitempty"` // names of the project's secrets that the script may read

	Dependencies []string `json:"dependencies,omitempty"` // packages that the host installs for the script (sdk/dependency)

	// Schedules that are nil leave the job's as they are; an empty list removes all.
	Schedules []Schedule `json:"schedules,omitzero"`
}

// Script is the program of a job. Source is filled when the file named one by
// `file:`.
type Script struct {
	Language string `json:"language"`
	Source   string `json:"source"`
	File     string `json:"-"`
}

// Target says where a job runs: on a host that has all these labels, on a server, or
// on all servers of a list.
type Target struct {
	Labels  map[string]string `json:"labels,omitempty"`
	Server  string            `json:"server,omitempty"`
	Servers []string          `json:"servers,omitempty"`
}

// FanOut says that a job runs on all of its targets, and how.
type FanOut struct {
	MaxParallel string `json:"max_parallel,omitempty"` // "3", or "25%" of all; default: all
	MaxFailures string `json:"max_failures,omitempty"` // "0" or "10%"; default: any number
	StartWithin string `json:"start_within,omitempty"` // default 10m
}

// Retries says how often a failed attempt is tried again, and when.
type Retries struct {
	Max     int      `json:"max"`
	Backoff string   `json:"backoff,omitempty"`
	Delay   string   `json:"delay,omitempty"`
	On      []string `json:"on,omitempty"`
}

// Container is the Docker container that a job's script runs in.
type Container struct {
	Image   string   `json:"image,omitempty"`   // default: the host's for the language
	Pull    string   `json:"pull,omitempty"`    // missing, always or never
	Network string   `json:"network,omitempty"` // bridge, none, or the name of a network
	Mounts  []string `json:"mounts,omitempty"`  // names of mounts that the host's policy offers
}

// Limits are what one attempt may use.
type Limits struct {
	Memory    string  `json:"memory,omitempty"` // "512MiB"
	CPUs      float64 `json:"cpus,omitempty"`
	Processes int     `json:"processes,omitempty"`
	FileSize  string  `json:"file_size,omitempty"` // "1GiB", of one file
	Workspace string  `json:"workspace,omitempty"` // "10GiB", of all files in the workspace
}

// Schedule says when the job is due.
type Schedule struct {
	Name    string         `json:"name"`
	Cron    string         `json:"cron"`
	Zone    string         `json:"zone,omitempty"`
	Gap     string         `json:"gap,omitempty"`
	Fold    string         `json:"fold,omitempty"`
	Overlap string         `json:"overlap,omitempty"`
	CatchUp string         `json:"catch_up,omitempty"`
	Inputs  map[string]any `json:"inputs,omitempty"`
	Enabled *bool          `json:"enabled,omitempty"`
}
