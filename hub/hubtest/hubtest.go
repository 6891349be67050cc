package hubtest

import (
	"context"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/cronium/cronium/agent"
	"github.com/cronium/cronium/agent/executor/executortest"
	"github.com/cronium/cronium/hub"
	"github.com/cronium/cronium/hub/postgres/pgtest"
	"github.com/cronium/cronium/sdk/client"
)

// World is a hub and an agent in this process.
type World struct {
	URL        string
	AgentsAddr string
	Client     *client.Client // as the administrator
	// DatabaseURL is for what only an operator could do.
	DatabaseURL string

	t       testing.TB
	log     *slog.Logger
	config  hub.Config
	stopHub func()
}

// New starts a hub, enrols an agent with real processes as its executor, and
// returns when jobs can run. Both stop when the test ends.
func New(t testing.TB) *World {
	t.Helper()
	w := NewHub(t)
	w.AddAgent("host-1", nil)
	return w
}

// NewHub is [New] without an agent, and with changes of the configuration.
func NewHub(t testing.TB, change ...func(*hub.Config)) *World {
	t.Helper()
	w := &World{t: t, log: slog.New(slog.NewTextHandler(testWriter{t}, &slog.HandlerOptions{Level: slog.LevelWarn}))}
	w.config = hub.Config{
		DataDir: t.TempDir(), HTTP: "127.0.0.1:0", Agents: "127.0.0.1:0", DatabaseURL: pgtest.URL(t),
		Admin: hub.Admin{Email: Email, Password: Password}, Version: "test", Log: w.log,
	}
	for _, c := range change {
		c(&w.config)
	}
	w.DatabaseURL = w.config.DatabaseURL
	w.startHub()
	m := Machine{URL: w.URL, t: t}
	m.AwaitHub()
	m.login()
	w.Client = m.Client
	return w
}

func (w *World) startHub() {
	w.t.Helper()
	h, err := hub.New(w.t.Context(), w.config)
	if err != nil {
		w.t.Fatalf("make a hub: %v", err)
	}
	w.URL, w.AgentsAddr = h.URL(), h.AgentsAddr()
	w.stopHub = w.start(h.Run, h.Close)
}

// RestartHub ends the hub and starts another on the same data and addresses.
func (w *World) RestartHub() {
	w.t.Helper()
	w.stopHub()
	w.config.HTTP, w.config.Agents = strings.TrimPrefix(w.URL, "http://"), w.AgentsAddr
	w.startHub()
	(&Machine{URL: w.URL, t: w.t}).AwaitHub()
}

// AddAgent enrols an agent with these labels and waits until it is online.
func (w *World) AddAgent(name string, labels map[string]string) {
	w.t.Helper()
	w.AddAgentWith(name, agent.Config{Labels: labels})
}

// AddDockerAgent is [World.AddAgent] for a host with a Docker engine.
func (w *World) AddDockerAgent(name, engine string) {
	w.t.Helper()
	w.AddAgentWith(name, agent.Config{Docker: engine})
}

// AddAgentWith is [World.AddAgent] with a configuration, which it completes.
func (w *World) AddAgentWith(name string, c agent.Config) {
	w.t.Helper()
	if c.DataDir == "" {
		c.DataDir = shortDir(w.t)
	}
	w.start(w.enrolled(name, c).Run, func() { endScripts(c.DataDir) })
	Eventually(w.t, 30*time.Second, name+" is online", func() error {
		return online(w.t.Context(), w.Client, name)
	})
}

// TryAgent runs an agent with these files in its data directory, and returns why it
// ended.
func (w *World) TryAgent(name string, c agent.Config, files map[string]string) error {
	w.t.Helper()
	c.DataDir = shortDir(w.t)
	a := w.enrolled(name, c)
	for file, text := range files {
		if err := os.WriteFile(filepath.Join(c.DataDir, file), []byte(text), 0o600); err != nil {
			w.t.Fatal(err)
		}
	}
	ctx, stop := context.WithTimeout(w.t.Context(), time.Minute)
	defer stop()
	return a.Run(ctx)
}

// enrolled is an agent that does not run yet.
func (w *World) enrolled(name string, c agent.Config) *agent.Agent {
	w.t.Helper()
	token, err := w.Client.CreateJoinToken(w.t.Context(), "default", client.JoinTokenRequest{Name: name, Labels: c.Labels})
	if err != nil {
		w.t.Fatalf("create a join token: %v", err)
	}
	if c.DataDir == "" {
		c.DataDir = shortDir(w.t)
	}
	if _, err := agent.Enrol(w.t.Context(), agent.Enrolment{Hub: w.AgentsAddr, Token: token.Token, DataDir: c.DataDir}); err != nil {
		w.t.Fatalf("enrol an agent: %v", err)
	}
	c.RunnerPath, c.Log = executortest.StaticRunner(w.t), w.log
	a, err := agent.New(c)
	if err != nil {
		w.t.Fatalf("make an agent: %v", err)
	}
	return a
}

// Start puts a job with this script and starts a run of it.
func (w *World) Start(d client.Definition) client.Run {
	w.t.Helper()
	if _, err := w.Client.PutJob(w.t.Context(), "default", d, client.PutOptions{}); err != nil {
		w.t.Fatalf("put %s: %v", d.Metadata.Name, err)
	}
	run, err := w.Client.StartRun(w.t.Context(), "default", d.Metadata.Name, client.RunRequest{})
	if err != nil {
		w.t.Fatalf("start %s: %v", d.Metadata.Name, err)
	}
	return run
}

// Finish waits until the run is over and returns it.
func (w *World) Finish(id string, patience time.Duration) client.Run {
	w.t.Helper()
	return finish(w.t, w.Client, id, patience)
}

// start runs a loop until it is stopped or the test ends, and closes after it.
func (w *World) start(run func(context.Context) error, closeAll func()) (stop func()) {
	ctx, cancel := context.WithCancel(context.WithoutCancel(w.t.Context()))
	var loop sync.WaitGroup
	loop.Go(func() {
		if err := run(ctx); err != nil && ctx.Err() == nil {
			w.t.Errorf("a loop of the test's world ended: %v", err)
		}
	})
	stop = sync.OnceFunc(func() {
		cancel()
		loop.Wait()
		closeAll()
	})
	w.t.Cleanup(stop)
	return stop
}

// RemoveRunner deletes what tests of this package build; call it at the end of TestMain.
func RemoveRunner() { executortest.RemoveStaticRunner() }

// shortDir is a temporary directory with a short path, as a data directory has.
func shortDir(t testing.TB) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "ca-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	return dir
}

// testWriter sends log lines to the test that caused them.
type testWriter struct{ t testing.TB }

func (w testWriter) Write(p []byte) (int, error) {
	w.t.Logf("%s", p)
	return len(p), nil
}
