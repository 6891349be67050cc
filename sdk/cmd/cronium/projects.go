package main

import (
	"strings"

	"github.com/cronium/cronium/sdk/client"
	"github.com/cronium/cronium/sdk/cmd/cronium/internal/screen"
)

type projectsCmd struct {
	Images projectsImagesCmd `cmd:"" help:"Show or set which images the project's jobs may name."`
}

type projectsImagesCmd struct {
	Pattern []string `arg:"" optional:"" help:"The patterns that replace those there are: repositories without tag, with * for a part."`
	Any     bool     `help:"Allow every image."`
}

func (projectsImagesCmd) Help() string {
	return examples("cronium projects images", "shows them", "cronium projects images 'registry.example/team/*' 'cronium-*'", "", "cronium projects images --any", "")
}

func (p *projectsImagesCmd) Run(a *app) error {
	hub, err := a.client()
	if err != nil {
		return err
	}
	settings := client.ProjectSettings{Images: p.Pattern}
	switch {
	case p.Any && len(p.Pattern) > 0:
		return usage("Leave out --any or the patterns.", "give patterns or --any, not both")
	case p.Any || len(p.Pattern) > 0:
		settings, err = hub.PutProjectSettings(a.ctx, a.Project, settings)
	default:
		settings, err = hub.ProjectSettings(a.ctx, a.Project)
	}
	if err != nil {
		return err
	}
	return one(a, settings, strings.Join(settings.Images, " "), func() {
		if len(settings.Images) == 0 {
			a.Say("Jobs of project %s may name every image.", a.Project)
		}
		for _, pattern := range settings.Images {
			a.Printf("%s\n", screen.Name(pattern))
		}
	})
}
