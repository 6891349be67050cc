package policy

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/cronium/cronium/proto/image"
)

// Policy is what jobs in containers may have on this host. The zero value lets them
// have every image and the networks none and bridge, without mounts and ceilings.
type Policy struct {
	path       string // of the file; empty without one
	images     []image.Pattern
	anyImage   bool
	networks   []string
	dns        []string
	mounts     map[string]Mount
	registries map[string]registry
	ceiling    Limits
	never      []string // besides those that never change
}

// Mount is a directory or file of the host, as containers may see it.
type Mount struct {
	Source   string // absolute
	Target   string // absolute, in the container
	ReadOnly bool
}

// Limits are what an attempt may use. Zero is no limit, or no wish.
type Limits struct {
	MemoryBytes int64
	MilliCPUs   int64
	Processes   int64
}

// Open returns the policy of a host without a file.
func Open() *Policy {
	return &Policy{anyImage: true, networks: []string{"none", "bridge"}}
}

// from names the policy in sentences.
func (p *Policy) from() string {
	if p.path == "" {
		return "The agent has no policy file, so it"
	}
	return "The policy " + p.path
}

// DNS are the servers that containers ask; the engine's own choice if empty.
func (p *Policy) DNS() []string { return p.dns }

// CheckImage returns [ErrImage] for an image that is not allowed.
func (p *Policy) CheckImage(text string, ref image.Reference) error {
	if p.anyImage || slices.ContainsFunc(p.images, func(pattern image.Pattern) bool { return pattern.Matches(ref) }) {
		return nil
	}
	allowed := make([]string, len(p.images))
	for i, pattern := range p.images {
		allowed[i] = pattern.String()
	}
	return ErrImage.With("%s allows %s, and %s is none of them", p.from(), list(allowed), text)
}

// CheckNetwork returns [ErrNetwork] for a network that is not allowed.
func (p *Policy) CheckNetwork(name string) error {
	if slices.Contains(p.networks, name) {
		return nil
	}
	return ErrNetwork.With("%s allows %s, and not %q", p.from(), list(p.networks), name)
}

// Mounts returns what these names stand for, where symbolic links lead now. It
// returns [ErrMount] for one that the policy does not have, and [ErrInvalid] for
// one that has come to lead where nothing may be mounted.
func (p *Policy) Mounts(names []string) ([]Mount, error) {
	var out []Mount
	for _, name := range names {
		m, ok := p.mounts[name]
		if !ok {
			return nil, ErrMount.With("%s offers %s, and not %q", p.from(), list(slices.Sorted(maps.Keys(p.mounts))), name)
		}
		real, err := p.resolve(m.Source)
		if err != nil {
			return nil, ErrInvalid.With("%s: mounts.%s.source: %v", p.path, name, err)
		}
		m.Source = real
		out = append(out, m)
	}
	return out, nil
}

// Limit is what an attempt gets that asks for this much: what it leaves out is
// otherwise, or the ceiling if that is lower. It returns [ErrLimit] for one that
// asks for more than the ceiling.
func (p *Policy) Limit(asked, otherwise Limits) (Limits, error) {
	var err error
	one := func(what string, asked, otherwise, ceiling int64, show func(int64) string) int64 {
		switch {
		case asked > ceiling && ceiling > 0 && err == nil:
			err = ErrLimit.With("%s allows %s of %s, and the job asks for %s", p.from(), show(ceiling), what, show(asked))
		case asked > 0:
			return asked
		case ceiling > 0 && (otherwise == 0 || otherwise > ceiling):
			return ceiling
		}
		return otherwise
	}
	out := Limits{
		MemoryBytes: one("memory", asked.MemoryBytes, otherwise.MemoryBytes, p.ceiling.MemoryBytes, bytesText),
		MilliCPUs: one("CPUs", asked.MilliCPUs, otherwise.MilliCPUs, p.ceiling.MilliCPUs, func(n int64) string {
			return fmt.Sprint(float64(n) / 1000)
		}),
		Processes: one("processes", asked.Processes, otherwise.Processes, p.ceiling.Processes, func(n int64) string { return fmt.Sprint(n) }),
	}
	return out, err
}

func bytesText(n int64) string {
	for _, unit := range []struct {
		size int64
		name string
	}{{1 << 30, "GiB"}, {1 << 20, "MiB"}, {1 << 10, "KiB"}} {
		if n >= unit.size && n%unit.size == 0 {
			return fmt.Sprintf("%d %s", n/unit.size, unit.name)
		}
	}
	return fmt.Sprintf("%d bytes", n)
}

// list names what there is, or that there is nothing.
func list(names []string) string {
	if len(names) == 0 {
		return "none"
	}
	return strings.Join(names, ", ")
}
