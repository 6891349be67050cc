package client

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"io"
	"time"
)

// ArtifactTotal says what a run keeps in all.
type ArtifactTotal struct {
	Count  int       `json:"count"`
	Bytes  int64     `json:"bytes"`
	MadeAt time.Time `json:"made_at"` // of the newest
}

// Artifact is a file that a run keeps.
type Artifact struct {
	Name        string    `json:"name"`
	Size        int64     `json:"size"`         // bytes
	SHA256      string    `json:"sha256"`       // hexadecimal
	ContentType string    `json:"content_type"` // what the ending of the name says
	Attempt     int       `json:"attempt"`      // which has put it
	MadeAt      time.Time `json:"made_at"`
}

// Artifacts lists what a run keeps, by name.
func (c *Client) Artifacts(ctx context.Context, project, run string) (Page[Artifact], error) {
	return page[Artifact](ctx, c, get(runs(project, run, "artifacts")...))
}

// Artifact copies an artifact, as it was listed, to w. If what came is something else
// it returns [ErrDamaged]; w has got it then.
func (c *Client) Artifact(ctx context.Context, project, run string, a Artifact, w io.Writer) error {
	resp, err := c.send(ctx, get(runs(project, run, "artifacts", a.Name)...))
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	sum := sha256.New()
	out := &sink{w: w}
	if _, err := io.Copy(io.MultiWriter(out, sum), resp.Body); err != nil {
		if out.err != nil {
			return out.err
		}
		return c.broken(ctx, err)
	}
	if got := hex.EncodeToString(sum.Sum(nil)); got != a.SHA256 {
		return ErrDamaged.With("%s has the SHA-256 %s, not %s", a.Name, got, a.SHA256)
	}
	return nil
}
