package httpapi

import (
	"context"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// Gauges is what the hub looks like now. A number that could not be read is
// left out, which a dashboard shows as a gap, not as zero.
type Gauges struct {
	Runs         map[string]int64 // open runs by state
	QueueDepth   int64
	DueLag       time.Duration // how late the most overdue schedule is
	AgentsOnline int64
	LogBytes     int64 // appended by this process, framed
}

// metrics is this door's registry: labels are bounded by the route table.
type metrics struct {
	registry *prometheus.Registry
	requests *prometheus.HistogramVec
	sockets  prometheus.Gauge
}

func newMetrics(version string) *metrics {
	m := &metrics{
		registry: prometheus.NewRegistry(),
		requests: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "cronium_http_request_duration_seconds", Help: "Time to answer, by route.",
			Buckets: []float64{.001, .005, .02, .1, .5, 2, 10},
		}, []string{"method", "route", "status"}),
		sockets: prometheus.NewGauge(prometheus.GaugeOpts{Name: "cronium_websockets", Help: "Open WebSockets."}),
	}
	info := prometheus.NewGauge(prometheus.GaugeOpts{
		Name: "cronium_build_info", Help: "Always 1.", ConstLabels: prometheus.Labels{"version": version},
	})
	info.Set(1)
	m.registry.MustRegister(m.requests, m.sockets, info, collectors.NewGoCollector(),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return m
}

func (m *metrics) observe(r *route, status int, took time.Duration) {
	if status == http.StatusSwitchingProtocols {
		return // a socket lasts as long as its page
	}
	m.requests.WithLabelValues(r.method, r.pattern, statusClass(status)).Observe(took.Seconds())
}

// serve answers a scrape with what is counted here and what the rooms say now.
// When the database is away the rooms' numbers are missing: the gap is the message.
func (m *metrics) serve(w http.ResponseWriter, r *http.Request, gauges func(context.Context) (Gauges, error)) {
	ctx, cancel := context.WithTimeout(r.Context(), 5*time.Second)
	defer cancel()
	all := prometheus.Gatherers{m.registry}
	if now, err := gauges(ctx); err == nil {
		rooms := prometheus.NewRegistry()
		rooms.MustRegister(gaugeCollector{now})
		all = append(all, rooms)
	}
	promhttp.HandlerFor(all, promhttp.HandlerOpts{}).ServeHTTP(w, r)
}

var (
	runsDesc   = prometheus.NewDesc("cronium_runs_open", "Runs that have not ended, by state.", []string{"state"}, nil)
	queueDesc  = prometheus.NewDesc("cronium_queue_depth", "Runs that wait for a host.", nil, nil)
	lagDesc    = prometheus.NewDesc("cronium_schedule_due_lag_seconds", "How late the most overdue schedule is.", nil, nil)
	agentsDesc = prometheus.NewDesc("cronium_agents_online", "Agents connected to this hub.", nil, nil)
	logDesc    = prometheus.NewDesc("cronium_log_bytes_total", "Log bytes made durable by this process.", nil, nil)
)

// gaugeCollector shows numbers that were read for one scrape.
type gaugeCollector struct{ now Gauges }

// Describe is prometheus' way to ask what there is.
func (g gaugeCollector) Describe(out chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{runsDesc, queueDesc, lagDesc, agentsDesc, logDesc} {
		out <- d
	}
}

// Collect is prometheus' way to ask for the numbers.
func (g gaugeCollector) Collect(out chan<- prometheus.Metric) {
	gauge := func(d *prometheus.Desc, v float64, labels ...string) {
		out <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v, labels...)
	}
	for state, n := range g.now.Runs {
		gauge(runsDesc, float64(n), state)
	}
	gauge(queueDesc, float64(g.now.QueueDepth))
	gauge(lagDesc, g.now.DueLag.Seconds())
	gauge(agentsDesc, float64(g.now.AgentsOnline))
	out <- prometheus.MustNewConstMetric(logDesc, prometheus.CounterValue, float64(g.now.LogBytes))
}
