package dockertest

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"testing"
)

// Registry is a registry of one image on loopback, which engines trust without TLS.
// The image has bash and little else.
type Registry struct {
	Host   string // 127.0.0.1:PORT
	Digest string // of the image's manifest

	user, password string
	blobs          map[string][]byte // by digest
	manifest       []byte
}

// NewRegistry starts a registry; with a user it gives nothing out without the
// password. Every repository and tag of it is the same image.
func NewRegistry(t testing.TB, user, password string) *Registry {
	t.Helper()
	r := &Registry{user: user, password: password, blobs: map[string][]byte{}}
	if err := r.fill(); err != nil {
		t.Fatalf("make an image for the registry: %v", err)
	}
	server := httptest.NewServer(r)
	t.Cleanup(server.Close)
	r.Host = strings.TrimPrefix(server.URL, "http://")
	return r
}

type descriptor struct {
	MediaType string `json:"mediaType"`
	Size      int    `json:"size"`
	Digest    string `json:"digest"`
}

const manifestType = "application/vnd.docker.distribution.manifest.v2+json"

func (r *Registry) fill() error {
	var plain, layer bytes.Buffer
	if err := writeSmallRootFS(&plain); err != nil {
		return err
	}
	z := gzip.NewWriter(&layer)
	if _, err := z.Write(plain.Bytes()); err != nil {
		return err
	}
	if err := z.Close(); err != nil {
		return err
	}
	config, err := json.Marshal(map[string]any{
		"architecture": runtime.GOARCH, "os": "linux", "config": map[string]any{"Env": []string{"PATH=/usr/bin:/bin"}, "User": "1000:1000", "Entrypoint": []string{"/usr/bin/false"}},
		"rootfs": map[string]any{"type": "layers", "diff_ids": []string{digestOf(plain.Bytes())}},
	})
	if err != nil {
		return err
	}
	r.manifest, err = json.Marshal(map[string]any{
		"schemaVersion": 2, "mediaType": manifestType,
		"config": r.add("application/vnd.docker.container.image.v1+json", config),
		"layers": []descriptor{r.add("application/vnd.docker.image.rootfs.diff.tar.gzip", layer.Bytes())},
	})
	r.Digest = digestOf(r.manifest)
	return err
}

func (r *Registry) add(mediaType string, blob []byte) descriptor {
	d := descriptor{mediaType, len(blob), digestOf(blob)}
	r.blobs[d.Digest] = blob
	return d
}

func digestOf(b []byte) string { return fmt.Sprintf("sha256:%x", sha256.Sum256(b)) }

// ServeHTTP is the part of the registry's API that a pull needs.
func (r *Registry) ServeHTTP(w http.ResponseWriter, in *http.Request) {
	if user, password, _ := in.BasicAuth(); r.user != "" && (user != r.user || password != r.password) {
		w.Header().Set("WWW-Authenticate", `Basic realm="test"`)
		http.Error(w, `{"errors":[{"code":"UNAUTHORIZED","message":"authentication required"}]}`, http.StatusUnauthorized)
		return
	}
	_, name, _ := strings.Cut(in.URL.Path, "/manifests/")
	at := strings.LastIndex(in.URL.Path, "/blobs/")
	switch {
	case in.URL.Path == "/v2/":
		w.WriteHeader(http.StatusOK)
	case name != "" && (!strings.HasPrefix(name, "sha256:") || name == r.Digest):
		r.give(w, in, manifestType, r.Digest, r.manifest)
	case at > 0 && r.blobs[in.URL.Path[at+len("/blobs/"):]] != nil:
		digest := in.URL.Path[at+len("/blobs/"):]
		r.give(w, in, "application/octet-stream", digest, r.blobs[digest])
	default:
		http.Error(w, `{"errors":[{"code":"MANIFEST_UNKNOWN","message":"manifest unknown"}]}`, http.StatusNotFound)
	}
}

func (r *Registry) give(w http.ResponseWriter, in *http.Request, mediaType, digest string, body []byte) {
	w.Header().Set("Content-Type", mediaType)
	w.Header().Set("Docker-Content-Digest", digest)
	w.Header().Set("Content-Length", fmt.Sprint(len(body)))
	if in.Method != http.MethodHead {
		_, _ = w.Write(body)
	}
}
