package client

import (
	"context"
	"net/http"
	"net/url"
	"strings"
	"time"

	httpjob "github.com/cronium/cronium/sdk/request"
)

// Definition is a definition file as JSON, with the script inline.
type Definition struct {
	APIVersion string         `json:"apiVersion"` // cronium/v1
	Kind       string         `json:"kind"`       // Job
	Metadata   Metadata       `json:"metadata"`
	Spec       DefinitionSpec `json:"spec"`
}

// Metadata names a job.
type Metadata struct {
	Name    string            `json:"name"`
	Project string            `json:"project,omitempty"`
	Labels  map[string]string `json:"labels,omitempty"`
}

// DefinitionSpec is a spec with the schedules that the job should have. No
// schedules (nil) keeps those it has; an empty list removes all.
type DefinitionSpec struct {
	Spec
	Schedules []ScheduleWish `json:"schedules,omitzero"`
}

// Spec is what a job does and where.
type Spec struct {
	Script  Script            `json:"script,omitzero"`
	HTTP    *httpjob.Request  `json:"http,omitempty"` // in the place of a script
	Inputs  map[string]Input  `json:"inputs,omitempty"`
	Target  *Target           `json:"target,omitempty"`
	FanOut  *FanOut           `json:"fan_out,omitempty"` // nil: one of the target's hosts
	Timeout string            `json:"timeout,omitempty"`
	Retries *Retries          `json:"retries,omitempty"`
	Env     map[string]string `json:"env,omitempty"`

	Container *Container `json:"container,omitempty"` // nil: a process of the host
	Limits    *Limits    `json:"limits,omitempty"`

	Secrets []string `json:"secrets,omitempty"` // names of the project's secrets that the script may read

	Dependencies []string `json:"dependencies,omitempty"` // packages that the host installs for the script
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

// Script is the program of a job.
type Script struct {
	Language string `json:"language"` // bash, python or node
	Source   string `json:"source"`
}

// Input is one parameter of a job. It reaches the script as CRONIUM_INPUT_NAME.
type Input struct {
	Type        string   `json:"type"` // string, integer, number or boolean
	Default     any      `json:"default,omitempty"`
	Required    bool     `json:"required,omitempty"`
	Description string   `json:"description,omitempty"`
	Enum        []any    `json:"enum,omitempty"`
	Secret      bool     `json:"secret,omitempty"`
	Minimum     *float64 `json:"minimum,omitempty"`
	Maximum     *float64 `json:"maximum,omitempty"`
	Pattern     string   `json:"pattern,omitempty"`
	MaxLength   int      `json:"max_length,omitempty"`
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
	MaxParallel string `json:"max_parallel,omitempty"` // "3", or "25%" of all; the default is 100%
	MaxFailures string `json:"max_failures,omitempty"` // "0" or "10%"; empty: any number
	StartWithin string `json:"start_within,omitempty"` // the default is 10m
}

// Retries says how often a failed attempt is tried again, and when.
type Retries struct {
	Max     int      `json:"max"`
	Backoff string   `json:"backoff,omitempty"` // fixed, linear or exponential
	Delay   string   `json:"delay,omitempty"`
	On      []string `json:"on,omitempty"` // failed, timed_out, lost; the hub's default is the first two
}

// ScheduleWish is a schedule as a definition states it.
type ScheduleWish struct {
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

// Job is a job with its current version.
type Job struct {
	Name      string            `json:"name"`
	Labels    map[string]string `json:"labels"`
	State     string            `json:"state"` // active, paused or archived
	Version   int               `json:"version"`
	Spec      Spec              `json:"spec"`
	CreatedAt time.Time         `json:"created_at"`
	UpdatedAt time.Time         `json:"updated_at"`
	UpdatedBy string            `json:"updated_by"`
	Schedules []Schedule        `json:"schedules"`
}

// JobChange is what a put did.
type JobChange struct {
	Change   string    `json:"change"` // created, updated or unchanged
	Job      Job       `json:"job"`
	Warnings []Warning `json:"warnings"`
}

// Warning is something about a definition that is accepted but probably not meant.
type Warning struct {
	Code   string `json:"code"`
	Detail string `json:"detail"`
	Field  string `json:"field,omitempty"` // where in the definition, as spec.schedules[0].cron
}

// JobSummary is a job in a list.
type JobSummary struct {
	Name      string            `json:"name"`
	Labels    map[string]string `json:"labels"`
	State     string            `json:"state"`
	Version   int               `json:"version"`
	Language  string            `json:"language"`
	UpdatedAt time.Time         `json:"updated_at"`
	Schedules []JobSchedule     `json:"schedules"`
	LastRuns  []JobRun          `json:"last_runs"` // newest first
}

// JobSchedule is a schedule in a list of jobs.
type JobSchedule struct {
	ID      string     `json:"id"`
	Name    string     `json:"name"`
	Words   string     `json:"words"`
	NextAt  *time.Time `json:"next_at,omitempty"`
	Enabled bool       `json:"enabled"`
}

// JobRun is a run in a list of jobs.
type JobRun struct {
	ID         string    `json:"id"`
	State      string    `json:"state"`
	CreatedAt  time.Time `json:"created_at"`
	DurationMS *int64    `json:"duration_ms,omitempty"`
}

// JobVersion is a job as it was.
type JobVersion struct {
	Version   int       `json:"version"`
	Note      string    `json:"note"`
	CreatedAt time.Time `json:"created_at"`
	CreatedBy string    `json:"created_by"`
	SHA256    string    `json:"sha256"`
	Script    string    `json:"script"`
	Spec      Spec      `json:"spec"`
}

// JobFilter narrows a list of jobs.
type JobFilter struct {
	Text   string   // part of the name
	Labels []string // name=value; all must match
	State  string
}

// PutOptions qualifies PutJob.
type PutOptions struct {
	DryRun    bool // check and compare only
	IfVersion int  // refuse when the job has another version; 0 does not ask
}

func jobs(project string, rest ...string) []string {
	return append([]string{"projects", project, "jobs"}, rest...)
}

// Jobs lists jobs by name.
func (c *Client) Jobs(ctx context.Context, project string, f JobFilter, p Paging) (Page[JobSummary], error) {
	r := get(jobs(project)...)
	r.query = p.query()
	set(r.query, "text", f.Text)
	set(r.query, "state", f.State)
	if len(f.Labels) > 0 {
		r.query["label"] = f.Labels
	}
	return page[JobSummary](ctx, c, r)
}

// Job returns a job.
func (c *Client) Job(ctx context.Context, project, name string) (Job, error) {
	var j Job
	return j, c.call(ctx, get(jobs(project, name)...), &j)
}

// PutJob creates or changes the job that d names.
func (c *Client) PutJob(ctx context.Context, project string, d Definition, o PutOptions) (JobChange, error) {
	r := request{method: http.MethodPut, path: jobs(project, d.Metadata.Name), body: d, query: url.Values{}, header: http.Header{}}
	if o.DryRun {
		r.query.Set("dry_run", "true")
	}
	if o.IfVersion > 0 {
		r.header.Set("If-Match", etag(o.IfVersion))
	}
	var change JobChange
	return change, c.call(ctx, r, &change)
}

// ArchiveJob puts a job away: it neither runs nor is listed.
func (c *Client) ArchiveJob(ctx context.Context, project, name string) error {
	return c.call(ctx, request{method: http.MethodDelete, path: jobs(project, name)}, nil)
}

// PauseJob keeps the job's schedules from firing.
func (c *Client) PauseJob(ctx context.Context, project, name string) (Job, error) {
	var j Job
	return j, c.call(ctx, post(jobs(project, name, "pause")...), &j)
}

// ResumeJob lets the job's schedules fire again.
func (c *Client) ResumeJob(ctx context.Context, project, name string) (Job, error) {
	var j Job
	return j, c.call(ctx, post(jobs(project, name, "resume")...), &j)
}

// JobVersions lists what a job was, newest first.
func (c *Client) JobVersions(ctx context.Context, project, name string, p Paging) (Page[JobVersion], error) {
	r := get(jobs(project, name, "versions")...)
	r.query = p.query()
	return page[JobVersion](ctx, c, r)
}

// post is a change without a body of its own.
func post(path ...string) request { return request{method: http.MethodPost, path: path} }

func join(values []string) string { return strings.Join(values, ",") }
