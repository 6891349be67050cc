package httpapi

import "time"

// JobDefinition is a definition file (YAML or JSON) as JSON, with the script
// inline.
type JobDefinition struct {
	APIVersion string      `json:"apiVersion" enum:"cronium/v1"`
	Kind       string      `json:"kind" enum:"Job"`
	Metadata   JobMetadata `json:"metadata"`
	Spec       JobWish     `json:"spec"`
}

// JobMetadata names a job.
type JobMetadata struct {
	Name    string            `json:"name" minLength:"1" maxLength:"64" doc:"The name in the path" example:"disk-report"`
	Project string            `json:"project,omitempty" maxLength:"64" doc:"The project in the path, when given"`
	Labels  map[string]string `json:"labels,omitempty" maxProperties:"32"`
}

// JobSpec is what a job does and where.
type JobSpec struct {
	Script  *JobScript        `json:"script,omitempty" doc:"This or http"`
	HTTP    *JobHTTP          `json:"http,omitempty" doc:"This or script"`
	Inputs  map[string]Input  `json:"inputs,omitempty" maxProperties:"100"`
	Target  *JobTarget        `json:"target,omitempty"`
	FanOut  *JobFanOut        `json:"fan_out,omitempty" doc:"Run on every host that has the target's labels, or on every server of its list; without it on one"`
	Timeout string            `json:"timeout,omitempty" maxLength:"32" doc:"1s to 168h; the default is 1h" example:"2m"`
	Retries *JobRetries       `json:"retries,omitempty"`
	Env     map[string]string `json:"env,omitempty" maxProperties:"256"`

	Container *JobContainer `json:"container,omitempty" doc:"Without it the script is a process of the host"`
	Limits    *JobLimits    `json:"limits,omitempty"`

	Secrets []string `json:"secrets,omitempty" maxItems:"32" doc:"Names of the project's secrets that the script may read"`

	Dependencies []string `json:"dependencies,omitempty" maxItems:"64" doc:"Packages that the host installs for a script in Python (requests==2.32.3) or Node (left-pad@1.3.0)"`
}

// JobContainer is the Docker container that a job's script runs in.
type JobContainer struct {
	Image   string   `json:"image,omitempty" maxLength:"255" doc:"The default is the host's image for the script's language" example:"python:3.12-slim"`
	Pull    string   `json:"pull,omitempty" enum:"missing,always,never" doc:"The default is missing"`
	Network string   `json:"network,omitempty" maxLength:"128" doc:"bridge, none, or the name of a network that the host allows; the default is bridge"`
	Mounts  []string `json:"mounts,omitempty" maxItems:"16" doc:"Names of mounts that the host's policy offers"`
}

// JobLimits are what one attempt may use. A process has its host's defaults.
type JobLimits struct {
	Memory    string  `json:"memory,omitempty" maxLength:"16" doc:"16MiB to 1024GiB; a container's default is 512MiB" example:"512MiB"`
	CPUs      float64 `json:"cpus,omitempty" minimum:"0" maximum:"256" doc:"A container's default is all of the host's"`
	Processes int     `json:"processes,omitempty" minimum:"0" maximum:"100000" doc:"A container's default is 256"`
	FileSize  string  `json:"file_size,omitempty" maxLength:"16" doc:"Of one file that the script writes; 1MiB to 1024GiB" example:"1GiB"`
	Workspace string  `json:"workspace,omitempty" maxLength:"16" doc:"On disk, of everything in the workspace; 1MiB to 1024GiB" example:"10GiB"`
}

// JobWish is a spec with the schedules that the job should have: leave
// schedules out to keep those it has, send an empty list to remove all.
type JobWish struct {
	JobSpec
	Schedules []ScheduleWish `json:"schedules,omitempty" maxItems:"64"`
}

// JobScript is the program of a job.
type JobScript struct {
	Language string `json:"language" enum:"bash,python,node"`
	Source   string `json:"source" doc:"At most 1 MiB"`
}

