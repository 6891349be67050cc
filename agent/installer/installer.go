package installer

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/cronium/cronium/sdk/dependency"
)

// Order is what is to be installed.
type Order struct {
	Language     string   // python or node
	Interpreter  string   // path
	Target       string   // directory; it is made
	Wheelhouse   string   // directory; empty: as pip and npm are configured
	Builds       bool     // packages may run code of their own
	Dependencies []string // see package dependency
}

// Run installs, and returns the exit code of pip or npm. It writes nothing but below
// the directory of the target, HOME and TMPDIR.
func Run(ctx context.Context, o Order, environ []string, stdout, stderr io.Writer) (int, error) {
	if _, _, err := dependency.Check(o.Language, o.Dependencies); err != nil {
		return 0, err
	}
	if !filepath.IsAbs(o.Target) || !filepath.IsAbs(o.Interpreter) {
		return 0, ErrOrder.With("target %q and interpreter %q must be absolute paths", o.Target, o.Interpreter)
	}
	for _, dir := range []string{o.Target, os.Getenv("HOME"), os.Getenv("TMPDIR")} {
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return 0, ErrOrder.With("%v", err)
		}
	}
	if o.Language == "python" {
		return run(ctx, o.Target, pip(o), pipEnviron(o, environ), stdout, stderr)
	}
	return o.npm(ctx, environ, stdout, stderr)
}

func run(ctx context.Context, dir string, argv, environ []string, stdout, stderr io.Writer) (int, error) {
	cmd := exec.CommandContext(ctx, argv[0], argv[1:]...) //nolint:gosec // the host's own pip or npm
	cmd.Dir, cmd.Env, cmd.Stdout, cmd.Stderr = dir, environ, stdout, stderr
	err := cmd.Run()
	if failed, ok := errors.AsType[*exec.ExitError](err); ok && failed.Exited() {
		return failed.ExitCode(), nil
	}
	if err != nil {
		return 0, ErrOrder.With("%s: %v", filepath.Base(argv[0]), err)
	}
	return 0, nil
}

// pip is the command that installs for Python.
func pip(o Order) []string {
	argv := []string{o.Interpreter, "-I", "-m", "pip", "install", "--target", filepath.Join(o.Target, "python"),
		"--no-input", "--no-cache-dir", "--disable-pip-version-check", "--no-warn-script-location", "--progress-bar", "off"}
	if !o.Builds {
		argv = append(argv, "--only-binary", ":all:")
	}
	if o.Wheelhouse != "" {
		argv = append(argv, "--no-index", "--find-links", o.Wheelhouse)
	}
	return append(append(argv, "--"), o.Dependencies...)
}

func pipEnviron(o Order, environ []string) []string {
	if o.Wheelhouse == "" {
		return environ
	}
	return append(without(environ, "PIP_"), "PIP_CONFIG_FILE="+os.DevNull)
}

// npm installs for Node.
func (o Order) npm(ctx context.Context, environ []string, stdout, stderr io.Writer) (int, error) {
	if err := os.WriteFile(filepath.Join(o.Target, "package.json"), []byte(`{"private":true}`+"\n"), 0o600); err != nil {
		return 0, ErrOrder.With("%v", err)
	}
	npm, err := exec.LookPath("npm")
	if err != nil {
		return 0, ErrOrder.With("npm is not on the host: %v", err)
	}
	if o.Wheelhouse != "" {
		address, stop, err := o.serve(ctx)
		if err != nil {
			return 0, err
		}
		defer stop()
		environ = npmEnviron(o, environ, address)
	}
	argv := []string{npm, "install", "--prefix", o.Target, "--no-audit", "--no-fund", "--no-update-notifier", "--no-progress", "--loglevel", "warn"}
	if !o.Builds {
		argv = append(argv, "--ignore-scripts")
	}
	return run(ctx, o.Target, append(append(argv, "--"), o.Dependencies...), environ, stdout, stderr)
}

// npmEnviron lets npm ask the registry at that address and nobody else.
func npmEnviron(o Order, environ []string, address string) []string {
	nothing := filepath.Join(filepath.Dir(o.Target), "npmrc.") // there are no such files
	environ = without(without(environ, "NPM_CONFIG_"), "HTTP")
	return append(environ, "npm_config_registry="+address, "npm_config_globalconfig="+nothing+"global", "npm_config_userconfig="+nothing+"user", "npm_config_fetch_retries=0")
}

// serve serves the wheelhouse as a registry until stop is called.
func (o Order) serve(ctx context.Context) (address string, stop func(), err error) {
	packages, err := readWheelhouse(o.Wheelhouse)
	if err != nil {
		return "", nil, err
	}
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return "", nil, ErrOrder.With("listen on loopback: %v", err)
	}
	address = fmt.Sprintf("http://%s/", listener.Addr())
	server := &http.Server{Handler: packages.registry(address), ReadHeaderTimeout: 10 * time.Second}
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = server.Serve(listener)
	}()
	return address, func() { _ = server.Close(); <-done }, nil
}

// without leaves out variables whose names begin like that, in any case.
func without(environ []string, prefix string) []string {
	var out []string
	for _, e := range environ {
		if !strings.HasPrefix(strings.ToUpper(e), prefix) {
			out = append(out, e)
		}
	}
	return out
}
