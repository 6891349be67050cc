package hubtest

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cronium/cronium/agent/installer/installertest"
	"github.com/cronium/cronium/sdk/client"
)

// newInstallingMachine is a machine whose agent installs from a wheelhouse.
func newInstallingMachine(t *testing.T) (m *Machine, wheels string) {
	t.Helper()
	wheels = installertest.Wheelhouse(t)
	return NewMachine(t, "CRONIUM_WHEELHOUSE="+wheels, "CRONIUM_DEPENDENCY_BUILDS=true"), wheels
}

// ran starts a job, waits for its end and returns its log, all streams.
func (m *Machine) ran(job string) (client.Run, string) {
	m.t.Helper()
	run, err := m.Client.StartRun(m.t.Context(), "default", job, client.RunRequest{})
	if err != nil {
		m.t.Fatal(err)
	}
	run = m.Finish(run.ID, time.Minute)
	return run, m.CLI("logs", run.ID)
}

func (m *Machine) raw(run client.Run) string {
	m.t.Helper()
	var log bytes.Buffer
	if err := m.Client.RawLog(m.t.Context(), "default", run.ID, run.Attempt, "all", &log); err != nil {
		m.t.Fatal(err)
	}
	return log.String()
}

// The jobs of the page about dependencies do what the page says.
func TestTheJobsOfThePageHaveTheirPackages(t *testing.T) {
	m, wheels := newInstallingMachine(t)
	installertest.Wheel(t, wheels, "requests", "2.32.3", map[string]string{"requests/__init__.py": "__version__ = '2.32.3'\n"}, "idna>=2")
	installertest.Wheel(t, wheels, "idna", "3.0", map[string]string{"idna.py": ""})
	installertest.Pack(t, wheels, "left-pad", "1.3.0", nil, map[string]string{"index.js": "module.exports = (s, n, c) => s.padStart(n, c);\n"})
	page, err := os.ReadFile("../../docs/dependencies.md")
	if err != nil {
		t.Fatal(err)
	}
	jobs := blocks(page, "yaml")
	if len(jobs) != 2 {
		t.Fatalf("the page has %d jobs, want 2", len(jobs))
	}
	dir := t.TempDir()
	for i, job := range jobs {
		if err := os.WriteFile(filepath.Join(dir, fmt.Sprintf("%d.yaml", i)), []byte(job), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	m.CLI("apply", "-f", dir)
	for job, want := range map[string]string{"python-packages": "requests 2.32.3\n", "node-packages": "007\n"} {
		for i, said := range []string{"cronium: installing ", "cronium: the dependencies were installed before"} {
			run, log := m.ran(job)
			if run.State != "succeeded" || m.raw(run) != want || !strings.Contains(log, said) {
				t.Errorf("%s, run %d, is %s (%+v), printed %q, its log:\n%s", job, i+1, run.State, run.Outcome, m.raw(run), log)
			}
			if !slices.ContainsFunc(run.Attempts[len(run.Attempts)-1].Stages, func(s client.Stage) bool { return s.Name == "install" }) {
				t.Errorf("the stages are %+v", run.Attempts)
			}
		}
	}
	if shown := m.CLI("jobs", "get", "python-packages"); !strings.Contains(shown, "requests==2.32.3") {
		t.Errorf("cronium jobs get:\n%s", shown)
	}
	status, err := exec.CommandContext(t.Context(), m.AgentProgram(), "status", "--data-dir", filepath.Join(m.Dir, "agent")).CombinedOutput()
	if want := "Dependencies node, python from " + wheels + "; 2 environments"; err != nil || !strings.Contains(string(status), want) {
		t.Errorf("cronium-agent status: %v, want %q in\n%s", err, want, status)
	}
	host, err := m.Client.Host(t.Context(), "default", "host-1")
	if err != nil || host.Labels["dependencies.python"] != "true" || host.Labels["dependencies.node"] != "true" {
		t.Errorf("the host's labels are %v, %v", host.Labels, err)
	}
}

// blocks are the fenced parts of a page in a language.
func blocks(page []byte, language string) []string {
	var list []string
	for _, m := range regexp.MustCompile("(?s)```"+language+"\n(.*?)```").FindAllSubmatch(page, -1) {
		list = append(list, string(m[1]))
	}
	return list
}

func TestTheOptionsOfThePageAreThoseOfTheAgent(t *testing.T) {
	page, err := os.ReadFile("../../docs/dependencies.md")
	if err != nil {
		t.Fatal(err)
	}
	help, err := exec.CommandContext(t.Context(), filepath.Join(binDir(t), "cronium-agent"), "run", "--help").CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, help)
	}
	var options []string
	for _, line := range strings.Split(string(page), "\n") {
		if strings.HasPrefix(line, "cronium-agent run") || strings.HasPrefix(line, "| `--") {
			options = append(options, regexp.MustCompile(`--[a-z-]+`).FindAllString(line, -1)...)
		}
	}
	if len(options) < 10 {
		t.Fatalf("the page has only the options %q", options)
	}
	for _, o := range options {
		if !strings.Contains(string(help), "  "+o) && !strings.Contains(string(help), o+"=") {
			t.Errorf("there is no option %s", o)
		}
	}
}

