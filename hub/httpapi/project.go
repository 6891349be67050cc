package httpapi

import "context"

// ProjectSettings are what a project's owners decide.
type ProjectSettings struct {
	Images []string `json:"images" maxItems:"200" doc:"Which images jobs may name, as repositories with * for a part; an empty list allows every one" example:"[\"registry.example/team/*\"]"`
}

type projectSettingsInput struct {
	ProjectPath
	Body ProjectSettings
}

func (a *API) getProjectSettings(ctx context.Context, c *call, _ *ProjectPath) (*output[ProjectSettings], error) {
	images, err := a.projects.Images(ctx, c.project.ID)
	if err != nil {
		return nil, err
	}
	return answer(ProjectSettings{Images: images}), nil
}

func (a *API) putProjectSettings(ctx context.Context, c *call, in *projectSettingsInput) (*output[ProjectSettings], error) {
	if err := a.projects.SetImages(ctx, c.actor, c.project.ID, in.Body.Images); err != nil {
		return nil, err
	}
	return a.getProjectSettings(ctx, c, &in.ProjectPath)
}
