package image

import (
	"regexp"
	"strings"
)

const (
	maxReference = 255
	hub          = "docker.io"
	official     = "library"
	latest       = "latest"
)

var (
	hostRE   = regexp.MustCompile(`^[a-zA-Z0-9]([a-zA-Z0-9.-]*[a-zA-Z0-9])?(:[0-9]{1,5})?$`)
	partRE   = regexp.MustCompile(`^[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*$`)
	tagRE    = regexp.MustCompile(`^[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}$`)
	digestRE = regexp.MustCompile(`^sha256:[0-9a-f]{64}$`)
	idRE     = regexp.MustCompile(`^[0-9a-f]{64}$`)
)

// Reference names an image.
type Reference struct {
	Repository string // with its registry: docker.io/library/debian
	Tag        string // empty with a digest alone
	Digest     string // sha256:…, or empty
}

// Parse reads a reference, and reports whether it is one. An image's id is none: it
// says nothing of where the image is from.
func Parse(text string) (Reference, bool) {
	var r Reference
	name, digest, pinned := strings.Cut(text, "@")
	if pinned && !digestRE.MatchString(digest) || digestRE.MatchString(text) || len(text) > maxReference {
		return r, false
	}
	r.Digest = digest
	if at := strings.LastIndexByte(name, ':'); at > strings.LastIndexByte(name, '/') {
		name, r.Tag = name[:at], name[at+1:]
		if !tagRE.MatchString(r.Tag) {
			return Reference{}, false
		}
	} else if !pinned {
		r.Tag = latest
	}
	host, path := split(name)
	if !hostRE.MatchString(host) || idRE.MatchString(name) {
		return Reference{}, false
	}
	for part := range strings.SplitSeq(path, "/") {
		if !partRE.MatchString(part) {
			return Reference{}, false
		}
	}
	r.Repository = host + "/" + path
	return r, true
}

// split tells registry and path of a repository, written out in full.
func split(name string) (host, path string) {
	first, rest, more := strings.Cut(name, "/")
	switch {
	case !more:
		return hub, official + "/" + name
	case strings.ContainsAny(first, ".:") || first == "localhost":
		return first, rest
	}
	return hub, name
}

// Registry is the host that the image comes from.
func (r Reference) Registry() string {
	host, _, _ := strings.Cut(r.Repository, "/")
	return host
}

// Pattern stands for repositories.
type Pattern struct {
	text string
	full *regexp.Regexp // nil: every one
}

var patternRE = regexp.MustCompile(`^[a-zA-Z0-9.:/_*-]+$`)

// ParsePattern reads a pattern, and reports whether it is one.
func ParsePattern(text string) (Pattern, bool) {
	p := Pattern{text: text}
	if text == "*" {
		return p, true
	}
	if !patternRE.MatchString(text) || len(text) > maxReference || strings.HasPrefix(text, "/") || strings.HasSuffix(text, "/") ||
		strings.Contains(text, "//") || strings.LastIndexByte(text, ':') > strings.LastIndexByte(text, '/') {
		return p, false
	}
	host, path := split(text)
	below, all := strings.CutSuffix(host+"/"+path, "/*")
	expr := strings.ReplaceAll(regexp.QuoteMeta(below), `\*`, `[^/]*`)
	if all {
		expr += "/.+"
	}
	p.full = regexp.MustCompile("^" + expr + "$")
	return p, true
}

// String is the pattern as it was written.
func (p Pattern) String() string { return p.text }

// Matches reports whether the pattern stands for the image's repository.
func (p Pattern) Matches(r Reference) bool {
	return r.Repository != "" && (p.full == nil || p.full.MatchString(r.Repository))
}
