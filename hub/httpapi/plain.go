package httpapi

import (
	"context"
	"net/http"
	"path"
	"strings"
	"time"

	"github.com/cronium/cronium/hub/authz"
)

// everythingElse is the dashboard's pattern.
const everythingElse = "/*"

// plainRoutes are those that are not JSON in, JSON out.
func (a *API) plainRoutes() []*route {
	probe := func(pattern string, h http.HandlerFunc) *route {
		return &route{method: "GET", pattern: pattern, auth: public, scope: scopeNone, body: noBody, rate: rateProbe, change: reads, raw: h}
	}
	file := func(pattern string, h http.HandlerFunc) *route {
		return &route{method: "GET", pattern: pattern, auth: public, scope: scopeNone, body: noBody, rate: rateRead, change: reads, raw: h}
	}
	return []*route{
		probe("/healthz", a.healthz),
		probe("/readyz", a.readyz),
		file(base+"/openapi.json", a.serveSpec),
		file(base+"/schemas/job.json", a.serveJobSchema),
		file("/install.sh", a.serveInstallScript),
		file("/downloads/{file}", a.serveDownload),
		file("/", a.serveDashboard),
		file(everythingElse, a.serveDashboard),
		{method: "HEAD", pattern: everythingElse, auth: public, scope: scopeNone, body: noBody, rate: rateRead, change: reads, raw: a.serveDashboard},
		{method: "GET", pattern: "/metrics", auth: tokenOnly, scope: scopeInstance, action: authz.InstanceRead,
			body: noBody, rate: rateRead, change: reads, raw: a.serveMetrics},
		{method: "GET", pattern: base + "/ws", auth: signedIn, scope: scopeMessage, body: noBody, rate: rateRead, change: reads, raw: a.serveSocket},
	}
}

// healthz says that the process lives; it asks nobody.
func (a *API) healthz(w http.ResponseWriter, _ *http.Request) {
	writeText(w, "ok\n")
}

// readyz says that requests can be answered: the database is there, migrated.
func (a *API) readyz(w http.ResponseWriter, r *http.Request) {
	ctx, cancel := context.WithTimeout(r.Context(), 3*time.Second)
	defer cancel()
	c := callFrom(ctx)
	var migrated bool
	err := a.db.Pool.QueryRow(ctx, `select to_regclass('log_heads') is not null`).Scan(&migrated)
	if err != nil {
		a.log.WarnContext(ctx, "not ready", "err", err)
		c.problem(ctx, ErrNotReady.With("The database does not answer")).write(w)
		return
	}
	if !migrated {
		c.problem(ctx, ErrNotReady.With("The database is not migrated")).write(w)
		return
	}
	writeText(w, "ready\n")
}

func (a *API) serveSpec(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	_, _ = w.Write(a.spec)
}

func (a *API) serveJobSchema(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "application/schema+json")
	_, _ = w.Write(a.cfg.JobSchema)
}

// serveDashboard hands over what is nobody else's. A path that only resembles
// one of ours is an error, not a page: otherwise `//metrics` or `/API/v1/me`
// would seem to work.
func (a *API) serveDashboard(w http.ResponseWriter, r *http.Request) {
	if !pageLike(r) {
		a.notFound(w, r)
		return
	}
	w.Header().Del("Cache-Control") // its own choice
	a.dashboard.ServeHTTP(w, r)
}

func pageLike(r *http.Request) bool {
	p := r.URL.Path
	if r.URL.RawPath != "" || strings.ContainsAny(p, ";\\%") || (p != "/" && path.Clean(p) != strings.TrimSuffix(p, "/")) {
		return false
	}
	first, _, _ := strings.Cut(strings.ToLower(strings.TrimPrefix(p, "/")), "/")
	for _, taken := range []string{"api", "healthz", "readyz", "metrics"} {
		if strings.HasPrefix(first, taken) {
			return false
		}
	}
	return true
}

func writeText(w http.ResponseWriter, text string) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	_, _ = w.Write([]byte(text))
}
