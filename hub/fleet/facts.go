package fleet

import (
	"maps"
	"regexp"
	"slices"
	"strings"
	"unicode"
)

// Facts are what a host says of itself. Whatever is stored went through clean.
type Facts struct {
	Hostname     string            `json:"hostname"`
	OS           string            `json:"os"`
	Arch         string            `json:"arch"`
	Kernel       string            `json:"kernel"`
	Distribution string            `json:"distribution"`
	CPUs         int               `json:"cpus"`
	MemoryBytes  int64             `json:"memory_bytes"`
	Interpreters map[string]string `json:"interpreters"`
	Truncated    bool              `json:"truncated,omitempty"` // something was cut away
}

// Limits of what hosts say.
const (
	maxFact         = 128 // runes
	maxInterpreters = 32
	maxLabels       = 64
	maxSlots        = 4096
)

var (
	interpreterName = regexp.MustCompile(`^[a-z0-9][a-z0-9._+-]{0,31}$`)
	labelKey        = regexp.MustCompile(`^[A-Za-z0-9]([A-Za-z0-9._/-]{0,61}[A-Za-z0-9])?$`)
	labelValue      = regexp.MustCompile(`^[A-Za-z0-9]([A-Za-z0-9._:/@+-]{0,126}[A-Za-z0-9])?$`)
	notInName       = regexp.MustCompile(`[^a-z0-9]+`)
)

func (f Facts) clean() Facts {
	out := Facts{CPUs: f.CPUs, MemoryBytes: f.MemoryBytes, Interpreters: map[string]string{}}
	text := func(s string) string {
		cleaned := cleanText(s, maxFact)
		out.Truncated = out.Truncated || cleaned != s
		return cleaned
	}
	out.Hostname, out.OS, out.Arch = text(f.Hostname), text(f.OS), text(f.Arch)
	out.Kernel, out.Distribution = text(f.Kernel), text(f.Distribution)
	if out.CPUs < 0 || out.CPUs > 1<<16 {
		out.CPUs, out.Truncated = 0, true
	}
	if out.MemoryBytes < 0 {
		out.MemoryBytes, out.Truncated = 0, true
	}
	for _, name := range slices.Sorted(maps.Keys(f.Interpreters)) {
		if !interpreterName.MatchString(name) || len(out.Interpreters) == maxInterpreters {
			out.Truncated = true
			continue
		}
		out.Interpreters[name] = text(f.Interpreters[name])
	}
	return out
}

// cleanText drops what could move a cursor, turn the reading direction or hide,
// and cuts the rest to limit runes.
func cleanText(s string, limit int) string {
	if len(s) > 8*limit {
		s = s[:8*limit]
	}
	kept := 0
	return strings.TrimSpace(strings.Map(func(r rune) rune {
		if r == unicode.ReplacementChar || kept == limit || !unicode.IsPrint(r) {
			return -1
		}
		kept++
		return r
	}, strings.ToValidUTF8(s, "")))
}

// cleanLabels keeps the labels that are well formed, at most maxLabels.
func cleanLabels(labels map[string]string) map[string]string {
	out := map[string]string{}
	for _, key := range slices.Sorted(maps.Keys(labels)) {
		if labelKey.MatchString(key) && labelValue.MatchString(labels[key]) && len(out) < maxLabels {
			out[key] = labels[key]
		}
	}
	return out
}

// effective are the labels in force: the host's own below the token's below ours.
func effective(own, token map[string]string, name string, facts Facts) map[string]string {
	out := cleanLabels(own)
	maps.Copy(out, token)
	for key, value := range map[string]string{"os": facts.OS, "arch": facts.Arch, "host": name} {
		delete(out, key)
		if labelValue.MatchString(value) {
			out[key] = value
		}
	}
	return out
}

// nameOf turns a wish into a name as jobs and projects have them; it may be empty.
func nameOf(wish string) string {
	name := notInName.ReplaceAllString(strings.ToLower(cleanText(wish, 256)), "-")
	return strings.Trim(name[:min(len(name), 60)], "-")
}
