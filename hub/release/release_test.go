package release_test

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/cronium/cronium/hub/release"
)

const sum = "0000000000000000000000000000000000000000000000000000000000000001"

func write(t *testing.T, dir string, files map[string]string) {
	t.Helper()
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

func TestNothingIsHandedOutThatIsNotListed(t *testing.T) {
	top := t.TempDir()
	dir := filepath.Join(top, "dist")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	d := release.In(dir)
	if _, err := d.Release(); !errors.Is(err, release.ErrNone) {
		t.Fatalf("Release of an empty directory = %v, want ErrNone", err)
	}
	if _, err := release.In("").Release(); !errors.Is(err, release.ErrNone) {
		t.Fatalf("Release of no directory = %v, want ErrNone", err)
	}
	write(t, top, map[string]string{"secret": "s"})
	write(t, dir, map[string]string{
		"VERSION":                    "v1.2.3\n",
		"SHA256SUMS":                 sum + "  cronium-agent-linux-amd64\n" + sum + " *cronium-runner-linux-amd64\n" + sum + "  ../secret\n" + sum + "  key\nnonsense\n" + sum + "  cronium-agent-linux-arm64\n",
		"cronium-agent-linux-amd64":  "agent",
		"cronium-runner-linux-amd64": "runner",
		"key":                        "k",
	})
	r, err := d.Release()
	if err != nil || r.Version != "v1.2.3" || !r.Has("linux", "amd64") || r.Has("linux", "arm64") || r.Has("darwin", "arm64") {
		t.Fatalf("Release = %+v, %v", r, err)
	}
	f, file, err := d.Open("cronium-agent-linux-amd64")
	if err != nil || file.Size != 5 || file.SHA256 != sum {
		t.Fatalf("Open = %+v, %v", file, err)
	}
	_ = f.Close()
	for _, name := range []string{"", ".", "key", "../secret", "VERSION", "SHA256SUMS", "cronium-agent-linux-arm64", "cronium-agent-linux-riscv64", "/etc/passwd"} {
		if f, _, err := d.Open(name); !errors.Is(err, release.ErrUnknown) {
			t.Errorf("Open(%q) = %v, %v; want ErrUnknown", name, f, err)
		}
	}
	if u, err := d.For("linux", "amd64"); err != nil || u.Version != "v1.2.3" || u.Runner.Size != 6 || u.Agent.Name != "cronium-agent-linux-amd64" {
		t.Errorf("For(linux, amd64) = %+v, %v", u, err)
	}
	if _, err := d.For("linux", "arm64"); !errors.Is(err, release.ErrPlatform) {
		t.Errorf("For(linux, arm64) = %v, want ErrPlatform: there is no runner", err)
	}
	write(t, dir, map[string]string{"VERSION": "$(reboot)\n"})
	if _, err := d.Release(); !errors.Is(err, release.ErrNone) {
		t.Errorf("Release with a strange version = %v, want ErrNone", err)
	}
}

// TestTheScriptTakesAddressesAsTheyAre gives the shell what it could misread.
func TestTheScriptTakesAddressesAsTheyAre(t *testing.T) {
	for _, address := range []string{"https://hub.example.com:8420/base", `http://x/'"$(touch /tmp/x)` + "`id`" + `\n`, "http://[::1]:8420", "", "a b"} {
		script := string(release.Script(address, address))
		if strings.Contains(script, "@URL@") || strings.Contains(script, "@HUB@") {
			t.Fatal("the script still has a place for an address")
		}
		// The last line calls main; here it tells what main would begin with.
		from := strings.LastIndex(script, "\turl=")
		to := strings.Index(script[from:], "\ttoken_file=")
		out, err := exec.CommandContext(t.Context(), "sh", "-c", script[from:from+to]+"printf '%s\\n%s' \"$url\" \"$hub\"").Output()
		if want := address + "\n" + address; err != nil || string(out) != want {
			t.Errorf("the script reads %q, %v; want %q", out, err, want)
		}
	}
}

func TestTheScriptIsForEveryShell(t *testing.T) {
	path := filepath.Join(t.TempDir(), "install.sh")
	if err := os.WriteFile(path, release.Script("http://hub:8420", "hub:8421"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, shell := range []string{"sh", "bash"} {
		if out, err := exec.CommandContext(t.Context(), shell, "-n", path).CombinedOutput(); err != nil {
			t.Errorf("%s cannot read it: %v\n%s", shell, err, out)
		}
		out, err := exec.CommandContext(t.Context(), shell, path, "--help").CombinedOutput()
		if err != nil || !strings.Contains(string(out), "CRONIUM_JOIN_TOKEN") {
			t.Errorf("%s install.sh --help: %v\n%s", shell, err, out)
		}
		for _, wrong := range []string{"--token=x", "--hub", "--data-dir relative", "--wait soon"} {
			args := append([]string{path}, strings.Fields(wrong)...)
			if out, err := exec.CommandContext(t.Context(), shell, args...).CombinedOutput(); err == nil || !strings.HasPrefix(string(out), "error: ") {
				t.Errorf("%s install.sh %s: %v\n%s", shell, wrong, err, out)
			}
		}
	}
}

func TestACommandIsOneLineAndTheTokenNoArgument(t *testing.T) {
	command := release.Command("http://hub.example.com:8420", "aj1_x")
	if want := "curl -fsSL http://hub.example.com:8420/install.sh | CRONIUM_JOIN_TOKEN=aj1_x sh"; command != want {
		t.Errorf("Command = %q, want %q", command, want)
	}
	if got, want := release.Command("http://h/a b", "t"), `curl -fsSL 'http://h/a b/install.sh' | CRONIUM_JOIN_TOKEN=t sh`; got != want {
		t.Errorf("Command = %q, want %q", got, want)
	}
	if got, want := release.Manual("[::1]:8421", "t", "/d"), "CRONIUM_JOIN_TOKEN=t cronium-agent enrol --hub '[::1]:8421' --data-dir /d"; got != want {
		t.Errorf("Manual = %q, want %q", got, want)
	}
}
