package client

import (
	"context"
	"net/http"
)

// ProjectSettings are what a project's owners decide.
type ProjectSettings struct {
	Images []string `json:"images"` // which images jobs may name, as patterns; empty: every one
}

// ProjectSettings returns the settings of a project.
func (c *Client) ProjectSettings(ctx context.Context, project string) (ProjectSettings, error) {
	var s ProjectSettings
	return s, c.call(ctx, get("projects", project, "settings"), &s)
}

// PutProjectSettings replaces them.
func (c *Client) PutProjectSettings(ctx context.Context, project string, s ProjectSettings) (ProjectSettings, error) {
	if s.Images == nil {
		s.Images = []string{}
	}
	var now ProjectSettings
	return now, c.call(ctx, request{method: http.MethodPut, path: []string{"projects", project, "settings"}, body: s}, &now)
}
