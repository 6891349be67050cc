package release

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/cronium/cronium/proto/payload"
)

// The files that describe the others.
const (
	VersionFile = "VERSION"
	SumsFile    = "SHA256SUMS"
)

// maxSums bounds what is read of the files that describe the others.
const maxSums = 64 << 10

var (
	programName = regexp.MustCompile(`^cronium-(agent|runner)-[a-z0-9]+-[a-z0-9]+$`)
	sumLine     = regexp.MustCompile(`^([0-9a-f]{64}) [ *]([^/]+)$`)
)

// Dir is a directory of programs. All methods may be called concurrently.
type Dir struct{ path string }

// In returns the directory of that path, which need not exist; "" has nothing.
func In(path string) *Dir { return &Dir{path: path} }

// Release is what a directory holds at one moment.
type Release struct {
	Version string
	Sums    []byte // SHA256SUMS, as it is
	sums    map[string]string
}

// Release reads what there is. Without a directory, or with one that does not
// describe itself, it returns [ErrNone].
func (d *Dir) Release() (Release, error) {
	if d.path == "" {
		return Release{}, ErrNone
	}
	version, err := d.read(VersionFile)
	if err != nil {
		return Release{}, err
	}
	r := Release{Version: string(bytes.TrimSpace(version)), sums: map[string]string{}}
	if !payload.ValidVersion(r.Version) {
		return Release{}, ErrNone.With("%s does not hold a version", VersionFile)
	}
	if r.Sums, err = d.read(SumsFile); err != nil {
		return Release{}, err
	}
	for line := range strings.Lines(string(r.Sums)) {
		if m := sumLine.FindStringSubmatch(strings.TrimSpace(line)); m != nil && programName.MatchString(m[2]) {
			r.sums[m[2]] = m[1]
		}
	}
	return r, nil
}

func (d *Dir) read(name string) ([]byte, error) {
	info, err := os.Stat(filepath.Join(d.path, name))
	if err != nil || info.Size() > maxSums {
		return nil, ErrNone.With("%s is missing or not what it should be", name)
	}
	text, err := os.ReadFile(filepath.Join(d.path, name))
	if err != nil {
		return nil, ErrNone.With("%s cannot be read", name)
	}
	return text, nil
}

// Open opens a program that the release lists. The caller closes it.
func (d *Dir) Open(name string) (*os.File, payload.File, error) {
	r, err := d.Release()
	if err != nil {
		return nil, payload.File{}, err
	}
	sum, listed := r.sums[name]
	if !listed {
		return nil, payload.File{}, ErrUnknown.With("Nothing of that name is listed")
	}
	f, err := os.Open(filepath.Join(d.path, name))
	if err != nil {
		return nil, payload.File{}, ErrUnknown.With("%s is listed and not there", name)
	}
	info, err := f.Stat()
	if err != nil || !info.Mode().IsRegular() {
		_ = f.Close()
		return nil, payload.File{}, ErrUnknown.With("%s is no file", name)
	}
	return f, payload.File{Name: name, Size: info.Size(), SHA256: sum}, nil
}

// For is the order to become this release on a platform, without whom it is for.
// It returns [ErrPlatform] if there is nothing for the platform.
func (d *Dir) For(system, arch string) (payload.Upgrade, error) {
	r, err := d.Release()
	if err != nil {
		return payload.Upgrade{}, err
	}
	if !r.Has(system, arch) {
		return payload.Upgrade{}, ErrPlatform.With("There is nothing for %s/%s", system, arch)
	}
	u := payload.Upgrade{Version: r.Version}
	for program, to := range map[string]*payload.File{"agent": &u.Agent, "runner": &u.Runner} {
		name := fmt.Sprintf("cronium-%s-%s-%s", program, system, arch)
		f, file, err := d.Open(name)
		if err != nil {
			return payload.Upgrade{}, err
		}
		_ = f.Close()
		*to = file
	}
	return u, nil
}

// Has reports whether the release has programs for a platform.
func (r Release) Has(system, arch string) bool {
	return r.sums["cronium-agent-"+system+"-"+arch] != "" && r.sums["cronium-runner-"+system+"-"+arch] != ""
}
