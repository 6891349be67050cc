package web

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"io/fs"
	"mime"
	"net/http"
	"path"
	"strings"
	"time"
)

//go:embed all:dist
var dist embed.FS

// policy lets the page load from the hub only. Mantine and CodeMirror insert style elements, hence 'unsafe-inline' for styles.
const policy = "default-src 'self'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; " +
	"font-src 'self'; connect-src 'self'; worker-src 'self'; object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"

const unbuilt = "This hub was compiled without its dashboard. Run `make build` and start it again.\nThe API is at /api/v1.\n"

// Handler serves the dashboard. It is safe for concurrent use and keeps every file in memory.
func Handler() http.Handler {
	sub, err := fs.Sub(dist, "dist")
	if err != nil {
		panic(err) // the embedded tree always has dist
	}
	return handlerFor(sub)
}

func handlerFor(tree fs.FS) http.Handler {
	files, err := load(tree)
	if err != nil {
		panic(err) // an embedded file cannot fail to be read
	}
	return &site{files: files}
}

type site struct{ files map[string]*file }

// A file is one path of the build with its pre-compressed forms.
type file struct {
	contentType   string
	etag          string
	plain, gz, br []byte
}

func (s *site) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		w.Header().Set("Allow", "GET, HEAD")
		http.Error(w, "method not allowed", http.StatusMethodNotAllowed)
		return
	}
	name := strings.TrimPrefix(path.Clean("/"+r.URL.Path), "/")
	f, ok := s.files[name]
	if !ok && strings.HasPrefix(name, "assets/") {
		http.NotFound(w, r) // a chunk of another version: the page offers to reload
		return
	}
	if !ok {
		name = "index.html"
		f, ok = s.files[name]
	}
	if !ok {
		w.Header().Set("Cache-Control", "no-store")
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		w.WriteHeader(http.StatusServiceUnavailable)
		_, _ = w.Write([]byte(unbuilt))
		return
	}
	f.serve(w, r, strings.HasPrefix(name, "assets/"))
}

func (f *file) serve(w http.ResponseWriter, r *http.Request, forever bool) {
	h := w.Header()
	h.Set("Content-Type", f.contentType)
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Vary", "Accept-Encoding")
	if forever {
		h.Set("Cache-Control", "public, max-age=31536000, immutable")
	} else {
		h.Set("Cache-Control", "no-cache")
	}
	if strings.HasPrefix(f.contentType, "text/html") {
		h.Set("Content-Security-Policy", policy)
		h.Set("Referrer-Policy", "same-origin")
	}
	body, encoding := f.pick(r.Header.Get("Accept-Encoding"))
	etag := `"` + f.etag + `"`
	if encoding != "" {
		h.Set("Content-Encoding", encoding)
		etag = `"` + f.etag + "-" + encoding + `"`
	}
	h.Set("ETag", etag)
	// ServeContent answers If-None-Match, ranges and HEAD.
	http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(body))
}

func (f *file) pick(accept string) ([]byte, string) {
	switch {
	case f.br != nil && accepts(accept, "br"):
		return f.br, "br"
	case f.gz != nil && accepts(accept, "gzip"):
		return f.gz, "gzip"
	}
	return f.plain, ""
}

func accepts(header, encoding string) bool {
	for part := range strings.SplitSeq(header, ",") {
		name, params, _ := strings.Cut(strings.TrimSpace(part), ";")
		if strings.EqualFold(strings.TrimSpace(name), encoding) {
			q := strings.ReplaceAll(params, " ", "")
			return q != "q=0" && q != "q=0.0"
		}
	}
	return false
}

func load(tree fs.FS) (map[string]*file, error) {
	files := map[string]*file{}
	err := fs.WalkDir(tree, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || name == ".gitkeep" {
			return err
		}
		body, err := fs.ReadFile(tree, name)
		if err != nil {
			return err
		}
		switch path.Ext(name) {
		case ".gz":
			entry(files, strings.TrimSuffix(name, ".gz")).gz = body
		case ".br":
			entry(files, strings.TrimSuffix(name, ".br")).br = body
		default:
			f := entry(files, name)
			sum := sha256.Sum256(body)
			f.plain, f.etag, f.contentType = body, hex.EncodeToString(sum[:8]), typeOf(name)
		}
		return nil
	})
	return files, err
}

func entry(files map[string]*file, name string) *file {
	f, ok := files[name]
	if !ok {
		f = &file{}
		files[name] = f
	}
	return f
}

// typeOf does not ask the machine's mime database for what a build contains, so every machine serves the same types.
func typeOf(name string) string {
	switch path.Ext(name) {
	case ".js":
		return "text/javascript; charset=utf-8"
	case ".css":
		return "text/css; charset=utf-8"
	case ".html":
		return "text/html; charset=utf-8"
	case ".svg":
		return "image/svg+xml"
	case ".woff2":
		return "font/woff2"
	}
	if t := mime.TypeByExtension(path.Ext(name)); t != "" {
		return t
	}
	return "application/octet-stream"
}
