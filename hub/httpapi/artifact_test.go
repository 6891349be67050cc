package httpapi_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"fmt"
	"mime"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/cronium/cronium/hub/artifact"
	"github.com/cronium/cronium/hub/httpapi"
	"github.com/cronium/cronium/hub/project"
	"github.com/cronium/cronium/hub/run"
)

// keep puts an artifact, as the script of a run does.
func (w *world) keep(p project.Project, ref run.Ref, name string, data []byte) {
	w.t.Helper()
	of := artifact.Owner{Project: p.ID, Run: ref.RunID, Attempt: ref.Attempt}
	err := w.db.InTx(w.t.Context(), func(tx pgx.Tx) error {
		ctx := context.WithoutCancel(w.t.Context())
		id, err := w.artifacts.Begin(ctx, tx, of, name, int64(len(data)))
		for at := 0; at < len(data) && err == nil; at += artifact.ChunkBytes {
			err = w.artifacts.Write(ctx, tx, of, id, int64(at), data[at:min(at+artifact.ChunkBytes, len(data))])
		}
		if err != nil {
			return err
		}
		sum := sha256.Sum256(data)
		_, err = w.artifacts.Finish(ctx, tx, of, id, sum[:])
		return err
	})
	if err != nil {
		w.t.Fatal(err)
	}
}

func artifactsOf(r run.Run, name ...string) string {
	path := "/api/v1/projects/default/runs/" + r.Public() + "/artifacts"
	for _, n := range name {
		path += "/" + url.PathEscape(n)
	}
	return path
}

func header(name, value string) option {
	return func(r *http.Request) { r.Header.Set(name, value) }
}

func TestArtifactsAreListedAndDownloaded(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	r, ref := w.running(w.ours)
	if got := decode[httpapi.Run](t, w.want(200, "GET", "/api/v1/projects/default/runs/"+r.Public(), "")); got.Artifacts != nil {
		t.Errorf("a run without artifacts has %+v", got.Artifacts)
	}
	if list := decode[httpapi.Page[httpapi.Artifact]](t, w.want(200, "GET", artifactsOf(r), "")); len(list.Items) != 0 {
		t.Errorf("and lists %+v", list)
	}
	data := bytes.Repeat([]byte("0123456789"), artifact.ChunkBytes/10+100)
	w.keep(w.ours, ref, "page.html", data)
	w.keep(w.ours, ref, "empty", nil)
	list := decode[httpapi.Page[httpapi.Artifact]](t, w.want(200, "GET", artifactsOf(r), ""))
	sum := fmt.Sprintf("%x", sha256.Sum256(data))
	if len(list.Items) != 2 || list.Items[0].Name != "empty" || list.Items[1].Size != int64(len(data)) || list.Items[1].SHA256 != sum || list.Items[1].ContentType != "text/html" {
		t.Errorf("the list is %+v", list)
	}
	got := decode[httpapi.Run](t, w.want(200, "GET", "/api/v1/projects/default/runs/"+r.Public(), ""))
	if got.Artifacts == nil || got.Artifacts.Count != 2 || got.Artifacts.Bytes != int64(len(data)) || got.Artifacts.MadeAt.IsZero() {
		t.Errorf("the run has %+v", got.Artifacts)
	}
	whole := w.want(200, "GET", artifactsOf(r, "page.html"), "")
	if !bytes.Equal(whole.body, data) {
		t.Errorf("%d bytes came", len(whole.body))
	}
	for name, want := range map[string]string{
		"Content-Type": "text/html", "Content-Disposition": "attachment; filename=page.html", "X-Content-Type-Options": "nosniff",
		"Content-Security-Policy": "sandbox; default-src 'none'", "ETag": `"` + sum + `"`, "Accept-Ranges": "bytes", "Content-Length": fmt.Sprint(len(data)),
	} {
		if got := whole.header.Get(name); got != want {
			t.Errorf("%s: %s, want %s", name, got, want)
		}
	}
	if empty := w.want(200, "GET", artifactsOf(r, "empty"), ""); len(empty.body) != 0 {
		t.Errorf("nothing is %q", empty.body)
	}
}

