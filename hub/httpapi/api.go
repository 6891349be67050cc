package httpapi

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"sync"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/go-chi/chi/v5"
	"github.com/google/uuid"

	"github.com/cronium/cronium/hub/artifact"
	"github.com/cronium/cronium/hub/authz"
	"github.com/cronium/cronium/hub/console"
	"github.com/cronium/cronium/hub/fleet"
	"github.com/cronium/cronium/hub/httpapi/internal/bucket"
	"github.com/cronium/cronium/hub/identity"
	"github.com/cronium/cronium/hub/job"
	outputs "github.com/cronium/cronium/hub/output" // output is what handlers answer
	"github.com/cronium/cronium/hub/postgres"
	"github.com/cronium/cronium/hub/probe"
	"github.com/cronium/cronium/hub/project"
	"github.com/cronium/cronium/hub/release"
	"github.com/cronium/cronium/hub/run"
	"github.com/cronium/cronium/hub/runlog"
	"github.com/cronium/cronium/hub/schedule"
	"github.com/cronium/cronium/hub/secret"
	"github.com/cronium/cronium/hub/server"
	"github.com/cronium/cronium/hub/variable"
)

// Config is what the door may be told. The zero value serves loopback names.
type Config struct {
	PublicURL      string   // under which browsers reach the hub; needed behind a proxy or beyond loopback
	Hosts          []string // further names that the hub answers for; default none
	TrustedProxies []string // networks whose X-Forwarded-For is believed; default none
	Version        string   // of this build
	InstanceID     uuid.UUID
	AgentsAddress  string // where agents dial in, for the command that enrols one
	JobSchema      []byte // JSON Schema of a definition file

	Login, Read, Write Rate          // default 1/s of 30, 100/s of 400, 50/s of 200
	Recheck            time.Duration // how often an open socket's permissions are asked again; default 5 s

	Now func() time.Time // default time.Now
	Log *slog.Logger     // default: silent
}

// Rate limits one class of requests, for each principal or address.
type Rate struct {
	PerSecond float64
	Burst     float64
}

// Deps are the rooms behind the door.
type Deps struct {
	DB        *postgres.DB
	Bell      Bell
	Identity  *identity.Store
	Projects  *project.Store
	Jobs      *job.Store
	Runs      *run.Store
	Schedules *schedule.Store
	Logs      *runlog.Store
	Hosts     *fleet.Fleet
	Servers   *server.Store
	Probe     *probe.Prober
	Variables *variable.Store
	Secrets   *secret.Store
	Outputs   *outputs.Store
	Artifacts *artifact.Store
	Consoles  *console.Console
	Orders    Orders
	Downloads *release.Dir // programs of agents
	Dashboard http.Handler // everything outside /api
}

// Orders turns a job and the inputs given into a request for a run: inputs are
// checked, defaults filled in, secret ones sealed.
type Orders interface {
	Request(ctx context.Context, j job.Job, given map[string]any) (run.Request, error)
}

// Bell is the doorbell. *bus.Bus is one.
type Bell interface {
	Ring(topic string)
	Subscribe(topic string) (bell <-chan struct{}, cancel func())
}

// API is the door. It is an http.Handler; New makes it.
type API struct {
	db        *postgres.DB
	bell      Bell
	identity  *identity.Store
	projects  *project.Store
	jobs      *job.Store
	runs      *run.Store
	schedules *schedule.Store
	logs      *runlog.Store
	hosts     *fleet.Fleet
	downloads *release.Dir
	servers   *server.Store
	probe     *probe.Prober
	variables *variable.Store
	secrets   *secret.Store
	outputs   *outputs.Store
	artifacts *artifact.Store
	consoles  *console.Console
	dashboard http.Handler
	orders    Orders

	cfg        Config
	publicURL  *url.URL
	knownHosts []string
	now        func() time.Time
	log        *slog.Logger

	outer   http.Handler
	router  *chi.Mux
	mounted []*route
	spec    []byte
	origins *http.CrossOriginProtection
	buckets map[rateClass]*bucket.Set
	metrics *metrics
	sockets *socketCount
	closing chan struct{}
	close   func()
}

// How many principals and addresses each rate class remembers.
const remembered = 20_000

