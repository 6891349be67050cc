package policy

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
)

// registry is who pulls from a registry.
type registry struct {
	Username     string `yaml:"username"`
	PasswordFile string `yaml:"password_file"`
}

// Login is what opens a registry. It prints as nothing but its user.
type Login struct {
	Username string
	password string
}

// Password is the password, for the engine alone.
func (l Login) Password() string { return l.password }

// String implements [fmt.Stringer].
func (l Login) String() string { return l.Username + ":[redacted]" }

// GoString implements [fmt.GoStringer].
func (l Login) GoString() string { return l.String() }

// maxPassword bounds a registry's password, which may be a token.
const maxPassword = 64 << 10

var hostRE = regexp.MustCompile(`^[a-zA-Z0-9]([a-zA-Z0-9.-]*[a-zA-Z0-9])?(:[0-9]{1,5})?$`)

func (p *Policy) takeRegistries(list map[string]registry) error {
	for host, r := range list {
		switch {
		case !hostRE.MatchString(host):
			return fmt.Errorf("registries: %q is not the host of a registry, such as registry.example or docker.io", host)
		case r.Username == "":
			return fmt.Errorf("registries.%s: username is missing", host)
		case !filepath.IsAbs(r.PasswordFile):
			return fmt.Errorf("registries.%s: password_file %q is not an absolute path", host, r.PasswordFile)
		}
		if _, err := readSecret(r.PasswordFile); err != nil {
			return fmt.Errorf("registries.%s: password_file: %w", host, err)
		}
	}
	p.registries = list
	return nil
}

// Login returns what opens the registry of that host, if the policy has something.
// The password is read anew, so that it can be replaced under a running agent.
func (p *Policy) Login(host string) (Login, bool, error) {
	r, ok := p.registries[host]
	if !ok {
		return Login{}, false, nil
	}
	password, err := readSecret(r.PasswordFile)
	if err != nil {
		return Login{}, false, ErrInvalid.With("%s: registries.%s: password_file: %v", p.path, host, err)
	}
	return Login{Username: r.Username, password: password}, true, nil
}

// readSecret reads a file that belongs to root or to us and that nobody else may
// even read.
func readSecret(path string) (string, error) {
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return "", err
	}
	defer func() { _ = f.Close() }()
	info, err := f.Stat()
	if err != nil {
		return "", err
	}
	stat, ok := info.Sys().(*syscall.Stat_t)
	switch {
	case !ok || !info.Mode().IsRegular():
		return "", fmt.Errorf("%s is not a file", path)
	case stat.Uid != 0 && int(stat.Uid) != os.Geteuid():
		return "", fmt.Errorf("%s belongs to the user %d, and must belong to root or to the agent's user", path, stat.Uid)
	case info.Mode().Perm()&0o077 != 0:
		return "", fmt.Errorf("%s has the mode %04o, and nobody but its owner may read it (chmod 600)", path, info.Mode().Perm())
	case info.Size() > maxPassword:
		return "", fmt.Errorf("%s has %d bytes, a password at most %d", path, info.Size(), maxPassword)
	}
	text, err := io.ReadAll(io.LimitReader(f, maxPassword))
	if err != nil {
		return "", err
	}
	password := strings.TrimRight(string(text), "\r\n")
	if password == "" {
		return "", errors.New(path + " is empty")
	}
	return password, nil
}
