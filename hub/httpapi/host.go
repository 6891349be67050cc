package httpapi

import (
	"context"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/cronium/cronium/hub/fleet"
)

func (a *API) listHosts(ctx context.Context, c *call, in *listHostsInput) (*output[Page[Host]], error) {
	page, err := a.hosts.Agents(ctx, c.project.ID, fleet.Filter{After: in.Cursor, Limit: in.Limit})
	if err != nil {
		return nil, err
	}
	return pageOf(showAgents(page.Agents), page.Next), nil
}

// How many hosts a socket is told of.
const hostsOnSocket = 500

// showHosts is what the socket tells.
func (a *API) showHosts(ctx context.Context, project uuid.UUID) ([]Host, error) {
	page, err := a.hosts.Agents(ctx, project, fleet.Filter{Limit: hostsOnSocket})
	if err != nil {
		return nil, err
	}
	return showAgents(page.Agents), nil
}

func (a *API) getHost(ctx context.Context, c *call, in *HostPath) (*output[Host], error) {
	agent, err := a.hosts.Agent(ctx, c.project.ID, in.Host)
	if err != nil {
		return nil, err
	}
	return answer(showAgent(agent)), nil
}

func (a *API) revokeHost(ctx context.Context, c *call, in *HostPath) (*none, error) {
	return nil, a.hosts.Revoke(ctx, c.actor, c.project.ID, in.Host)
}

func (a *API) createJoinToken(ctx context.Context, c *call, in *joinTokenInput) (*output[NewJoinToken], error) {
	ttl, err := duration(in.Body.ExpiresIn, "expires_in")
	if err != nil {
		return nil, err
	}
	plain, token, err := a.hosts.CreateJoinToken(ctx, c.actor, c.project.ID, fleet.TokenOptions{
		Name: in.Body.Name, Labels: in.Body.Labels, TTL: ttl, MaxUses: in.Body.Uses,
	})
	if err != nil {
		return nil, err
	}
	return answer(NewJoinToken{Token: plain, ID: token.ID, ExpiresAt: token.ExpiresAt, Command: a.enrolCommand(plain)}), nil
}

// enrolCommand is typed on the host as it stands.
func (a *API) enrolCommand(token string) string {
	return strings.Join([]string{"cronium-agent enrol --hub", a.cfg.AgentsAddress, "--token", token, "--data-dir /var/lib/cronium-agent"}, " ")
}

// duration reads an optional duration such as 90m; absent is zero.
func duration(text, field string) (time.Duration, error) {
	if text == "" {
		return 0, nil
	}
	d, err := time.ParseDuration(text)
	if err != nil || d <= 0 {
		return 0, ErrInvalidField.With("%s must be a duration such as 90m or 24h", field).At(field)
	}
	return d, nil
}

func showAgents(agents []fleet.Agent) []Host {
	hosts := make([]Host, len(agents))
	for i, agent := range agents {
		hosts[i] = showAgent(agent)
	}
	return hosts
}

func showAgent(agent fleet.Agent) Host {
	h := Host{
		Name: agent.Name, Kind: "agent", State: string(agent.State), Labels: orEmpty(agent.Labels), Version: agent.Version,
		Slots: agent.Slots, Running: agent.Running, ConnectedAt: agent.ConnectedAt, LastSeenAt: agent.LastSeenAt, CreatedAt: agent.CreatedAt,
		Facts: HostFacts{
			Hostname: agent.Facts.Hostname, OS: agent.Facts.OS, Arch: agent.Facts.Arch, Kernel: agent.Facts.Kernel,
			Distribution: agent.Facts.Distribution, CPUs: agent.Facts.CPUs, MemoryBytes: agent.Facts.MemoryBytes,
			Interpreters: orEmpty(agent.Facts.Interpreters),
		},
	}
	if !agent.CertificateEnd.IsZero() {
		h.Certificate.NotAfter = &agent.CertificateEnd
	}
	return h
}

func orEmpty(m map[string]string) map[string]string {
	if m == nil {
		return map[string]string{}
	}
	return m
}