// New builds the door. It panics when a route is not fully declared, and returns
// an error for a configuration that cannot be right.
func New(c Config, d Deps) (*API, error) {
	c.fill()
	a := &API{
		db: d.DB, bell: d.Bell, identity: d.Identity, projects: d.Projects, jobs: d.Jobs, runs: d.Runs, schedules: d.Schedules,
		logs: d.Logs, hosts: d.Hosts, servers: d.Servers, probe: d.Probe, downloads: d.Downloads, variables: d.Variables, secrets: d.Secrets,
		outputs: d.Outputs, artifacts: d.Artifacts, consoles: d.Consoles, dashboard: d.Dashboard, orders: d.Orders,
		cfg: c, now: c.Now, log: c.Log, router: chi.NewRouter(), origins: http.NewCrossOriginProtection(), closing: make(chan struct{}),
	}
	if a.downloads == nil {
		a.downloads = release.In("")
	}
	a.close = sync.OnceFunc(func() { close(a.closing) })
	if err := a.readAddresses(); err != nil {
		return nil, err
	}
	a.buckets = map[rateClass]*bucket.Set{rateLogin: a.bucket(c.Login), rateRead: a.bucket(c.Read), rateWrite: a.bucket(c.Write)}
	a.metrics = newMetrics(c.Version)
	a.sockets = &socketCount{by: map[string]int{}, gauge: a.metrics.sockets}
	if err := a.mountAll(); err != nil {
		return nil, err
	}
	a.outer = a.wrap(a.router, c.TrustedProxies)
	return a, nil
}

func (c *Config) fill() {
	def := func(r *Rate, perSecond, burst float64) {
		if r.PerSecond <= 0 || r.Burst < 1 {
			*r = Rate{perSecond, burst}
		}
	}
	def(&c.Login, 1, 30)
	def(&c.Read, 100, 400)
	def(&c.Write, 50, 200)
	if c.Recheck <= 0 {
		c.Recheck = recheckEvery
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
}

// readAddresses works out the names that we answer for.
func (a *API) readAddresses() error {
	for _, h := range a.cfg.Hosts {
		a.knownHosts = append(a.knownHosts, hostOf(h))
	}
	for _, p := range a.cfg.TrustedProxies {
		if _, err := netip.ParsePrefix(p); err != nil {
			return fmt.Errorf("trusted proxy %q: want a network such as 10.0.0.0/8: %w", p, err)
		}
	}
	if a.cfg.PublicURL == "" {
		return nil
	}
	u, err := url.Parse(a.cfg.PublicURL)
	if err != nil || u.Host == "" || !slices.Contains([]string{"http", "https"}, u.Scheme) {
		return fmt.Errorf("public URL %q: want http:// or https:// and a host", a.cfg.PublicURL)
	}
	a.publicURL = u
	a.knownHosts = append(a.knownHosts, hostOf(u.Host))
	return a.origins.AddTrustedOrigin(u.Scheme + "://" + u.Host)
}

func (a *API) bucket(r Rate) *bucket.Set {
	return bucket.New(bucket.Limit{PerSecond: r.PerSecond, Burst: r.Burst}, remembered, a.now)
}

// mountAll turns the table into a router and the document of it.
func (a *API) mountAll() error {
	table := a.routes()
	for _, r := range table {
		r.validate()
	}
	api := a.describe(table)
	for _, r := range table {
		if r.raw != nil {
			a.mount(r, r.raw)
		}
	}
	a.router.NotFound(a.notFound)
	a.router.MethodNotAllowed(a.notAllowed)
	return a.specify(api)
}

func (a *API) specify(api huma.API) (err error) {
	a.spec, err = specification(api)
	return err
}

// Close ends the WebSockets, with a word to their clients, and waits for them.
// Call it after the HTTP server's Shutdown, which does not know them.
func (a *API) Close() {
	a.sockets.mu.Lock()
	a.sockets.closed = true
	a.sockets.mu.Unlock()
	a.close()
	a.sockets.open.Wait()
}

// again asks who the caller is now: the session or token may be revoked, the
// roles may be others.
func (a *API) again(ctx context.Context, c *call) (who authz.Actor, err error) {
	if c.session != "" {
		return a.identity.ActorBySession(ctx, c.session)
	}
	return a.identity.ActorByToken(ctx, c.token)
}
