// Package images_test builds the images of jobs that name none, as `make images`
// does, and runs a job in each.
package images_test

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/cronium/cronium/agent/executor/docker/dockertest"
	"github.com/cronium/cronium/hub/hubtest"
	"github.com/cronium/cronium/sdk/client"
)

func TestMain(m *testing.M) {
	code := m.Run()
	dockertest.Stop()
	hubtest.RemoveRunner()
	os.Exit(code)
}

// buildLimit bounds the build, which loads Debian packages.
const buildLimit = 10 * time.Minute

var scripts = map[string]struct{ source, want string }{
	"bash":   {`id -u; echo '{"a": [1, 2]}' | jq -c .a; curl --version | head -c 4; echo; touch /x 2>/dev/null || echo read-only`, "65532\n[1,2]\ncurl\nread-only\n"},
	"python": {"import json, os, ssl, sqlite3, sys\nprint(os.getuid(), json.dumps({'ü': sys.version_info >= (3, 8)}, ensure_ascii=False))", "65532 {\"ü\": true}\n"},
	"node":   {"console.log(process.getuid(), Number(process.versions.node.split('.')[0]) >= 18)", "65532 true\n"},
}

func TestMakeImagesBuildsWhatJobsWithoutAnImageRunIn(t *testing.T) {
	engine := dockertest.Start(t)
	ctx, stop := context.WithTimeout(t.Context(), buildLimit)
	defer stop()
	build := exec.CommandContext(ctx, "make", "--no-print-directory", "images")
	build.Dir = filepath.Join("..", "..", "..")
	build.Env = append(os.Environ(), "DOCKER_HOST="+engine.Host)
	began := time.Now()
	out, err := build.CombinedOutput()
	if err != nil {
		t.Fatalf("make images: %v\n%s", err, out)
	}
	t.Logf("make images took %.0f s\n%s", time.Since(began).Seconds(), out)

	w := hubtest.NewHub(t)
	w.AddDockerAgent("docker-1", engine.Host)
	for language, script := range scripts {
		done := w.Finish(w.Start(client.Definition{
			APIVersion: "cronium/v1", Kind: "Job", Metadata: client.Metadata{Name: language},
			Spec: client.DefinitionSpec{Spec: client.Spec{Script: client.Script{Language: language, Source: script.source}, Container: &client.Container{Network: "none"}}},
		}).ID, time.Minute)
		var log strings.Builder
		if err := w.Client.RawLog(t.Context(), "default", done.ID, done.Attempt, "all", &log); err != nil {
			t.Fatal(err)
		}
		if done.State != "succeeded" || log.String() != script.want || !strings.HasPrefix(done.Attempts[0].ImageDigest, "sha256:") {
			t.Errorf("%s: %s (%+v) printed %q, want %q", language, done.State, done.Outcome, log.String(), script.want)
		}
	}
}
