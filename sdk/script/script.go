package script

import (
	"embed"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
)

//go:embed python/*.py node/*.cjs bash/*.bash
var files embed.FS

// Install makes the directory dir and writes the helpers into it, readable by
// everybody.
func Install(dir string) error {
	if err := os.Mkdir(dir, 0o755); err != nil {
		return fmt.Errorf("make a directory for the helpers of scripts: %w", err)
	}
	// Whoever the umask shuts out is the script's user.
	if err := os.Chmod(dir, 0o755); err != nil { //nolint:gosec // nothing in it is secret
		return fmt.Errorf("open the directory of the helpers of scripts: %w", err)
	}
	return fs.WalkDir(files, ".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		return install(name, filepath.Join(dir, path.Base(name)))
	})
}

func install(name, to string) error {
	text, err := files.ReadFile(name)
	if err == nil {
		err = os.WriteFile(to, text, 0o644) //nolint:gosec // nothing in it is secret
	}
	if err == nil {
		err = os.Chmod(to, 0o644) //nolint:gosec // as above
	}
	if err != nil {
		return fmt.Errorf("write a helper of scripts: %w", err)
	}
	return nil
}

// Environ sets in env what lets interpreters find the helpers in dir. All three
// variables are set for every script, because scripts start one another. A value that is there stays in
// effect: behind ours in PYTHONPATH and NODE_OPTIONS; as CRONIUM_BASH_ENV, which
// ours sources, for BASH_ENV.
func Environ(dir string, env map[string]string) {
	prepend(env, "PYTHONPATH", dir, ":")
	prepend(env, "NODE_OPTIONS", "--require "+nodeQuote(filepath.Join(dir, "preload.cjs")), " ")
	if theirs := env["BASH_ENV"]; theirs != "" {
		env["CRONIUM_BASH_ENV"] = theirs
	}
	env["BASH_ENV"] = bashQuote(filepath.Join(dir, "cronium.bash"))
}

func prepend(env map[string]string, name, value, separator string) {
	if theirs := env[name]; theirs != "" {
		value += separator + theirs
	}
	env[name] = value
}

// nodeQuote is a path as one word of NODE_OPTIONS.
func nodeQuote(path string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(path) + `"`
}

// bashQuote is a path that bash's expansion of BASH_ENV leaves as it is.
func bashQuote(path string) string {
	return strings.NewReplacer(`\`, `\\`, `$`, `\$`, "`", "\\`").Replace(path)
}
