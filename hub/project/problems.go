package project

import (
	"net/http"

	"github.com/cronium/cronium/sdk/problem"
)

// Problems of projects.
var (
	ErrNotFound = problem.New("project_not_found", http.StatusNotFound,
		"Project not found", "Check the name; `cronium whoami` lists the projects that you may see.")
	ErrImagePattern = problem.New("image_pattern_invalid", http.StatusUnprocessableEntity,
		"Not a pattern for images", "Write a repository without tag, with * for a part of it, such as registry.example/team/*.")
	ErrImageNotAllowed = problem.New("image_not_allowed_in_project", http.StatusForbidden,
		"The project does not allow this image", "Use an image that the project allows, or have an owner change the project's images: cronium projects images.")
)
