package hubtest_test

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/cronium/cronium/agent/executor/docker/dockertest"
	"github.com/cronium/cronium/hub/hubtest"
	"github.com/cronium/cronium/sdk/client"
)

// programs do the same in each language: they read an input and the environment,
// and write to both streams in order.
var programs = map[string]string{
	"bash": `echo "hello $CRONIUM_INPUT_WHO from $CRONIUM_JOB"
sleep 0.1
echo "ünïcode to stderr" >&2
sleep 0.1
printf 'no newline at the end'`,
	"python": `import os, sys, time
print("hello", os.environ["CRONIUM_INPUT_WHO"], "from", os.environ["CRONIUM_JOB"], flush=True)
time.sleep(0.1)
print("ünïcode to stderr", file=sys.stderr, flush=True)
time.sleep(0.1)
print("no newline at the end", end="", flush=True)`,
	"node": `console.log("hello", process.env.CRONIUM_INPUT_WHO, "from", process.env.CRONIUM_JOB);
setTimeout(() => console.error("ünïcode to stderr"), 100);
setTimeout(() => process.stdout.write("no newline at the end"), 200);`,
}

// TestOneJobRunsTheSameOnEveryExecutor runs each program as a process and in a
// container, and compares the logs.
func TestOneJobRunsTheSameOnEveryExecutor(t *testing.T) {
	w := hubtest.NewHub(t)
	w.AddDockerAgent("docker-1", dockertest.Start(t).Host)
	const want = "hello Ada from same\nünïcode to stderr\nno newline at the end"
	for language, source := range programs {
		for executor, container := range map[string]*client.Container{
			"process": nil,
			"docker":  {Image: dockertest.Image, Pull: "never", Network: "none"},
		} {
			d := definition("same", source)
			d.Spec.Script.Language = language
			d.Spec.Inputs = map[string]client.Input{"who": {Type: "string", Default: "Ada"}}
			d.Spec.Container = container
			done := w.Finish(w.Start(d).ID, time.Minute)
			var raw bytes.Buffer
			rawLog(t, w, done, &raw)
			if raw.String() != want {
				t.Errorf("%s as %s: the log is %q, want %q", language, executor, raw.String(), want)
			}
		}
	}
}

// TestAJobInAContainerWaitsForAHostWithAnEngine, and says so.
func TestAJobInAContainerWaitsForAHostWithAnEngine(t *testing.T) {
	w := hubtest.New(t)
	d := definition("contained", "true")
	d.Spec.Container = &client.Container{Image: dockertest.Image, Pull: "never", Network: "none"}
	run := w.Start(d)
	hubtest.Eventually(t, 20*time.Second, "the run says why it waits", func() error {
		got, err := w.Client.Run(t.Context(), "default", run.ID)
		if err == nil && (got.Reason == nil || !strings.Contains(got.Reason.Detail, "executor.docker=true")) {
			return fmt.Errorf("it is %s because of %+v", got.State, got.Reason)
		}
		return err
	})
	w.AddDockerAgent("docker-1", dockertest.Start(t).Host)
	if done := w.Finish(run.ID, time.Minute); done.State != "succeeded" || done.Host != "docker-1" {
		t.Errorf("the run is %s on %s (%+v), want succeeded on docker-1", done.State, done.Host, done.Outcome)
	}
}

// TestABadImageFailsTheRunWithItsReason names what the user can change.
func TestABadImageFailsTheRunWithItsReason(t *testing.T) {
	w := hubtest.NewHub(t)
	w.AddDockerAgent("docker-1", dockertest.Start(t).Host)
	d := definition("no-image", "true")
	d.Spec.Container = &client.Container{Image: "nobody/has-this:1", Pull: "never", Network: "none"}
	done := w.Finish(w.Start(d).ID, time.Minute)
	if done.State == "succeeded" || done.Outcome == nil || done.Outcome.Code != "image_unavailable" || done.Outcome.Hint == "" {
		t.Errorf("the run is %s with %+v, want image_unavailable with a hint", done.State, done.Outcome)
	}
}
