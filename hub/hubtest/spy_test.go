package hubtest_test

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/cronium/cronium/agent/executor/docker/dockertest"
	"github.com/cronium/cronium/agent/executor/ssh/sshtest"
	"github.com/cronium/cronium/hub/hubtest"
	"github.com/cronium/cronium/sdk/client"
)

const (
	// spying prints what a script can learn about others: every command line, every
	// environment and every file of hub, agent and runs that it may read.
	spying = `cat /proc/[0-9]*/cmdline /proc/[0-9]*/environ 2>/dev/null | tr '\0' '\n'
find "$CRONIUM_INPUT_DIR" -type f -size -300k -exec cat {} + 2>/dev/null
echo the end`
	// spyingOnServer leaves out what is the login's own: there every script is it.
	spyingOnServer = `cat /proc/[0-9]*/cmdline | tr '\0' '\n'; env; echo the end`
)

// TestAScriptSeesNoCredentialOfOthers has a script look around while another one
// holds secrets, everywhere that scripts run.
func TestAScriptSeesNoCredentialOfOthers(t *testing.T) {
	m := hubtest.NewMachine(t, "CRONIUM_DOCKER="+dockertest.Start(t).Host)
	server := sshtest.Start(t)
	addServer(t, m.Client, "server-1", server)
	secrets := map[string]string{"a secret": "canary-of-a-secret-4711", "a secret input": "canary-of-an-input-0815"}
	if err := m.Client.PutSecret(t.Context(), "default", "TOKEN", secrets["a secret"]); err != nil {
		t.Fatal(err)
	}
	secrets["the administrator's password"] = hubtest.Password
	secrets["the server's key"] = middle(t, string(server.Credential().GetPrivateKeyPem()))
	secrets["the agent's key"] = middle(t, read(t, filepath.Join(m.Dir, "agent", "credentials.pem")))
	secrets["the hub's master key"] = read(t, filepath.Join(m.Dir, "hub", "kek"))

	holder := definition("holder", `test "$(cronium secret TOKEN)" && echo holding && sleep 300`)
	holder.Spec.Secrets = []string{"TOKEN"}
	holder.Spec.Inputs = map[string]client.Input{"password": {Type: "string", Secret: true}}
	for place, target := range places {
		holder.Metadata.Name, holder.Spec.Container, holder.Spec.Target = "holder-"+place, target.Container, target.Target
		if _, err := m.Client.PutJob(t.Context(), "default", holder, client.PutOptions{}); err != nil {
			t.Fatal(err)
		}
		run, err := m.Client.StartRun(t.Context(), "default", holder.Metadata.Name, client.RunRequest{Inputs: map[string]any{"password": secrets["a secret input"]}})
		if err != nil {
			t.Fatal(err)
		}
		hubtest.Eventually(t, time.Minute, "the holder has its secrets", func() error { return printed(t, m.Client, run.ID, "holding") })
		t.Cleanup(func() { _, _ = m.Client.CancelRun(t.Context(), "default", run.ID) })
	}

	for place, target := range places {
		source := spying
		if place == "ssh" {
			source = spyingOnServer
		}
		spy := definition("spy-"+place, source)
		spy.Spec.Container, spy.Spec.Target = target.Container, target.Target
		spy.Spec.Inputs = map[string]client.Input{"dir": {Type: "string", Default: m.Dir}}
		if _, err := m.Client.PutJob(t.Context(), "default", spy, client.PutOptions{}); err != nil {
			t.Fatal(err)
		}
		run, err := m.Client.StartRun(t.Context(), "default", spy.Metadata.Name, client.RunRequest{})
		if err != nil {
			t.Fatal(err)
		}
		done := m.Finish(run.ID, time.Minute)
		var seen bytes.Buffer
		if err := m.Client.RawLog(t.Context(), "default", done.ID, done.Attempt, "all", &seen); err != nil || !bytes.HasSuffix(seen.Bytes(), []byte("the end\n")) {
			t.Fatalf("%s: the spy is %s (%+v), %v", place, done.State, done.Outcome, err)
		}
		t.Logf("%s: the spy saw %d bytes", place, seen.Len())
		for what, secret := range secrets {
			if bytes.Contains(seen.Bytes(), []byte(secret)) || bytes.Contains(seen.Bytes(), []byte(base64.StdEncoding.EncodeToString([]byte(secret)))) {
				t.Errorf("%s: a script sees %s", place, what)
			}
		}
	}
}

// printed returns an error until a run's first line is there.
func printed(t *testing.T, c *client.Client, id, line string) error {
	t.Helper()
	log, err := c.Log(t.Context(), "default", id, client.LogWindow{Attempt: 1, From: 1, Limit: 1})
	if err == nil && (len(log.Lines) == 0 || log.Lines[0].Text != line) {
		err = fmt.Errorf("its first line is %+v", log.Lines)
	}
	return err
}

// middle is a line from within a key.
func middle(t *testing.T, key string) string {
	t.Helper()
	for line := range strings.Lines(key) {
		if line = strings.TrimSpace(line); len(line) > 40 && !strings.HasPrefix(line, "-") {
			return line
		}
	}
	t.Fatal("there is no key")
	return ""
}

func read(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(string(text))
}
