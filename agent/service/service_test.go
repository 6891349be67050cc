package service

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

func TestSystemdUnderstandsTheUnit(t *testing.T) {
	text, err := Unit(Config{Program: "/bin/true", DataDir: "/var/lib/cronium-agent", User: "daemon"})
	if err != nil {
		t.Fatal(err)
	}
	for _, line := range []string{"User=daemon", "ExecStart=/bin/true run --data-dir /var/lib/cronium-agent", "KillMode=process", "Delegate=yes", "Restart=always"} {
		if !strings.Contains(text, "\n"+line+"\n") {
			t.Errorf("the unit lacks %s", line)
		}
	}
	if strings.Contains(text, "@") {
		t.Errorf("the unit has a place that nothing was put into:\n%s", text)
	}
	verify, err := exec.LookPath("systemd-analyze")
	if err != nil {
		t.Fatalf("systemd-analyze is missing (apt install systemd): %v", err)
	}
	path := filepath.Join(t.TempDir(), Name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	out, err := exec.CommandContext(t.Context(), verify, "verify", "--man=no", path).CombinedOutput()
	if err != nil || strings.Contains(string(out), Name) {
		t.Fatalf("systemd-analyze verify: %v\n%s", err, out)
	}
}

func TestNothingGetsIntoTheUnitThatIsNoWord(t *testing.T) {
	for _, c := range []Config{
		{Program: "/bin/true\nExecStartPre=/bin/evil", DataDir: "/d"}, {Program: "/bin/true", DataDir: "/d %h"}, {Program: "cronium-agent", DataDir: "/d"},
		{Program: "/bin/true", DataDir: "d"}, {Program: "/bin/true", DataDir: "/d", User: "root\nUser=x"}, {Program: "/bin/true", DataDir: "/d", User: "-x"},
	} {
		if text, err := Unit(c); !errors.Is(err, ErrWord) {
			t.Errorf("Unit(%+v) = %q, %v; want ErrWord", c, text, err)
		}
	}
}

func TestWhatIsInstalledBelowADirectoryIsUninstalled(t *testing.T) {
	root := t.TempDir()
	config := Config{Program: "/usr/local/bin/cronium-agent", DataDir: "/var/lib/cronium-agent", Root: root}
	for range 2 {
		if err := Install(t.Context(), config); err != nil {
			t.Fatal(err)
		}
	}
	path := filepath.Join(root, unitDir, Name)
	if info, err := os.Stat(path); err != nil || info.Mode() != 0o644 {
		t.Fatalf("%s: %v, %v", path, info, err)
	}
	for range 2 {
		if err := Uninstall(t.Context(), root); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := os.Stat(path); err == nil {
		t.Fatal("the unit is still there")
	}
}
