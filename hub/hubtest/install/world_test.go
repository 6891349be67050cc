// Package install holds the life of an agent on its host to what is promised of it:
// one copied line installs and enrols it, an upgrade does not disturb what runs, a
// bad one is undone, and removing it leaves nothing.
package install

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/cronium/cronium/hub/hubtest"
	"github.com/cronium/cronium/sdk/client"
)

// build makes the programs of one version, with files of the source replaced, in a
// directory of their own.
func build(t *testing.T, version string, overlay string) string {
	t.Helper()
	dir := t.TempDir()
	for _, program := range []string{"agent", "runner"} {
		args := []string{"build", "-trimpath", "-ldflags", "-s -w -X main.version=" + version, "-o", filepath.Join(dir, name(program))}
		if overlay != "" && program == "agent" {
			args = append(args, "-overlay", overlay)
		}
		cmd := exec.CommandContext(t.Context(), "go", append(args, "github.com/cronium/cronium/agent/cmd/"+program)...)
		cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("build the %s of %s: %v\n%s", program, version, err, out)
		}
	}
	return dir
}

func name(program string) string {
	return fmt.Sprintf("cronium-%s-%s-%s", program, runtime.GOOS, runtime.GOARCH)
}

// publish makes the programs in from what the hub hands out.
func publish(t *testing.T, downloads, from, version string) {
	t.Helper()
	for _, command := range []string{
		"cp " + from + "/cronium-* " + downloads,
		"cd " + downloads + " && sha256sum cronium-* > SHA256SUMS && echo " + version + " > VERSION",
	} {
		if out, err := exec.CommandContext(t.Context(), "sh", "-c", command).CombinedOutput(); err != nil {
			t.Fatalf("publish: %v\n%s", err, out)
		}
	}
}

// shell runs a line below a directory, as its installation would be on a host.
func shell(t *testing.T, destdir, line string) (string, error) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "sh", "-c", line)
	cmd.Env = append(os.Environ(), "DESTDIR="+destdir)
	out, err := cmd.CombinedOutput()
	return string(out), err
}

// left are the files and links below a directory.
func left(t *testing.T, dir string) []string {
	t.Helper()
	var found []string
	err := filepath.WalkDir(dir, func(path string, _ os.DirEntry, err error) error {
		if path != dir {
			found = append(found, path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

func put(t *testing.T, m *hubtest.Machine, job, source string) {
	t.Helper()
	_, err := m.Client.PutJob(t.Context(), "default", client.Definition{
		APIVersion: "cronium/v1", Kind: "Job", Metadata: client.Metadata{Name: job},
		Spec: client.DefinitionSpec{Spec: client.Spec{Script: client.Script{Language: "bash", Source: source}}},
	}, client.PutOptions{})
	if err != nil {
		t.Fatalf("put %s: %v", job, err)
	}
}

func start(t *testing.T, m *hubtest.Machine, job string) client.Run {
	t.Helper()
	run, err := m.Client.StartRun(t.Context(), "default", job, client.RunRequest{})
	if err != nil {
		t.Fatalf("start %s: %v", job, err)
	}
	return run
}

func logOf(t *testing.T, m *hubtest.Machine, run client.Run) string {
	t.Helper()
	var b strings.Builder
	if err := m.Client.RawLog(t.Context(), "default", run.ID, run.Attempt, "all", &b); err != nil {
		t.Fatalf("read the log of %s: %v", run.ID, err)
	}
	return b.String()
}

// works runs a job and returns what it printed.
func works(t *testing.T, m *hubtest.Machine, job string) string {
	t.Helper()
	run := m.Finish(start(t, m, job).ID, time.Minute)
	if run.State != "succeeded" {
		t.Fatalf("%s is %s (%+v), want succeeded", job, run.State, run.Outcome)
	}
	return logOf(t, m, run)
}

// until waits for a host to be as it should.
func until(t *testing.T, m *hubtest.Machine, what string, good func(client.Host) bool) client.Host {
	t.Helper()
	var host client.Host
	hubtest.Eventually(t, 2*time.Minute, what, func() (err error) {
		if host, err = m.Client.Host(t.Context(), "default", "host-1"); err == nil && !good(host) {
			err = fmt.Errorf("the host is %s, version %s, draining %v, upgrade %+v", host.State, host.Version, host.Draining, host.Upgrade)
		}
		return err
	})
	return host
}

// supervise starts the agent again whenever it ends, until the test does.
func supervise(t *testing.T, m *hubtest.Machine) {
	stop, stopped := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		for {
			select {
			case <-stop:
				return
			case <-m.Agent.Exited():
			}
			select {
			case <-stop:
				return
			default:
				m.Agent.Start()
			}
		}
	}()
	t.Cleanup(func() {
		close(stop)
		<-stopped
	})
}

var errEarly = errors.New("not yet")
