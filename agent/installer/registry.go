package installer

import (
	"archive/tar"
	"compress/gzip"
	"crypto/sha512"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

const maxManifest = 4 << 20 // bytes of a package.json

// wheelhouse are the packages of a directory by name and version.
type wheelhouse map[string]map[string]packed

// packed is one file of a package.
type packed struct {
	path      string
	manifest  map[string]json.RawMessage // its package.json
	integrity string
}

// readWheelhouse reads the packed packages (*.tgz) of a directory.
func readWheelhouse(dir string) (wheelhouse, error) {
	files, err := filepath.Glob(filepath.Join(dir, "*.tgz"))
	if err == nil {
		_, err = os.ReadDir(dir)
	}
	if err != nil {
		return nil, ErrWheelhouse.With("%v", err)
	}
	all := wheelhouse{}
	for _, file := range files {
		name, version, p, err := readPacked(file)
		if err != nil {
			return nil, ErrWheelhouse.With("%s: %v", filepath.Base(file), err)
		}
		if all[name] == nil {
			all[name] = map[string]packed{}
		}
		all[name][version] = p
	}
	return all, nil
}

func readPacked(file string) (name, version string, p packed, err error) {
	f, err := os.Open(file)
	if err != nil {
		return "", "", p, err
	}
	defer func() { _ = f.Close() }()
	sum := sha512.New()
	if _, err := io.Copy(sum, f); err != nil {
		return "", "", p, err
	}
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		return "", "", p, err
	}
	text, err := manifestOf(f)
	if err != nil {
		return "", "", p, err
	}
	var id struct{ Name, Version string }
	if err := errors.Join(json.Unmarshal(text, &id), json.Unmarshal(text, &p.manifest)); err != nil || id.Name == "" || id.Version == "" {
		return "", "", p, fmt.Errorf("its package.json has no name and version: %w", errors.Join(err))
	}
	p.path, p.integrity = file, "sha512-"+base64.StdEncoding.EncodeToString(sum.Sum(nil))
	return id.Name, id.Version, p, nil
}

// manifestOf finds the package.json at the top of a packed package.
func manifestOf(r io.Reader) ([]byte, error) {
	z, err := gzip.NewReader(r)
	if err != nil {
		return nil, err
	}
	for files := tar.NewReader(z); ; {
		h, err := files.Next()
		if errors.Is(err, io.EOF) {
			return nil, errors.New("it holds no package.json")
		}
		if err != nil {
			return nil, err
		}
		if parts := strings.Split(strings.TrimPrefix(h.Name, "./"), "/"); len(parts) == 2 && parts[1] == "package.json" {
			return io.ReadAll(io.LimitReader(files, maxManifest))
		}
	}
}

// registry answers as a registry of npm does, at that address.
func (w wheelhouse) registry(address string) http.Handler {
	return http.HandlerFunc(func(out http.ResponseWriter, r *http.Request) {
		path := strings.TrimPrefix(r.URL.Path, "/")
		if file, ok := strings.CutPrefix(path, "-/"); ok {
			w.send(out, r, file)
			return
		}
		versions := w[path]
		if len(versions) == 0 {
			out.Header().Set("Content-Type", "application/json")
			out.WriteHeader(http.StatusNotFound)
			_, _ = io.WriteString(out, `{"error":"the wheelhouse does not have it"}`)
			return
		}
		out.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(out).Encode(document(path, versions, address))
	})
}

// send sends a packed package, if it is one of ours.
func (w wheelhouse) send(out http.ResponseWriter, r *http.Request, file string) {
	for _, versions := range w {
		for _, p := range versions {
			if filepath.Base(p.path) == file {
				http.ServeFile(out, r, p.path)
				return
			}
		}
	}
	http.NotFound(out, r)
}

// document is what a registry says of a package.
func document(name string, versions map[string]packed, address string) map[string]any {
	all, latest := map[string]any{}, ""
	for version, p := range versions {
		if latest == "" || newer(version, latest) {
			latest = version
		}
		shown := map[string]any{}
		for key, value := range p.manifest {
			shown[key] = value
		}
		shown["dist"] = map[string]string{"tarball": address + "-/" + url.PathEscape(filepath.Base(p.path)), "integrity": p.integrity}
		all[version] = shown
	}
	return map[string]any{"name": name, "versions": all, "dist-tags": map[string]string{"latest": latest}}
}

// newer reports whether version a is to be preferred to b: the one that is no
// pre-release, then the higher one.
func newer(a, b string) bool {
	numbersA, preA := split(a)
	numbersB, preB := split(b)
	switch {
	case (preA == "") != (preB == ""):
		return preA == ""
	case slices.Equal(numbersA, numbersB):
		return preA > preB
	}
	return slices.Compare(numbersA, numbersB) > 0
}

func split(version string) (numbers []int, pre string) {
	version, _, _ = strings.Cut(version, "+")
	version, pre, _ = strings.Cut(version, "-")
	for part := range strings.SplitSeq(version, ".") {
		n, _ := strconv.Atoi(part)
		numbers = append(numbers, n)
	}
	return numbers, pre
}
