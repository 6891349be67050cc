package httpapi

import "time"

// Page is one page of a list. Ask for the next with ?cursor=.
type Page[T any] struct {
	Items      []T    `json:"items" doc:"Never null"`
	NextCursor string `json:"next_cursor,omitempty" doc:"Absent on the last page"`
}

// pageOf returns a page whose items are never null.
func pageOf[T any](items []T, next string) *output[Page[T]] {
	if items == nil {
		items = []T{}
	}
	return &output[Page[T]]{Body: Page[T]{Items: items, NextCursor: next}}
}

// output is an answer with a body and nothing else.
type output[T any] struct {
	Body T
}

func answer[T any](body T) *output[T] {
	return &output[T]{Body: body}
}

// none is an answer or a question without a body.
type none struct{}

// ProjectPath is the path of everything that belongs to a project.
type ProjectPath struct {
	Project string `path:"project" maxLength:"64" doc:"Slug of the project" example:"default"`
}

// Paging is what every long list takes.
type Paging struct {
	Limit  int    `query:"limit" minimum:"1" maximum:"200" default:"50" doc:"Items in a page"`
	Cursor string `query:"cursor" maxLength:"512" doc:"next_cursor of the page before"`
}

// SetupState says whether the first administrator is still missing.
type SetupState struct {
	Needed bool `json:"needed"`
}

// SetupRequest makes the first administrator.
type SetupRequest struct {
	Code     string `json:"code" minLength:"1" maxLength:"128" doc:"The one-time code that the hub printed at its first start"`
	Email    string `json:"email" minLength:"3" maxLength:"254"`
	Name     string `json:"name,omitempty" maxLength:"128"`
	Password string `json:"password" minLength:"1" maxLength:"1024"`
}

// LoginRequest starts a session.
type LoginRequest struct {
	Email    string `json:"email" minLength:"1" maxLength:"254"`
	Password string `json:"password" minLength:"1" maxLength:"1024"`
}

// Me is who is asking, and what they can reach.
type Me struct {
	ID       string       `json:"id" format:"uuid"`
	Email    string       `json:"email"`
	Name     string       `json:"name"`
	Admin    bool         `json:"admin" doc:"Administrator of the whole hub"`
	Projects []Membership `json:"projects"`
	Hub      HubInfo      `json:"hub"`
}

// Membership is a project that the user can see, with their role in it.
type Membership struct {
	Slug string `json:"slug"`
	Name string `json:"name"`
	Role string `json:"role" enum:"owner,admin,editor,operator,viewer,auditor"`
}

// HubInfo is what this hub says of itself.
type HubInfo struct {
	Version    string `json:"version"`
	InstanceID string `json:"instance_id" format:"uuid"`
}

// TokenRequest makes an API token of the user who asks.
type TokenRequest struct {
	Name      string `json:"name" minLength:"1" maxLength:"128"`
	ExpiresIn string `json:"expires_in,omitempty" maxLength:"32" doc:"A duration; the default is 90 days, the most a year" example:"2160h"`
}

// NewToken is the only answer that ever holds a token in plain text.
type NewToken struct {
	Token     string    `json:"token" doc:"Shown once"`
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
