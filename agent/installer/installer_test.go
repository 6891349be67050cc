package installer_test

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/cronium/cronium/agent/installer"
	"github.com/cronium/cronium/agent/installer/installertest"
	"github.com/cronium/cronium/sdk/dependency"
)

func install(t *testing.T, o installer.Order) (code int, said string, err error) {
	t.Helper()
	_, code, said, err = installInto(t, o)
	return code, said, err
}

// installInto installs into a new directory.
func installInto(t *testing.T, o installer.Order) (target string, code int, said string, err error) {
	t.Helper()
	site := t.TempDir()
	t.Setenv("HOME", filepath.Join(site, "home"))
	t.Setenv("TMPDIR", filepath.Join(site, "tmp"))
	o.Target = filepath.Join(site, "env")
	if o.Interpreter, err = exec.LookPath(map[string]string{"python": "python3", "node": "node"}[o.Language]); err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	code, err = installer.Run(t.Context(), o, os.Environ(), &out, &out)
	return o.Target, code, out.String(), err
}

func TestAWheelhouseHasPackagesOfBothLanguages(t *testing.T) {
	dir := installertest.Wheelhouse(t)
	installertest.Wheel(t, dir, "shout", "1.2.0", map[string]string{"shout/__init__.py": "from inner import word\n"}, "inner>=2")
	installertest.Wheel(t, dir, "inner", "2.0", map[string]string{"inner.py": "word = 'two'\n"})
	installertest.Pack(t, dir, "shout", "1.2.0", map[string]any{"dependencies": map[string]string{"@team/inner": "^2.0.0"}}, map[string]string{"index.js": ""})
	for _, version := range []string{"1.9.0", "2.0.0", "2.10.0", "2.9.0", "3.0.0-rc.1"} {
		installertest.Pack(t, dir, "@team/inner", version, nil, map[string]string{"index.js": ""})
	}
	for language, want := range map[string]string{"python": "python/inner.py", "node": "node_modules/@team/inner/package.json"} {
		target, code, said, err := installInto(t, installer.Order{Language: language, Wheelhouse: dir, Dependencies: []string{"shout"}})
		text, readErr := os.ReadFile(filepath.Join(target, want))
		if code != 0 || err != nil || readErr != nil {
			t.Fatalf("%s: %d, %v, %v\n%s", language, code, err, readErr, said)
		}
		if language == "node" && !strings.Contains(string(text), `"2.10.0"`) {
			t.Errorf("of @team/inner ^2.0.0 came %s", text)
		}
	}
}

func TestWhatTheWheelhouseLacksIsNamed(t *testing.T) {
	dir := installertest.Wheelhouse(t)
	for language, want := range map[string]string{"python": "No matching distribution found for absent==1.0", "node": "npm error 404"} {
		entry := map[string]string{"python": "absent==1.0", "node": "absent@1.0.0"}[language]
		code, said, err := install(t, installer.Order{Language: language, Wheelhouse: dir, Dependencies: []string{entry}})
		if code == 0 || err != nil || !strings.Contains(said, want) {
			t.Errorf("%s: %d, %v, want %q in\n%s", language, code, err, want, said)
		}
	}
}

// What pip and npm are configured with elsewhere does not count when there is a
// wheelhouse.
func TestAWheelhouseIsTheOnlySource(t *testing.T) {
	dir, other := installertest.Wheelhouse(t), installertest.Wheelhouse(t)
	installertest.Wheel(t, other, "elsewhere", "1.0", map[string]string{"elsewhere.py": ""})
	t.Setenv("PIP_FIND_LINKS", other)
	t.Setenv("npm_config_registry", "http://127.0.0.1:9/")
	t.Setenv("HTTP_PROXY", "http://127.0.0.1:9/")
	if code, said, _ := install(t, installer.Order{Language: "python", Wheelhouse: dir, Dependencies: []string{"elsewhere"}}); code == 0 {
		t.Errorf("pip took it from elsewhere:\n%s", said)
	}
	installertest.Pack(t, dir, "here", "1.0.0", nil, nil)
	if code, said, err := install(t, installer.Order{Language: "node", Wheelhouse: dir, Dependencies: []string{"here"}}); code != 0 || err != nil {
		t.Errorf("npm: %d, %v\n%s", code, err, said)
	}
}

func TestPackagesRunCodeOnlyWhereThatIsAllowed(t *testing.T) {
	dir := installertest.Wheelhouse(t)
	mark := filepath.Join(t.TempDir(), "ran")
	installertest.Pack(t, dir, "eager", "1.0.0", map[string]any{"scripts": map[string]string{"install": "echo > " + mark}}, nil)
	for _, builds := range []bool{false, true} {
		code, said, err := install(t, installer.Order{Language: "node", Wheelhouse: dir, Builds: builds, Dependencies: []string{"eager"}})
		if code != 0 || err != nil {
			t.Fatalf("%d, %v\n%s", code, err, said)
		}
		if _, err := os.Stat(mark); (err == nil) != builds {
			t.Errorf("builds %v: the install script's mark: %v", builds, err)
		}
	}
	if err := os.WriteFile(filepath.Join(dir, "source-1.0.tar.gz"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if code, said, _ := install(t, installer.Order{Language: "python", Wheelhouse: dir, Dependencies: []string{"source"}}); code == 0 || !strings.Contains(said, "No matching distribution") {
		t.Errorf("a source distribution: %d\n%s", code, said)
	}
}

func TestOrdersThatCannotBeAreRefused(t *testing.T) {
	for name, o := range map[string]installer.Order{
		"option":   {Language: "python", Dependencies: []string{"--pre"}},
		"language": {Language: "bash", Dependencies: []string{"jq"}},
	} {
		if _, err := installer.Run(t.Context(), o, nil, nil, nil); !errors.Is(err, dependency.ErrInvalid) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := installer.Run(t.Context(), installer.Order{Language: "node", Interpreter: "node", Target: "x", Dependencies: []string{"x"}}, nil, nil, nil); !errors.Is(err, installer.ErrOrder) {
		t.Errorf("relative paths: %v", err)
	}
	dir := installertest.Wheelhouse(t)
	if err := os.WriteFile(filepath.Join(dir, "broken-1.0.0.tgz"), []byte("not packed"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, _, err := install(t, installer.Order{Language: "node", Wheelhouse: dir, Dependencies: []string{"x"}}); !errors.Is(err, installer.ErrWheelhouse) || !strings.Contains(err.Error(), "broken-1.0.0.tgz") {
		t.Errorf("a broken package: %v", err)
	}
}
