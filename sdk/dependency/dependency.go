package dependency

import (
	"regexp"
	"slices"
	"strings"
)

const (
	// Max is how many entries a job may have.
	Max = 64
	// MaxLength is how many bytes an entry may have.
	MaxLength = 200
)

// Label is the label of hosts that install dependencies of a language.
func Label(language string) string { return "dependencies." + language }

// Languages are those whose scripts can have dependencies.
func Languages() []string { return []string{"python", "node"} }

// The name is the first group.
var (
	pythonRE = regexp.MustCompile(`^([A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?)` + // name
		`(?: ?\[[A-Za-z0-9][A-Za-z0-9._-]*(?: ?, ?[A-Za-z0-9][A-Za-z0-9._-]*)*\])?` + // extras
		`(?: ?` + clause + `(?: ?, ?` + clause + `)*)?` +
		`(?: ?; ?[A-Za-z0-9_ .'"<>=!~()+*-]+)?$`) // marker
	nodeRE = regexp.MustCompile(`^((?:@[a-z0-9][a-z0-9._-]*/)?[a-z0-9][a-z0-9._-]*)` +
		`(?:@([A-Za-z0-9^~<>=*][A-Za-z0-9.^~<>=*|+ -]*))?$`)

	separators = regexp.MustCompile(`[-_.]+`)
)

const clause = `(?:===|==|~=|!=|<=|>=|<|>) ?[A-Za-z0-9._*+!-]+`

// archives are endings that make npm and pip look for a file.
var archives = []string{".tgz", ".tar", ".tar.gz", ".zip", ".whl", ".tar.bz2", ".tar.xz", ".tbz", ".txz", ".tlz", ".tar.lz", ".tar.lzma"}

// Check returns the entries of a job in one order, or [ErrInvalid] at the entry that
// is wrong: the index of it, and -1 without one.
func Check(language string, entries []string) (sorted []string, at int, err error) {
	if len(entries) == 0 {
		return nil, -1, nil
	}
	if !slices.Contains(Languages(), language) {
		return nil, -1, ErrInvalid.With("There are no packages for %s", language).
			Hinted("Remove spec.dependencies, or write the script in Python or Node.")
	}
	if len(entries) > Max {
		return nil, -1, ErrInvalid.With("%d entries, at most %d are allowed", len(entries), Max).
			Hinted("List what the script itself uses; what that needs is installed with it.")
	}
	named := map[string]string{}
	for i, entry := range entries {
		name, ok := Name(language, entry)
		if !ok {
			return nil, i, ErrInvalid.With("%q names no package", cut(entry))
		}
		if other, twice := named[name]; twice {
			return nil, i, ErrInvalid.With("%q and %q are the same package", cut(other), cut(entry)).
				Hinted("List each package once.")
		}
		named[name] = entry
	}
	return slices.Sorted(slices.Values(entries)), -1, nil
}

// Name is the package that an entry names, in one spelling, and whether it names one.
func Name(language, entry string) (string, bool) {
	if len(entry) > MaxLength {
		return "", false
	}
	if language == "node" {
		m := nodeRE.FindStringSubmatch(entry)
		if m == nil || isArchive(m[1]) || isArchive(m[2]) {
			return "", false
		}
		return m[1], true
	}
	m := pythonRE.FindStringSubmatch(entry)
	if m == nil || isArchive(entry) {
		return "", false
	}
	return separators.ReplaceAllString(strings.ToLower(m[1]), "-"), true
}

func isArchive(text string) bool {
	text = strings.ToLower(text)
	return slices.ContainsFunc(archives, func(ending string) bool { return strings.HasSuffix(text, ending) })
}

func cut(s string) string {
	if r := []rune(s); len(r) > 60 {
		return string(r[:60]) + "…"
	}
	return s
}
