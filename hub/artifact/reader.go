package artifact

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/google/uuid"
)

// Reader reads an artifact, from anywhere in it. It holds one chunk. It is not for
// concurrent use, and need not be closed.
type Reader struct {
	ctx     context.Context //nolint:containedctx // io.Reader takes none
	store   *Store
	project uuid.UUID
	of      Artifact

	at    int64
	begin int64 // of chunk
	chunk []byte
}

// Open returns a reader of an artifact. It reads until ctx ends.
func (s *Store) Open(ctx context.Context, project uuid.UUID, a Artifact) *Reader {
	return &Reader{ctx: ctx, store: s, project: project, of: a}
}

// Read implements [io.Reader].
func (r *Reader) Read(p []byte) (int, error) {
	if r.at >= r.of.Size {
		return 0, io.EOF
	}
	if begin := r.at - r.at%ChunkBytes; r.chunk == nil || begin != r.begin {
		chunk, err := r.store.Chunk(r.ctx, r.project, r.of.ID, begin)
		if err != nil {
			return 0, err
		}
		if want := min(ChunkBytes, r.of.Size-begin); int64(len(chunk)) != want {
			return 0, fmt.Errorf("artifact %s has %d bytes at %d, want %d", r.of.ID, len(chunk), begin, want)
		}
		r.begin, r.chunk = begin, chunk
	}
	n := copy(p, r.chunk[r.at-r.begin:])
	r.at += int64(n)
	return n, nil
}

// Left is how many bytes follow.
func (r *Reader) Left() int64 { return max(0, r.of.Size-r.at) }

var errSeek = errors.New("seek before the beginning")

// Seek implements [io.Seeker].
func (r *Reader) Seek(offset int64, whence int) (int64, error) {
	switch whence {
	case io.SeekCurrent:
		offset += r.at
	case io.SeekEnd:
		offset += r.of.Size
	}
	if offset < 0 {
		return 0, errSeek
	}
	r.at = offset
	return offset, nil
}
