package hub

import (
	"io"
	"log/slog"
	"net"
	"net/url"
	"time"
)

// Config is what an operator decides. Only DataDir is required.
type Config struct {
	DataDir       string   // keys; and the private PostgreSQL, unless DatabaseURL is given
	HTTP          string   // dashboard and API; default 127.0.0.1:8420
	Agents        string   // where agents dial in; default 127.0.0.1:8421
	PublicURL     string   // the dashboard's address as people type it; default from HTTP
	AgentsAddress string   // the address that agents are told to dial; default Agents
	AllowedHosts  []string // further Host names that the dashboard answers to
	DatabaseURL   string   // a PostgreSQL of the operator's; default a private one
	Downloads     string   // a directory of programs for agents (make release); default none
	ValkeyURL     string   // doorbells between replicas; default LISTEN/NOTIFY

	ConsoleIdle time.Duration // without a key pressed, after which a console ends; default 10 min, at most 15 min
	ConsoleMax  time.Duration // after which any console ends; default 30 min, at most 8 h

	ArtifactBytes  int64 // most of one artifact; default 256 MiB, at most 10 GiB
	ArtifactsBytes int64 // most of all artifacts of a run; default 1 GiB, at most 100 GiB
	ArtifactsCount int   // most artifacts of a run; default 100, at most 1,000

	Admin   Admin     // made at the first start; default: a setup code is printed
	Version string    // of this build
	Notice  io.Writer // where the setup code goes; default: nowhere

	Log *slog.Logger     // default: silent
	Now func() time.Time // default time.Now
}

// Admin is the first administrator.
type Admin struct{ Email, Password string }

func (c *Config) fill() {
	if c.HTTP == "" {
		c.HTTP = "127.0.0.1:8420"
	}
	if c.Agents == "" {
		c.Agents = "127.0.0.1:8421"
	}
	if c.Notice == nil {
		c.Notice = io.Discard
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	if c.Now == nil {
		c.Now = time.Now
	}
}

// names are the hosts under which agents may reach this hub, for its certificate.
func (c Config) names() []string {
	names := append([]string{}, c.AllowedHosts...)
	for _, address := range []string{c.Agents, c.AgentsAddress} {
		if host, _, err := net.SplitHostPort(address); err == nil && host != "" {
			names = append(names, host)
		}
	}
	if u, err := url.Parse(c.PublicURL); err == nil && u.Hostname() != "" {
		names = append(names, u.Hostname())
	}
	return names
}
