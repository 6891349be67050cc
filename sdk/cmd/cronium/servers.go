package main

import (
	"fmt"
	"strings"

	"github.com/cronium/cronium/sdk/client"
	"github.com/cronium/cronium/sdk/cmd/cronium/internal/screen"
)

type serversCmd struct {
	Ls      serversLsCmd      `cmd:"" default:"withargs" help:"List servers."`
	Show    serversShowCmd    `cmd:"" help:"Show a server, its checks, and what needs it."`
	Add     serversAddCmd     `cmd:"" help:"Add a server that agents reach over SSH."`
	Check   serversCheckCmd   `cmd:"" help:"Test the connection now."`
	Trust   serversTrustCmd   `cmd:"" help:"Confirm the host key that a server showed."`
	Edit    serversEditCmd    `cmd:"" help:"Change what is given."`
	Archive serversArchiveCmd `cmd:"" help:"Take servers out of use; their credentials are deleted at once."`
	Restore serversRestoreCmd `cmd:"" help:"Bring an archived server back, with a new credential."`
	Rm      serversRmCmd      `cmd:"" help:"Remove archived servers before their time."`
}

type serversLsCmd struct {
	Archived bool `help:"The archived ones instead of the others."`
}

func (serversLsCmd) Help() string {
	return examples("cronium servers", "", "cronium servers ls --archived --json", "")
}

func (s *serversLsCmd) Run(a *app) error {
	hub, err := a.client()
	if err != nil {
		return err
	}
	page, err := collect(0, func(p client.Paging) (client.Page[client.Server], error) {
		return hub.Servers(a.ctx, a.Project, s.Archived, p)
	})
	if err != nil {
		return err
	}
	return list(a, page, view[client.Server]{
		name: func(s client.Server) string { return s.Name },
		columns: []column{{Title: "name", Flex: true}, {Title: "state"}, {Title: "address", Flex: true}, {Title: "user"},
			{Title: "system", Flex: true}, {Title: "checked"}, {Title: "via", Flex: true}},
		row: func(s client.Server) []cell {
			return []cell{text(s.Name), a.health(s.State), text(s.Address), text(s.User), text(system(s.Facts.HostFacts)),
				a.when(s.CheckedAt), {Text: labels(s.Via), Style: screen.Dim}}
		},
		none: "No servers in project " + a.Project + ". Add one with cronium servers add.",
	})
}

// health is the state of a server; unknown, as said of a run, is another thing.
func (a *app) health(word string) cell {
	if a.Terminal && word == "unknown" {
		word = "untested"
	}
	return a.state(word)
}

type serversShowCmd struct {
	Server string `arg:"" predict:"server" help:"Name of the server."`
}

func (serversShowCmd) Help() string {
	return examples("cronium servers show db-1", "", "cronium servers show db-1 --json | jq -r .credential.public_key", "")
}

func (s *serversShowCmd) Run(a *app) error {
	hub, err := a.client()
	if err != nil {
		return err
	}
	found, err := hub.Server(a.ctx, a.Project, s.Server)
	if err != nil {
		return a.serverMissing(err, s.Server)
	}
	impact, err := hub.ServerImpact(a.ctx, a.Project, s.Server)
	if err != nil {
		return err
	}
	return one(a, found, found.Name, func() { a.showServer(found, impact) })
}

func (a *app) showServer(s client.Server, impact client.ServerImpact) {
	f, disk := s.Facts, ""
	if f.DiskBytes > 0 {
		disk = byteSize(f.DiskFreeBytes) + " free of " + byteSize(f.DiskBytes)
	}
	memory := ""
	if f.MemoryBytes > 0 {
		memory = byteSize(f.MemoryBytes)
	}
	processors := ""
	if f.CPUs > 0 {
		processors = fmt.Sprint(f.CPUs)
	}
	look := a.health(s.State)
	a.fields("name", screen.Name(s.Name), "state", a.Paint(look.Style, look.Text), "address", screen.Name(s.Address), "user", screen.Name(s.User),
		"credential", screen.Name(s.Credential.Kind), "public key", screen.Name(s.Credential.PublicKey),
		"host key", a.hostKey(s.HostKey, "confirmed"), "shown key", a.hostKey(s.Offered, "shown"), "expected key", screen.Name(s.Expected),
		"jump", screen.Name(s.Jump), "via", labels(s.Via),
		"system", screen.Name(system(f.HostFacts)), "kernel", screen.Name(f.Kernel), "processors", processors, "memory", memory, "disk", disk,
		"interpreters", labels(f.Interpreters), "checked", dated(a, s), "jobs", names(impact.Jobs), "jump for", names(impact.Servers),
		"added", a.moment(s.CreatedAt)+" by "+screen.Name(s.CreatedBy), "page", a.link("hosts", "servers", s.Name))
	if s.PurgeAfter != nil {
		a.fields("restore until", a.moment(*s.PurgeAfter))
	}
	if len(s.Checks) > 0 {
		a.Printf("\n")
		a.checkTable(s.Checks)
	}
}

