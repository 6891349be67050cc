package identity

import (
	"time"

	"github.com/google/uuid"
)

// How long things last.
const (
	SessionIdle     = 12 * time.Hour
	SessionLifetime = 7 * 24 * time.Hour
	TokenDefault    = 90 * 24 * time.Hour
	TokenLongest    = 365 * 24 * time.Hour
	tokenShortest   = time.Minute
	mostTokens      = 100
)

// User is a person.
type User struct {
	ID        uuid.UUID
	Email     string // lower case
	Name      string
	Admin     bool // administrator of the instance
	CreatedAt time.Time
}

// Token is an API token without its secret, which is shown once, when it is made.
type Token struct {
	ID         string
	Name       string
	CreatedAt  time.Time
	ExpiresAt  time.Time
	LastUsedAt *time.Time // to the hour; nil: never
}
