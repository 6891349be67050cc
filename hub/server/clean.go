package server

import (
	"maps"
	"regexp"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// Limits of what is kept of an answer.
const (
	maxChecks       = 64
	maxDetail       = 500 // runes
	maxFact         = 128 // runes
	maxInterpreters = 32
	maxCPUs         = 1 << 16
	maxTook         = time.Hour
)

var (
	checkNameRE     = regexp.MustCompile(`^[a-z][a-z0-9_]{0,31}$`)
	interpreterName = regexp.MustCompile(`^[a-z0-9][a-z0-9._+-]{0,31}$`)
)

// cleanChecks keeps the steps whose names are well formed, in their order.
func cleanChecks(checks []Check) []Check {
	out := []Check{}
	for _, c := range checks {
		if !checkNameRE.MatchString(c.Name) || len(out) == maxChecks {
			continue
		}
		out = append(out, Check{Name: c.Name, OK: c.OK, Detail: cleanText(c.Detail, maxDetail), Hint: cleanText(c.Hint, maxDetail),
			Code: cleanText(c.Code, 64), Took: min(max(c.Took, 0), maxTook)})
	}
	return out
}

func cleanFacts(f *Facts) Facts {
	if f == nil {
		return Facts{}
	}
	out := Facts{
		Hostname: cleanText(f.Hostname, maxFact), OS: cleanText(f.OS, maxFact), Arch: cleanText(f.Arch, maxFact),
		Kernel: cleanText(f.Kernel, maxFact), Distribution: cleanText(f.Distribution, maxFact), CPUs: min(max(f.CPUs, 0), maxCPUs),
		MemoryBytes: max(f.MemoryBytes, 0), DiskBytes: max(f.DiskBytes, 0), DiskFree: max(f.DiskFree, 0), Interpreters: map[string]string{},
	}
	for _, name := range slices.Sorted(maps.Keys(f.Interpreters)) {
		if interpreterName.MatchString(name) && len(out.Interpreters) < maxInterpreters {
			out.Interpreters[name] = cleanText(f.Interpreters[name], maxFact)
		}
	}
	return out
}

// cleanText drops what could move a cursor, turn the reading direction or hide,
// and cuts the rest to limit runes.
func cleanText(s string, limit int) string {
	s = strings.ToValidUTF8(s[:min(len(s), 8*limit)], "")
	kept := 0
	return strings.TrimSpace(strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) || r == utf8.RuneError || kept == limit {
			return -1
		}
		kept++
		return r
	}, s))
}
