package policy_test

import (
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/cronium/cronium/agent/executor/docker/policy"
	"github.com/cronium/cronium/proto/image"
	"github.com/cronium/cronium/sdk/problem"
)

// write writes a policy as root would.
func write(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "docker.yaml")
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil { //nolint:gosec // a policy is no secret
		t.Fatal(err)
	}
	return path
}

func load(t *testing.T, text string) *policy.Policy {
	t.Helper()
	p, err := policy.Load(write(t, text))
	if err != nil {
		t.Fatalf("Load: %v", err)
	}
	return p
}

// shared is a directory that may be mounted.
func shared(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("/srv", "cronium-policy-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	return dir
}

func TestThePolicyAllowsWhatItSays(t *testing.T) {
	dir := shared(t)
	p := load(t, fmt.Sprintf(`
images: [registry.example/team/*, cronium-*]
networks: [none, build]
dns: [10.0.0.53, "2001:db8::53"]
mounts:
  cache: {source: %s, target: /cache, read_only: true}
limits: {memory: 2GiB, cpus: 1.5, processes: 100}
`, dir))
	for text, want := range map[string]bool{"registry.example/team/a:1": true, "cronium-bash": true, "debian": false, "registry.example/other/a": false} {
		ref, _ := image.Parse(text)
		if err := p.CheckImage(text, ref); (err == nil) != want || err != nil && !errors.Is(err, policy.ErrImage) {
			t.Errorf("CheckImage(%s) = %v, want allowed = %v", text, err, want)
		}
	}
	for name, want := range map[string]bool{"none": true, "build": true, "bridge": false, "host": false} {
		if err := p.CheckNetwork(name); (err == nil) != want || err != nil && !errors.Is(err, policy.ErrNetwork) {
			t.Errorf("CheckNetwork(%s) = %v, want allowed = %v", name, err, want)
		}
	}
	if got := p.DNS(); len(got) != 2 || got[0] != "10.0.0.53" {
		t.Errorf("DNS = %q", got)
	}
	mounts, err := p.Mounts([]string{"cache"})
	if want := (policy.Mount{Source: dir, Target: "/cache", ReadOnly: true}); err != nil || len(mounts) != 1 || mounts[0] != want {
		t.Errorf("Mounts = %+v, %v; want %+v", mounts, err, want)
	}
	if _, err := p.Mounts([]string{"cache", "other"}); !errors.Is(err, policy.ErrMount) {
		t.Errorf("Mounts(other) = %v, want ErrMount", err)
	}
}

func TestARefusalSaysWhatThePolicySays(t *testing.T) {
	path := write(t, "images: [registry.example/team/*]\n")
	p, err := policy.Load(path)
	if err != nil {
		t.Fatal(err)
	}
	ref, _ := image.Parse("debian:12")
	refusal, _ := problem.As(p.CheckImage("debian:12", ref))
	if want := "The policy " + path + " allows registry.example/team/*, and debian:12 is none of them"; refusal == nil || refusal.Detail != want || refusal.Hint == "" {
		t.Errorf("refused with %+v, want %q and a hint", refusal, want)
	}
}

func TestWithoutAFileThereAreImagesAndNoMounts(t *testing.T) {
	p := policy.Open()
	ref, _ := image.Parse("debian")
	if err := errors.Join(p.CheckImage("debian", ref), p.CheckNetwork("none"), p.CheckNetwork("bridge")); err != nil {
		t.Error(err)
	}
	if err := p.CheckNetwork("build"); !errors.Is(err, policy.ErrNetwork) {
		t.Errorf("a network by name: %v, want ErrNetwork", err)
	}
	if _, err := p.Mounts([]string{"cache"}); !errors.Is(err, policy.ErrMount) {
		t.Errorf("a mount: %v, want ErrMount", err)
	}
}

func TestCeilingsBindWhatIsAskedForAndWhatIsNot(t *testing.T) {
	p := load(t, "limits: {memory: 256MiB, cpus: 2, processes: 100}")
	otherwise := policy.Limits{MemoryBytes: 512 << 20, Processes: 50}
	for _, c := range []struct {
		asked, want policy.Limits
		refused     bool
	}{
		{policy.Limits{}, policy.Limits{MemoryBytes: 256 << 20, MilliCPUs: 2000, Processes: 50}, false},
		{policy.Limits{MemoryBytes: 64 << 20, MilliCPUs: 500, Processes: 100}, policy.Limits{MemoryBytes: 64 << 20, MilliCPUs: 500, Processes: 100}, false},
		{policy.Limits{MemoryBytes: 257 << 20}, policy.Limits{}, true},
		{policy.Limits{MilliCPUs: 2001}, policy.Limits{}, true},
		{policy.Limits{Processes: 101}, policy.Limits{}, true},
	} {
		got, err := p.Limit(c.asked, otherwise)
		if c.refused != errors.Is(err, policy.ErrLimit) || !c.refused && got != c.want {
			t.Errorf("Limit(%+v) = %+v, %v; want %+v, refused = %v", c.asked, got, err, c.want, c.refused)
		}
	}
	if _, err := p.Limit(policy.Limits{MemoryBytes: 1 << 30}, otherwise); err == nil || !strings.Contains(err.Error(), "allows 256 MiB of memory, and the job asks for 1 GiB") {
		t.Errorf("refused with %v", err)
	}
}

func TestWhatIsWrongInThePolicyIsNamed(t *testing.T) {
	for text, want := range map[string]string{
		"privileged: true":                                          `line 1: the key "privileged" is not known`,
		"mounts: {a: {src: /x}}":                                    `line 1: the key "src" is not known`,
		"images: [debian:12]":                                       `images: "debian:12" is not a pattern`,
		"images: debian":                                            "line 1: cannot unmarshal",
		"networks: [host]":                                          `networks: "host" cannot be a container's`,
		"networks: ['container:a']":                                 `networks: "container:a" cannot be a container's`,
		"dns: [dns.example]":                                        `dns: "dns.example" is not an IP address`,
		"dns: [10.0.0.1, 10.0.0.2, 10.0.0.3, 10.0.0.4]":             "dns: 4 servers, at most 3",
		"limits: {memory: lots}":                                    `limits.memory: "lots" is not a size`,
		"limits: {cpus: -1}":                                        "limits.cpus: -1 is not from",
		"limits: {processes: -1}":                                   "limits.processes: -1 is not from",
		"mounts: {A_b: {source: /srv, target: /x}}":                 "mounts.A_b: a name has",
		"mounts: {a: {source: srv, target: /x}}":                    `mounts.a: source "srv" is not an absolute path`,
		"mounts: {a: {source: /srv/../etc, target: /x}}":            `is not an absolute path`,
		"mounts: {a: {source: /srv, target: /cronium/attempt}}":     `mounts.a: target "/cronium/attempt" is where a container has something of its own`,
		"mounts: {a: {source: /srv, target: /}}":                    `mounts.a: target "/" is where`,
		"mounts: {a: {source: /nowhere-at-all, target: /x}}":        "mounts.a.source:",
		"registries: {'a b': {username: u, password_file: /x}}":     `registries: "a b" is not the host`,
		"registries: {r.example: {password_file: /x}}":              "registries.r.example: username is missing",
		"registries: {r.example: {username: u, password_file: x}}":  `password_file "x" is not an absolute path`,
		"registries: {r.example: {username: u, password_file: /x}}": "registries.r.example: password_file: open /x",
		"a: 1\n---\nb: 2":                                           `the key "a" is not known`,
		"{}\n---\n{}":                                               "more than one document",
	} {
		path := write(t, text)
		_, err := policy.Load(path)
		if !errors.Is(err, policy.ErrInvalid) || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), path) {
			t.Errorf("%q: %v, want docker_policy_invalid with %q and the file's name", text, err, want)
		}
	}
	if _, err := policy.Load(write(t, "# nothing yet\n")); err != nil {
		t.Errorf("a file of comments: %v", err)
	}
}

