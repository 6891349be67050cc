package hubtest

import (
	"context"
	"log/slog"
	"os"
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

	t   testing.TB
	log *slog.Logger
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
	config := hub.Config{
		DataDir: t.TempDir(), HTTP: "127.0.0.1:0", Agents: "127.0.0.1:0", DatabaseURL: pgtest.URL(t),
		Admin: hub.Admin{Email: Email, Password: Password}, Version: "test", Log: w.log,
	}
	for _, c := range change {
		c(&config)
	}
	h, err := hub.New(t.Context(), config)
	if err != nil {
		t.Fatalf("make a hub: %v", err)
	}
	w.URL, w.AgentsAddr, w.DatabaseURL = h.URL(), h.AgentsAddr(), config.DatabaseURL
	w.start(h.Run, h.Close)
	m := Machine{URL: w.URL, t: t}
	m.AwaitHub()
	m.login()
	w.Client = m.Client
	return w
}

// AddAgent enrols an agent with these labels and waits until it is online.
func (w *World) AddAgent(name string, labels map[string]string) {
	w.t.Helper()
	w.addAgent(name, labels, "off")
}

// AddDockerAgent is [World.AddAgent] for a host with a Docker engine.
func (w *World) AddDockerAgent(name, engine string) {
	w.t.Helper()
	w.addAgent(name, nil, engine)
}

func (w *World) addAgent(name string, labels map[string]string, engine string, change ...func(*agent.Config)) {
	w.t.Helper()
	token, err := w.Client.CreateJoinToken(w.t.Context(), "default", client.JoinTokenRequest{Name: name, Labels: labels})
	if err != nil {
		w.t.Fatalf("create a join token: %v", err)
	}
	dir := shortDir(w.t)
	if _, err := agent.Enrol(w.t.Context(), agent.Enrolment{Hub: w.AgentsAddr, Token: token.Token, DataDir: dir}); err != nil {
		w.t.Fatalf("enrol an agent: %v", err)
	}
	config := agent.Config{DataDir: dir, RunnerPath: executortest.StaticRunner(w.t), Docker: engine, Log: w.log}
	for _, c := range change {
		c(&config)
	}
	a, err := agent.New(config)
	if err != nil {
		w.t.Fatalf("make an agent: %v", err)
	}
	w.start(a.Run, func() {})
	Eventually(w.t, 30*time.Second, name+" is online", func() error {
		return online(w.t.Context(), w.Client, name)
	})
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

// start runs a loop until the test ends, and closes after it.
func (w *World) start(run func(context.Context) error, closeAll func()) {
	ctx, cancel := context.WithCancel(context.WithoutCancel(w.t.Context()))
	var loop sync.WaitGroup
	loop.Go(func() {
		if err := run(ctx); err != nil && ctx.Err() == nil {
			w.t.Errorf("a loop of the test's world ended: %v", err)
		}
	})
	w.t.Cleanup(func() {
		cancel()
		loop.Wait()
		closeAll()
	})
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
