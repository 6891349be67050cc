package artifact

import (
	"path"
	"strings"
	"unicode"
	"unicode/utf8"
)

// maxName is what file systems take, in bytes.
const maxName = 255

// CheckName returns [ErrName] for what is no name of an artifact. A name becomes a
// file's name on somebody's disk: it must not lead elsewhere, nor look like another.
func CheckName(name string) error {
	switch {
	case name == "":
		return ErrName.With("It is empty")
	case len(name) > maxName:
		return ErrName.With("It has %d bytes", len(name))
	case !utf8.ValidString(name):
		return ErrName.With("It is not UTF-8")
	case name == "." || name == "..":
		return ErrName.With("It is %q", name)
	case strings.TrimSpace(name) != name:
		return ErrName.With("It begins or ends with a space: %q", name)
	}
	// IsPrint knows no line ends, no other space than U+0020, and none of the marks
	// that turn the direction of text.
	if i := strings.IndexFunc(name, func(r rune) bool { return r == '/' || r == '\\' || !unicode.IsPrint(r) }); i >= 0 {
		r, _ := utf8.DecodeRuneInString(name[i:])
		return ErrName.With("It has the character %q", r)
	}
	return nil
}

// types are those of the endings that scripts give their reports. The hub's own
// table, because a system's would differ from hub to hub.
var types = map[string]string{
	".bz2": "application/x-bzip2", ".csv": "text/csv", ".gif": "image/gif", ".gz": "application/gzip", ".htm": "text/html", ".html": "text/html",
	".jpeg": "image/jpeg", ".jpg": "image/jpeg", ".json": "application/json", ".log": "text/plain", ".md": "text/markdown", ".pdf": "application/pdf",
	".png": "image/png", ".sql": "application/sql", ".svg": "image/svg+xml", ".tar": "application/x-tar", ".tgz": "application/gzip",
	".tsv": "text/tab-separated-values", ".txt": "text/plain", ".webp": "image/webp", ".xml": "application/xml", ".xz": "application/x-xz",
	".yaml": "application/yaml", ".yml": "application/yaml", ".zip": "application/zip", ".zst": "application/zstd",
}

// contentType is what the ending of a name says.
func contentType(name string) string {
	if t := types[strings.ToLower(path.Ext(name))]; t != "" {
		return t
	}
	return "application/octet-stream"
}
