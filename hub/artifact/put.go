package artifact

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding"
	"errors"
	"fmt"
	"hash"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/cronium/cronium/hub/artifact/internal/db"
)

// Begin announces an artifact of so many bytes and returns the id that its bytes
// come under. It fails with [ErrName], [ErrTooLarge], [ErrRunFull] and [ErrTooMany].
func (s *Store) Begin(ctx context.Context, tx pgx.Tx, of Owner, name string, size int64) (uuid.UUID, error) {
	if err := CheckName(name); err != nil {
		return uuid.Nil, err
	}
	if size < 0 || size > s.limits.Artifact {
		return uuid.Nil, ErrTooLarge.With("%s has %d bytes, at most %d are allowed", name, size, s.limits.Artifact)
	}
	q := db.New(tx)
	if err := s.admit(ctx, q, of, name, size); err != nil {
		return uuid.Nil, err
	}
	id, err := uuid.NewV7()
	if err != nil {
		return uuid.Nil, fmt.Errorf("draw an id: %w", err)
	}
	state, err := stateOf(sha256.New())
	if err != nil {
		return uuid.Nil, err
	}
	err = q.Begin(ctx, db.BeginParams{ID: id, ProjectID: of.Project, RunID: of.Run, Attempt: of.Attempt,
		Name: name, ContentType: contentType(name), Size: size, Digest: state})
	if err != nil {
		return uuid.Nil, fmt.Errorf("begin an artifact of run %s: %w", of.Run, err)
	}
	return id, nil
}

// admit holds the run's limits, also against puts that begin at the same moment.
func (s *Store) admit(ctx context.Context, q *db.Queries, of Owner, name string, size int64) error {
	if err := q.LockRun(ctx, of.Run.String()); err != nil {
		return fmt.Errorf("lock the artifacts of run %s: %w", of.Run, err)
	}
	held, err := q.Held(ctx, of.Run, name)
	switch {
	case err != nil:
		return fmt.Errorf("count the artifacts of run %s: %w", of.Run, err)
	case held.Count >= int64(s.limits.Count):
		return ErrTooMany.With("It has %d, those that are being put included; at most %d are allowed", held.Count, s.limits.Count)
	case held.Bytes+size > s.limits.Run:
		return ErrRunFull.With("There are %d bytes, those that are being put included, and %s has %d; at most %d are allowed", held.Bytes, name, size, s.limits.Run)
	}
	return nil
}

// Write adds the chunk that begins at offset. One that is there already changes
// nothing. It fails with [ErrNoUpload] and [ErrChunk].
func (s *Store) Write(ctx context.Context, tx pgx.Tx, of Owner, id uuid.UUID, offset int64, data []byte) error {
	q := db.New(tx)
	put, err := putting(ctx, q, of, id)
	if err != nil {
		return err
	}
	if want := min(ChunkBytes, put.Size-offset); offset < 0 || offset%ChunkBytes != 0 || want <= 0 || int64(len(data)) != want {
		return ErrChunk.With("%d bytes at %d of %d", len(data), offset, put.Size)
	}
	switch end := offset + int64(len(data)); {
	case end <= put.Received:
		return nil // it comes again
	case offset != put.Received:
		return ErrChunk.With("It begins at %d, but %d bytes are there", offset, put.Received)
	}
	h, err := resume(put.Digest)
	if err != nil {
		return err
	}
	h.Write(data)
	state, err := stateOf(h)
	if err == nil {
		err = q.AddChunk(ctx, id, int32(offset/ChunkBytes), data) //nolint:gosec // at most 10 GiB of 512 KiB
	}
	if err == nil {
		err = q.Advance(ctx, offset+int64(len(data)), state, id)
	}
	if err != nil {
		return fmt.Errorf("add to the artifact %s: %w", id, err)
	}
	return nil
}

// Finish makes the artifact appear, in place of one of the same name, if what has
// come has this SHA-256. It fails with [ErrNoUpload], [ErrChunk] and [ErrDamaged].
func (s *Store) Finish(ctx context.Context, tx pgx.Tx, of Owner, id uuid.UUID, sum []byte) (Artifact, error) {
	q := db.New(tx)
	if err := q.LockRun(ctx, of.Run.String()); err != nil {
		return Artifact{}, fmt.Errorf("lock the artifacts of run %s: %w", of.Run, err)
	}
	put, err := putting(ctx, q, of, id)
	if err != nil {
		return Artifact{}, err
	}
	if put.Received != put.Size {
		return Artifact{}, ErrChunk.With("It ends after %d of %d bytes", put.Received, put.Size)
	}
	h, err := resume(put.Digest)
	if err != nil {
		return Artifact{}, err
	}
	got := h.Sum(nil)
	if !bytes.Equal(got, sum) {
		return Artifact{}, ErrDamaged.With("%s has the SHA-256 %x, not %x", put.Name, got, sum)
	}
	made := Artifact{ID: id, Attempt: int(of.Attempt), Name: put.Name, ContentType: put.ContentType, Size: put.Size, SHA256: got}
	if err := q.Replace(ctx, of.Run, put.Name); err != nil {
		return Artifact{}, fmt.Errorf("replace the artifact %s of run %s: %w", put.Name, of.Run, err)
	}
	at, err := q.Finish(ctx, got, id)
	if err != nil {
		return Artifact{}, fmt.Errorf("finish the artifact %s: %w", id, err)
	}
	made.MadeAt = *at
	return made, nil
}

// Drop forgets what was begun. What is finished stays.
func (s *Store) Drop(ctx context.Context, tx pgx.Tx, of Owner, id uuid.UUID) error {
	if err := db.New(tx).Drop(ctx, id, of.Run, of.Attempt); err != nil {
		return fmt.Errorf("drop the artifact %s: %w", id, err)
	}
	return nil
}

func putting(ctx context.Context, q *db.Queries, of Owner, id uuid.UUID) (db.PuttingRow, error) {
	put, err := q.Putting(ctx, id, of.Run, of.Attempt)
	if errors.Is(err, pgx.ErrNoRows) {
		return put, ErrNoUpload.With("%s", id)
	}
	if err != nil {
		return put, fmt.Errorf("look for the artifact %s: %w", id, err)
	}
	return put, nil
}

// stateOf is a hash as bytes from which [resume] goes on, in any process.
func stateOf(h hash.Hash) ([]byte, error) {
	state, err := h.(encoding.BinaryMarshaler).MarshalBinary() //nolint:forcetypeassert // sha256 promises it
	if err != nil {
		return nil, fmt.Errorf("keep the state of a hash: %w", err)
	}
	return state, nil
}

func resume(state []byte) (hash.Hash, error) {
	h := sha256.New()
	if err := h.(encoding.BinaryUnmarshaler).UnmarshalBinary(state); err != nil { //nolint:forcetypeassert // sha256 promises it
		return nil, fmt.Errorf("resume a hash: %w", err)
	}
	return h, nil
}
