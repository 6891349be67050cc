// Package installertest makes packages for tests: wheels for pip and packed packages
// for npm, so that no test needs a network.
package installertest

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// Wheelhouse returns an empty directory that everybody may read.
func Wheelhouse(t testing.TB) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "cronium-wheels-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	return dir
}

// Wheel writes a wheel of a pure Python package. Files are by path; needs are the
// packages that it depends on.
func Wheel(t testing.TB, dir, name, version string, files map[string]string, needs ...string) {
	t.Helper()
	info := fmt.Sprintf("%s-%s.dist-info/", name, version)
	all := maps.Clone(files)
	all[info+"METADATA"] = fmt.Sprintf("Metadata-Version: 2.1\nName: %s\nVersion: %s\n", name, version)
	for _, n := range needs {
		all[info+"METADATA"] += "Requires-Dist: " + n + "\n"
	}
	all[info+"WHEEL"] = "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
	record := ""
	for _, path := range slices.Sorted(maps.Keys(all)) {
		record += path + ",,\n"
	}
	all[info+"RECORD"] = record + info + "RECORD,,\n"
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	for _, path := range slices.Sorted(maps.Keys(all)) {
		w, err := z.Create(path)
		if err == nil {
			_, err = w.Write([]byte(all[path]))
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(dir, fmt.Sprintf("%s-%s-py3-none-any.whl", name, version)), b.Bytes())
}

// Pack writes a packed package of Node. The manifest is completed by name and version.
func Pack(t testing.TB, dir, name, version string, manifest map[string]any, files map[string]string) {
	t.Helper()
	m := map[string]any{"name": name, "version": version}
	maps.Copy(m, manifest)
	text, err := json.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]string{"package.json": string(text)}
	maps.Copy(all, files)
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	a := tar.NewWriter(z)
	for _, path := range slices.Sorted(maps.Keys(all)) {
		err := a.WriteHeader(&tar.Header{Name: "package/" + path, Mode: 0o644, Size: int64(len(all[path]))})
		if err == nil {
			_, err = a.Write([]byte(all[path]))
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := a.Close(); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	file := strings.NewReplacer("@", "", "/", "-").Replace(name) + "-" + version + ".tgz"
	write(t, filepath.Join(dir, file), b.Bytes())
}

func write(t testing.TB, path string, data []byte) {
	t.Helper()
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(path, 0o644); err != nil { //nolint:gosec // who installs reads it
		t.Fatal(err)
	}
}
