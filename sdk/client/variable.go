package client

import (
	"context"
	"encoding/json"
	"net/http"
	"time"
)

// Variable is a named value of a project.
type Variable struct {
	Name      string          `json:"name"`
	Value     json.RawMessage `json:"value"`
	Text      string          `json:"text"` // Value, for readers that would round its numbers
	Version   int64           `json:"version"`
	CreatedAt time.Time       `json:"created_at"`
	UpdatedAt time.Time       `json:"updated_at"`
	UpdatedBy string          `json:"updated_by"` // email of a person, or id of a run
}

// VariableRequest gives a variable a value.
type VariableRequest struct {
	Value json.RawMessage `json:"value"` // any JSON but null
}

// Secret is a secret of a project, without its value.
type Secret struct {
	Name      string      `json:"name"`
	Version   int64       `json:"version"`
	CreatedAt time.Time   `json:"created_at"`
	UpdatedAt time.Time   `json:"updated_at"`
	UpdatedBy string      `json:"updated_by"`
	LastRead  *SecretRead `json:"last_read,omitempty"` // in the last 90 days
}

// SecretRead is a reading of a secret by a script.
type SecretRead struct {
	Run     string    `json:"run"`
	Attempt int       `json:"attempt"`
	Job     string    `json:"job"`
	At      time.Time `json:"at"`
}

// SecretRequest gives a secret a value.
type SecretRequest struct {
	Value string `json:"value"`
}

func variables(project string, rest ...string) []string {
	return append([]string{"projects", project, "variables"}, rest...)
}

func secrets(project string, rest ...string) []string {
	return append([]string{"projects", project, "secrets"}, rest...)
}

// Variables lists variables by name; text is a part of the name, or empty.
func (c *Client) Variables(ctx context.Context, project, text string, p Paging) (Page[Variable], error) {
	r := get(variables(project)...)
	r.query = p.query()
	set(r.query, "text", text)
	return page[Variable](ctx, c, r)
}

// Variable returns a variable.
func (c *Client) Variable(ctx context.Context, project, name string) (Variable, error) {
	var v Variable
	return v, c.call(ctx, get(variables(project, name)...), &v)
}

// PutVariable creates or changes a variable.
func (c *Client) PutVariable(ctx context.Context, project, name string, value json.RawMessage) (Variable, error) {
	var v Variable
	return v, c.call(ctx, request{method: http.MethodPut, path: variables(project, name), body: VariableRequest{Value: value}}, &v)
}

// DeleteVariable removes a variable.
func (c *Client) DeleteVariable(ctx context.Context, project, name string) error {
	return c.call(ctx, request{method: http.MethodDelete, path: variables(project, name)}, nil)
}

// Secrets lists secrets by name.
func (c *Client) Secrets(ctx context.Context, project string, p Paging) (Page[Secret], error) {
	r := get(secrets(project)...)
	r.query = p.query()
	return page[Secret](ctx, c, r)
}

// PutSecret creates a secret or gives it another value.
func (c *Client) PutSecret(ctx context.Context, project, name, value string) error {
	return c.call(ctx, request{method: http.MethodPut, path: secrets(project, name), body: SecretRequest{Value: value}}, nil)
}

// DeleteSecret removes a secret.
func (c *Client) DeleteSecret(ctx context.Context, project, name string) error {
	return c.call(ctx, request{method: http.MethodDelete, path: secrets(project, name)}, nil)
}
