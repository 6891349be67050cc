package docker_test

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/docker/docker/api/types/image"

	"github.com/cronium/cronium/agent/executor"
	"github.com/cronium/cronium/agent/executor/docker"
	"github.com/cronium/cronium/agent/executor/docker/dockertest"
	"github.com/cronium/cronium/agent/executor/docker/policy"
	"github.com/cronium/cronium/agent/executor/executortest"
	"github.com/cronium/cronium/agent/journal"
	runnerv1 "github.com/cronium/cronium/proto/runner/v1"
	"github.com/cronium/cronium/sdk/problem"
)

// in gives a payload a container of this image, without a network.
func in(reference, pull string) func(*runnerv1.Payload) {
	return func(p *runnerv1.Payload) {
		p.Container = &runnerv1.Container{Image: reference, Pull: pull, Network: "none"}
	}
}

// try runs a case to its end, whether it starts or not. code is that of why not.
func try(t *testing.T, x executor.Executor, c executortest.Case) (e *journal.Entry, out, code string) {
	t.Helper()
	a := executortest.Attempt(t, executortest.Journal(t, ""), x.Kind(), c)
	r, err := x.Start(executortest.Context(t), a)
	if err != nil {
		p, ok := problem.As(err)
		if !ok || p.Hint == "" {
			t.Fatalf("Start: %v, want a problem with a hint", err)
		}
		if s, ok, _ := a.Entry.Started(); !ok || !s.Abandoned {
			t.Errorf("the journal says %+v, %v; want that it never runs", s, ok)
		}
		return a.Entry, p.Detail, p.Code
	}
	defer r.Close()
	exit, log := executortest.Result(t, r, a.Entry)
	if exit.Problem != nil {
		code = exit.Problem.Code
	}
	return a.Entry, string(log.Out), code
}

