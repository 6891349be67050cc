package client

import (
	"context"
	"net/http"
	"time"
)

// Server is a machine that jobs reach over SSH, through an agent.
type Server struct {
	Name       string            `json:"name"`
	State      string            `json:"state"` // unknown, reachable, unreachable, key_mismatch, auth_failed or archived
	Address    string            `json:"address"`
	User       string            `json:"user"`
	Credential ServerCredential  `json:"credential"`
	HostKey    *HostKey          `json:"host_key,omitempty"`    // the confirmed one
	Offered    *HostKey          `json:"offered_key,omitempty"` // what it showed last, while that is not confirmed
	Expected   string            `json:"expected_fingerprint,omitempty"`
	Jump       string            `json:"jump,omitempty"`
	Via        map[string]string `json:"via"`
	Checks     []ServerCheck     `json:"checks"`
	Facts      ServerFacts       `json:"facts"`
	CheckedAt  *time.Time        `json:"checked_at,omitempty"`
	CheckedBy  string            `json:"checked_by,omitempty"`
	ArchivedAt *time.Time        `json:"archived_at,omitempty"`
	ArchivedBy string            `json:"archived_by,omitempty"`
	PurgeAfter *time.Time        `json:"purge_after,omitempty"`
	CreatedAt  time.Time         `json:"created_at"`
	CreatedBy  string            `json:"created_by"`
	UpdatedAt  time.Time         `json:"updated_at"`
}

// ServerCredential says how a server is opened; what opens it is never told.
type ServerCredential struct {
	Kind      string `json:"kind"` // key, password or none
	PublicKey string `json:"public_key,omitempty"`
}

// HostKey is a public key that a server shows.
type HostKey struct {
	Type        string    `json:"type"`
	Fingerprint string    `json:"fingerprint"` // SHA256:…
	At          time.Time `json:"at"`
	By          string    `json:"by,omitempty"`
}

// ServerCheck is one step of a test of the connection.
type ServerCheck struct {
	Name       string `json:"name"`
	OK         bool   `json:"ok"`
	Detail     string `json:"detail,omitempty"`
	Code       string `json:"code,omitempty"`
	Hint       string `json:"hint,omitempty"`
	DurationMS int64  `json:"duration_ms"`
}

// ServerFacts are what the last successful test found.
type ServerFacts struct {
	HostFacts
	DiskBytes     int64 `json:"disk_bytes"`
	DiskFreeBytes int64 `json:"disk_free_bytes"`
}

// ServerRequest adds a server.
type ServerRequest struct {
	Name        string            `json:"name"`
	Address     string            `json:"address"` // HOST or HOST:PORT
	User        string            `json:"user"`
	Credential  Opener            `json:"credential"`
	Jump        string            `json:"jump,omitempty"`
	Via         map[string]string `json:"via,omitempty"`
	Fingerprint string            `json:"expected_fingerprint,omitempty"`
}

// Opener is what opens a server: exactly one of generate, password and private key.
type Opener struct {
	Generate   bool   `json:"generate,omitempty"`
	Password   string `json:"password,omitempty"`
	PrivateKey string `json:"private_key,omitempty"` // PEM
	Passphrase string `json:"passphrase,omitempty"`  // of the private key
}

// ServerEdit changes what is not nil.
type ServerEdit struct {
	Address    *string            `json:"address,omitempty"`
	User       *string            `json:"user,omitempty"`
	Credential *Opener            `json:"credential,omitempty"`
	Jump       *string            `json:"jump,omitempty"` // empty: reached directly
	Via        *map[string]string `json:"via,omitempty"`
}

// ServerImpact is what needs a server.
type ServerImpact struct {
	Jobs    []string `json:"jobs"`
	Servers []string `json:"servers"`
}

func servers(project string, rest ...string) []string {
	return append([]string{"projects", project, "servers"}, rest...)
}

// Servers lists servers by name: those in use, or the archived ones.
func (c *Client) Servers(ctx context.Context, project string, archived bool, p Paging) (Page[Server], error) {
	r := get(servers(project)...)
	r.query = p.query()
	if archived {
		r.query.Set("archived", "true")
	}
	return page[Server](ctx, c, r)
}

// Server returns a server, archived or not.
func (c *Client) Server(ctx context.Context, project, name string) (Server, error) {
	var s Server
	return s, c.call(ctx, get(servers(project, name)...), &s)
}

// AddServer adds a server.
func (c *Client) AddServer(ctx context.Context, project string, r ServerRequest) (Server, error) {
	return c.changeServer(ctx, http.MethodPost, servers(project), r)
}

// EditServer changes what is given.
func (c *Client) EditServer(ctx context.Context, project, name string, e ServerEdit) (Server, error) {
	return c.changeServer(ctx, http.MethodPatch, servers(project, name), e)
}

// CheckServer tests the connection and returns what was found; it takes up to half
// a minute.
func (c *Client) CheckServer(ctx context.Context, project, name string) (Server, error) {
	return c.changeServer(ctx, http.MethodPost, servers(project, name, "check"), nil)
}

// TrustServer confirms the host key that the server showed last.
func (c *Client) TrustServer(ctx context.Context, project, name, fingerprint string) (Server, error) {
	return c.changeServer(ctx, http.MethodPost, servers(project, name, "trust"), map[string]string{"fingerprint": fingerprint})
}

// ArchiveServer takes a server out of use; its credential is deleted at once.
func (c *Client) ArchiveServer(ctx context.Context, project, name string) (Server, error) {
	return c.changeServer(ctx, http.MethodPost, servers(project, name, "archive"), nil)
}

// RestoreServer brings an archived server back.
func (c *Client) RestoreServer(ctx context.Context, project, name string, o Opener) (Server, error) {
	return c.changeServer(ctx, http.MethodPost, servers(project, name, "restore"), map[string]Opener{"credential": o})
}

// RemoveServer deletes an archived server before its time.
func (c *Client) RemoveServer(ctx context.Context, project, name string) error {
	return c.call(ctx, request{method: http.MethodDelete, path: servers(project, name)}, nil)
}

// ServerImpact lists what needs a server.
func (c *Client) ServerImpact(ctx context.Context, project, name string) (ServerImpact, error) {
	var i ServerImpact
	return i, c.call(ctx, get(servers(project, name, "impact")...), &i)
}

func (c *Client) changeServer(ctx context.Context, method string, path []string, body any) (Server, error) {
	var s Server
	return s, c.call(ctx, request{method: method, path: path, body: body}, &s)
}
