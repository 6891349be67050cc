package project

import (
	"time"

	"github.com/google/uuid"
)

// DefaultSlug is the project that every installation has.
const DefaultSlug = "default"

// Project is a space that owns jobs, runs, schedules and hosts.
type Project struct {
	ID        uuid.UUID
	Slug      string // lower-case letters, digits and dashes; what people type
	Name      string
	CreatedAt time.Time
}
