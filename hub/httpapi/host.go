package httpapi

import (
	"context"
	"time"

	"github.com/google/uuid"

	"github.com/cronium/cronium/hub/fleet"
	"github.com/cronium/cronium/hub/release"
)

func (a *API) listHosts(ctx context.Context, c *call, in *listHostsInput) (*output[Page[Host]], error) {
	page, err := a.hosts.Agents(ctx, c.project.ID, fleet.Filter{After: in.Cursor, Limit: in.Limit})
	if err != nil {
		return nil, err
	}
	return pageOf(a.showAgents(page.Agents), page.Next), nil
}

// How many hosts a socket is told of.
const hostsOnSocket = 500

// showHosts is what the socket tells.
func (a *API) showHosts(ctx context.Context, project uuid.UUID) ([]Host, error) {
	page, err := a.hosts.Agents(ctx, project, fleet.Filter{Limit: hostsOnSocket})
	if err != nil {
		return nil, err
	}
	return a.showAgents(page.Agents), nil
}

func (a *API) getHost(ctx context.Context, c *call, in *HostPath) (*output[Host], error) {
	agent, err := a.hosts.Agent(ctx, c.project.ID, in.Host)
	if err != nil {
		return nil, err
	}
	newest, _ := a.downloads.Release()
	return answer(showAgent(agent, newest)), nil
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
	return answer(a.invite(c, plain, token)), nil
}

// agentDir is where agents keep their state unless told otherwise.
const agentDir = "/var/lib/cronium-agent"

// invite says what to type on a host.
func (a *API) invite(c *call, plain string, token fleet.JoinToken) NewJoinToken {
	made := NewJoinToken{Token: plain, ID: token.ID, ExpiresAt: token.ExpiresAt, Manual: release.Manual(a.agentsAddress(c), plain, agentDir)}
	made.Command = made.Manual
	if _, err := a.downloads.Release(); err == nil {
		made.Command = release.Command(a.ownURL(c), plain)
	}
	return made
}

func (a *API) drainHost(ctx context.Context, c *call, in *HostPath) (*output[Host], error) {
	return a.setDraining(ctx, c, in, true)
}

func (a *API) resumeHost(ctx context.Context, c *call, in *HostPath) (*output[Host], error) {
	return a.setDraining(ctx, c, in, false)
}

func (a *API) setDraining(ctx context.Context, c *call, in *HostPath, on bool) (*output[Host], error) {
	if err := a.hosts.SetDraining(ctx, c.actor, c.project.ID, in.Host, on); err != nil {
		return nil, err
	}
	return a.getHost(ctx, c, in)
}

func (a *API) upgradeHost(ctx context.Context, c *call, in *HostPath) (*output[Host], error) {
	agent, err := a.hosts.Agent(ctx, c.project.ID, in.Host)
	if err != nil {
		return nil, err
	}
	order, err := a.downloads.For(agent.Facts.OS, agent.Facts.Arch)
	if err != nil {
		return nil, err
	}
	if err := a.hosts.Upgrade(ctx, c.actor, c.project.ID, in.Host, order.Version); err != nil {
		return nil, err
	}
	return a.getHost(ctx, c, in)
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

func (a *API) showAgents(agents []fleet.Agent) []Host {
	hosts := make([]Host, len(agents))
	newest, _ := a.downloads.Release() // without one, nothing can be upgraded
	for i, agent := range agents {
		hosts[i] = showAgent(agent, newest)
	}
	return hosts
}

func showAgent(agent fleet.Agent, newest release.Release) Host {
	h := Host{
		Name: agent.Name, Kind: "agent", State: string(agent.State), Labels: orEmpty(agent.Labels), Version: agent.Version,
		Slots: agent.Slots, Running: agent.Running, ConnectedAt: agent.ConnectedAt, LastSeenAt: agent.LastSeenAt, CreatedAt: agent.CreatedAt,
		Facts: HostFacts{
			Hostname: agent.Facts.Hostname, OS: agent.Facts.OS, Arch: agent.Facts.Arch, Kernel: agent.Facts.Kernel,
			Distribution: agent.Facts.Distribution, CPUs: agent.Facts.CPUs, MemoryBytes: agent.Facts.MemoryBytes,
			Interpreters: orEmpty(agent.Facts.Interpreters),
		},
		Draining: agent.Draining,
	}
	if agent.State != fleet.Revoked && agent.Version != newest.Version && newest.Has(agent.Facts.OS, agent.Facts.Arch) {
		h.UpgradeTo = newest.Version
	}
	if agent.UpgradeVersion != "" {
		h.Upgrade = &HostUpgrade{Version: agent.UpgradeVersion, State: "waiting", Problem: agent.UpgradeProblem}
		if agent.UpgradeProblem != "" {
			h.Upgrade.State = "failed"
		}
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
