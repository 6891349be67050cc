package artifact

import (
	"encoding/hex"
	"time"

	"github.com/google/uuid"
)

// ChunkBytes is how many bytes a chunk has, but for the last one.
const ChunkBytes = 512 << 10

// Artifact is a file that a run keeps.
type Artifact struct {
	ID          uuid.UUID // another one when the name is put again
	Attempt     int       // that has put it
	Name        string
	ContentType string // what the name's ending says
	Size        int64
	SHA256      []byte
	MadeAt      time.Time
}

// Sum is the digest as people read it.
func (a Artifact) Sum() string { return hex.EncodeToString(a.SHA256) }

// Total is what a run keeps in all. The zero value is nothing.
type Total struct {
	Count  int
	Bytes  int64
	MadeAt *time.Time // of the newest
}

// Owner is for whom something is put.
type Owner struct {
	Project uuid.UUID
	Run     uuid.UUID
	Attempt int32
}
