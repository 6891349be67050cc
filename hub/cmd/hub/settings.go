package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"reflect"
	"slices"
	"strings"

	"github.com/alecthomas/kong"
	"go.yaml.in/yaml/v3"

	"github.com/cronium/cronium/hub"
	"github.com/cronium/cronium/sdk/problem"
)

var (
	errUnknownSetting = problem.New("config.unknown_key", 422, "Unknown setting", "See cronium-hub serve --help for the names.")
	errConfigFile     = problem.New("config.unreadable", 422, "Configuration file cannot be read", "Give --config a readable YAML file of `key: value` lines.")
)

// settings are the values that come from the environment and the file, by flag name.
type settings struct {
	values map[string]any
	admin  hub.Admin
}

// forOthers are CRONIUM_ variables that belong to the CLI and to scripts, and may
// well be set where a hub starts.
var forOthers = []string{"CRONIUM_URL", "CRONIUM_TOKEN", "CRONIUM_PROJECT", "CRONIUM_HOME"}

func readSettings(args, environ []string) (settings, error) {
	s := settings{values: map[string]any{}}
	env := map[string]string{}
	for _, pair := range environ {
		if name, value, _ := strings.Cut(pair, "="); strings.HasPrefix(name, "CRONIUM_") && !slices.Contains(forOthers, name) {
			env[name] = value
		}
	}
	s.admin = hub.Admin{Email: take(env, "CRONIUM_ADMIN_EMAIL"), Password: take(env, "CRONIUM_ADMIN_PASSWORD")}
	if path := configPath(args, env); path != "" {
		if err := s.readFile(path); err != nil {
			return s, err
		}
	}
	known := flagNames()
	for name, value := range env {
		flag := strings.ReplaceAll(strings.ToLower(strings.TrimPrefix(name, "CRONIUM_")), "_", "-")
		if !slices.Contains(known, flag) {
			return s, errUnknownSetting.With("the environment variable %s is none of ours", name)
		}
		s.values[flag] = value
	}
	return s, nil
}

func (s settings) readFile(path string) error {
	text, err := os.ReadFile(path)
	if err != nil {
		return errConfigFile.With("%v", err)
	}
	var values map[string]any
	if err := yaml.NewDecoder(strings.NewReader(string(text))).Decode(&values); err != nil && !errors.Is(err, io.EOF) {
		return errConfigFile.With("%s: %v", path, err)
	}
	known := flagNames()
	for key, value := range values {
		if !slices.Contains(known, key) || key == "config" {
			return errUnknownSetting.With("%s: the key %q is none of ours", path, key)
		}
		s.values[key] = value
	}
	return nil
}

// resolver answers kong for every flag that is not on the command line.
func (s settings) resolver() kong.Resolver {
	return kong.ResolverFunc(func(_ *kong.Context, _ *kong.Path, flag *kong.Flag) (any, error) {
		value, ok := s.values[flag.Name]
		if !ok {
			return nil, nil
		}
		if list, ok := value.([]any); ok {
			var texts []string
			for _, item := range list {
				texts = append(texts, fmt.Sprint(item))
			}
			return strings.Join(texts, ","), nil
		}
		return value, nil
	})
}

// configPath finds --config before kong reads the flags, because the file holds
// values for them.
func configPath(args []string, env map[string]string) string {
	for i, arg := range args {
		if path, ok := strings.CutPrefix(arg, "--config="); ok {
			return path
		}
		if (arg == "--config" || arg == "-c") && i+1 < len(args) {
			return args[i+1]
		}
	}
	return take(env, "CRONIUM_CONFIG")
}

func take(env map[string]string, name string) string {
	value := env[name]
	delete(env, name)
	return value
}

// flagNames are the names of the serve command's flags, which the environment and
// the file share.
func flagNames() []string {
	var names []string
	t := reflect.TypeFor[serveCmd]()
	for i := range t.NumField() {
		field := t.Field(i)
		name := field.Tag.Get("name")
		if name == "" {
			name = kebab(field.Name)
		}
		names = append(names, name)
	}
	return names
}

func kebab(name string) string {
	var b strings.Builder
	for i, r := range name {
		if i > 0 && r >= 'A' && r <= 'Z' && name[i-1] >= 'a' {
			b.WriteByte('-')
		}
		b.WriteRune(r)
	}
	return strings.ToLower(b.String())
}
