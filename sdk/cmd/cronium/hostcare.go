package main

import (
	"fmt"
	"strings"
	"time"

	"github.com/cronium/cronium/sdk/client"
	"github.com/cronium/cronium/sdk/cmd/cronium/internal/screen"
)

// hostPoll is how often a host is asked for while something is waited for.
const hostPoll = time.Second

type hostsDrainCmd struct {
	Host []string `arg:"" predict:"host" help:"Names of hosts."`
	Wait bool     `short:"w" help:"End when they run nothing any more."`
}

func (hostsDrainCmd) Help() string {
	return examples("cronium hosts drain web-1", "", "cronium hosts drain web-1 web-2 --wait", "before the machines are started again")
}

func (h *hostsDrainCmd) Run(a *app) error {
	hub, err := a.client()
	if err != nil {
		return err
	}
	return a.each(h.Host, func(name string) error {
		host, err := hub.DrainHost(a.ctx, a.Project, name)
		if err != nil {
			return a.hostMissing(err, name)
		}
		a.Say("Host %s gets nothing new; %d of its runs go on.", screen.Name(name), host.Running)
		if !h.Wait {
			return nil
		}
		host, err = a.awaitHost(hub, name, func(h client.Host) bool { return h.Running == 0 || !h.Draining })
		if err == nil && host.Running > 0 {
			err = fmt.Errorf("host %s was resumed meanwhile", screen.Name(name))
		}
		return err
	})
}

type hostsResumeCmd struct {
	Host []string `arg:"" predict:"host" help:"Names of hosts."`
}

func (hostsResumeCmd) Help() string {
	return examples("cronium hosts resume web-1", "", "cronium hosts resume web-1 web-2", "")
}

func (h *hostsResumeCmd) Run(a *app) error {
	hub, err := a.client()
	if err != nil {
		return err
	}
	return a.each(h.Host, func(name string) error {
		if _, err := hub.ResumeHost(a.ctx, a.Project, name); err != nil {
			return a.hostMissing(err, name)
		}
		a.Say("Host %s gets work again.", screen.Name(name))
		return nil
	})
}

type hostsUpgradeCmd struct {
	Host []string `arg:"" optional:"" predict:"host" help:"Names of hosts."`
	All  bool     `help:"All hosts that have another version."`
	Wait bool     `short:"w" help:"End when they have the new version, or have failed to."`
}

func (hostsUpgradeCmd) Help() string {
	return examples("cronium hosts upgrade web-1 --wait", "", "cronium hosts upgrade --all", "those that are offline follow when they connect")
}

func (h *hostsUpgradeCmd) Run(a *app) error {
	if (len(h.Host) > 0) == h.All {
		return usage("Name hosts, or say --all.", "which hosts are to be upgraded is not clear")
	}
	hub, err := a.client()
	if err != nil {
		return err
	}
	names := h.Host
	if h.All {
		page, err := hub.Hosts(a.ctx, a.Project)
		if err != nil {
			return err
		}
		for _, host := range page.Items {
			if host.UpgradeTo != "" {
				names = append(names, host.Name)
			}
		}
	}
	if len(names) == 0 {
		a.Say("Every host has the version that the hub can give it.")
		return nil
	}
	return a.each(names, func(name string) error { return h.one(a, hub, name) })
}

func (h *hostsUpgradeCmd) one(a *app, hub *client.Client, name string) error {
	host, err := hub.UpgradeHost(a.ctx, a.Project, name)
	if err != nil {
		return a.hostMissing(err, name)
	}
	if host.Upgrade == nil {
		a.Say("Host %s has version %s.", screen.Name(name), screen.Name(host.Version))
		return nil
	}
	a.Say("Host %s is to become version %s%s.", screen.Name(name), screen.Name(host.Upgrade.Version), map[bool]string{true: "", false: " when it connects"}[host.State == "online"])
	if !h.Wait {
		return nil
	}
	host, err = a.awaitHost(hub, name, func(h client.Host) bool { return h.Upgrade == nil || h.Upgrade.State == "failed" })
	if err != nil {
		return err
	}
	if host.Upgrade != nil {
		return fmt.Errorf("host %s stays with version %s: %s", screen.Name(name), screen.Name(host.Version), screen.Name(strings.TrimSuffix(host.Upgrade.Problem, ".")))
	}
	a.Say("Host %s has version %s.", screen.Name(name), screen.Name(host.Version))
	return nil
}

// awaitHost returns a host when it is as it should be.
func (a *app) awaitHost(hub *client.Client, name string, done func(client.Host) bool) (client.Host, error) {
	tick := time.NewTicker(hostPoll)
	defer tick.Stop()
	for {
		host, err := hub.Host(a.ctx, a.Project, name)
		if err != nil {
			return host, a.hostMissing(err, name)
		}
		if done(host) {
			return host, nil
		}
		select {
		case <-a.ctx.Done():
			return host, a.ctx.Err()
		case <-tick.C:
		}
	}
}