func TestADefinitionWithoutAPackageIsRefused(t *testing.T) {
	m, _ := newInstallingMachine(t)
	_, err := m.Client.PutJob(t.Context(), "default", dependent("odd", "python", "print(1)", "requests", "--index-url=x"), client.PutOptions{})
	if err == nil || !strings.Contains(err.Error(), "--index-url=x") {
		t.Errorf("an option as a dependency: %v", err)
	}
	if _, err := m.Client.PutJob(t.Context(), "default", dependent("absent", "python", "print(1)", "absent==1.0"), client.PutOptions{}); err != nil {
		t.Fatal(err)
	}
	run, log := m.ran("absent")
	if run.State != "failed" || run.Outcome == nil || run.Outcome.Code != "dependencies_not_installed" || run.Outcome.Hint == "" ||
		!strings.Contains(run.Outcome.Detail, "No matching distribution found for absent==1.0") || !strings.Contains(log, "No matching distribution") {
		t.Errorf("the run is %s (%+v), its log:\n%s", run.State, run.Outcome, log)
	}
}

func dependent(name, language, source string, dependencies ...string) client.Definition {
	return client.Definition{APIVersion: "cronium/v1", Kind: "Job", Metadata: client.Metadata{Name: name},
		Spec: client.DefinitionSpec{Spec: client.Spec{Script: client.Script{Language: language, Source: source}, Dependencies: dependencies}}}
}

// The runner installs, so the agent may die meanwhile.
func TestKillNineOfTheAgentWhileItsRunnerInstalls(t *testing.T) {
	m, wheels := newInstallingMachine(t)
	note := m.OpenDir("note")
	installertest.Pack(t, wheels, "slow", "1.0.0", map[string]any{"scripts": map[string]string{
		"install": fmt.Sprintf("echo x >> %[1]s/begun; while [ ! -e %[1]s/go ]; do sleep 0.05; done", note)}}, map[string]string{"index.js": "module.exports = 'whole';\n"})
	if _, err := m.Client.PutJob(t.Context(), "default", dependent("slow", "node", "console.log(require('slow'));", "slow@1.0.0"), client.PutOptions{}); err != nil {
		t.Fatal(err)
	}
	run, err := m.Client.StartRun(t.Context(), "default", "slow", client.RunRequest{})
	if err != nil {
		t.Fatal(err)
	}
	Eventually(t, time.Minute, "the installation begins", func() error {
		_, err := os.Stat(filepath.Join(note, "begun"))
		return err
	})
	m.Agent.Kill()
	m.Agent.Start()
	m.AwaitAgent()
	if err := os.WriteFile(filepath.Join(note, "go"), nil, 0o644); err != nil { //nolint:gosec // a script's user reads it
		t.Fatal(err)
	}
	run = m.Finish(run.ID, time.Minute)
	if begun, err := os.ReadFile(filepath.Join(note, "begun")); err != nil || string(begun) != "x\n" {
		t.Errorf("installations began: %q, %v; want one", begun, err)
	}
	if run.State != "succeeded" || run.Attempt != 1 || m.raw(run) != "whole\n" {
		t.Errorf("the run is %s at attempt %d (%+v) and printed %q", run.State, run.Attempt, run.Outcome, m.raw(run))
	}
}