func TestOnlyRootsFileCounts(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("needs root to give files away")
	}
	for name, change := range map[string]func(path string) error{
		"another user's":    func(path string) error { return os.Chown(path, 65532, 0) },
		"the group may":     func(path string) error { return os.Chmod(path, 0o664) }, //nolint:gosec // that is the fault
		"everybody may":     func(path string) error { return os.Chmod(path, 0o666) }, //nolint:gosec // that is the fault
		"not there":         os.Remove,
		"a directory":       func(path string) error { return errors.Join(os.Remove(path), os.Mkdir(path, 0o755)) }, //nolint:gosec // that is the fault
		"larger than 1 MiB": func(path string) error { return os.Truncate(path, 1<<20+1) },
	} {
		path := write(t, "images: []\n")
		if err := change(path); err != nil {
			t.Fatal(err)
		}
		if _, err := policy.Load(path); !errors.Is(err, policy.ErrInvalid) || !strings.Contains(err.Error(), path) {
			t.Errorf("%s: Load = %v, want docker_policy_invalid with the file's name", name, err)
		}
	}
}

func TestNoPolicyOpensTheHost(t *testing.T) {
	dir := shared(t)
	link := func(name, to string) string {
		path := filepath.Join(dir, name)
		if err := os.Symlink(to, path); err != nil {
			t.Fatal(err)
		}
		return path
	}
	own := filepath.Join(dir, "agent")
	engine := filepath.Join(dir, "engine")
	for _, d := range []string{filepath.Join(own, "runs"), engine, filepath.Join(dir, "free")} {
		if err := os.MkdirAll(d, 0o755); err != nil { //nolint:gosec // as directories are
			t.Fatal(err)
		}
	}
	socket, err := net.Listen("unix", filepath.Join(engine, "docker.sock")) //nolint:noctx // a file of the test
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = socket.Close() }()
	for _, source := range []string{
		"/", "/proc", "/proc/self", "/sys", "/sys/fs/cgroup", "/dev", "/dev/null", "/etc", "/etc/passwd", "/root", "/run", "/var", "/var/lib", "/var/run",
		own, filepath.Join(own, "runs"), dir, engine, filepath.Join(engine, "docker.sock"),
		link("to-etc", "/etc"), link("to-root", "/"), link("to-proc", "/proc/1"), link("to-agent", own), link("to-socket", filepath.Join(engine, "docker.sock")),
		link("twice", filepath.Join(dir, "to-etc")) + "/ssl",
	} {
		path := write(t, fmt.Sprintf("mounts: {a: {source: %s, target: /x}}", source))
		if _, err := policy.Load(path, own); !errors.Is(err, policy.ErrInvalid) || !strings.Contains(err.Error(), "mounts.a.source") {
			t.Errorf("source %s: %v, want docker_policy_invalid", source, err)
		}
	}
	if _, err := policy.Load(write(t, fmt.Sprintf("mounts: {a: {source: %s, target: /x}}", filepath.Join(dir, "free"))), own); err != nil {
		t.Errorf("a free directory: %v", err)
	}
}

