package hubtest_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/cronium/cronium/agent/executor/docker/dockertest"
	"github.com/cronium/cronium/agent/executor/ssh/sshtest"
	"github.com/cronium/cronium/hub/hubtest"
	"github.com/cronium/cronium/sdk/client"
)

// programs do the same in each language: they read inputs, the environment, a
// variable and a secret, write to both streams in order, and hand over an output.
var programs = map[string]string{
	"bash": `echo "hello $CRONIUM_INPUT_WHO from $(cronium run job)"
sleep 0.1
echo "ünïcode to stderr, $(cronium get greeting)" >&2
sleep 0.1
cronium progress 0.5 half
cronium output "$(printf '{"who":"%s","count":3,"ratio":0.5,"none":null,"nested":{"list":[true,"ü"]}}' "$(cronium input who)")"
printf 'token %s, no newline at the end' "$(cronium secret TOKEN)"`,
	"python": `import os, sys, time
print("hello", os.environ["CRONIUM_INPUT_WHO"], "from", cronium.run.job, flush=True)
time.sleep(0.1)
print("ünïcode to stderr,", cronium.get_variable("greeting"), file=sys.stderr, flush=True)
time.sleep(0.1)
cronium.progress(0.5, "half")
cronium.output({"who": cronium.input("who"), "count": 3, "ratio": 0.5, "none": None, "nested": {"list": [True, "ü"]}})
print("token " + cronium.secret("TOKEN") + ", no newline at the end", end="", flush=True)`,
	"node": `console.log("hello", process.env.CRONIUM_INPUT_WHO, "from", cronium.run.job);
setTimeout(() => console.error("ünïcode to stderr,", cronium.getVariable("greeting")), 100);
setTimeout(() => {
  cronium.progress(0.5, "half");
  cronium.output({ who: cronium.input("who"), count: 3, ratio: 0.5, none: null, nested: { list: [true, "ü"] } });
  process.stdout.write("token " + cronium.secret("TOKEN") + ", no newline at the end");
}, 200);`,
}

const (
	sameLog    = "hello Ada from same\nünïcode to stderr, grüße\ntoken ***, no newline at the end"
	sameOutput = `{"who":"Ada","count":3,"ratio":0.5,"none":null,"nested":{"list":[true,"ü"]}}`
)

// places are the ways to run a script; server-1 is one that [addServer] has added.
var places = map[string]client.Spec{
	"process": {},
	"docker":  {Container: &client.Container{Image: dockertest.Image, Pull: "never", Network: "none"}},
	"ssh":     {Target: &client.Target{Server: "server-1"}},
}

// TestOneJobRunsTheSameOnEveryExecutor runs each program as a process, in a container
// and on a server, and compares the logs and the outputs.
func TestOneJobRunsTheSameOnEveryExecutor(t *testing.T) {
	w := hubtest.NewHub(t)
	w.AddDockerAgent("docker-1", dockertest.Start(t).Host)
	addServer(t, w.Client, "server-1", sshtest.Start(t))
	setUp(t, w)
	for language, source := range programs {
		for executor, place := range places {
			d := definition("same", source)
			d.Spec.Script.Language = language
			d.Spec.Secrets = []string{"TOKEN"}
			d.Spec.Inputs = map[string]client.Input{"who": {Type: "string", Default: "Ada"}}
			d.Spec.Container, d.Spec.Target = place.Container, place.Target
			done := w.Finish(w.Start(d).ID, time.Minute)
			var raw bytes.Buffer
			rawLog(t, w, done, &raw)
			if raw.String() != sameLog {
				t.Errorf("%s as %s: the log is %q, want %q", language, executor, raw.String(), sameLog)
			}
			if output, err := w.Client.RunOutput(t.Context(), "default", done.ID); err != nil || string(output) != sameOutput {
				t.Errorf("%s as %s: the output is %s, %v; want %s", language, executor, output, err, sameOutput)
			}
		}
	}
}

// setUp gives the project what the programs ask for.
func setUp(t *testing.T, w *hubtest.World) {
	t.Helper()
	if err := w.Client.PutSecret(t.Context(), "default", "TOKEN", "a-canary-of-a-secret"); err != nil {
		t.Fatal(err)
	}
	if _, err := w.Client.PutVariable(t.Context(), "default", "greeting", json.RawMessage(`"grüße"`)); err != nil {
		t.Fatal(err)
	}
}

// addServer adds a server that shows the key that was announced, and lets us in.
func addServer(t *testing.T, c *client.Client, name string, s *sshtest.Server) {
	t.Helper()
	_, err := c.AddServer(t.Context(), "default", client.ServerRequest{Name: name, Address: s.Addr, User: s.User,
		Credential:  client.Opener{PrivateKey: string(s.Credential().GetPrivateKeyPem())},
		Fingerprint: s.Fingerprint()})
	if err != nil {
		t.Fatalf("add %s: %v", name, err)
	}
	if got, err := c.CheckServer(t.Context(), "default", name); err != nil || got.State != "reachable" {
		t.Fatalf("%s is %s, %v: %+v; want reachable", name, got.State, err, got.Checks)
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
