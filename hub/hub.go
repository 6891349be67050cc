package hub

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"github.com/google/uuid"
	"golang.org/x/sync/errgroup"

	"github.com/cronium/cronium/hub/agentapi"
	"github.com/cronium/cronium/hub/artifact"
	"github.com/cronium/cronium/hub/bus"
	"github.com/cronium/cronium/hub/call"
	"github.com/cronium/cronium/hub/console"
	"github.com/cronium/cronium/hub/dispatch"
	"github.com/cronium/cronium/hub/fleet"
	"github.com/cronium/cronium/hub/httpapi"
	"github.com/cronium/cronium/hub/identity"
	"github.com/cronium/cronium/hub/job"
	"github.com/cronium/cronium/hub/output"
	"github.com/cronium/cronium/hub/postgres"
	"github.com/cronium/cronium/hub/postgres/local"
	"github.com/cronium/cronium/hub/probe"
	"github.com/cronium/cronium/hub/project"
	"github.com/cronium/cronium/hub/release"
	"github.com/cronium/cronium/hub/run"
	"github.com/cronium/cronium/hub/runlog"
	"github.com/cronium/cronium/hub/schedule"
	"github.com/cronium/cronium/hub/secret"
	"github.com/cronium/cronium/hub/server"
	"github.com/cronium/cronium/hub/setting"
	"github.com/cronium/cronium/hub/variable"
	"github.com/cronium/cronium/sdk/definition"
	"github.com/cronium/cronium/web"
)

// Hub is all rooms, wired. Make it with [New], then call [Hub.Run] once and
// [Hub.Close] at the end.
type Hub struct {
	config Config

	local *local.Server // nil with an operator's database
	db    *postgres.DB
	bell  *bus.Bus

	identity  *identity.Store
	runs      *run.Store
	schedules *schedule.Store
	fleet     *fleet.Fleet
	secrets   *secret.Store
	calls     *call.Calls
	artifacts *artifact.Store
	dispatch  *dispatch.Dispatch
	servers   *server.Store
	probe     *probe.Prober
	consoles  *console.Console
	agents    *agentapi.Door
	api       *httpapi.API

	scheduleBell <-chan struct{}
	http, dialIn net.Listener
}

// New opens the database, brings it up to date and wires the rooms. It listens on
// both addresses, so that they are known, and serves neither yet. After an error
// nothing is left running.
func New(ctx context.Context, c Config) (_ *Hub, err error) {
	c.fill()
	h := &Hub{config: c}
	defer func() {
		if err != nil {
			h.Close()
		}
	}()
	if err := os.MkdirAll(c.DataDir, 0o711); err != nil {
		return nil, fmt.Errorf("make the data directory: %w", err)
	}
	if err := h.listen(ctx); err != nil {
		return nil, err
	}
	if err := h.openDatabase(ctx); err != nil {
		return nil, err
	}
	return h, h.wire(ctx)
}

func (h *Hub) listen(ctx context.Context) (err error) {
	var listener net.ListenConfig
	if h.http, err = listener.Listen(ctx, "tcp", h.config.HTTP); err != nil {
		return errAddress.With("the dashboard cannot listen: %v", err).Hinted("Stop what uses the address, or choose another with --http.")
	}
	if h.dialIn, err = listener.Listen(ctx, "tcp", h.config.Agents); err != nil {
		return errAddress.With("nothing can listen for agents: %v", err).Hinted("Stop what uses the address, or choose another with --agents.")
	}
	return nil
}

func (h *Hub) openDatabase(ctx context.Context) (err error) {
	address := h.config.DatabaseURL
	if address == "" {
		dir := filepath.Join(h.config.DataDir, "postgres")
		if h.local, err = local.Start(ctx, local.Config{Dir: dir, Log: h.config.Log}); err != nil {
			return fmt.Errorf("start the private PostgreSQL: %w", err)
		}
		address = h.local.URL()
	}
	if h.db, err = postgres.Open(ctx, postgres.Config{URL: address, Log: h.config.Log}); err != nil {
		return fmt.Errorf("open the database: %w", err)
	}
	return h.db.Migrate(ctx)
}

