package main

import (
	"errors"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"slices"

	"github.com/cronium/cronium/sdk/client"
	"github.com/cronium/cronium/sdk/cmd/cronium/internal/screen"
	"github.com/cronium/cronium/sdk/problem"
)

type artifactsCmd struct {
	Ls  artifactsLsCmd  `cmd:"" default:"withargs" help:"List the artifacts of a run."`
	Get artifactsGetCmd `cmd:"" help:"Download an artifact and check its SHA-256."`
}

type artifactsLsCmd struct {
	ID string `arg:"" name:"run|job" predict:"runjob" help:"Id of a run, or name of a job for its latest run."`
}

func (artifactsLsCmd) Help() string {
	return examples("cronium artifacts csv-report", "of the latest run", "cronium artifacts r_0dk3c9p5v4s3p9j2n0q4c7g5f8 --json | jq -r '.items[].sha256'", "")
}

func (l *artifactsLsCmd) Run(a *app) error {
	hub, err := a.client()
	if err != nil {
		return err
	}
	id, err := a.runID(l.ID)
	if err != nil {
		return err
	}
	page, err := hub.Artifacts(a.ctx, a.Project, id)
	if err != nil {
		return runMissing(err, id)
	}
	return list(a, page, view[client.Artifact]{
		name:    func(f client.Artifact) string { return f.Name },
		columns: []column{{Title: "name", Flex: true}, {Title: "size", Right: true}, {Title: "type", Flex: true}, {Title: "sha256", Flex: true}, {Title: "made"}},
		row: func(f client.Artifact) []cell {
			return []cell{text(f.Name), {Text: byteSize(f.Size)}, text(f.ContentType), text(f.SHA256), a.when(&f.MadeAt)}
		},
		none: "Run " + id + " keeps no artifacts.",
	})
}

type artifactsGetCmd struct {
	ID   string `arg:"" name:"run|job" predict:"runjob" help:"Id of a run, or name of a job for its latest run."`
	Name string `arg:"" help:"Name of the artifact."`
	File string `arg:"" optional:"" help:"Where it goes, in place of what is there; - is standard output. The default is its name, which must be free."`
}

func (artifactsGetCmd) Help() string {
	return examples("cronium artifacts get csv-report report.csv", "", "cronium artifacts get r_0dk3c9p5v4s3p9j2n0q4c7g5f8 report.csv /tmp/march.csv", "",
		"cronium artifacts get csv-report report.csv - | head", "")
}

var (
	errNoArtifact = problem.New("no_artifact", http.StatusNotFound, "Artifact not found", "cronium artifacts RUN lists those that there are.")
	errFile       = problem.New("file_not_written", http.StatusInternalServerError, "File not written", "Name another file.")
	errTaken      = problem.New("file_exists", http.StatusConflict, "File is there already", "Name the file that may be replaced.")
)

func (g *artifactsGetCmd) Run(a *app) error {
	hub, err := a.client()
	if err != nil {
		return err
	}
	id, err := a.runID(g.ID)
	if err != nil {
		return err
	}
	page, err := hub.Artifacts(a.ctx, a.Project, id)
	if err != nil {
		return runMissing(err, id)
	}
	i := slices.IndexFunc(page.Items, func(f client.Artifact) bool { return f.Name == g.Name })
	if i < 0 {
		return errNoArtifact.With("run %s has no artifact %q", id, g.Name)
	}
	found := page.Items[i]
	if g.File == "-" {
		return hub.Artifact(a.ctx, a.Project, id, found, a)
	}
	target, err := g.target()
	if err != nil {
		return err
	}
	if err := fetch(a, hub, id, found, target); err != nil {
		return err
	}
	a.Say("%s is here: %s, SHA-256 %s.", screen.Name(target), byteSize(found.Size), found.SHA256)
	return nil
}

// target is where the artifact goes. Only a file that was named is replaced.
func (g *artifactsGetCmd) target() (string, error) {
	if g.File != "" {
		return g.File, nil
	}
	if g.Name != filepath.Base(g.Name) {
		return "", errFile.With("%q is no file's name on this system", g.Name)
	}
	if _, err := os.Lstat(g.Name); !errors.Is(err, fs.ErrNotExist) {
		return "", errTaken.With("%s is there already", g.Name)
	}
	return g.Name, nil
}

// fetch writes beside the target, which is there when everything has come and is right.
func fetch(a *app, hub *client.Client, id string, found client.Artifact, target string) error {
	if info, err := os.Stat(target); err == nil && !info.Mode().IsRegular() {
		return errFile.With("%s is there and is no regular file", target)
	}
	f, err := os.CreateTemp(filepath.Dir(target), ".cronium-*")
	if err != nil {
		return errFile.With("%v", err)
	}
	defer func() { _ = os.Remove(f.Name()) }() // which is gone when all went well
	a.Status("downloading %s, %s", screen.Name(found.Name), byteSize(found.Size))
	err = hub.Artifact(a.ctx, a.Project, id, found, f)
	if closed := f.Close(); err == nil && closed != nil {
		err = errFile.With("%v", closed)
	}
	if err != nil {
		return err
	}
	if err := os.Rename(f.Name(), target); err != nil {
		return errFile.With("%v", err)
	}
	return nil
}
