package job

import (
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/cronium/cronium/proto/image"
	"github.com/cronium/cronium/sdk/dependency"
)

// Container is the Docker container that a job's script runs in.
type Container struct {
	Image   string   `json:"image,omitempty"`   // reference, with a tag or a digest; default: the host's for the language
	Pull    string   `json:"pull,omitempty"`    // missing (default), always, never
	Network string   `json:"network,omitempty"` // bridge (default), none, or the name of a network
	Mounts  []string `json:"mounts,omitempty"`  // names of mounts that the host's policy offers
}

// Limits are what one attempt may use. Zero values are the defaults: of a container
// 512 MiB of memory and 256 processes, of a process what its host says.
type Limits struct {
	Memory    string  `json:"memory,omitempty"`    // "512MiB"; 16MiB to 1024GiB
	CPUs      float64 `json:"cpus,omitempty"`      // 0.01 to 256
	Processes int     `json:"processes,omitempty"` // 1 to 100000
	FileSize  string  `json:"file_size,omitempty"` // of one file; 1MiB to 1024GiB
	Workspace string  `json:"workspace,omitempty"` // on disk, of all files in the workspace; 1MiB to 1024GiB
}

const (
	maxMounts    = 16
	maxCPUs      = 256
	minCPUs      = 0.01
	minMemory    = 16 << 20
	minFile      = 1 << 20
	maxSize      = 1024 << 30
	maxProcesses = 100_000
)

var (
	networkRE = regexp.MustCompile(`^[a-zA-Z0-9][a-zA-Z0-9_.-]{0,127}$`)
	sizeRE    = regexp.MustCompile(`^([1-9][0-9]{0,9})(MiB|GiB)$`)
)

func normaliseContainer(c *Container) (*Container, error) {
	if c == nil {
		return nil, nil
	}
	n := *c
	if _, ok := image.Parse(n.Image); !ok && n.Image != "" {
		return nil, ErrImage.With("%q is not the reference of an image", cut(n.Image)).At("spec.container.image")
	}
	if len(n.Mounts) > maxMounts {
		return nil, ErrRange.With("%d mounts, at most %d are allowed", len(n.Mounts), maxMounts).At("spec.container.mounts")
	}
	for i, name := range n.Mounts {
		if !nameRE.MatchString(name) || slices.Contains(n.Mounts[:i], name) {
			return nil, ErrParameter.With("Mount %q is not the name of another mount: 1–64 lower-case letters, digits and hyphens", cut(name)).
				At("spec.container.mounts")
		}
	}
	switch n.Pull {
	case "":
		n.Pull = "missing"
	case "missing", "always", "never":
	default:
		return nil, ErrParameter.With("Pull %q is not one of missing, always, never", cut(n.Pull)).At("spec.container.pull")
	}
	if n.Network == "" {
		n.Network = "bridge"
	}
	// host, and container:ID, would undo the isolation.
	if n.Network == "host" || !networkRE.MatchString(n.Network) {
		return nil, ErrParameter.With("Network %q cannot be used: bridge, none or the name of a network", cut(n.Network)).At("spec.container.network")
	}
	return &n, nil
}

func normaliseLimits(l *Limits) (*Limits, error) {
	if l == nil || *l == (Limits{}) {
		return nil, nil
	}
	for _, size := range []struct {
		name, text string
		least      int64
	}{{"memory", l.Memory, minMemory}, {"file_size", l.FileSize, minFile}, {"workspace", l.Workspace, minFile}} {
		if n := bytesOf(size.text); size.text != "" && (n < size.least || n > maxSize) {
			return nil, ErrRange.With("limits.%s must be from %dMiB to 1024GiB, this is %q", size.name, size.least>>20, cut(size.text)).At("spec.limits." + size.name)
		}
	}
	if l.CPUs != 0 && (l.CPUs < minCPUs || l.CPUs > maxCPUs) {
		return nil, ErrRange.With("limits.cpus must be from %v to %d, this is %v", minCPUs, maxCPUs, l.CPUs).At("spec.limits.cpus")
	}
	if l.Processes < 0 || l.Processes > maxProcesses {
		return nil, ErrRange.With("limits.processes must be from 1 to %d, this is %d", maxProcesses, l.Processes).At("spec.limits.processes")
	}
	return l, nil
}

// MemoryBytes is the limit in bytes, 0 without one.
func (l Limits) MemoryBytes() int64 { return bytesOf(l.Memory) }

// FileBytes is the limit in bytes, 0 without one.
func (l Limits) FileBytes() int64 { return bytesOf(l.FileSize) }

// WorkspaceBytes is the limit in bytes, 0 without one.
func (l Limits) WorkspaceBytes() int64 { return bytesOf(l.Workspace) }

// bytesOf is a text such as "512MiB" in bytes, 0 if it is none.
func bytesOf(text string) int64 {
	m := sizeRE.FindStringSubmatch(text)
	if m == nil {
		return 0
	}
	n, _ := strconv.ParseInt(m[1], 10, 64)
	return n << map[string]int{"M": 20, "G": 30}[strings.TrimSuffix(m[2], "iB")]
}

// ContainerLabel is the label of hosts that run containers. It is added to the
// target of every job that needs one.
const ContainerLabel = "executor.docker"

// Hosts are the labels that a host of the job must have. A host that can limit what a
// process uses, or install what a script depends on, says so by labels; limits of a
// container are the Docker engine's.
func (s Spec) Hosts() map[string]string {
	labels := map[string]string{}
	if len(s.Dependencies) > 0 {
		labels[dependency.Label(s.Script.Language)] = "true"
	}
	switch l := s.Limits; {
	case s.Container != nil:
		labels[ContainerLabel] = "true"
	case l == nil && len(labels) == 0:
		return s.Target.Labels
	case l != nil:
		for name, limited := range map[string]bool{"memory": l.Memory != "", "cpus": l.CPUs > 0, "processes": l.Processes > 0} {
			if limited {
				labels["limits."+name] = "true"
			}
		}
	}
	for key, value := range s.Target.Labels {
		labels[key] = value
	}
	return labels
}
