package policy

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"net/netip"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"

	"go.yaml.in/yaml/v3"

	"github.com/cronium/cronium/proto/image"
)

const (
	maxFile    = 1 << 20
	maxEntries = 1000
	maxDNS     = 3 // as many as a resolver asks
)

// file is a policy as it is written.
type file struct {
	Images     *[]string            `yaml:"images"`
	Networks   *[]string            `yaml:"networks"`
	DNS        []string             `yaml:"dns"`
	Mounts     map[string]mountText `yaml:"mounts"`
	Registries map[string]registry  `yaml:"registries"`
	Limits     limitsText           `yaml:"limits"`
}

type mountText struct {
	Source   string `yaml:"source"`
	Target   string `yaml:"target"`
	ReadOnly bool   `yaml:"read_only"`
}

type limitsText struct {
	Memory    string  `yaml:"memory"`
	CPUs      float64 `yaml:"cpus"`
	Processes int64   `yaml:"processes"`
}

// Load reads the policy in a file. forbidden are paths of the host that no container
// may see besides those that none ever may. Every fault is [ErrInvalid], with the
// file's name and the key.
func Load(path string, forbidden ...string) (*Policy, error) {
	text, err := readOwned(path)
	if err != nil {
		return nil, ErrInvalid.With("%v", err)
	}
	p := Open()
	p.path = path
	f, err := decode(text)
	if err == nil {
		err = p.take(f)
	}
	if err != nil {
		return nil, ErrInvalid.With("%s: %v", path, err)
	}
	if err := p.Forbid(forbidden...); err != nil {
		return nil, err
	}
	return p, nil
}

// readOwned reads a file that root owns and nobody else may write to. What is read
// is the file that was checked.
func readOwned(path string) ([]byte, error) {
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	stat, ok := info.Sys().(*syscall.Stat_t)
	switch {
	case !ok || !info.Mode().IsRegular():
		return nil, fmt.Errorf("%s is not a file", path)
	case stat.Uid != 0:
		return nil, fmt.Errorf("%s belongs to the user %d, and must belong to root", path, stat.Uid)
	case info.Mode().Perm()&0o022 != 0:
		return nil, fmt.Errorf("%s has the mode %04o, and only its owner may write to it (chmod go-w)", path, info.Mode().Perm())
	case info.Size() > maxFile:
		return nil, fmt.Errorf("%s has %d bytes, at most %d are read", path, info.Size(), maxFile)
	}
	return io.ReadAll(io.LimitReader(f, maxFile))
}

// unknownKey is how the decoder tells of a key that no field is for.
var unknownKey = regexp.MustCompile(`field (\S+) not found in type \S+`)

func decode(text []byte) (file, error) {
	var f file
	d := yaml.NewDecoder(bytes.NewReader(text))
	d.KnownFields(true)
	err := d.Decode(&f)
	if errors.Is(err, io.EOF) { // nothing but comments
		return f, nil
	}
	if err != nil {
		said := strings.TrimPrefix(strings.ReplaceAll(err.Error(), "\n  ", " "), "yaml: unmarshal errors: ")
		return f, errors.New(unknownKey.ReplaceAllString(said, `the key "$1" is not known`))
	}
	if err := d.Decode(&file{}); !errors.Is(err, io.EOF) {
		return f, errors.New("there is more than one document")
	}
	return f, nil
}

// take checks what was written.
func (p *Policy) take(f file) error {
	if f.Images != nil {
		p.anyImage = false
		for _, text := range *f.Images {
			pattern, ok := image.ParsePattern(text)
			if !ok {
				return fmt.Errorf("images: %q is not a pattern for repositories, such as registry.example/team/*", text)
			}
			p.images = append(p.images, pattern)
		}
	}
	if f.Networks != nil {
		p.networks = *f.Networks
	}
	for _, name := range p.networks {
		if !networkRE.MatchString(name) || name == "host" || name == "default" {
			return fmt.Errorf("networks: %q cannot be a container's: none, bridge or the name of a network", name)
		}
	}
	if len(f.DNS) > maxDNS {
		return fmt.Errorf("dns: %d servers, at most %d are asked", len(f.DNS), maxDNS)
	}
	for _, text := range f.DNS {
		if _, err := netip.ParseAddr(text); err != nil {
			return fmt.Errorf("dns: %q is not an IP address", text)
		}
	}
	p.dns = f.DNS
	if len(p.images) > maxEntries || len(p.networks) > maxEntries || len(f.Mounts) > maxEntries || len(f.Registries) > maxEntries {
		return fmt.Errorf("a list has more than %d entries", maxEntries)
	}
	if err := p.takeMounts(f.Mounts); err != nil {
		return err
	}
	if err := p.takeRegistries(f.Registries); err != nil {
		return err
	}
	return p.takeLimits(f.Limits)
}

var (
	networkRE = regexp.MustCompile(`^[a-zA-Z0-9][a-zA-Z0-9_.-]{0,127}$`)
	nameRE    = regexp.MustCompile(`^[a-z0-9]([a-z0-9-]{0,62}[a-z0-9])?$`)
	memoryRE  = regexp.MustCompile(`^([1-9][0-9]{0,9})(MiB|GiB)$`)
)

func (p *Policy) takeMounts(texts map[string]mountText) error {
	p.mounts = make(map[string]Mount, len(texts))
	for name, m := range texts {
		wrong := func(format string, args ...any) error {
			return fmt.Errorf("mounts.%s: %s", name, fmt.Sprintf(format, args...))
		}
		switch {
		case !nameRE.MatchString(name):
			return wrong("a name has 1–64 lower-case letters, digits and hyphens")
		case !filepath.IsAbs(m.Source) || filepath.Clean(m.Source) != m.Source:
			return wrong("source %q is not an absolute path", m.Source)
		case !filepath.IsAbs(m.Target) || filepath.Clean(m.Target) != m.Target:
			return wrong("target %q is not an absolute path", m.Target)
		case slices.ContainsFunc(ownTargets, func(own string) bool { return within(m.Target, own) || within(own, m.Target) }):
			return wrong("target %q is where a container has something of its own", m.Target)
		}
		p.mounts[name] = Mount(m)
	}
	return nil
}

// ownTargets are where containers have what they need themselves.
var ownTargets = []string{"/cronium", "/proc", "/sys", "/dev", "/etc", "/run", "/tmp", "/usr", "/bin", "/sbin", "/lib", "/lib64"}

func (p *Policy) takeLimits(l limitsText) error {
	if l.Memory != "" {
		m := memoryRE.FindStringSubmatch(l.Memory)
		if m == nil {
			return fmt.Errorf("limits.memory: %q is not a size such as 512MiB or 2GiB", l.Memory)
		}
		n, _ := strconv.ParseInt(m[1], 10, 64)
		p.ceiling.MemoryBytes = n << map[string]int{"MiB": 20, "GiB": 30}[m[2]]
	}
	if l.CPUs < 0 || l.CPUs > 0 && l.CPUs < 0.01 || l.CPUs > 1024 || math.IsNaN(l.CPUs) {
		return fmt.Errorf("limits.cpus: %v is not from 0.01 to 1024", l.CPUs)
	}
	if l.Processes < 0 || l.Processes > 1_000_000 {
		return fmt.Errorf("limits.processes: %d is not from 1 to 1000000", l.Processes)
	}
	p.ceiling.MilliCPUs, p.ceiling.Processes = int64(math.Round(l.CPUs*1000)), l.Processes
	return nil
}

// Exists reports whether there is a file of that name.
func Exists(path string) bool {
	_, err := os.Lstat(path)
	return !errors.Is(err, fs.ErrNotExist)
}
