package image_test

import (
	"strings"
	"testing"

	"github.com/cronium/cronium/proto/image"
)

func TestReferencesAreReadAsEnginesReadThem(t *testing.T) {
	digest := "sha256:" + strings.Repeat("0a", 32)
	for text, want := range map[string]image.Reference{
		"debian":                           {Repository: "docker.io/library/debian", Tag: "latest"},
		"debian:12":                        {Repository: "docker.io/library/debian", Tag: "12"},
		"team/app:1.0":                     {Repository: "docker.io/team/app", Tag: "1.0"},
		"registry.example/app":             {Repository: "registry.example/app", Tag: "latest"},
		"localhost:5000/a/b:c":             {Repository: "localhost:5000/a/b", Tag: "c"},
		"localhost/app":                    {Repository: "localhost/app", Tag: "latest"},
		"debian@" + digest:                 {Repository: "docker.io/library/debian", Digest: digest},
		"registry.example/a/b:1@" + digest: {Repository: "registry.example/a/b", Tag: "1", Digest: digest},
	} {
		if got, ok := image.Parse(text); !ok || got != want {
			t.Errorf("Parse(%q) = %+v, %v; want %+v", text, got, ok, want)
		}
	}
}

func TestWhatIsNoReferenceIsRefused(t *testing.T) {
	for _, text := range []string{"", "Debian", "ubuntu; rm -rf /", "-v/", "a//b", "/a", "a/", "a:", "a:b:c", "a b", "a@sha256:0a", "a@md5:00", "../x",
		strings.Repeat("0", 64), "sha256:" + strings.Repeat("0a", 32), "registry.example/", "a@", strings.Repeat("a", 256)} {
		if got, ok := image.Parse(text); ok {
			t.Errorf("Parse(%q) = %+v, want it refused", text, got)
		}
	}
}

func TestPatternsAllowWhatTheyStandFor(t *testing.T) {
	for pattern, cases := range map[string]struct{ yes, no string }{
		"*":                       {"debian registry.example/a/b:1 team/app", ""},
		"debian":                  {"debian debian:12 docker.io/library/debian", "team/debian registry.example/debian debian2"},
		"cronium-*":               {"cronium-bash cronium-node:1", "cronium/bash x-cronium-bash registry.example/cronium-bash"},
		"team/*":                  {"team/a team/a/b:1", "team other/a registry.example/team/a"},
		"registry.example/team/*": {"registry.example/team/a registry.example/team/a/b", "registry.example/teams/a registry.example/team team/a registryxexample/team/a"},
		"registry.example/*/base": {"registry.example/a/base", "registry.example/a/b/base registry.example/base"},
		"localhost:5000/*":        {"localhost:5000/a", "localhost/a localhost:5001/a"},
	} {
		p, ok := image.ParsePattern(pattern)
		if !ok || p.String() != pattern {
			t.Errorf("ParsePattern(%q) = %q, %v", pattern, p, ok)
			continue
		}
		for want, list := range map[bool]string{true: cases.yes, false: cases.no} {
			for _, text := range strings.Fields(list) {
				r, ok := image.Parse(text)
				if !ok || p.Matches(r) != want {
					t.Errorf("%q allows %q = %v, want %v", pattern, text, !want, want)
				}
			}
		}
	}
}

func TestWhatIsNoPatternIsRefused(t *testing.T) {
	for _, text := range []string{"", "/", "a/", "/a", "a//b", "debian:12", "a b", "a@sha256:0a", "(a|b)", "[ab]"} {
		if p, ok := image.ParsePattern(text); ok {
			t.Errorf("ParsePattern(%q) = %q, want it refused", text, p)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add("registry.example/a/b:1@sha256:" + strings.Repeat("0a", 32))
	f.Fuzz(func(t *testing.T, text string) {
		r, ok := image.Parse(text)
		if !ok {
			return
		}
		full := r.Repository
		if r.Tag != "" {
			full += ":" + r.Tag
		}
		if r.Digest != "" {
			full += "@" + r.Digest
		}
		if again, ok := image.Parse(full); len(full) <= 255 && (!ok || again != r) {
			t.Fatalf("Parse(%q) = %+v, %v; but %q is %+v", full, again, ok, text, r)
		}
	})
}
