package job

import (
	"maps"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"
)

const (
	maxEnv      = 200
	maxEnvValue = 32 << 10
	maxEnvTotal = 64 << 10
)

var envRE = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]{0,127}$`)

// Variables that change what runs, instead of being read by it: a loader, an
// interpreter or a tool obeys them before the script has a say. A script that needs
// one can set it itself, where a reader sees it.
var (
	deniedEnv = []string{"PATH", "BASH_ENV", "ENV", "SHELLOPTS", "BASHOPTS", "NODE_OPTIONS", "NODE_PATH", "RUBYOPT", "JAVA_TOOL_OPTIONS",
		"HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy", "PROMPT_COMMAND", "IFS"}
	deniedEnvPrefix = []string{"LD_", "DYLD_", "PYTHON", "PERL5", "GIT_", "SSH_", "DOCKER_", "CRONIUM_"}
)

func checkEnv(env map[string]string) error {
	if len(env) > maxEnv {
		return ErrEnv.With("%d variables, at most %d are allowed", len(env), maxEnv).At("spec.env")
	}
	total := 0
	for _, name := range slices.Sorted(maps.Keys(env)) {
		if !envRE.MatchString(name) {
			return ErrEnv.With("%q: name must match [A-Za-z_][A-Za-z0-9_]* and have at most 128 characters", cut(name)).At("spec.env")
		}
		field := "spec.env." + name
		if strings.HasPrefix(name, "CRONIUM_") {
			return ErrEnv.With("%s may not be set: names that begin with CRONIUM_ are reserved", name).At(field)
		}
		if slices.Contains(deniedEnv, name) || slices.ContainsFunc(deniedEnvPrefix, func(p string) bool { return strings.HasPrefix(name, p) }) {
			return ErrEnv.With("%s may not be set", name).At(field)
		}
		value := env[name]
		if len(value) > maxEnvValue {
			return ErrEnv.With("%s is %d bytes, limit %d", name, len(value), maxEnvValue).At(field)
		}
		if !utf8.ValidString(value) || strings.IndexByte(value, 0) >= 0 {
			return ErrEnv.With("%s holds a NUL byte or is not valid UTF-8", name).At(field)
		}
		total += len(name) + len(value) + 2
	}
	if total > maxEnvTotal {
		return ErrEnv.With("The variables are %d bytes together, limit %d", total, maxEnvTotal).At("spec.env")
	}
	return nil
}