func TestALinkThatTurnsAwayIsNotFollowed(t *testing.T) {
	dir := shared(t)
	real, link := filepath.Join(dir, "real"), filepath.Join(dir, "link")
	if err := errors.Join(os.Mkdir(real, 0o755), os.Symlink(real, link)); err != nil { //nolint:gosec // as directories are
		t.Fatal(err)
	}
	p := load(t, fmt.Sprintf("mounts: {a: {source: %s, target: /x}}", link))
	if mounts, err := p.Mounts([]string{"a"}); err != nil || mounts[0].Source != real {
		t.Fatalf("Mounts = %+v, %v; want the source %s", mounts, err, real)
	}
	if err := errors.Join(os.Remove(link), os.Symlink("/etc", link)); err != nil {
		t.Fatal(err)
	}
	if mounts, err := p.Mounts([]string{"a"}); !errors.Is(err, policy.ErrInvalid) {
		t.Fatalf("Mounts after the link turned = %+v, %v; want docker_policy_invalid", mounts, err)
	}
	p = load(t, fmt.Sprintf("mounts: {a: {source: %s, target: /x}}", real))
	if err := p.Forbid(real); !errors.Is(err, policy.ErrInvalid) {
		t.Fatalf("Forbid(%s) = %v, want docker_policy_invalid", real, err)
	}
}

func TestPasswordsAreReadAnewAndShownToNobody(t *testing.T) {
	secret := filepath.Join(t.TempDir(), "password")
	put := func(text string, mode os.FileMode) {
		t.Helper()
		_ = os.Remove(secret)
		if err := os.WriteFile(secret, []byte(text), mode); err != nil {
			t.Fatal(err)
		}
	}
	put("first-canary\n", 0o600)
	p := load(t, fmt.Sprintf("registries: {registry.example: {username: robot, password_file: %s}}", secret))
	who, ok, err := p.Login("registry.example")
	if err != nil || !ok || who.Username != "robot" || who.Password() != "first-canary" {
		t.Fatalf("Login = %v %v, %v", who, ok, err)
	}
	for _, format := range []string{"%v", "%+v", "%#v", "%s"} {
		if text := fmt.Sprintf(format, who) + fmt.Sprintf(format, &who) + fmt.Sprintf(format, p); strings.Contains(text, "canary") {
			t.Errorf("%s shows the password: %s", format, text)
		}
	}
	put("second-canary", 0o600)
	if who, _, err = p.Login("registry.example"); err != nil || who.Password() != "second-canary" {
		t.Errorf("after a change: %v, %v", who, err)
	}
	if _, ok, err := p.Login("other.example"); ok || err != nil {
		t.Errorf("Login(other) = %v, %v; want nothing", ok, err)
	}
	for _, c := range []struct {
		text string
		mode os.FileMode
	}{{"third-canary", 0o644}, {"", 0o600}} {
		put(c.text, c.mode)
		if _, _, err := p.Login("registry.example"); !errors.Is(err, policy.ErrInvalid) || strings.Contains(err.Error(), "canary") {
			t.Errorf("a password file with %q and %04o: %v, want docker_policy_invalid", c.text, c.mode, err)
		}
	}
}
