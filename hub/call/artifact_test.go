package call

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"testing"

	"github.com/google/uuid"

	"github.com/cronium/cronium/hub/artifact"
	"github.com/cronium/cronium/hub/run"
)

// must asks for what cannot fail and returns the value.
func (w *world) must(name, format string, args ...any) map[string]any {
	w.t.Helper()
	text, err := w.ask(name, fmt.Sprintf(format, args...))
	if err != nil {
		w.t.Fatalf("%s: %v", name, err)
	}
	var value map[string]any
	if text != "null" {
		if err := json.Unmarshal([]byte(text), &value); err != nil {
			w.t.Fatalf("%s: %s", name, text)
		}
	}
	return value
}

// send begins an artifact and writes it, each chunk twice.
func (w *world) send(name string, data []byte) (upload string) {
	w.t.Helper()
	begun := w.must("artifact.begin", `{"name":%q,"size":%d}`, name, len(data))
	if begun["chunk_bytes"] != float64(artifact.ChunkBytes) {
		w.t.Errorf("the beginning is %v", begun)
	}
	for at := 0; at < len(data); at += artifact.ChunkBytes {
		chunk := base64.StdEncoding.EncodeToString(data[at:min(at+artifact.ChunkBytes, len(data))])
		for range 2 {
			w.must("artifact.write", `{"upload":%q,"offset":%d,"data":%q}`, begun["upload"], at, chunk)
		}
	}
	return begun["upload"].(string)
}

// get reads an artifact as a script does.
func (w *world) get(args string) ([]byte, error) {
	text, err := w.ask("artifact.open", args)
	if err != nil {
		return nil, err
	}
	var found struct {
		Artifact uuid.UUID `json:"artifact"`
		Size     int64     `json:"size"`
		SHA256   string    `json:"sha256"`
	}
	if err := json.Unmarshal([]byte(text), &found); err != nil {
		return nil, err
	}
	var all []byte
	for int64(len(all)) < found.Size {
		text, err := w.ask("artifact.read", fmt.Sprintf(`{"artifact":%q,"offset":%d}`, found.Artifact, len(all)))
		if err != nil {
			return nil, err
		}
		var chunk []byte
		if err := json.Unmarshal([]byte(text), &chunk); err != nil {
			return nil, err
		}
		all = append(all, chunk...)
	}
	if sum := fmt.Sprintf("%x", sha256.Sum256(all)); sum != found.SHA256 {
		return nil, fmt.Errorf("the digest is %s, not %s", sum, found.SHA256)
	}
	return all, nil
}

func TestAScriptPutsAndGetsArtifacts(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	data := bytes.Repeat([]byte("0123456789abcdef"), (artifact.ChunkBytes+160)/16)
	upload := w.send("report ü.txt", data)
	if len(w.changed) != 0 {
		t.Error("a change is told before there is one")
	}
	if list, err := w.ask("artifact.list", `{}`); err != nil || list != "[]" {
		t.Errorf("before the end there are %s, %v", list, err)
	}
	commit := fmt.Sprintf(`{"upload":%q,"sha256":"%x"}`, upload, sha256.Sum256(data))
	made, err := w.ask("artifact.commit", commit)
	if err != nil || len(w.changed) != 1 {
		t.Fatalf("the end: %s, %v, %d changes told", made, err, len(w.changed))
	}
	if list, err := w.ask("artifact.list", `{}`); err != nil || list != "["+made+"]" {
		t.Errorf("the list is %s, %v; want [%s]", list, err, made)
	}
	if got, err := w.get(`{"name":"report ü.txt"}`); err != nil || !bytes.Equal(got, data) {
		t.Errorf("%d bytes, %v", len(got), err)
	}
	first := w.ref
	w.ref = w.running() // another run of the project
	if _, err := w.get(`{"name":"report ü.txt"}`); code(err) != "artifact_not_found" {
		t.Errorf("a run that has put nothing: %v", err)
	}
	if got, err := w.get(fmt.Sprintf(`{"name":"report ü.txt","run":%q}`, run.FormatID(first.RunID))); err != nil || !bytes.Equal(got, data) {
		t.Errorf("of another run: %d bytes, %v", len(got), err)
	}
	if list, err := w.ask("artifact.list", fmt.Sprintf(`{"run":%q}`, run.FormatID(first.RunID))); err != nil || list != "["+made+"]" {
		t.Errorf("the other's list is %s, %v", list, err)
	}
}

