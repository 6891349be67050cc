package hubtest_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cronium/cronium/agent"
	"github.com/cronium/cronium/agent/executor/docker/dockertest"
	"github.com/cronium/cronium/hub/hubtest"
	"github.com/cronium/cronium/sdk/client"
	"github.com/cronium/cronium/sdk/problem"
)

// contained is a job in a container of this image.
func contained(name, image string) client.Definition {
	d := definition(name, "echo ran")
	d.Spec.Container = &client.Container{Image: image, Pull: "missing", Network: "none"}
	return d
}

// TestARunTellsItsImageAndHowLongEachPartTook, on every executor.
func TestARunTellsItsImageAndHowLongEachPartTook(t *testing.T) {
	w := hubtest.NewHub(t)
	w.AddDockerAgent("docker-1", dockertest.Start(t).Host)
	registry := dockertest.NewRegistry(t, "", "")
	name := registry.Host + "/team/app:1"
	for what, c := range map[string]struct {
		job           client.Definition
		image, digest string
		stages        []string
	}{
		"process":   {definition("plain", "echo ran"), "", "", []string{"prepare", "run", "collect"}},
		"container": {contained("contained", name), name, registry.Digest, []string{"prepare", "pull", "run", "collect"}},
	} {
		done := w.Finish(w.Start(c.job).ID, time.Minute)
		if done.State != "succeeded" || len(done.Attempts) != 1 {
			t.Errorf("%s: the run is %s (%+v) with %d attempts", what, done.State, done.Outcome, len(done.Attempts))
			continue
		}
		got := done.Attempts[0]
		var stages []string
		for _, s := range got.Stages {
			stages = append(stages, s.Name)
		}
		if got.Image != c.image || got.ImageDigest != c.digest || !slices.Equal(stages, c.stages) {
			t.Errorf("%s: image %q, digest %q, stages %q; want %q, %q, %q", what, got.Image, got.ImageDigest, stages, c.image, c.digest, c.stages)
		}
	}
}

// TestAProjectAllowsImages when a job is put, and again when it is to run.
func TestAProjectAllowsImages(t *testing.T) {
	w := hubtest.NewHub(t)
	w.AddDockerAgent("docker-1", dockertest.Start(t).Host)
	ctx := t.Context()
	allow := func(patterns ...string) {
		t.Helper()
		got, err := w.Client.PutProjectSettings(ctx, "default", client.ProjectSettings{Images: patterns})
		if err != nil || !slices.Equal(got.Images, patterns) {
			t.Fatalf("allow %q: %+v, %v", patterns, got, err)
		}
	}
	refused := func(d client.Definition) {
		t.Helper()
		_, err := w.Client.PutJob(ctx, "default", d, client.PutOptions{})
		p, ok := problem.As(err)
		if !ok || p.Code != "image_not_allowed_in_project" || p.Field != "spec.container.image" || p.Hint == "" {
			t.Errorf("put %s with %s: %v, want image_not_allowed_in_project", d.Metadata.Name, d.Spec.Container.Image, err)
		}
	}
	allow("registry.example/team/*", "cronium-*")
	refused(contained("other", "debian:12"))
	if done := w.Finish(w.Start(contained("allowed", dockertest.Image)).ID, time.Minute); done.State != "succeeded" {
		t.Errorf("an allowed image: %s (%+v)", done.State, done.Outcome)
	}

	allow("registry.example/team/*")
	refused(contained("allowed", dockertest.Image))
	run, err := w.Client.StartRun(ctx, "default", "allowed", client.RunRequest{}) // as it was put before
	if err != nil {
		t.Fatal(err)
	}
	done := w.Finish(run.ID, time.Minute)
	if done.State != "failed" || done.Outcome == nil || done.Outcome.Code != "image_not_allowed_in_project" || !strings.Contains(done.Outcome.Detail, "registry.example/team/*") {
		t.Errorf("an image that is no longer allowed: %s (%+v)", done.State, done.Outcome)
	}
	if log, err := w.Client.Log(ctx, "default", run.ID, client.LogWindow{}); err != nil || !log.Complete || len(log.Lines) != 0 {
		t.Errorf("its log is %+v, %v; want it complete and empty", log, err)
	}

	if _, err := w.Client.PutProjectSettings(ctx, "default", client.ProjectSettings{Images: []string{"debian:12"}}); err == nil || !strings.Contains(err.Error(), "image_pattern_invalid") {
		t.Errorf("a pattern with a tag: %v, want image_pattern_invalid", err)
	}
	allow()
	if done := w.Finish(w.Start(contained("allowed", dockertest.Image)).ID, time.Minute); done.State != "succeeded" {
		t.Errorf("with every image allowed: %s (%+v)", done.State, done.Outcome)
	}
}

// TestTheHostsPolicyEndsARunAtOnce: what a host does not allow is not tried again.
func TestTheHostsPolicyEndsARunAtOnce(t *testing.T) {
	w := hubtest.NewHub(t)
	path := filepath.Join(t.TempDir(), "docker.yaml")
	if err := os.WriteFile(path, []byte("images: [registry.example/*]\nnetworks: [none]\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	w.AddAgentWith("docker-1", agent.Config{Docker: dockertest.Start(t).Host, DockerPolicy: path, Images: map[string]string{"bash": dockertest.Image}})
	d := contained("other", "debian:12")
	d.Spec.Retries = &client.Retries{Max: 3, Delay: "1s", On: []string{"failed"}}
	done := w.Finish(w.Start(d).ID, time.Minute)
	if done.State != "failed" || len(done.Attempts) != 1 || done.Outcome == nil || done.Outcome.Code != "image_not_allowed" || !strings.Contains(done.Outcome.Detail, path) {
		t.Errorf("an image that the host refuses: %s (%+v) after %d attempts", done.State, done.Outcome, len(done.Attempts))
	}
	if done := w.Finish(w.Start(contained("default", "")).ID, time.Minute); done.State != "succeeded" || done.Attempts[0].Image != dockertest.Image {
		t.Errorf("the host's own image: %s (%+v)", done.State, done.Outcome)
	}
}

// TestAPolicyThatCannotBeUsedStopsTheAgent: without it, jobs would have more.
func TestAPolicyThatCannotBeUsedStopsTheAgent(t *testing.T) {
	for text, want := range map[string]string{"privileged: true": `the key "privileged" is not known`, "mounts: {a: {source: /etc, target: /x}}": "mounts.a.source"} {
		for _, engine := range []string{"auto", dockertest.Start(t).Host} {
			w := hubtest.NewHub(t)
			err := w.TryAgent("docker-1", agent.Config{Docker: engine}, map[string]string{"docker.yaml": text})
			if err == nil || !strings.Contains(err.Error(), "docker_policy_invalid") || !strings.Contains(err.Error(), want) {
				t.Errorf("%s with --docker %s: the agent ends with %v, want docker_policy_invalid with %q", text, engine, err, want)
			}
		}
	}
}
