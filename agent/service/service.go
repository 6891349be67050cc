package service

import (
	"context"
	_ "embed"
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
)

//go:embed cronium-agent.service
var template string

// Name is the unit's.
const Name = "cronium-agent.service"

const unitDir = "/etc/systemd/system"

var (
	absolute = regexp.MustCompile(`^/[A-Za-z0-9._/@+-]+$`)
	account  = regexp.MustCompile(`^[A-Za-z0-9_][A-Za-z0-9._-]*\$?$`)
)

// Config says which agent is the service. Program and DataDir are required.
type Config struct {
	Program string // absolute path of cronium-agent
	DataDir string // absolute path
	User    string // whom it runs as; root if empty
	Root    string // write below this directory and start nothing; the host itself if empty
	NoStart bool   // neither start it nor let it start with the host
}

// Unit is the text of the unit.
func Unit(c Config) (string, error) {
	for _, path := range []string{c.Program, c.DataDir} {
		if !absolute.MatchString(path) {
			return "", ErrWord.With("%q", path)
		}
	}
	user := ""
	if c.User != "" {
		if !account.MatchString(c.User) {
			return "", ErrWord.With("%q", c.User)
		}
		user = "User=" + c.User + "\n"
	}
	return strings.NewReplacer("@USER@", user, "@PROGRAM@", c.Program, "@DATA@", c.DataDir).Replace(template), nil
}

// Install writes the unit, and starts the service now and with the host. One that
// runs is started again, which its scripts do not notice.
func Install(ctx context.Context, c Config) error {
	text, err := Unit(c)
	if err != nil {
		return err
	}
	if c.Root == "" && !Present() {
		return ErrNoSystemd
	}
	path := filepath.Join(c.Root, unitDir, Name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil { //nolint:gosec // as systemd has it
		return ErrUnit.With("%v", err)
	}
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil { //nolint:gosec // as systemd has it
		return ErrUnit.With("%v", err)
	}
	if c.Root != "" {
		return nil
	}
	if err := systemctl(ctx, "daemon-reload"); err != nil || c.NoStart {
		return err
	}
	if err := systemctl(ctx, "enable", Name); err != nil {
		return err
	}
	return systemctl(ctx, "restart", Name)
}

// Uninstall stops the service and removes the unit. Without one it does nothing.
func Uninstall(ctx context.Context, root string) error {
	path := filepath.Join(root, unitDir, Name)
	if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	live := root == "" && Present()
	if live {
		if err := systemctl(ctx, "disable", "--now", Name); err != nil {
			return err
		}
	}
	if err := os.Remove(path); err != nil {
		return ErrUnit.With("%v", err)
	}
	if live {
		return systemctl(ctx, "daemon-reload")
	}
	return nil
}

// State is what systemd says of the service: active, inactive, failed and so on.
func State(ctx context.Context) (string, error) {
	if !Present() {
		return "", ErrNoSystemd
	}
	out, err := exec.CommandContext(ctx, "systemctl", "is-active", Name).Output()
	state := strings.TrimSpace(string(out))
	if state == "" {
		return "", ErrSystemctl.With("%v", err)
	}
	return state, nil // an exit code other than 0 says the same
}

// Present reports whether systemd runs this host.
func Present() bool {
	info, err := os.Stat("/run/systemd/system")
	return err == nil && info.IsDir()
}

func systemctl(ctx context.Context, args ...string) error {
	out, err := exec.CommandContext(ctx, "systemctl", args...).CombinedOutput()
	if err != nil {
		return ErrSystemctl.With("systemctl %s: %v %s", strings.Join(args, " "), err, strings.TrimSpace(string(out)))
	}
	return nil
}
