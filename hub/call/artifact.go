package call

import (
	"context"
	"encoding/hex"
	"time"

	"github.com/google/uuid"

	"github.com/cronium/cronium/hub/artifact"
	"github.com/cronium/cronium/hub/run"
)

// kept is an artifact as scripts see it.
type kept struct {
	Name        string    `json:"name"`
	Size        int64     `json:"size"`
	SHA256      string    `json:"sha256"`
	ContentType string    `json:"content_type"`
	Attempt     int       `json:"attempt"`
	MadeAt      time.Time `json:"made_at"`
}

func toKept(a artifact.Artifact) kept {
	return kept{Name: a.Name, Size: a.Size, SHA256: a.Sum(), ContentType: a.ContentType, Attempt: a.Attempt, MadeAt: a.MadeAt.UTC()}
}

func (a *ask) owner() artifact.Owner {
	return artifact.Owner{Project: a.live.ProjectID, Run: a.Ref.RunID, Attempt: a.Ref.Attempt}
}

func (a *ask) artifactBegin(ctx context.Context) (any, error) {
	var in struct {
		named
		Size *int64 `json:"size"`
	}
	if err := a.args(&in); err != nil {
		return nil, err
	}
	if in.Size == nil || *in.Size < 0 {
		return nil, ErrArgs.With("size must be a number of bytes")
	}
	id, err := a.Artifacts.Begin(ctx, a.tx, a.owner(), in.Name, *in.Size)
	return map[string]any{"upload": id, "chunk_bytes": artifact.ChunkBytes}, err
}

func (a *ask) artifactWrite(ctx context.Context) (any, error) {
	var in struct {
		Upload uuid.UUID `json:"upload"`
		Offset int64     `json:"offset"`
		Data   []byte    `json:"data"`
	}
	if err := a.args(&in); err != nil {
		return nil, err
	}
	return nil, a.Artifacts.Write(ctx, a.tx, a.owner(), in.Upload, in.Offset, in.Data)
}

func (a *ask) artifactCommit(ctx context.Context) (any, error) {
	var in struct {
		Upload uuid.UUID `json:"upload"`
		SHA256 string    `json:"sha256"`
	}
	if err := a.args(&in); err != nil {
		return nil, err
	}
	sum, err := hex.DecodeString(in.SHA256)
	if err != nil {
		return nil, ErrArgs.With("sha256 must be hexadecimal")
	}
	made, err := a.Artifacts.Finish(ctx, a.tx, a.owner(), in.Upload, sum)
	if err != nil {
		return nil, err
	}
	return toKept(made), nil
}

func (a *ask) artifactDrop(ctx context.Context) (any, error) {
	var in struct {
		Upload uuid.UUID `json:"upload"`
	}
	if err := a.args(&in); err != nil {
		return nil, err
	}
	return nil, a.Artifacts.Drop(ctx, a.tx, a.owner(), in.Upload)
}

// from names a run; none is the script's own.
type from struct {
	Run *string `json:"run"`
}

func (f from) id(own uuid.UUID) (uuid.UUID, error) {
	if f.Run == nil {
		return own, nil
	}
	return run.ParseID(*f.Run)
}

func (a *ask) artifactList(ctx context.Context) (any, error) {
	var in from
	if err := a.args(&in); err != nil {
		return nil, err
	}
	id, err := in.id(a.Ref.RunID)
	if err != nil {
		return nil, err
	}
	found, err := a.Artifacts.List(ctx, a.live.ProjectID, id)
	if err != nil {
		return nil, err
	}
	all := make([]kept, len(found))
	for i, one := range found {
		all[i] = toKept(one)
	}
	return all, nil
}

func (a *ask) artifactOpen(ctx context.Context) (any, error) {
	var in struct {
		named
		from
	}
	if err := a.args(&in); err != nil {
		return nil, err
	}
	id, err := in.id(a.Ref.RunID)
	if err != nil {
		return nil, err
	}
	found, err := a.Artifacts.Find(ctx, a.live.ProjectID, id, in.Name)
	return map[string]any{"artifact": found.ID, "size": found.Size, "sha256": found.Sum(), "chunk_bytes": artifact.ChunkBytes}, err
}

func (a *ask) artifactRead(ctx context.Context) (any, error) {
	var in struct {
		Artifact uuid.UUID `json:"artifact"`
		Offset   int64     `json:"offset"`
	}
	if err := a.args(&in); err != nil {
		return nil, err
	}
	return a.Artifacts.Chunk(ctx, a.live.ProjectID, in.Artifact, in.Offset)
}
