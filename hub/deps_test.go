package hub_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

const module = "github.com/cronium/cronium/"

// pkg is what `go list -json` says of a package.
type pkg struct {
	ImportPath string
	Imports    []string
	Standard   bool
}

// policy is deps.txt, read.
type policy struct {
	everywhere rule
	rooms      map[string]rule
}

type rule struct {
	shelf int
	own   []string
	libs  []string
}

func TestImportsFollowThePolicy(t *testing.T) {
	for _, finding := range readPolicy(t).check(listPackages(t)) {
		t.Error(finding)
	}
}

func TestImportsThatBreakThePolicyAreFound(t *testing.T) {
	p := readPolicy(t)
	cases := []struct {
		name, importer, imported, want string
	}{
		{"upward, even were it listed", "hub/postgres", "hub/httpapi", "upward"},
		{"sideways and unlisted", "hub/job", "hub/run", "does not list"},
		{"into another room's closet", "hub/dispatch", "hub/run/internal/db", "closet"},
		{"a library in the wrong room", "hub/job", "!github.com/hashicorp/yamux", "library"},
		{"a room without a line", "hub/util", "sdk/problem", "no line"},
		{"somebody imports the assembly", "hub/httpapi", "hub", "upward"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			imported := module + c.imported
			if lib, ok := strings.CutPrefix(c.imported, "!"); ok {
				imported = lib
			}
			found := p.check([]pkg{{ImportPath: module + c.importer, Imports: []string{imported}}})
			if len(found) != 1 || !strings.Contains(found[0], c.want) {
				t.Fatalf("check(%s imports %s) = %q, want one finding about %q", c.importer, c.imported, found, c.want)
			}
		})
	}
}

// check returns one line for every import that the policy does not allow.
func (p policy) check(packages []pkg) []string {
	var found []string
	for _, one := range packages {
		room := roomOf(one.ImportPath)
		r, ok := p.rooms[room]
		if !ok {
			found = append(found, fmt.Sprintf("%s has no line in hub/deps.txt", room))
			continue
		}
		for _, imported := range one.Imports {
			if reason := p.refuse(room, r, imported); reason != "" {
				found = append(found, fmt.Sprintf("%s imports %s: %s", room, strings.TrimPrefix(imported, module), reason))
			}
		}
	}
	return found
}

func (p policy) refuse(room string, r rule, imported string) string {
	own, ours := strings.CutPrefix(imported, module)
	switch {
	case !ours && !isLibrary(imported):
		return "" // the standard library
	case !ours:
		if !covers(append(p.everywhere.libs, r.libs...), imported) {
			return "hub/deps.txt does not list this library for the room"
		}
		return ""
	case strings.Contains(own, "/internal/") && roomOf(imported) != room:
		return "that is another room's closet"
	case roomOf(imported) == room:
		return ""
	}
	target, ok := p.rooms[roomOf(imported)]
	switch {
	case !ok:
		return "hub/deps.txt has no line for it"
	case target.shelf > r.shelf:
		return "the arrow goes upward"
	case !slices.Contains(append(p.everywhere.own, r.own...), roomOf(imported)):
		return "hub/deps.txt does not list this arrow"
	}
	return ""
}

// roomOf returns the room of a package: itself, without its closet.
func roomOf(importPath string) string {
	own := strings.TrimPrefix(importPath, module)
	room, _, _ := strings.Cut(own, "/internal/")
	return room
}

func isLibrary(importPath string) bool {
	first, _, _ := strings.Cut(importPath, "/")
	return strings.Contains(first, ".")
}

func covers(libs []string, importPath string) bool {
	return slices.ContainsFunc(libs, func(lib string) bool {
		return importPath == lib || strings.HasPrefix(importPath, lib+"/")
	})
}

func readPolicy(t *testing.T) policy {
	t.Helper()
	text, err := os.ReadFile("deps.txt")
	if err != nil {
		t.Fatal(err)
	}
	p, shelf := policy{rooms: map[string]rule{}}, 0
	for line := range strings.Lines(string(text)) {
		line, _, _ = strings.Cut(line, "#")
		own, libs, _ := strings.Cut(line, "|")
		words := strings.Fields(own)
		switch {
		case len(words) == 0:
		case words[0] == "shelf":
			shelf++
		case words[0] == "everywhere":
			p.everywhere = rule{own: words[1:], libs: strings.Fields(libs)}
		default:
			if _, twice := p.rooms[words[0]]; twice {
				t.Fatalf("deps.txt has two lines for %s", words[0])
			}
			p.rooms[words[0]] = rule{shelf: shelf, own: words[1:], libs: strings.Fields(libs)}
		}
	}
	return p
}

func listPackages(t *testing.T) []pkg {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), "go", "list", "-json=ImportPath,Imports,Standard", module+"...").Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	var packages []pkg
	for dec := json.NewDecoder(bytes.NewReader(out)); ; {
		var one pkg
		if err := dec.Decode(&one); err == io.EOF {
			return packages
		} else if err != nil {
			t.Fatal(err)
		}
		packages = append(packages, one)
	}
}
