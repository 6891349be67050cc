package local

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

const oldestMajor = 14

// where distributions put what they do not put on PATH.
var globs = []string{"/usr/lib/postgresql/*/bin/postgres", "/usr/pgsql-*/bin/postgres", "/usr/local/pgsql/bin/postgres"}

// Binaries is one installed PostgreSQL.
type Binaries struct {
	Dir   string // holds postgres and initdb
	Major int
}

// Find returns the newest installed PostgreSQL, or the one of exactly the major
// version that is asked for when major is not 0.
func Find(ctx context.Context, major int) (Binaries, error) {
	found := installed(ctx)
	if len(found) == 0 {
		return Binaries{}, ErrNotInstalled.With("no postgres with its initdb is on PATH or under /usr/lib/postgresql/*/bin")
	}
	var seen []string
	for _, b := range found {
		if b.Major == major || (major == 0 && b.Major >= oldestMajor) {
			return b, nil
		}
		seen = append(seen, strconv.Itoa(b.Major))
	}
	if major == 0 {
		return Binaries{}, ErrNotInstalled.With("only PostgreSQL %s is installed, and %d is the oldest that works", strings.Join(seen, ", "), oldestMajor)
	}
	return Binaries{}, ErrVersion.With("the data was made by PostgreSQL %d, but only %s is installed", major, strings.Join(seen, ", ")).
		Hinted("Install postgresql-%d, or bring the data over with pg_upgrade or pg_dump.", major)
}

// installed lists complete installations, newest first.
func installed(ctx context.Context) []Binaries {
	var candidates []string
	if path, err := exec.LookPath("postgres"); err == nil {
		candidates = append(candidates, path)
	}
	for _, pattern := range globs {
		paths, _ := filepath.Glob(pattern) // the patterns are well formed
		candidates = append(candidates, paths...)
	}
	var found []Binaries
	for _, path := range candidates {
		real, err := filepath.EvalSymlinks(path)
		if err != nil {
			continue
		}
		b := Binaries{Dir: filepath.Dir(real)}
		if _, err := os.Stat(filepath.Join(b.Dir, "initdb")); err != nil || slices.ContainsFunc(found, func(o Binaries) bool { return o.Dir == b.Dir }) {
			continue
		}
		if b.Major = majorOf(ctx, real); b.Major > 0 {
			found = append(found, b)
		}
	}
	slices.SortStableFunc(found, func(a, b Binaries) int { return b.Major - a.Major })
	return found
}

// majorOf reads "postgres (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)"; 0 when it cannot.
func majorOf(ctx context.Context, postgres string) int {
	out, err := exec.CommandContext(ctx, postgres, "--version").Output()
	if err != nil {
		return 0
	}
	_, rest, _ := strings.Cut(string(out), "(PostgreSQL) ")
	digits := rest
	if end := strings.IndexFunc(rest, func(r rune) bool { return r < '0' || r > '9' }); end >= 0 {
		digits = rest[:end]
	}
	major, _ := strconv.Atoi(digits)
	return major
}
