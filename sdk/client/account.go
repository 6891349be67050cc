package client

import (
	"context"
	"net/http"
	"time"
)

// Me is who is asking, and what they can reach.
type Me struct {
	ID       string       `json:"id"`
	Email    string       `json:"email"`
	Name     string       `json:"name"`
	Admin    bool         `json:"admin"`
	Projects []Membership `json:"projects"`
	Hub      HubInfo      `json:"hub"`
}

// Membership is a project that the user can see, with their role in it.
type Membership struct {
	Slug string `json:"slug"`
	Name string `json:"name"`
	Role string `json:"role"`
}

// HubInfo is what the hub says of itself.
type HubInfo struct {
	Version    string `json:"version"`
	InstanceID string `json:"instance_id"`
}

// TokenRequest makes an API token of the user who asks.
type TokenRequest struct {
	Name      string `json:"name"`
	ExpiresIn string `json:"expires_in,omitempty"` // "720h"; the hub's default is 90 days
}

// NewToken is the only answer that ever holds a token in plain text.
type NewToken struct {
	Token     string    `json:"token"`
	ID        string    `json:"id"`
	Name      string    `json:"name"`
	ExpiresAt time.Time `json:"expires_at"`
}

// Token is an API token without its secret.
type Token struct {
	ID         string     `json:"id"`
	Name       string     `json:"name"`
	CreatedAt  time.Time  `json:"created_at"`
	ExpiresAt  time.Time  `json:"expires_at"`
	LastUsedAt *time.Time `json:"last_used_at,omitempty"`
}

// SetupState says whether the first administrator is still missing.
type SetupState struct {
	Needed bool `json:"needed"`
}

type loginRequest struct {
	Email    string `json:"email"`
	Password string `json:"password"`
}

// Setup asks whether the hub still waits for its first administrator.
func (c *Client) Setup(ctx context.Context) (SetupState, error) {
	var s SetupState
	return s, c.call(ctx, get("setup"), &s)
}

// Login exchanges a password for an API token. The session that it opens for
// that is closed again.
func (c *Client) Login(ctx context.Context, email, password string, t TokenRequest) (NewToken, error) {
	anonymous := c.As("")
	header, err := anonymous.exchange(ctx, request{
		method: http.MethodPost, path: []string{"auth", "login"}, body: loginRequest{email, password},
	}, nil)
	if err != nil {
		return NewToken{}, err
	}
	session := (&http.Response{Header: header}).Cookies()
	var made NewToken
	err = anonymous.call(ctx, request{method: http.MethodPost, path: []string{"tokens"}, body: t, cookies: session}, &made)
	if err != nil {
		return NewToken{}, err
	}
	// A session that stays open expires by itself.
	_ = anonymous.call(ctx, request{method: http.MethodPost, path: []string{"auth", "logout"}, body: struct{}{}, cookies: session}, nil)
	return made, nil
}

// As returns a client of the same hub with another token.
func (c *Client) As(token string) *Client {
	return &Client{base: c.base, token: token, agent: c.agent, http: c.http, now: c.now, trace: c.trace}
}

// Me says who the token belongs to.
func (c *Client) Me(ctx context.Context) (Me, error) {
	var m Me
	return m, c.call(ctx, get("me"), &m)
}

// Tokens lists the caller's API tokens.
func (c *Client) Tokens(ctx context.Context) (Page[Token], error) {
	return page[Token](ctx, c, get("tokens"))
}

// CreateToken makes an API token.
func (c *Client) CreateToken(ctx context.Context, t TokenRequest) (NewToken, error) {
	var made NewToken
	return made, c.call(ctx, request{method: http.MethodPost, path: []string{"tokens"}, body: t}, &made)
}

// RevokeToken ends an API token at once.
func (c *Client) RevokeToken(ctx context.Context, id string) error {
	return c.call(ctx, request{method: http.MethodDelete, path: []string{"tokens", id}}, nil)
}
