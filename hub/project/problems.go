package project

import (
	"net/http"

	"github.com/cronium/cronium/sdk/problem"
)

// Problems of projects.
var (
	ErrNotFound = problem.New("project_not_found", http.StatusNotFound,
		"Project not found", "Check the name; `cronium whoami` lists the projects that you may see.")
)