// wire makes every room and hands it what it needs, from the floor up.
func (h *Hub) wire(ctx context.Context) error {
	c := h.config
	carrier := bus.Config{ValkeyURL: c.ValkeyURL, Log: c.Log}
	if h.local == nil {
		carrier.DB = h.db // other replicas may share it; a private database is ours alone
	}
	var err error
	if h.bell, err = bus.New(carrier); err != nil {
		return err
	}
	keys, err := secret.OpenKeys(c.DataDir)
	if err != nil {
		return err
	}
	settings, projects := setting.New(h.db), project.New(h.db)
	instance, err := settings.Instance(ctx)
	if err != nil {
		return err
	}
	if _, err := projects.EnsureDefault(ctx); err != nil {
		return err
	}
	h.identity = identity.New(h.db, projects, settings, identity.Config{Now: c.Now, Log: c.Log})
	h.runs = run.New(h.db, run.Config{Changed: h.runsChanged, Log: c.Log})
	logs := runlog.New(h.db, runlog.Config{Bell: h.bell})
	jobs := job.New(h.db, c.Now)
	h.servers = server.New(h.db, server.Config{Sealer: keys, Instance: instance.ID, Jobs: jobs.OnServer, Log: c.Log})
	h.fleet, err = fleet.Open(ctx, h.db, fleet.Config{
		Sealer: keys, Instance: instance.ID, Hosts: c.names(), Counter: h.runs,
		Changed: func() { h.bell.Ring("agents") }, Now: c.Now, Log: c.Log,
	})
	if err != nil {
		return err
	}
	orders := orders{jobs: jobs, projects: projects, keys: keys, servers: h.servers, fleet: h.fleet}
	h.scheduleBell, _ = h.bell.Subscribe("schedules")
	h.schedules = schedule.New(h.db, h.runs, orders, schedule.Config{
		Started: h.runsQueued, Changed: func() { h.bell.Ring("schedules") }, Bell: h.scheduleBell, Log: c.Log,
	})
	h.dispatch = dispatch.New(dispatch.Config{Fleet: h.fleet, Runs: h.runs, Logs: logs, Jobs: orders, Opener: keys, Servers: h.servers, Now: c.Now, Log: c.Log})
	h.probe = probe.New(probe.Config{Servers: h.servers, Fleet: h.fleet, Log: c.Log})
	variables, outputs := variable.New(h.db), output.New(h.db)
	h.secrets = secret.NewStore(h.db, keys, c.Log)
	if h.artifacts, err = artifact.New(h.db, artifact.Config{
		Limits: artifact.Limits{Artifact: c.ArtifactBytes, Run: c.ArtifactsBytes, Count: c.ArtifactsCount}, Log: c.Log,
	}); err != nil {
		return err
	}
	h.calls = call.New(call.Deps{DB: h.db, Runs: h.runs, Variables: variables, Secrets: h.secrets, Outputs: outputs, Artifacts: h.artifacts, Jobs: orders,
		Changed: func(run uuid.UUID) { h.bell.Ring("run:" + run.String()) }, Log: c.Log})
	h.agents = agentapi.New(agentapi.Config{Fleet: h.fleet, Runs: h.runs, Logs: logs, Servers: h.servers, Calls: h.calls, Version: c.Version,
		Downloads: release.In(c.Downloads), Now: c.Now, Log: c.Log})
	h.consoles, err = console.New(h.db, console.Config{
		Hosts: h.fleet, People: h.identity, Limits: console.Limits{Idle: c.ConsoleIdle, Max: c.ConsoleMax}, Now: c.Now, Log: c.Log,
	})
	if err != nil {
		return err
	}
	h.api, err = httpapi.New(httpapi.Config{
		PublicURL: c.PublicURL, Hosts: c.AllowedHosts, Version: c.Version, InstanceID: instance.ID,
		AgentsAddress: h.agentsAddress(), JobSchema: definition.Schema(), Now: c.Now, Log: c.Log,
	}, httpapi.Deps{
		DB: h.db, Bell: h.bell, Identity: h.identity, Projects: projects, Jobs: jobs, Runs: h.runs, Schedules: h.schedules,
		Logs: logs, Hosts: h.fleet, Servers: h.servers, Probe: h.probe, Variables: variables, Secrets: h.secrets, Outputs: outputs, Artifacts: h.artifacts, Consoles: h.consoles, Orders: orders,
		Downloads: release.In(c.Downloads), Dashboard: web.Handler(),
	})
	if err != nil {
		return err
	}
	return h.welcome(ctx)
}

