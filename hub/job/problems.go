package job

import (
	"net/http"

	"github.com/cronium/cronium/sdk/problem"
)

// Problems of jobs.
var (
	ErrNotFound = problem.New("job_not_found", http.StatusNotFound,
		"Job not found", "Check the name and the project.")
	ErrConflict = problem.New("version_conflict", http.StatusPreconditionFailed,
		"Job was changed meanwhile", "Load it again, repeat your change and save.")
	ErrArchived = problem.New("job_disabled", http.StatusConflict,
		"Job is archived", "Apply its definition again to bring it back.")
	ErrText = problem.New("invalid_text", http.StatusUnprocessableEntity,
		"Text holds what it must not", "Remove control characters and direction overrides, and save the file as UTF-8.")
	ErrName = problem.New("invalid_name", http.StatusUnprocessableEntity,
		"Name is not valid", "Use 1–64 lower-case letters, digits and hyphens; begin and end with a letter or digit.")
	ErrLabel = problem.New("invalid_label", http.StatusUnprocessableEntity,
		"Label is not valid", "Write labels as key: value, the key of letters, digits and . _ / -, the value at most 128 characters.")
	ErrRange = problem.New("out_of_range", http.StatusUnprocessableEntity,
		"Value is out of range", "Use a value within the limits that the message names.")
	ErrEnv = problem.New("invalid_env", http.StatusUnprocessableEntity,
		"Environment variable is not allowed", "Rename it, or set it inside the script.")
	ErrScript = problem.New("script_invalid", http.StatusUnprocessableEntity,
		"Script cannot be used", "Correct the script; data belongs into files or inputs.")
	ErrWork = problem.New("work_invalid", http.StatusUnprocessableEntity,
		"A job does one thing", "Give the job a script or an HTTP request, and a container only for a script.")
	ErrTarget = problem.New("target_ambiguous", http.StatusUnprocessableEntity,
		"Target is not one kind of place", "Say one of target.labels, target.server and target.servers; fan_out goes with labels and with servers.")
	ErrContainerOnServer = problem.New("container_on_server", http.StatusUnprocessableEntity,
		"Servers run no containers", "Remove spec.container to run the script on the server itself, or choose a host by labels.")
	ErrDependencies = problem.New("dependencies_misplaced", http.StatusUnprocessableEntity,
		"Dependencies are installed on hosts only", "Remove spec.dependencies, or let the script be a process of a host.")
	ErrImage = problem.New("image_invalid", http.StatusUnprocessableEntity,
		"Image reference is not valid", "Write it as NAME:TAG or NAME@sha256:DIGEST, for example python:3.12-slim.")
	ErrSecrets = problem.New("secrets_invalid", http.StatusUnprocessableEntity,
		"The list of secrets is not valid", "List at most 32 names: letters, digits and _ . -, a letter or _ first.")
	ErrParameter = problem.New("invalid_parameter", http.StatusUnprocessableEntity,
		"Parameter is not valid", "Use one of the values that the message lists.")
)
