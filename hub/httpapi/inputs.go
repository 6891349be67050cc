package httpapi

import "encoding/json"

// What the typed handlers read besides their bodies. A field's tag is its place,
// its limit and its description in the OpenAPI document.

type setUpInput struct {
	Body SetupRequest
}

type loginInput struct {
	Body LoginRequest
}

type createTokenInput struct {
	Body TokenRequest
}

// TokenPath is the path of an API token.
type TokenPath struct {
	ID string `path:"id" maxLength:"64"`
}

// JobPath is the path of a job.
type JobPath struct {
	ProjectPath
	Job string `path:"job" maxLength:"256" example:"disk-report"`
}

type listJobsInput struct {
	ProjectPath
	Paging
	Text  string   `query:"text" maxLength:"128" doc:"Part of the name"`
	Label []string `query:"label,explode" maxItems:"8" maxLength:"256" doc:"name=value; all must match"`
	State string   `query:"state" enum:"active,paused,archived" doc:"The default is all but archived"`
}

type putJobInput struct {
	JobPath
	DryRun  bool   `query:"dry_run" doc:"Check and compare only"`
	IfMatch string `header:"If-Match" maxLength:"32" doc:"ETag of the job that you changed"`
	Body    JobDefinition
}

type versionsInput struct {
	JobPath
	Paging
}

type startRunInput struct {
	JobPath
	Body RunRequest
}

// RunPath is the path of a run.
type RunPath struct {
	ProjectPath
	Run string `path:"run" maxLength:"64" example:"r_0dk3c9p5v4s3p9j2n0q4c7g5f8"`
}

type listRunsInput struct {
	ProjectPath
	Paging
	State   []string `query:"state" maxItems:"11" enum:"queued,assigned,running,unknown,succeeded,partial,failed,timed_out,cancelled,lost,skipped" doc:"Comma-separated; any of them"`
	Job     string   `query:"job" maxLength:"64"`
	Trigger string   `query:"trigger" enum:"manual,api,cli,schedule,retry"`
	Parent  string   `query:"parent" maxLength:"64" doc:"Id of a run that fans out: the runs of its targets, in their order. They are in no other list"`
}

type targetsLogInput struct {
	RunPath
	Cursor string `query:"cursor" maxLength:"16384" doc:"From the answer before; without it the log begins at its beginning"`
	Limit  int    `query:"limit" minimum:"1" maximum:"5000" default:"2000"`
	Wait   int    `query:"wait" minimum:"0" maximum:"20" default:"0" doc:"Seconds to wait for something new when there is nothing"`
}

type runLogInput struct {
	RunPath
	Attempt int   `query:"attempt" minimum:"0" maximum:"10000" doc:"The default is the last one"`
	From    int64 `query:"from" minimum:"1" default:"1" doc:"Number of the first line"`
	Limit   int   `query:"limit" minimum:"1" maximum:"5000" default:"2000"`
}

// SchedulePath is the path of a schedule.
type SchedulePath struct {
	ProjectPath
	Schedule string `path:"schedule" maxLength:"64"`
}

type listSchedulesInput struct {
	ProjectPath
	Paging
	Job string `query:"job" maxLength:"64"`
}

type listFiresInput struct {
	SchedulePath
	Paging
}

type previewInput struct {
	Body PreviewRequest
}

// HostPath is the path of a host.
type HostPath struct {
	ProjectPath
	Host string `path:"host" maxLength:"256"`
}

// ServerPath is the path of a server.
type ServerPath struct {
	ProjectPath
	Server string `path:"server" maxLength:"256"`
}

type listServersInput struct {
	ProjectPath
	Paging
	Archived bool `query:"archived" doc:"The archived ones instead of the others"`
}

type addServerInput struct {
	ProjectPath
	Body ServerRequest
}

type editServerInput struct {
	ServerPath
	Body ServerEdit
}

type trustInput struct {
	ServerPath
	Body TrustRequest
}

type restoreInput struct {
	ServerPath
	Body RestoreRequest
}

type joinTokenInput struct {
	ProjectPath
	Body JoinTokenRequest
}

// jobOutput carries the version as an ETag too.
type jobOutput struct {
	ETag string `header:"ETag" doc:"The version; send it back as If-Match"`
	Body Job
}

// sessionOutput sets or clears the session cookie.
type sessionOutput[T any] struct {
	SetCookie string `header:"Set-Cookie"`
	Body      T
}

type signedOut struct {
	SetCookie     string `header:"Set-Cookie"`
	ClearSiteData string `header:"Clear-Site-Data"`
}

// VariablePath is the path of a variable.
type VariablePath struct {
	ProjectPath
	Variable string `path:"variable" maxLength:"128" example:"last_backup"`
}

type listVariablesInput struct {
	ProjectPath
	Paging
	Text string `query:"text" maxLength:"128" doc:"Part of the name"`
}

type putVariableInput struct {
	VariablePath
	Body VariableRequest
}

// SecretPath is the path of a secret.
type SecretPath struct {
	ProjectPath
	Secret string `path:"secret" maxLength:"128" example:"DB_PASSWORD"`
}

type listSecretsInput struct {
	ProjectPath
	Paging
}

type putSecretInput struct {
	SecretPath
	Body SecretRequest
}

type listHostsInput struct {
	ProjectPath
	Paging
}

// plainNumbers turns the numbers of decoded JSON into int64 where they are whole
// and fit, and float64 elsewhere.
func plainNumbers(values map[string]any) map[string]any {
	for name, value := range values {
		values[name] = plainNumber(value)
	}
	return values
}

func plainNumber(value any) any {
	n, ok := value.(json.Number)
	if !ok {
		return value
	}
	if whole, err := n.Int64(); err == nil {
		return whole
	}
	f, _ := n.Float64() // checked before: a number out of range was refused
	return f
}