func TestAnArtifactIsDownloadedInParts(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	r, ref := w.running(w.ours)
	data := make([]byte, artifact.ChunkBytes+100)
	for i := range data {
		data[i] = byte(i % 251)
	}
	w.keep(w.ours, ref, "a", data)
	sum := `"` + fmt.Sprintf("%x", sha256.Sum256(data)) + `"`
	for ask, want := range map[string][]byte{
		"bytes=0-9": data[:10], "bytes=-10": data[len(data)-10:], fmt.Sprintf("bytes=%d-", artifact.ChunkBytes-5): data[artifact.ChunkBytes-5:],
		fmt.Sprintf("bytes=%d-%d", artifact.ChunkBytes-1, artifact.ChunkBytes): data[artifact.ChunkBytes-1 : artifact.ChunkBytes+1],
	} {
		if got := w.want(206, "GET", artifactsOf(r, "a"), "", header("Range", ask), header("If-Range", sum)); !bytes.Equal(got.body, want) {
			t.Errorf("%s: %d bytes", ask, len(got.body))
		}
	}
	if got := w.want(200, "GET", artifactsOf(r, "a"), "", header("Range", "bytes=0-9"), header("If-Range", `"another"`)); len(got.body) != len(data) {
		t.Errorf("a part of another one: %d bytes", len(got.body))
	}
	beyond := w.want(416, "GET", artifactsOf(r, "a"), "", header("Range", fmt.Sprintf("bytes=%d-", len(data))))
	if beyond.code() != "range_not_satisfiable" || beyond.header.Get("Content-Disposition") != "" {
		t.Errorf("beyond the end: %s, %v", beyond.body, beyond.header)
	}
	w.want(304, "GET", artifactsOf(r, "a"), "", header("If-None-Match", sum))
}

func TestAnyNameIsDownloaded(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	r, ref := w.running(w.ours)
	for _, name := range []string{"50% of a+b?#&;=.txt", "Bericht ü \"x\".pdf", "%2F", "%252e%252e", "отчёт", "...", "a:b*'<>|"} {
		w.keep(w.ours, ref, name, []byte(name))
		got := w.want(200, "GET", artifactsOf(r, name), "")
		if string(got.body) != name {
			t.Errorf("%s is %q", name, got.body)
		}
		how, words, err := mime.ParseMediaType(got.header.Get("Content-Disposition"))
		if err != nil || how != "attachment" || words["filename"] != name {
			t.Errorf("%s is offered as %s", name, got.header.Get("Content-Disposition"))
		}
	}
	for path, want := range map[string]string{
		"%2e%2e": "artifact_name_invalid", "a%2Fb": "artifact_name_invalid", "..%2F..%2Fetc%2Fpasswd": "artifact_name_invalid", "a%0Ab": "artifact_name_invalid",
		"%5c": "artifact_name_invalid", "no": "artifact_not_found", strings.Repeat("x", 256): "artifact_name_invalid", "%252E%252E": "artifact_not_found",
	} {
		if got := w.do("GET", artifactsOf(r)+"/"+path, ""); got.code() != want {
			t.Errorf("%s: %d %s, want %s", path, got.status, clip(got.body), want)
		}
	}
}

func TestArtifactsAreForWhoMayReadTheRun(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	r, ref := w.running(w.theirs)
	w.keep(w.theirs, ref, "a", []byte("theirs"))
	for _, path := range []string{artifactsOf(r), artifactsOf(r, "a")} {
		if got := w.do("GET", path, ""); got.status != 404 || got.code() != "run_not_found" {
			t.Errorf("through another project: %d %s", got.status, clip(got.body))
		}
		theirs := strings.Replace(path, "/default/", "/other/", 1)
		stranger, _ := w.member(w.ours, "viewer")
		if got := w.do("GET", theirs, "", as(stranger)); got.status != 404 {
			t.Errorf("a stranger: %d", got.status)
		}
		if got := w.send("GET", theirs, ""); got.status != 401 {
			t.Errorf("nobody: %d", got.status)
		}
		viewer, _ := w.member(w.theirs, "viewer")
		if got := w.do("GET", theirs, "", as(viewer)); got.status != 200 {
			t.Errorf("a viewer: %d", got.status)
		}
	}
}

// Who reads an artifact while it is replaced gets a broken connection, not a mixture.
func TestADownloadThatIsOvertakenBreaksOff(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	r, ref := w.running(w.ours)
	data := bytes.Repeat([]byte("old "), 24<<20/4) // more than lies in the buffers on the way
	w.keep(w.ours, ref, "a", data)
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, w.url+artifactsOf(r, "a"), nil)
	if err != nil {
		t.Fatal(err)
	}
	as(w.admin)(request)
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	w.keep(w.ours, ref, "a", []byte("new"))
	var got bytes.Buffer
	if _, err := got.ReadFrom(response.Body); err == nil || !bytes.HasPrefix(data, got.Bytes()) || got.Len() == len(data) {
		t.Errorf("%d of %d bytes came and %v", got.Len(), len(data), err)
	}
}
