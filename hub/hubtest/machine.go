package hubtest

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/cronium/cronium/sdk/client"
)

// The administrator of every machine.
const (
	Email    = "admin@cronium.test"
	Password = "correct horse battery staple"
)

// Machine is a hub with its private PostgreSQL, and an agent, started from the
// built binaries as an operator would start them.
type Machine struct {
	Dir        string // data of hub and agent, and what tests put beside it
	URL        string
	AgentsAddr string // where agents dial in
	Client     *client.Client
	Hub        *Process
	Agent      *Process

	t     testing.TB
	token string // of Client
}

// NewMachine starts a hub, enrols an agent and returns when jobs can run. The
// binaries must have been built (make build). Variables, as NAME=VALUE, are for the agent.
func NewMachine(t testing.TB, variables ...string) *Machine {
	t.Helper()
	m := NewHubMachine(t)
	bin := binDir(t)
	agentDir := filepath.Join(m.Dir, "agent")
	enrol := exec.CommandContext(t.Context(), filepath.Join(bin, "cronium-agent"), "enrol",
		"--hub", m.AgentsAddr, "--token-file", "-", "--data-dir", agentDir, "--name", "host-1")
	enrol.Stdin = strings.NewReader(m.Invite("").Token)
	if out, err := enrol.CombinedOutput(); err != nil {
		t.Fatalf("cronium-agent enrol: %v\n%s", err, out)
	}
	m.Agent = newProcess(t, m.Dir, filepath.Join(bin, "cronium-agent"), variables,
		"run", "--data-dir", agentDir, "--runner", filepath.Join(bin, "cronium-runner"))
	m.Agent.Start()
	m.AwaitAgent()
	return m
}

// NewHubMachine is [NewMachine] without the agent, with further flags for the hub.
func NewHubMachine(t testing.TB, flags ...string) *Machine {
	t.Helper()
	dir := openDir(t)
	httpAddr, agentsAddr := FreeAddress(t), FreeAddress(t)
	m := &Machine{Dir: dir, URL: "http://" + httpAddr, AgentsAddr: agentsAddr, t: t}
	m.Hub = newProcess(t, dir, filepath.Join(binDir(t), "cronium-hub"),
		[]string{"CRONIUM_ADMIN_EMAIL=" + Email, "CRONIUM_ADMIN_PASSWORD=" + Password},
		append([]string{"serve", "--data-dir", filepath.Join(dir, "hub"), "--http", httpAddr, "--agents", agentsAddr}, flags...)...)
	m.Hub.Start()
	m.AwaitHub()
	m.login()
	return m
}

// Invite makes a join token for a host of that name; "" lets the host choose.
func (m *Machine) Invite(name string) client.NewJoinToken {
	m.t.Helper()
	made, err := m.Client.CreateJoinToken(m.t.Context(), "default", client.JoinTokenRequest{Name: name})
	if err != nil {
		m.t.Fatalf("create a join token: %v", err)
	}
	return made
}

// AgentProgram is the path of the built cronium-agent.
func (m *Machine) AgentProgram() string {
	m.t.Helper()
	return filepath.Join(binDir(m.t), "cronium-agent")
}

// StartAgent starts a program as the machine's agent, as a supervisor would.
func (m *Machine) StartAgent(path string, env []string, args ...string) {
	m.t.Helper()
	m.Agent = newProcess(m.t, m.Dir, path, env, args...)
	m.Agent.Start()
}

// AwaitHub returns when the hub says that it is ready.
func (m *Machine) AwaitHub() {
	m.t.Helper()
	Eventually(m.t, time.Minute, "the hub is ready", func() error {
		request, err := http.NewRequestWithContext(m.t.Context(), http.MethodGet, m.URL+"/readyz", nil)
		if err != nil {
			return err
		}
		answer, err := (&http.Client{Timeout: 5 * time.Second}).Do(request)
		if err != nil {
			return err
		}
		defer func() { _ = answer.Body.Close() }()
		if answer.StatusCode != http.StatusOK {
			return fmt.Errorf("/readyz: %s", answer.Status)
		}
		return nil
	})
}

// AwaitAgent returns when the agent is online.
func (m *Machine) AwaitAgent() {
	m.t.Helper()
	Eventually(m.t, 2*time.Minute, "the agent is online", func() error {
		return online(m.t.Context(), m.Client, "host-1")
	})
}