// JobHTTP is the request of an HTTP job. Its texts may hold ${{ inputs.NAME }}.
type JobHTTP struct {
	Method    string            `json:"method,omitempty" enum:"GET,HEAD,POST,PUT,PATCH,DELETE,OPTIONS" doc:"The default is GET"`
	URL       string            `json:"url" minLength:"1" maxLength:"8192" example:"https://example.com/health"`
	Query     map[string]string `json:"query,omitempty" maxProperties:"64" doc:"Added to that of the URL"`
	Headers   map[string]string `json:"headers,omitempty" maxProperties:"64"`
	Auth      *JobHTTPAuth      `json:"auth,omitempty"`
	Body      string            `json:"body,omitempty" maxLength:"1048576" doc:"Sent as it is"`
	JSON      any               `json:"json,omitempty" doc:"Sent as application/json"`
	Redirects int               `json:"redirects,omitempty" minimum:"0" maximum:"10" doc:"Followed at most; the default is none"`
	Proxy     string            `json:"proxy,omitempty" maxLength:"8192" doc:"The http:// URL of a proxy; the default is none"`
	Expect    *JobHTTPExpect    `json:"expect,omitempty" doc:"The default is a status of 200 to 299"`
}

// JobHTTPAuth says who asks. Secrets belong into secret inputs.
type JobHTTPAuth struct {
	Type     string `json:"type" enum:"basic,bearer,api_key"`
	Username string `json:"username,omitempty" maxLength:"8192"`
	Password string `json:"password,omitempty" maxLength:"8192"`
	Token    string `json:"token,omitempty" maxLength:"8192"`
	Name     string `json:"name,omitempty" maxLength:"128" doc:"Of the header or the query parameter"`
	Value    string `json:"value,omitempty" maxLength:"8192"`
	In       string `json:"in,omitempty" enum:"header,query" doc:"The default is header"`
}

// JobHTTPExpect is what the answer must be like; all of it must hold.
type JobHTTPExpect struct {
	Status     []string          `json:"status,omitempty" maxItems:"64" doc:"One of these: 204, 2xx, 200-399" example:"[\"2xx\"]"`
	JSON       map[string]any    `json:"json,omitempty" maxProperties:"64" doc:"By JSON pointer, equal to this value"`
	Contains   string            `json:"contains,omitempty" maxLength:"8192"`
	Headers    map[string]string `json:"headers,omitempty" maxProperties:"64"`
	MaxLatency string            `json:"max_latency,omitempty" maxLength:"32" example:"500ms"`
}

// Input is one parameter of a job. It reaches the script as CRONIUM_INPUT_NAME.
type Input struct {
	Type        string   `json:"type" enum:"string,integer,number,boolean"`
	Default     any      `json:"default,omitempty"`
	Required    bool     `json:"required,omitempty"`
	Description string   `json:"description,omitempty" maxLength:"1024"`
	Enum        []any    `json:"enum,omitempty" maxItems:"128"`
	Secret      bool     `json:"secret,omitempty" doc:"Sealed at rest and masked in logs"`
	Minimum     *float64 `json:"minimum,omitempty"`
	Maximum     *float64 `json:"maximum,omitempty"`
	Pattern     string   `json:"pattern,omitempty" maxLength:"1000"`
	MaxLength   int      `json:"max_length,omitempty" minimum:"0"`
}

// JobTarget says where a job runs: on a host that has all these labels, on a
// server, or on all servers of a list.
type JobTarget struct {
	Labels  map[string]string `json:"labels,omitempty" maxProperties:"32"`
	Server  string            `json:"server,omitempty" maxLength:"64" doc:"Name of a server; not together with labels"`
	Servers []string          `json:"servers,omitempty" maxItems:"200" doc:"Names of servers, on all of which it runs, in the order of their turns; not together with the others"`
}

// JobFanOut says that a job runs on all of its targets, and how.
type JobFanOut struct {
	MaxParallel string `json:"max_parallel,omitempty" maxLength:"5" doc:"1 to 1000 targets, or 1% to 100% of all (rounded up), at the same time; the default is 100%" example:"25%"`
	MaxFailures string `json:"max_failures,omitempty" maxLength:"5" doc:"0 to 1000 targets, or 0% to 100% of all (rounded down): when more have not succeeded, no further one starts. By default all start" example:"0"`
	StartWithin string `json:"start_within,omitempty" maxLength:"32" doc:"How long a target may wait for its host, 1s to 168h; the default is 10m" example:"10m"`
}