// welcome makes the first administrator, or tells how one is made.
func (h *Hub) welcome(ctx context.Context) error {
	if h.config.Admin.Email != "" {
		_, err := h.identity.EnsureAdmin(ctx, h.config.Admin.Email, h.config.Admin.Password)
		return err
	}
	code, fresh, err := h.identity.SetupCode(ctx)
	if err != nil || !fresh {
		return err
	}
	_, err = fmt.Fprintf(h.config.Notice, "\nThis hub has no administrator yet. Open %s/setup and give this code: %s\n\n", h.URL(), code)
	return err
}

// URL is where people reach the hub.
func (h *Hub) URL() string {
	if h.config.PublicURL != "" {
		return h.config.PublicURL
	}
	return "http://" + h.http.Addr().String()
}

// AgentsAddr is where this process listens for agents.
func (h *Hub) AgentsAddr() string { return h.dialIn.Addr().String() }

func (h *Hub) agentsAddress() string {
	if h.config.AgentsAddress != "" {
		return h.config.AgentsAddress
	}
	return h.AgentsAddr()
}

func (h *Hub) runsChanged(ids []uuid.UUID) {
	h.bell.Ring("runs")
	h.bell.Ring("queue")
	for _, id := range ids {
		h.bell.Ring("run:" + id.String())
	}
}

func (h *Hub) runsQueued(ids []uuid.UUID) {
	h.bell.Ring("queue")
	h.runsChanged(ids)
}

// Run serves people and agents and runs every loop, until ctx ends (then it
// returns nil) or one of them cannot go on.
func (h *Hub) Run(ctx context.Context) error {
	group, ctx := errgroup.WithContext(ctx)
	queue, _ := h.bell.Subscribe("queue")
	cancel, _ := h.bell.Subscribe("cancel")
	agents, _ := h.bell.Subscribe("agents")
	changes, _ := h.bell.Subscribe("queue")
	loops := []func(context.Context) error{
		h.bell.Run, h.identity.Run, h.runs.Run, h.schedules.Run, h.servers.Run, h.probe.Run, h.secrets.Run, h.calls.Run, h.artifacts.Run, h.consoles.Run, h.serveHTTP,
		func(ctx context.Context) error { return h.runs.RunFanOuts(ctx, changes) },
		func(ctx context.Context) error { return h.fleet.Run(ctx, agents) },
		func(ctx context.Context) error { return h.dispatch.Run(ctx, queue, cancel) },
		func(ctx context.Context) error { return h.agents.Serve(ctx, h.dialIn) },
	}
	if h.local != nil {
		loops = append(loops, h.local.Run)
	}
	for _, loop := range loops {
		group.Go(func() error { return loop(ctx) })
	}
	h.config.Log.InfoContext(ctx, "hub is up", "dashboard", h.URL(), "agents", h.AgentsAddr(), "version", h.config.Version)
	err := group.Wait()
	if errors.Is(err, context.Canceled) {
		return nil
	}
	return err
}

// serveHTTP serves people until ctx ends; then it gives requests in progress a few
// seconds. WebSockets are told to come back.
func (h *Hub) serveHTTP(ctx context.Context) error {
	server := h.api.Server()
	stopped := make(chan struct{})
	go func() {
		defer close(stopped)
		<-ctx.Done()
		h.api.Close()
		grace, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
		defer cancel()
		if server.Shutdown(grace) != nil {
			_ = server.Close()
		}
	}()
	err := server.Serve(h.http)
	if !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("serve the dashboard: %w", err)
	}
	<-stopped
	return context.Cause(ctx)
}

// Close releases what [New] opened. Call it after Run has returned.
func (h *Hub) Close() {
	for _, listener := range []net.Listener{h.http, h.dialIn} {
		if listener != nil {
			_ = listener.Close()
		}
	}
	if h.db != nil {
		h.db.Close()
	}
	if h.local != nil {
		h.local.Stop()
	}
}
