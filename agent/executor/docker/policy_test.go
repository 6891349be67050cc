package docker_test

import (
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cronium/cronium/agent/executor/docker"
	"github.com/cronium/cronium/agent/executor/docker/dockertest"
	"github.com/cronium/cronium/agent/executor/docker/policy"
	"github.com/cronium/cronium/agent/executor/executortest"
	runnerv1 "github.com/cronium/cronium/proto/runner/v1"
)

func TestThePolicyRefusesBeforeAnythingRuns(t *testing.T) {
	t.Parallel()
	rules := policyOf(t, "images: [cronium-*]\nnetworks: [none]\nlimits: {memory: 64MiB}\n")
	x := executortest.Running(t, createWith(t, docker.Config{Host: dockertest.Start(t).Host, Policy: rules}))
	for code, change := range map[string]func(*runnerv1.Payload){
		"image_not_allowed":        func(p *runnerv1.Payload) { p.Container.Image = "debian:12" },
		"network_not_allowed":      func(p *runnerv1.Payload) { p.Container.Network = "bridge" },
		"mount_not_allowed":        func(p *runnerv1.Payload) { p.Container.Mounts = []string{"cache"} },
		"container_limit_exceeded": func(p *runnerv1.Payload) { p.Limits = &runnerv1.Limits{MemoryBytes: 65 << 20} },
	} {
		_, detail, got := try(t, x, executortest.Case{Source: "echo ran", Change: func(p *runnerv1.Payload) { prepare(p); change(p) }})
		if got != code || !strings.Contains(detail, "docker.yaml") {
			t.Errorf("%q %q, want %s and the policy's name", got, detail, code)
		}
	}
	if _, out, code := try(t, x, executortest.Case{Source: "echo ran", Change: prepare}); out != "ran\n" || code != "" {
		t.Errorf("what the policy allows printed %q, problem %q", out, code)
	}
}

func TestAContainerHasWhatThePolicyGives(t *testing.T) {
	t.Parallel()
	engine := dockertest.Start(t)
	dir, err := os.MkdirTemp("/srv", "cronium-mounts-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	for _, name := range []string{"read", "write"} {
		if err := errors.Join(os.Mkdir(filepath.Join(dir, name), 0o755), os.Chown(filepath.Join(dir, name), 65532, 65532)); err != nil { //nolint:gosec // as directories are
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(dir, "read", "data"), []byte("from the host\n"), 0o644); err != nil { //nolint:gosec // to be read
		t.Fatal(err)
	}
	rules := policyOf(t, fmt.Sprintf(`
dns: [10.9.8.7]
limits: {memory: 96MiB, cpus: 0.5, processes: 40}
mounts:
  data: {source: %[1]s/read, target: /data, read_only: true}
  out: {source: %[1]s/write, target: /out}
`, dir))
	x := executortest.Running(t, createWith(t, docker.Config{Host: engine.Host, Policy: rules}))
	r, e := executortest.Start(t, x, executortest.Case{Source: `cat /data/data; touch /data/x 2>/dev/null || echo "read-only"; echo "from the script" > /out/file; echo ready; sleep 60`,
		Change: func(p *runnerv1.Payload) { prepare(p); p.Container.Mounts = []string{"data", "out"} }})
	log := executortest.WaitFor(t, r, e, "ready\n")
	if string(log.Out) != "from the host\nread-only\nready\n" {
		t.Errorf("the script saw %q", log.Out)
	}
	if text, err := os.ReadFile(filepath.Join(dir, "write", "file")); string(text) != "from the script\n" {
		t.Errorf("the host sees %q, %v", text, err)
	}
	seen, err := engine.Client.ContainerInspect(t.Context(), fmt.Sprintf("cronium-%.8s-%s-1", agentID, e.Ref.RunID))
	if err != nil {
		t.Fatal(err)
	}
	h := seen.HostConfig
	if !slices.Equal(h.DNS, []string{"10.9.8.7"}) || h.Memory != 96<<20 || h.MemorySwap != 96<<20 || h.NanoCPUs != 500_000_000 || h.PidsLimit == nil || *h.PidsLimit > 60 {
		t.Errorf("the container has DNS %q, memory %d, swap %d, CPUs %d, processes %v", h.DNS, h.Memory, h.MemorySwap, h.NanoCPUs, *h.PidsLimit)
	}
	if err := r.Cancel(executortest.Context(t), 0); err != nil {
		t.Fatal(err)
	}
	executortest.Result(t, r, e)
}

// TestNoMountReachesTheEngine though its socket is where no list has it.
func TestNoMountReachesTheEngine(t *testing.T) {
	t.Parallel()
	engine := dockertest.Start(t)
	socket := strings.TrimPrefix(engine.Host, "unix://")
	dir := filepath.Join(filepath.Dir(socket), "data")
	for _, source := range []string{socket, filepath.Dir(socket)} {
		path := filepath.Join(t.TempDir(), "docker.yaml")
		if err := os.WriteFile(path, fmt.Appendf(nil, "mounts: {a: {source: %s, target: /x}}", source), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := policy.Load(path); !errors.Is(err, policy.ErrInvalid) {
			t.Errorf("%s: %v, want docker_policy_invalid", source, err)
		}
	}
	// Where the engine keeps its images, the engine itself has to say.
	rules := policyOf(t, fmt.Sprintf("mounts: {a: {source: %s, target: /x}}", dir))
	_, err := docker.New(t.Context(), docker.Config{Host: engine.Host, Policy: rules, Runner: executortest.StaticRunner(t), AgentID: agentID,
		Now: time.Now, Log: slog.New(slog.DiscardHandler)})
	if !errors.Is(err, policy.ErrInvalid) {
		t.Errorf("%s: %v, want docker_policy_invalid", dir, err)
	}
}