// JobRetries says how often a failed attempt is tried again, and when.
type JobRetries struct {
	Max     int      `json:"max" minimum:"0" maximum:"20" doc:"Attempts after the first"`
	Backoff string   `json:"backoff,omitempty" enum:"fixed,linear,exponential" doc:"The default is fixed"`
	Delay   string   `json:"delay,omitempty" maxLength:"32" doc:"Before the first retry; the default is 10s" example:"10s"`
	On      []string `json:"on,omitempty" maxItems:"3" enum:"failed,timed_out,lost" doc:"The default is failed and timed_out"`
}

// ScheduleWish is a schedule as a definition states it.
type ScheduleWish struct {
	Name    string         `json:"name" minLength:"1" maxLength:"64"`
	Cron    string         `json:"cron" minLength:"1" maxLength:"256" doc:"5 or 6 fields, @every 5m, @daily or @at 2026-12-01T09:00:00" example:"15 2 * * *"`
	Zone    string         `json:"zone,omitempty" maxLength:"64" example:"Europe/Berlin"`
	Gap     string         `json:"gap,omitempty" enum:"shift,skip"`
	Fold    string         `json:"fold,omitempty" enum:"first,second,both"`
	Overlap string         `json:"overlap,omitempty" enum:"allow,skip"`
	CatchUp string         `json:"catch_up,omitempty" enum:"none,last,all"`
	Inputs  map[string]any `json:"inputs,omitempty"`
	Enabled *bool          `json:"enabled,omitempty"`
}

// Job is a job with its current version.
type Job struct {
	Name      string            `json:"name"`
	Labels    map[string]string `json:"labels"`
	State     string            `json:"state" enum:"active,paused,archived"`
	Version   int               `json:"version"`
	Spec      JobSpec           `json:"spec"`
	CreatedAt time.Time         `json:"created_at"`
	UpdatedAt time.Time         `json:"updated_at"`
	UpdatedBy string            `json:"updated_by"`
	Schedules []Schedule        `json:"schedules"`
}

// JobChange is what a put did.
type JobChange struct {
	Change   string    `json:"change" enum:"created,updated,unchanged"`
	Job      Job       `json:"job"`
	Warnings []Warning `json:"warnings" doc:"What is accepted but probably not meant"`
}

// Warning is something about a definition that is accepted but probably not meant.
type Warning struct {
	Code   string `json:"code"`
	Detail string `json:"detail"`
	Field  string `json:"field,omitempty"`
}

// JobSummary is a job in a list.
type JobSummary struct {
	Name      string            `json:"name"`
	Labels    map[string]string `json:"labels"`
	State     string            `json:"state" enum:"active,paused,archived"`
	Version   int               `json:"version"`
	Language  string            `json:"language" enum:"bash,python,node,http" doc:"http: it has no script, but a request"`
	UpdatedAt time.Time         `json:"updated_at"`
	Schedules []JobSchedule     `json:"schedules"`
	LastRuns  []JobRun          `json:"last_runs" doc:"At most 30, newest first"`
}

// JobSchedule is a schedule in a list of jobs.
type JobSchedule struct {
	ID      string     `json:"id" format:"uuid"`
	Name    string     `json:"name"`
	Words   string     `json:"words" example:"every day at 02:15"`
	NextAt  *time.Time `json:"next_at,omitempty"`
	Enabled bool       `json:"enabled"`
}

// JobRun is a run in a list of jobs.
type JobRun struct {
	ID         string    `json:"id"`
	State      string    `json:"state" enum:"queued,assigned,running,unknown,succeeded,partial,failed,timed_out,cancelled,lost,skipped"`
	CreatedAt  time.Time `json:"created_at"`
	DurationMS *int64    `json:"duration_ms,omitempty"`
}

// JobVersion is a job as it was.
type JobVersion struct {
	Version   int       `json:"version"`
	Note      string    `json:"note"`
	CreatedAt time.Time `json:"created_at"`
	CreatedBy string    `json:"created_by"`
	SHA256    string    `json:"sha256" doc:"Of the script, in hexadecimal"`
	Script    string    `json:"script" doc:"The script's source, also in spec"`
	Spec      JobSpec   `json:"spec"`
}
