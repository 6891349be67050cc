package httpapi

import (
	"context"
	"net/http"
	"time"

	"github.com/cronium/cronium/hub/run"
)

func (a *API) serveMetrics(w http.ResponseWriter, r *http.Request) { a.metrics.serve(w, r, a.gauges) }

// gauges reads what /metrics shows of the rooms.
func (a *API) gauges(ctx context.Context) (Gauges, error) {
	counts, err := a.runs.Counts(ctx)
	if err != nil {
		return Gauges{}, err
	}
	lag, err := a.schedules.DueLag(ctx, time.Time{})
	if err != nil {
		return Gauges{}, err
	}
	g := Gauges{
		Runs: map[string]int64{}, QueueDepth: counts[run.Queued], DueLag: lag,
		AgentsOnline: int64(len(a.hosts.Connected())), LogBytes: a.logs.Written(),
	}
	for _, state := range run.States() {
		if !state.Final() {
			g.Runs[string(state)] = counts[state]
		}
	}
	return g, nil
}