func dated(a *app, s client.Server) string {
	if s.CheckedAt == nil {
		return ""
	}
	return a.moment(*s.CheckedAt) + " by " + screen.Name(s.CheckedBy)
}

func names(all []string) string { return screen.Name(strings.Join(all, ", ")) }

func (a *app) hostKey(k *client.HostKey, verb string) string {
	if k == nil {
		return ""
	}
	words := fmt.Sprintf("%s %s, %s %s", k.Type, k.Fingerprint, verb, a.moment(k.At))
	if k.By != "" {
		words += " by " + k.By
	}
	return screen.Name(words)
}

func (a *app) checkTable(checks []client.ServerCheck) {
	rows := make([][]cell, len(checks))
	for i, c := range checks {
		outcome := cell{Text: "ok", Style: screen.Good}
		if !c.OK {
			outcome = cell{Text: "failed", Style: screen.Bad}
		}
		rows[i] = []cell{text(c.Name), outcome, text(c.Detail), a.took(&c.DurationMS)}
	}
	a.Table([]column{{Title: "check"}, {Title: "outcome"}, {Title: "detail", Flex: true}, {Title: "took", Right: true}}, rows, a.Wide)
}

type serversAddCmd struct {
	Name        string   `arg:"" help:"Name of the server."`
	Where       string   `arg:"" name:"user@host" help:"Login and address, like deploy@db-1.example.com:22."`
	Jump        string   `placeholder:"SERVER" predict:"server" help:"Server to go through."`
	Via         []string `sep:"none" placeholder:"K=V" help:"Label of the agents that may reach it; the default is any. May be repeated."`
	Fingerprint string   `placeholder:"SHA256:…" help:"Of its host key, when you know it; else confirm it after the first check."`
	opening
}

func (serversAddCmd) Help() string {
	return examples("cronium servers add db-1 deploy@10.0.0.5 --generate", "prints the public key for authorized_keys",
		"cronium servers add db-1 deploy@10.0.0.5:2222 --key-file ~/.ssh/id_ed25519 --via zone=eu", "",
		"pass show db-1 | cronium servers add db-1 root@10.0.0.5 --password-file - --json", "")
}

func (s *serversAddCmd) Run(a *app) error {
	user, address, ok := cutLast(s.Where, "@")
	if !ok || user == "" || address == "" {
		return usage("Write it like deploy@10.0.0.5 or deploy@[::1]:2222.", "%q is not a login and an address", s.Where)
	}
	via, err := pairs("--via", s.Via)
	if err != nil {
		return err
	}
	opener, err := s.opener()
	if err != nil {
		return err
	}
	hub, err := a.client()
	if err != nil {
		return err
	}
	made, err := hub.AddServer(a.ctx, a.Project, client.ServerRequest{
		Name: s.Name, Address: address, User: user, Credential: opener, Jump: s.Jump, Via: via, Fingerprint: s.Fingerprint,
	})
	if err != nil {
		return err
	}
	return one(a, made, made.Name, func() {
		a.sayKey(made, s.Generate)
		a.Say("Server %s is added. Test the connection with: cronium servers check %s", screen.Name(made.Name), screen.Name(made.Name))
	})
}

