package httpapi

import (
	"context"

	"github.com/cronium/cronium/hub/job"
	"github.com/cronium/cronium/hub/secret"
	"github.com/cronium/cronium/hub/server"
	"github.com/cronium/cronium/sdk/problem"
)

func (a *API) listServers(ctx context.Context, c *call, in *listServersInput) (*output[Page[Server]], error) {
	page, err := a.servers.List(ctx, c.project.ID, server.Filter{Archived: in.Archived, After: in.Cursor, Limit: in.Limit})
	if err != nil {
		return nil, err
	}
	items := make([]Server, len(page.Servers))
	for i, s := range page.Servers {
		items[i] = showServer(s)
	}
	return pageOf(items, page.Next), nil
}

func (a *API) addServer(ctx context.Context, c *call, in *addServerInput) (*output[Server], error) {
	b := in.Body
	return shownServer(a.servers.Create(ctx, c.actor, c.project.ID, server.Wish{
		Name: b.Name, Address: b.Address, User: b.User, Credential: credential(b.Credential), Jump: b.Jump, Via: b.Via, Fingerprint: b.Fingerprint,
	}))
}

func (a *API) getServer(ctx context.Context, c *call, in *ServerPath) (*output[Server], error) {
	return shownServer(a.servers.Get(ctx, c.project.ID, in.Server))
}

func (a *API) editServer(ctx context.Context, c *call, in *editServerInput) (*output[Server], error) {
	b := in.Body
	edit := server.Edit{Address: b.Address, User: b.User, Jump: b.Jump, Via: b.Via}
	if b.Credential != nil {
		given := credential(*b.Credential)
		edit.Credential = &given
	}
	return shownServer(a.servers.Edit(ctx, c.actor, c.project.ID, in.Server, edit))
}

func (a *API) removeServer(ctx context.Context, c *call, in *ServerPath) (*none, error) {
	return nil, a.servers.Remove(ctx, c.actor, c.project.ID, in.Server)
}

func (a *API) getServerImpact(ctx context.Context, c *call, in *ServerPath) (*output[ServerImpact], error) {
	i, err := a.servers.Impact(ctx, c.project.ID, in.Server)
	if err != nil {
		return nil, err
	}
	return answer(ServerImpact{Jobs: append([]string{}, i.Jobs...), Servers: append([]string{}, i.Servers...)}), nil
}

func (a *API) checkServer(ctx context.Context, c *call, in *ServerPath) (*output[Server], error) {
	return shownServer(a.probe.Check(ctx, c.actor, c.project.ID, in.Server))
}

func (a *API) trustServer(ctx context.Context, c *call, in *trustInput) (*output[Server], error) {
	return shownServer(a.servers.Trust(ctx, c.actor, c.project.ID, in.Server, in.Body.Fingerprint))
}

func (a *API) archiveServer(ctx context.Context, c *call, in *ServerPath) (*output[Server], error) {
	return shownServer(a.servers.Archive(ctx, c.actor, c.project.ID, in.Server))
}

func (a *API) restoreServer(ctx context.Context, c *call, in *restoreInput) (*output[Server], error) {
	return shownServer(a.servers.Restore(ctx, c.actor, c.project.ID, in.Server, credential(in.Body.Credential)))
}

func credential(o Opener) server.Credential {
	return server.Credential{Generate: o.Generate, Password: secret.NewText(o.Password), PrivateKey: secret.NewText(o.PrivateKey), Passphrase: secret.NewText(o.Passphrase)}
}

func shownServer(s server.Server, err error) (*output[Server], error) {
	if err != nil {
		return nil, err
	}
	return answer(showServer(s)), nil
}

func showServer(s server.Server) Server {
	out := Server{
		Name: s.Name, State: string(s.Health), Address: s.Address, User: s.User, Credential: ServerCredential{Kind: string(s.Kind), PublicKey: s.PublicKey},
		HostKey: showHostKey(s.Trusted), Offered: showHostKey(s.Offered), Expected: s.Expected, Jump: s.Jump, Via: orEmpty(s.Via),
		Checks: make([]ServerCheck, len(s.Checks)), CheckedAt: s.CheckedAt, CheckedBy: s.CheckedBy,
		ArchivedAt: s.ArchivedAt, ArchivedBy: s.ArchivedBy, PurgeAfter: s.PurgeAfter, CreatedAt: s.CreatedAt, CreatedBy: s.CreatedBy, UpdatedAt: s.UpdatedAt,
		Facts: ServerFacts{
			HostFacts: HostFacts{
				Hostname: s.Facts.Hostname, OS: s.Facts.OS, Arch: s.Facts.Arch, Kernel: s.Facts.Kernel, Distribution: s.Facts.Distribution,
				CPUs: s.Facts.CPUs, MemoryBytes: s.Facts.MemoryBytes, Interpreters: orEmpty(s.Facts.Interpreters),
			},
			DiskBytes: s.Facts.DiskBytes, DiskFreeBytes: s.Facts.DiskFree,
		},
	}
	if s.ArchivedAt != nil {
		out.State = "archived"
	}
	for i, k := range s.Checks {
		out.Checks[i] = ServerCheck{Name: k.Name, OK: k.OK, Detail: k.Detail, Code: k.Code, Hint: k.Hint, DurationMS: k.Took.Milliseconds()}
	}
	return out
}

func showHostKey(k *server.HostKey) *HostKey {
	if k == nil {
		return nil
	}
	return &HostKey{Type: k.Type, Fingerprint: k.Fingerprint, At: k.At, By: k.By}
}

// serverWarnings says when a job could not run now, because a server of it is not
// there or not trusted. The job is accepted: definitions may come before their servers.
func (a *API) serverWarnings(ctx context.Context, j job.Job) ([]Warning, error) {
	names := j.Spec.Target.All()
	refs := make([]server.Ref, len(names))
	for i, name := range names {
		refs[i] = server.Ref{Project: j.ProjectID, Name: name}
	}
	ways, err := a.servers.Ways(ctx, refs)
	if err != nil {
		return nil, err
	}
	field := "spec.target.server"
	if j.Spec.Target.Server == "" {
		field = "spec.target.servers"
	}
	var warnings []Warning
	for _, ref := range refs {
		if p, ok := problem.As(ways[ref].Err); ok {
			warnings = append(warnings, Warning{Code: p.Code, Detail: p.Detail + ". " + p.Hint, Field: field})
		}
	}
	return warnings, nil
}
