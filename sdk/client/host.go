package client

import (
	"context"
	"net/http"
	"time"
)

// Host is where a job can run.
type Host struct {
	Name        string            `json:"name"`
	Kind        string            `json:"kind"`
	State       string            `json:"state"` // online, offline or revoked
	Labels      map[string]string `json:"labels"`
	Facts       HostFacts         `json:"facts"`
	Version     string            `json:"version"`
	Slots       int               `json:"slots"`
	Running     int               `json:"running"`
	ConnectedAt *time.Time        `json:"connected_at,omitempty"`
	LastSeenAt  *time.Time        `json:"last_seen_at,omitempty"`
	CreatedAt   time.Time         `json:"created_at"`
	Certificate HostCertificate   `json:"certificate"`
	Draining    bool              `json:"draining"` // it gets nothing new
	Upgrade     *HostUpgrade      `json:"upgrade,omitempty"`
	UpgradeTo   string            `json:"upgrade_to,omitempty"` // a version that the hub can upgrade it to
}

// HostUpgrade is an upgrade that is asked for.
type HostUpgrade struct {
	Version string `json:"version"`
	State   string `json:"state"`             // waiting or failed
	Problem string `json:"problem,omitempty"` // why it has failed
}

// HostFacts are what a host says of itself.
type HostFacts struct {
	Hostname     string            `json:"hostname"`
	OS           string            `json:"os"`
	Arch         string            `json:"arch"`
	Kernel       string            `json:"kernel"`
	Distribution string            `json:"distribution"`
	CPUs         int               `json:"cpus"`
	MemoryBytes  int64             `json:"memory_bytes"`
	Interpreters map[string]string `json:"interpreters"`
}

// HostCertificate is the client certificate of an agent.
type HostCertificate struct {
	NotAfter *time.Time `json:"not_after,omitempty"`
}

// JoinTokenRequest makes a token with which agents enrol.
type JoinTokenRequest struct {
	Name      string            `json:"name,omitempty"`
	Labels    map[string]string `json:"labels,omitempty"`
	ExpiresIn string            `json:"expires_in,omitempty"`
	Uses      int               `json:"uses,omitempty"`
}

// NewJoinToken is the only answer that ever holds a join token in plain text.
type NewJoinToken struct {
	Token     string    `json:"token"`
	ID        string    `json:"id"`
	ExpiresAt time.Time `json:"expires_at"`
	Command   string    `json:"command"` // to type on the host
	Manual    string    `json:"manual"`  // to type on a host that has cronium-agent
}

func hosts(project string, rest ...string) []string {
	return append([]string{"projects", project, "hosts"}, rest...)
}

// Hosts lists hosts by name.
func (c *Client) Hosts(ctx context.Context, project string) (Page[Host], error) {
	return page[Host](ctx, c, get(hosts(project)...))
}

// Host returns a host.
func (c *Client) Host(ctx context.Context, project, name string) (Host, error) {
	var h Host
	return h, c.call(ctx, get(hosts(project, name)...), &h)
}

// RevokeHost ends a host's certificates and cuts it off.
func (c *Client) RevokeHost(ctx context.Context, project, name string) error {
	return c.call(ctx, request{method: http.MethodDelete, path: hosts(project, name)}, nil)
}

// DrainHost gives a host nothing new; what it runs goes on.
func (c *Client) DrainHost(ctx context.Context, project, name string) (Host, error) {
	return c.changeHost(ctx, project, name, "drain")
}

// ResumeHost gives a drained host work again.
func (c *Client) ResumeHost(ctx context.Context, project, name string) (Host, error) {
	return c.changeHost(ctx, project, name, "resume")
}

// UpgradeHost asks for the upgrade of a host's agent to the version that the hub has.
// It returns before that has happened: see [Host.Upgrade] and [Host.Version].
func (c *Client) UpgradeHost(ctx context.Context, project, name string) (Host, error) {
	return c.changeHost(ctx, project, name, "upgrade")
}

func (c *Client) changeHost(ctx context.Context, project, name, verb string) (Host, error) {
	var h Host
	return h, c.call(ctx, request{method: http.MethodPost, path: hosts(project, name, verb)}, &h)
}

// CreateJoinToken makes a token with which an agent enrols.
func (c *Client) CreateJoinToken(ctx context.Context, project string, r JoinTokenRequest) (NewJoinToken, error) {
	var made NewJoinToken
	return made, c.call(ctx, request{method: http.MethodPost, path: hosts(project, "join-tokens"), body: r}, &made)
}
