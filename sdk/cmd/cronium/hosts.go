package main

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/cronium/cronium/sdk/client"
	"github.com/cronium/cronium/sdk/cmd/cronium/internal/screen"
)

type hostsCmd struct {
	Ls      hostsLsCmd      `cmd:"" default:"withargs" help:"List hosts."`
	Get     hostsGetCmd     `cmd:"" help:"Show a host."`
	Add     hostsAddCmd     `cmd:"" help:"Make a join token and the command to type on the host."`
	Drain   hostsDrainCmd   `cmd:"" help:"Give hosts nothing new; what they run goes on."`
	Resume  hostsResumeCmd  `cmd:"" help:"Give drained hosts work again."`
	Upgrade hostsUpgradeCmd `cmd:"" help:"Upgrade agents to the version that the hub has."`
	Rm      hostsRmCmd      `cmd:"" help:"Revoke a host's certificates and cut it off."`
}

type hostsLsCmd struct{}

func (hostsLsCmd) Help() string {
	return examples("cronium hosts", "", "cronium hosts ls -o name", "")
}

func (hostsLsCmd) Run(a *app) error {
	hub, err := a.client()
	if err != nil {
		return err
	}
	page, err := hub.Hosts(a.ctx, a.Project)
	if err != nil {
		return err
	}
	return list(a, page, view[client.Host]{
		name: func(h client.Host) string { return h.Name },
		columns: []column{{Title: "name", Flex: true}, {Title: "state"}, {Title: "running", Right: true}, {Title: "system", Flex: true},
			{Title: "version"}, {Title: "seen"}, {Title: "labels", Flex: true}},
		row: func(h client.Host) []cell {
			return []cell{text(h.Name), a.state(stateOf(h)), {Text: fmt.Sprintf("%d/%d", h.Running, h.Slots)}, text(system(h.Facts)),
				text(h.Version), a.when(h.LastSeenAt), {Text: labels(h.Labels), Style: screen.Dim}}
		},
		none: "No hosts in project " + a.Project + ". Add one with cronium hosts add.",
	})
}

func system(f client.HostFacts) string {
	name := f.Distribution
	if name == "" {
		name = f.OS
	}
	return strings.TrimSpace(name + " " + f.Arch)
}

type hostsGetCmd struct {
	Host string `arg:"" predict:"host" help:"Name of the host."`
}

func (hostsGetCmd) Help() string {
	return examples("cronium hosts get web-1", "", "cronium hosts get web-1 --json | jq .facts", "")
}

func (h *hostsGetCmd) Run(a *app) error {
	hub, err := a.client()
	if err != nil {
		return err
	}
	host, err := hub.Host(a.ctx, a.Project, h.Host)
	if err != nil {
		return a.hostMissing(err, h.Host)
	}
	return one(a, host, host.Name, func() {
		f := host.Facts
		a.fields("name", screen.Name(host.Name), "state", a.painted(stateOf(host)), "labels", labels(host.Labels),
			"running", fmt.Sprintf("%d of %d", host.Running, host.Slots), "host name", screen.Name(f.Hostname),
			"system", screen.Name(system(f)), "kernel", screen.Name(f.Kernel), "processors", fmt.Sprint(f.CPUs),
			"memory", byteSize(f.MemoryBytes), "interpreters", labels(f.Interpreters), "agent", screen.Name(host.Version),
			"upgrade", screen.Name(upgradeOf(host)), "connected", a.when(host.ConnectedAt).Text, "seen", a.when(host.LastSeenAt).Text, "added", a.moment(host.CreatedAt),
			"certificate until", a.when(host.Certificate.NotAfter).Text)
	})
}

// stateOf is the word for a host's state: one that is online may be draining.
func stateOf(h client.Host) string {
	if h.Draining && h.State == "online" {
		return "draining"
	}
	return h.State
}

// upgradeOf says what there is to say of a host's upgrade.
func upgradeOf(h client.Host) string {
	switch {
	case h.Upgrade != nil && h.Upgrade.State == "failed":
		return fmt.Sprintf("to %s failed: %s", h.Upgrade.Version, h.Upgrade.Problem)
	case h.Upgrade != nil:
		return "to " + h.Upgrade.Version + ", under way"
	case h.UpgradeTo != "":
		return "to " + h.UpgradeTo + " with: cronium hosts upgrade " + h.Name
	}
	return ""
}

func byteSize(n int64) string {
	switch {
	case n < 1<<10:
		return fmt.Sprintf("%d B", n)
	case n < 1<<20:
		return fmt.Sprintf("%.1f KiB", float64(n)/(1<<10))
	case n < 1<<30:
		return fmt.Sprintf("%.1f MiB", float64(n)/(1<<20))
	}
	return fmt.Sprintf("%.1f GiB", float64(n)/(1<<30))
}

type hostsAddCmd struct {
	Name  string        `placeholder:"NAME" help:"Name of the host; the default is its own."`
	Label []string      `short:"l" sep:"none" placeholder:"K=V" help:"Label of the host. May be repeated."`
	TTL   time.Duration `name:"ttl" placeholder:"D" help:"How long the join token is good for, like 1h."`
	Uses  int           `placeholder:"N" help:"How many hosts may join with it; the default is 1."`
}

func (hostsAddCmd) Help() string {
	return examples("cronium hosts add --name web-1 --label env=prod", "",
		`eval "$(cronium hosts add)"`, "on the host itself: standard output is the command and nothing else")
}

func (h *hostsAddCmd) Run(a *app) error {
	given, err := pairs("--label", h.Label)
	if err != nil {
		return err
	}
	hub, err := a.client()
	if err != nil {
		return err
	}
	want := client.JoinTokenRequest{Name: h.Name, Labels: given, Uses: h.Uses}
	if h.TTL > 0 {
		want.ExpiresIn = h.TTL.String()
	}
	made, err := hub.CreateJoinToken(a.ctx, a.Project, want)
	if err != nil {
		return err
	}
	return one(a, made, made.Token, func() {
		a.Say("Type this on the host (until %s):", made.ExpiresAt.In(a.zone).Format("2 Jan 15:04 MST"))
		a.Printf("%s\n", screen.Name(made.Command))
	})
}

type hostsRmCmd struct {
	Host []string `arg:"" predict:"host" help:"Names of hosts."`
	Yes  bool     `help:"Do not ask."`
}

func (hostsRmCmd) Help() string {
	return examples("cronium hosts rm web-1", "", "cronium hosts rm web-1 web-2 --yes", "")
}

func (h *hostsRmCmd) Run(a *app) error {
	hub, err := a.client()
	if err != nil {
		return err
	}
	if err := a.confirm(h.Yes, "Remove %d host(s): %s. Their certificates end at once; a host must enrol again to come back.", len(h.Host), strings.Join(h.Host, ", ")); err != nil {
		return err
	}
	return a.each(h.Host, func(name string) error {
		if err := hub.RevokeHost(a.ctx, a.Project, name); err != nil {
			return a.hostMissing(err, name)
		}
		a.Say("Host %s is removed.", screen.Name(name))
		return nil
	})
}

// pairs reads name=value arguments.
func pairs(flag string, given []string) (map[string]string, error) {
	if len(given) == 0 {
		return nil, nil
	}
	m := make(map[string]string, len(given))
	for _, g := range given {
		name, value, ok := strings.Cut(g, "=")
		if !ok || name == "" {
			return nil, usage("Write it like name=value.", "%s %q is not a name and a value", flag, g)
		}
		if _, twice := m[name]; twice {
			return nil, usage("Say each name once.", "%s %s is given twice", flag, name)
		}
		m[name] = value
	}
	return m, nil
}

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