// sayKey prints the public half of a key that was made on the hub.
func (a *app) sayKey(s client.Server, generated bool) {
	if generated {
		a.Say("Append this line to ~/.ssh/authorized_keys of %s on the server:", screen.Name(s.User))
		a.Printf("%s\n", screen.Name(s.Credential.PublicKey))
	}
}

func cutLast(s, sep string) (before, after string, found bool) {
	i := strings.LastIndex(s, sep)
	if i < 0 {
		return s, "", false
	}
	return s[:i], s[i+len(sep):], true
}

type serversCheckCmd struct {
	Server string `arg:"" predict:"server" help:"Name of the server."`
}

func (serversCheckCmd) Help() string {
	return examples("cronium servers check db-1", "exits with 1 when a check failed", "cronium servers check db-1 --json | jq .checks", "")
}

func (s *serversCheckCmd) Run(a *app) error {
	hub, err := a.client()
	if err != nil {
		return err
	}
	found, err := hub.CheckServer(a.ctx, a.Project, s.Server)
	if err != nil {
		return a.serverMissing(err, s.Server)
	}
	if err := one(a, found, found.Name, func() { a.checkTable(found.Checks) }); err != nil {
		return err
	}
	return a.verdict(found)
}

// verdict says what a test means and what comes next.
func (a *app) verdict(s client.Server) error {
	name := screen.Name(s.Name)
	for _, c := range s.Checks {
		if !c.OK && c.Hint != "" {
			a.Say("%s", screen.Name(c.Hint))
		}
	}
	switch {
	case s.State == "key_mismatch" && s.Offered != nil && s.HostKey != nil:
		a.Say("%s shows another host key: %s. Confirmed is %s since %s. Nothing is sent to it.", name, s.Offered.Fingerprint, s.HostKey.Fingerprint, a.moment(s.HostKey.At))
		a.Say("If that is the server's own new key: cronium servers trust %s %s", name, s.Offered.Fingerprint)
	case s.Offered != nil:
		a.Say("Compare the host key with the server's own, then: cronium servers trust %s %s", name, s.Offered.Fingerprint)
	}
	for _, c := range s.Checks {
		if !c.OK {
			return &exitError{exitFailed}
		}
	}
	if s.State == "key_mismatch" {
		return &exitError{exitFailed}
	}
	return nil
}

type serversTrustCmd struct {
	Server      string `arg:"" predict:"server" help:"Name of the server."`
	Fingerprint string `arg:"" help:"SHA256:… of the host key, as the server's own ssh-keygen -l prints it."`
}

func (serversTrustCmd) Help() string {
	return examples("cronium servers trust db-1 SHA256:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU", "",
		"cronium servers check db-1", "shows the key to compare with what ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub prints on the server")
}

func (s *serversTrustCmd) Run(a *app) error {
	return a.changeServer(s.Server, "trusted: "+s.Fingerprint, func(hub *client.Client) (client.Server, error) {
		return hub.TrustServer(a.ctx, a.Project, s.Server, s.Fingerprint)
	})
}

// changeServer makes one change and says so.
func (a *app) changeServer(name, now string, change func(*client.Client) (client.Server, error)) error {
	hub, err := a.client()
	if err != nil {
		return err
	}
	changed, err := change(hub)
	if err != nil {
		return a.serverMissing(err, name)
	}
	return one(a, changed, changed.Name, func() { a.Say("Server %s is %s.", screen.Name(changed.Name), screen.Name(now)) })
}

type serversEditCmd struct {
	Server  string   `arg:"" predict:"server" help:"Name of the server."`
	Address *string  `placeholder:"HOST[:PORT]" help:"Where it is now."`
	User    *string  `placeholder:"NAME" help:"Login name."`
	Jump    *string  `placeholder:"SERVER" predict:"server" help:"Server to go through; an empty text for none."`
	Via     []string `sep:"none" placeholder:"K=V" help:"Labels of the agents that may reach it, instead of those that were. May be repeated."`
	Any     bool     `name:"any-agent" help:"Every agent may reach it."`
	opening
}

func (serversEditCmd) Help() string {
	return examples("cronium servers edit db-1 --address 10.0.0.6", "",
		"cronium servers edit db-1 --key-file - < new_key", "a new credential; it is read nowhere else", `cronium servers edit db-1 --jump ""`, "reached directly from now on")
}

