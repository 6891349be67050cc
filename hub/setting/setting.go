package setting

import (
	"time"

	"github.com/google/uuid"
)

// Instance is this installation of Cronium: all hubs on one database.
type Instance struct {
	ID        uuid.UUID
	CreatedAt time.Time
}