func online(ctx context.Context, c *client.Client, name string) error {
	host, err := c.Host(ctx, "default", name)
	if err == nil && host.State != "online" {
		err = fmt.Errorf("the host is %s", host.State)
	}
	return err
}

// CLI runs the command line as the administrator and returns what it printed. The
// test fails when it does.
func (m *Machine) CLI(args ...string) string {
	m.t.Helper()
	cmd := exec.CommandContext(m.t.Context(), filepath.Join(binDir(m.t), "cronium"), args...)
	cmd.Env = append(os.Environ(), "CRONIUM_URL="+m.URL, "CRONIUM_TOKEN="+m.token)
	out, err := cmd.CombinedOutput()
	if err != nil {
		m.t.Fatalf("cronium %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return string(out)
}

// login fills Client.
func (m *Machine) login() {
	m.t.Helper()
	anonymous, err := client.New(client.Config{URL: m.URL})
	if err != nil {
		m.t.Fatal(err)
	}
	token, err := anonymous.Login(m.t.Context(), Email, Password, client.TokenRequest{Name: "test"})
	if err != nil {
		m.t.Fatalf("log in: %v", err)
	}
	m.token, m.Client = token.Token, anonymous.As(token.Token)
}

// PostgresPID is the process id of the hub's private PostgreSQL, 0 while it has none.
func (m *Machine) PostgresPID() int {
	var pid int
	files, _ := filepath.Glob(filepath.Join(m.Dir, "hub", "*", "data", "postmaster.pid"))
	more, _ := filepath.Glob(filepath.Join(m.Dir, "hub", "data", "postmaster.pid"))
	for _, file := range append(files, more...) {
		if text, err := os.ReadFile(file); err == nil {
			_, _ = fmt.Sscan(string(text), &pid)
		}
	}
	return pid
}

// Finish waits until the run is over and returns it.
func (m *Machine) Finish(id string, patience time.Duration) client.Run {
	m.t.Helper()
	return finish(m.t, m.Client, id, patience)
}

func finish(t testing.TB, c *client.Client, id string, patience time.Duration) client.Run {
	t.Helper()
	var run client.Run
	Eventually(t, patience, "run "+id+" is over", func() (err error) {
		if run, err = c.Run(t.Context(), "default", id); err == nil && !run.Final() {
			err = fmt.Errorf("it is %s (%+v)", run.State, run.Reason)
		}
		return err
	})
	return run
}

// Eventually asks until check is content, and fails the test when patience is at
// its end. What it waits for happens in other processes, so there is no bell.
func Eventually(t testing.TB, patience time.Duration, what string, check func() error) {
	t.Helper()
	end := time.Now().Add(patience)
	for {
		err := check()
		if err == nil {
			return
		}
		if time.Now().After(end) {
			t.Fatalf("waited %s until %s: %v", patience, what, err)
		}
		select {
		case <-t.Context().Done():
			t.Fatalf("until %s: %v", what, t.Context().Err())
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// FreeAddress returns a loopback address that nothing listens on.
func FreeAddress(t testing.TB) string {
	t.Helper()
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = listener.Close() }()
	return listener.Addr().String()
}

// OpenDir makes a directory of the machine that every script may write to, whatever
// its user.
func (m *Machine) OpenDir(name string) string {
	m.t.Helper()
	dir := filepath.Join(m.Dir, name)
	err := os.Mkdir(dir, 0o700)
	if err == nil {
		err = os.Chmod(dir, 0o777) //nolint:gosec // every script's
	}
	if err != nil {
		m.t.Fatal(err)
	}
	return dir
}

// openDir makes a directory that PostgreSQL's user may pass through, which
// t.TempDir is not.
func openDir(t testing.TB) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "cronium-")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(dir, 0o711); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	return dir
}

func binDir(t testing.TB) string {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), "go", "list", "-m", "-f", "{{.Dir}}").Output()
	if err != nil {
		t.Fatalf("find the module: %v", err)
	}
	bin := filepath.Join(strings.TrimSpace(string(out)), "bin")
	if _, err := os.Stat(filepath.Join(bin, "cronium-hub")); err != nil {
		t.Fatalf("%v: run make build first", err)
	}
	return bin
}