func TestWrongCallsOfArtifacts(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	upload := w.send("a", []byte("abc"))
	for _, c := range []struct{ name, args, want string }{
		{"artifact.begin", `{"name":"x"}`, "args_invalid"}, {"artifact.begin", `{"name":"x","size":-1}`, "args_invalid"}, {"artifact.begin", `{"name":"x","size":1.5}`, "args_invalid"},
		{"artifact.begin", `{"name":"../x","size":1}`, "artifact_name_invalid"}, {"artifact.begin", `{"size":1}`, "artifact_name_invalid"},
		{"artifact.begin", `{"name":"x","size":2097153}`, "artifact_too_large"},
		{"artifact.write", `{"upload":"x","offset":0,"data":""}`, "args_invalid"}, {"artifact.write", `{"upload":"` + upload + `","offset":0,"data":"%"}`, "args_invalid"},
		{"artifact.write", `{"upload":"` + uuid.NewString() + `","offset":0,"data":"YWJj"}`, "artifact_put_gone"},
		{"artifact.write", `{"upload":"` + upload + `","offset":3,"data":"YWJj"}`, "artifact_chunk_invalid"},
		{"artifact.commit", `{"upload":"` + upload + `","sha256":"zz"}`, "args_invalid"},
		{"artifact.commit", `{"upload":"` + upload + `","sha256":"` + fmt.Sprintf("%064d", 0) + `"}`, "artifact_damaged"},
		{"artifact.commit", `{"upload":"` + upload + `","sha256":""}`, "artifact_damaged"},
		{"artifact.open", `{"name":"a"}`, "artifact_not_found"}, {"artifact.open", `{"name":"a","run":"x"}`, "run_not_found"},
		{"artifact.read", `{"artifact":"` + upload + `","offset":0}`, "artifact_not_found"}, {"artifact.read", `{"artifact":"` + upload + `","offset":1}`, "artifact_not_found"},
		{"artifact.list", `{"run":7}`, "args_invalid"}, {"artifact.list", `{"run":"r_0dk3c9p5v4s3p9j2n0q4c7g5f8"}`, ""},
	} {
		_, err := w.ask(c.name, c.args)
		if c.want == "" && err == nil {
			continue
		}
		if code(err) != c.want {
			t.Errorf("%s %.80s: %v, want %s", c.name, c.args, err, c.want)
		}
	}
	w.must("artifact.drop", `{"upload":%q}`, upload)
	if _, err := w.ask("artifact.commit", fmt.Sprintf(`{"upload":%q,"sha256":"%x"}`, upload, sha256.Sum256([]byte("abc")))); code(err) != "artifact_put_gone" {
		t.Errorf("what was dropped is finished: %v", err)
	}
}

// As after an agent came back while the hub was busy: a beginning and an end that come
// again are the same ones.
func TestAPutThatIsAskedTwiceHappensOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ask := func(id int64, name, args string) string {
		t.Helper()
		value, err := w.Answer(t.Context(), w.agent, Call{Ref: w.ref, ID: id, Name: name, Args: json.RawMessage(args)})
		if err != nil {
			t.Fatal(err)
		}
		return string(value)
	}
	begun := ask(1, "artifact.begin", `{"name":"empty","size":0}`)
	if again := ask(1, "artifact.begin", `{"name":"empty","size":0}`); again != begun {
		t.Errorf("it began as %s and as %s", begun, again)
	}
	var in struct {
		Upload string `json:"upload"`
	}
	if err := json.Unmarshal([]byte(begun), &in); err != nil {
		t.Fatal(err)
	}
	commit := fmt.Sprintf(`{"upload":%q,"sha256":"%x"}`, in.Upload, sha256.Sum256(nil))
	made := ask(2, "artifact.commit", commit)
	if again := ask(2, "artifact.commit", commit); again != made {
		t.Errorf("it ended as %s and as %s", made, again)
	}
}

func TestAnArtifactOfAnotherProjectIsNotThere(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	upload := w.send("a", []byte("abc"))
	w.must("artifact.commit", `{"upload":%q,"sha256":"%x"}`, upload, sha256.Sum256([]byte("abc")))
	other := w.ref
	w.project, w.agent = uuid.New(), uuid.New()
	if _, err := w.pg.Pool.Exec(t.Context(), "insert into projects (id, slug, name) values ($1, 'other', 'Other')", w.project); err != nil {
		t.Fatal(err)
	}
	w.ref = w.running()
	if _, err := w.get(fmt.Sprintf(`{"name":"a","run":%q}`, run.FormatID(other.RunID))); !errors.Is(err, artifact.ErrNotFound) {
		t.Errorf("by name: %v", err)
	}
	if _, err := w.ask("artifact.read", fmt.Sprintf(`{"artifact":%q,"offset":0}`, upload)); !errors.Is(err, artifact.ErrNotFound) {
		t.Errorf("by id: %v", err)
	}
	if list, err := w.ask("artifact.list", fmt.Sprintf(`{"run":%q}`, run.FormatID(other.RunID))); err != nil || list != "[]" {
		t.Errorf("the list: %s, %v", list, err)
	}
	if _, err := w.ask("artifact.write", fmt.Sprintf(`{"upload":%q,"offset":0,"data":"YWJj"}`, upload)); !errors.Is(err, artifact.ErrNoUpload) {
		t.Errorf("a chunk: %v", err)
	}
}
