package httpapi

import (
	"context"
	"mime"
	"net/http"
	"net/url"
	"time"

	"github.com/cronium/cronium/hub/artifact"
	"github.com/cronium/cronium/hub/authz"
	"github.com/cronium/cronium/hub/run"
)

func (a *API) listArtifacts(ctx context.Context, c *call, in *RunPath) (*output[Page[Artifact]], error) {
	id, err := run.ParseID(in.Run)
	if err != nil {
		return nil, err
	}
	if _, err := a.runs.Get(ctx, c.project.ID, id); err != nil {
		return nil, err
	}
	found, err := a.artifacts.List(ctx, c.project.ID, id)
	if err != nil {
		return nil, err
	}
	items := make([]Artifact, len(found))
	for i, f := range found {
		items[i] = Artifact{Name: f.Name, Size: f.Size, SHA256: f.Sum(), ContentType: f.ContentType, Attempt: f.Attempt, MadeAt: f.MadeAt.UTC()}
	}
	return pageOf(items, ""), nil
}

func (a *API) artifactRoute() *route {
	r := within("GET", "/runs/{run}/artifacts/{artifact}", authz.RunRead,
		doc{"getRunArtifact", "runs", "Download an artifact by its name; Range is understood, the ETag is the SHA-256", 0}, nil)
	r.raw = a.getArtifact
	return r
}

func (a *API) getArtifact(w http.ResponseWriter, r *http.Request) {
	ctx, c := r.Context(), callFrom(r.Context())
	found, err := a.findArtifact(ctx, c, r)
	if err != nil {
		c.problem(ctx, err).write(w)
		return
	}
	// An artifact is the work of a stranger's script: no browser may show it as a page
	// of ours, whatever its type.
	h := w.Header()
	h.Set("Content-Type", found.ContentType)
	h.Set("Content-Disposition", mime.FormatMediaType("attachment", map[string]string{"filename": found.Name}))
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Content-Security-Policy", "sandbox; default-src 'none'")
	h.Set("ETag", `"`+found.Sum()+`"`)
	out := &patient{ResponseWriter: w, api: a}
	ranged := &ranged{ResponseWriter: out}
	content := &noting{Reader: a.artifacts.Open(ctx, c.project.ID, found)}
	http.ServeContent(ranged, r, "", time.Time{}, content)
	switch {
	case ranged.refused:
		h.Del("Content-Disposition")
		h.Del("ETag")
		c.problem(ctx, ErrRange.With("%s has %d bytes", found.Name, found.Size).At("Range")).write(w)
	case content.err != nil:
		a.abort(ctx, c, w, out, content.err)
	}
}

// ranged keeps back the words of [http.ServeContent] for a range that there is not:
// they are no problem as ours are.
type ranged struct {
	http.ResponseWriter
	refused bool
}

func (r *ranged) WriteHeader(status int) {
	if r.refused = status == http.StatusRequestedRangeNotSatisfiable; !r.refused {
		r.ResponseWriter.WriteHeader(status)
	}
}

func (r *ranged) Write(b []byte) (int, error) {
	if r.refused {
		return len(b), nil
	}
	return r.ResponseWriter.Write(b)
}

func (a *API) findArtifact(ctx context.Context, c *call, r *http.Request) (artifact.Artifact, error) {
	id, err := run.ParseID(r.PathValue("run"))
	if err != nil {
		return artifact.Artifact{}, err
	}
	name := r.PathValue("artifact")
	if r.URL.RawPath != "" { // then the router has matched that
		if name, err = url.PathUnescape(name); err != nil {
			return artifact.Artifact{}, artifact.ErrName.With("%v", err)
		}
	}
	if err := artifact.CheckName(name); err != nil {
		return artifact.Artifact{}, err
	}
	if _, err := a.runs.Get(ctx, c.project.ID, id); err != nil {
		return artifact.Artifact{}, err
	}
	return a.artifacts.Find(ctx, c.project.ID, id, name)
}

// noting remembers what went wrong in reading, which [http.ServeContent] keeps to
// itself.
type noting struct {
	*artifact.Reader
	err error
}

func (n *noting) Read(p []byte) (int, error) {
	k, err := n.Reader.Read(p)
	if err != nil && n.Reader.Left() > 0 {
		n.err = err
	}
	return k, err
}