func (s *serversEditCmd) Run(a *app) error {
	edit := client.ServerEdit{Address: s.Address, User: s.User, Jump: s.Jump}
	via, err := pairs("--via", s.Via)
	if err != nil {
		return err
	}
	switch {
	case s.Any && via != nil:
		return usage("Leave one of them out.", "--any-agent and --via contradict each other")
	case s.Any:
		edit.Via = &map[string]string{}
	case via != nil:
		edit.Via = &via
	}
	if s.given() > 0 {
		opener, err := s.opener()
		if err != nil {
			return err
		}
		edit.Credential = &opener
	}
	if edit == (client.ServerEdit{}) {
		return usage("Run cronium servers edit --help for what can be changed.", "nothing to change is given")
	}
	return a.changeServer(s.Server, "changed", func(hub *client.Client) (client.Server, error) {
		changed, err := hub.EditServer(a.ctx, a.Project, s.Server, edit)
		if err == nil && (a.Output == "" || a.Output == "table") {
			a.sayKey(changed, s.Generate)
		}
		return changed, err
	})
}

type serversArchiveCmd struct {
	Server []string `arg:"" predict:"server" help:"Names of servers."`
	Yes    bool     `help:"Do not ask."`
}

func (serversArchiveCmd) Help() string {
	return examples("cronium servers archive db-1", "tells first which jobs run on it", "cronium servers archive db-1 db-2 --yes", "")
}

func (s *serversArchiveCmd) Run(a *app) error {
	hub, err := a.client()
	if err != nil {
		return err
	}
	for _, name := range s.Server {
		impact, err := hub.ServerImpact(a.ctx, a.Project, name)
		if err != nil {
			return a.serverMissing(err, name)
		}
		if len(impact.Jobs) > 0 {
			a.Say("Jobs on %s, which will fail: %s", screen.Name(name), names(impact.Jobs))
		}
		if len(impact.Servers) > 0 {
			a.Say("Servers that are reached through %s: %s", screen.Name(name), names(impact.Servers))
		}
	}
	err = a.confirm(s.Yes, "Archive %d server(s): %s. Their credentials are deleted at once; for 30 days they can be restored with new ones.",
		len(s.Server), strings.Join(s.Server, ", "))
	if err != nil {
		return err
	}
	return a.each(s.Server, func(name string) error {
		return a.changeServer(name, "archived", func(hub *client.Client) (client.Server, error) {
			return hub.ArchiveServer(a.ctx, a.Project, name)
		})
	})
}

type serversRestoreCmd struct {
	Server string `arg:"" predict:"server" help:"Name of the server."`
	opening
}

func (serversRestoreCmd) Help() string {
	return examples("cronium servers restore db-1 --generate", "", "cronium servers restore db-1 --key-file ~/.ssh/id_ed25519", "")
}

func (s *serversRestoreCmd) Run(a *app) error {
	opener, err := s.opener()
	if err != nil {
		return err
	}
	return a.changeServer(s.Server, "restored", func(hub *client.Client) (client.Server, error) {
		restored, err := hub.RestoreServer(a.ctx, a.Project, s.Server, opener)
		if err == nil && (a.Output == "" || a.Output == "table") {
			a.sayKey(restored, s.Generate)
		}
		return restored, err
	})
}

type serversRmCmd struct {
	Server []string `arg:"" predict:"server" help:"Names of archived servers."`
	Yes    bool     `help:"Do not ask."`
}

func (serversRmCmd) Help() string {
	return examples("cronium servers rm db-1", "", "cronium servers rm db-1 db-2 --yes", "")
}

func (s *serversRmCmd) Run(a *app) error {
	hub, err := a.client()
	if err != nil {
		return err
	}
	if err := a.confirm(s.Yes, "Remove %d archived server(s): %s. They cannot be restored after that.", len(s.Server), strings.Join(s.Server, ", ")); err != nil {
		return err
	}
	return a.each(s.Server, func(name string) error {
		if err := hub.RemoveServer(a.ctx, a.Project, name); err != nil {
			return a.serverMissing(err, name)
		}
		a.Say("Server %s is removed.", screen.Name(name))
		return nil
	})
}