func launchOf(t *testing.T, e *journal.Entry) journal.Launch {
	t.Helper()
	l, err := e.Launch()
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func phasesOf(t *testing.T, e *journal.Entry) []string {
	t.Helper()
	exit, _, _, err := e.Exit()
	if err != nil {
		t.Fatal(err)
	}
	phases, err := e.Phases(exit)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, p := range phases {
		names = append(names, p.Name)
		if p.Duration < 0 || p.Duration == 0 && p.Name != journal.Collect {
			t.Errorf("the phase %s took %v", p.Name, p.Duration)
		}
	}
	return names
}

func TestAnImageIsPulledOnceAndItsDigestIsNoted(t *testing.T) {
	t.Parallel()
	registry := dockertest.NewRegistry(t, "", "")
	x := executortest.Running(t, create(t))
	name := registry.Host + "/team/pulled:1"
	for i, want := range [][]string{{journal.Prepare, journal.Pull, journal.Run, journal.Collect}, {journal.Prepare, journal.Run, journal.Collect}} {
		e, out, code := try(t, x, executortest.Case{Source: "echo ran", Change: in(name, "missing")})
		if out != "ran\n" || code != "" {
			t.Fatalf("run %d printed %q, problem %q", i, out, code)
		}
		if l := launchOf(t, e); l.Image != name || l.Digest != registry.Digest {
			t.Errorf("run %d noted %+v, want %s and %s", i, l, name, registry.Digest)
		}
		if got := phasesOf(t, e); !slices.Equal(got, want) {
			t.Errorf("the phases of run %d are %q, want %q", i, got, want)
		}
	}
	e, _, code := try(t, x, executortest.Case{Source: "true", Change: in(name, "always")})
	if l := launchOf(t, e); code != "" || l.Pull <= 0 {
		t.Errorf("with pull always: %+v and problem %q, want the time of a pull", l, code)
	}
}

func TestAnImageByDigestIsThatImageOrNone(t *testing.T) {
	t.Parallel()
	registry := dockertest.NewRegistry(t, "", "")
	x := executortest.Running(t, create(t))
	name := registry.Host + "/team/pinned@" + registry.Digest
	e, out, code := try(t, x, executortest.Case{Source: "echo ran", Change: in(name, "missing")})
	if l := launchOf(t, e); out != "ran\n" || code != "" || l.Digest != registry.Digest {
		t.Errorf("printed %q, problem %q, noted %+v", out, code, l)
	}
	other := registry.Host + "/team/pinned@sha256:" + strings.Repeat("0a", 32)
	for _, pull := range []string{"missing", "never"} {
		if _, detail, code := try(t, x, executortest.Case{Source: "echo ran", Change: in(other, pull)}); code != "image_unavailable" {
			t.Errorf("another digest with pull %s: %q %q, want image_unavailable", pull, code, detail)
		}
	}
}

// An id, or its beginning, would run an image whatever its name is.
func TestAnImageIsNotFoundByItsID(t *testing.T) {
	t.Parallel()
	engine := dockertest.Start(t)
	seen, err := engine.Client.ImageInspect(t.Context(), dockertest.Image)
	if err != nil {
		t.Fatal(err)
	}
	x := executortest.Running(t, create(t))
	id := strings.TrimPrefix(seen.ID, "sha256:")
	for _, name := range []string{id[:12], id, seen.ID} {
		if _, detail, code := try(t, x, executortest.Case{Source: "echo ran", Change: in(name, "never")}); code != "image_unavailable" {
			t.Errorf("%s: %q %q, want image_unavailable", name, code, detail)
		}
	}
}

func TestAPrivateRegistryIsOpenedByThePolicy(t *testing.T) {
	t.Parallel()
	registry := dockertest.NewRegistry(t, "robot", "right-canary")
	secret := filepath.Join(t.TempDir(), "password")
	put := func(password string) {
		if err := os.WriteFile(secret, []byte(password), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	put("wrong-canary")
	rules := policyOf(t, fmt.Sprintf("registries: {%q: {username: robot, password_file: %s}}", registry.Host, secret))
	x := executortest.Running(t, createWith(t, docker.Config{Host: dockertest.Start(t).Host, Policy: rules}))
	name := registry.Host + "/team/private"
	denied := func(x executor.Executor, what string) {
		t.Helper()
		if _, detail, code := try(t, x, executortest.Case{Source: "echo ran", Change: in(name, "missing")}); code != "image_pull_denied" || strings.Contains(detail, "canary") {
			t.Errorf("%s: %q %q, want image_pull_denied", what, code, detail)
		}
	}
	denied(executortest.Running(t, create(t)), "without a password")
	denied(x, "with a wrong password")
	put("right-canary")
	if _, out, code := try(t, x, executortest.Case{Source: "echo ran", Change: in(name, "missing")}); out != "ran\n" || code != "" {
		t.Errorf("with the password: printed %q, problem %q", out, code)
	}
}

func TestAJobWithoutImageHasThatOfItsLanguage(t *testing.T) {
	t.Parallel()
	engine := dockertest.Start(t)
	own := executortest.Running(t, createWith(t, docker.Config{Host: engine.Host, Images: map[string]string{"python": dockertest.Image}}))
	e, out, code := try(t, own, executortest.Case{Language: "python", Source: "print('ran')", Change: in("", "missing")})
	if l := launchOf(t, e); out != "ran\n" || code != "" || l.Image != dockertest.Image {
		t.Errorf("printed %q, problem %q, noted %+v", out, code, l)
	}
	// Nothing of that name is asked of any registry.
	_, detail, code := try(t, own, executortest.Case{Language: "node", Source: "1", Change: in("", "always")})
	if code != "image_not_found" || !strings.Contains(detail, docker.DefaultImages()["node"]) {
		t.Errorf("a default that is not there: %q %q, want image_not_found", code, detail)
	}
	if err := engine.Client.ImageTag(t.Context(), dockertest.Image, docker.DefaultImages()["bash"]); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_, _ = engine.Client.ImageRemove(executortest.Context(t), docker.DefaultImages()["bash"], image.RemoveOptions{})
	})
	if _, out, code := try(t, own, executortest.Case{Source: "echo ran", Change: in("", "")}); out != "ran\n" || code != "" {
		t.Errorf("a default that is there printed %q, problem %q", out, code)
	}
}

// policyOf is a policy as root has written it.
func policyOf(t *testing.T, text string) *policy.Policy {
	t.Helper()
	path := filepath.Join(t.TempDir(), "docker.yaml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	p, err := policy.Load(path)
	if err != nil {
		t.Fatal(err)
	}
	return p
}
