package agent

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/cronium/cronium/agent/environment"
	"github.com/cronium/cronium/agent/executor/process"
	runnerv1 "github.com/cronium/cronium/proto/runner/v1"
	"github.com/cronium/cronium/sdk/dependency"
)

// Whether packages that scripts depend on are installed.
const (
	dependenciesAuto = "auto" // those for whose language a source is given
	dependenciesOn   = "on"
	dependenciesOff  = "off"
)

// What an installation may take, and how much is kept, if the operator does not say.
const (
	defaultInstallTime = 10 * time.Minute
	defaultInstallSize = 2 << 30
	defaultKeptSize    = 10 << 30
	defaultKeptUnused  = 30 * 24 * time.Hour

	cleanEvery = 10 * time.Minute
)

// environmentsDir is where environments are, in the data directory.
const environmentsDir = "environments"

// dependencies say how packages that scripts depend on are installed, and how long
// they are kept.
type dependencies struct {
	wanted []string // languages
	source string   // for people
	how    *runnerv1.Dependencies
	bounds environment.Bounds
}

// planDependencies checks what the configuration says of packages.
func (c *Config) planDependencies() (*dependencies, error) {
	d := &dependencies{source: "from indexes", how: &runnerv1.Dependencies{}}
	if err := d.limits(c.DependencyLimits); err != nil {
		return nil, err
	}
	for _, u := range []string{c.PipIndex, c.NPMRegistry} {
		if p, err := url.Parse(u); u != "" && (err != nil || p.Host == "" || p.Scheme != "http" && p.Scheme != "https") {
			return nil, ErrDependencySource.With("The address of an index begins with http:// or https://")
		}
	}
	if c.Wheelhouse != "" {
		info, err := os.Stat(c.Wheelhouse)
		switch {
		case c.PipIndex != "" || c.NPMRegistry != "":
			return nil, ErrDependencySource.With("A wheelhouse and the address of an index are given")
		case err != nil || !info.IsDir() || !filepath.IsAbs(c.Wheelhouse):
			return nil, ErrDependencySource.With("%s is not the absolute path of a directory", c.Wheelhouse)
		}
		d.source = "from " + c.Wheelhouse
	}
	switch cmp.Or(c.Dependencies, dependenciesAuto) {
	case dependenciesOff:
		return d, nil
	case dependenciesOn:
		d.wanted = dependency.Languages()
	case dependenciesAuto:
		for language, source := range map[string]string{"python": c.PipIndex, "node": c.NPMRegistry} {
			if source != "" || c.Wheelhouse != "" {
				d.wanted = append(d.wanted, language)
			}
		}
		slices.Sort(d.wanted)
	default:
		return nil, ErrDependencySource.With("%q is not one of auto, on, off", c.Dependencies)
	}
	dir, err := filepath.Abs(filepath.Join(c.DataDir, environmentsDir))
	if err != nil {
		return nil, ErrDataDir.With("%v", err)
	}
	d.how.Dir, d.how.Installer, d.how.Wheelhouse, d.how.Builds, d.how.Env = dir, c.Installer, c.Wheelhouse, c.DependencyBuilds, c.installerEnviron()
	return d, nil
}

// limits reads what an installation may take: time, size; and what is kept: total,
// unused.
func (d *dependencies) limits(texts map[string]string) error {
	took, kept := defaultInstallTime, defaultKeptUnused
	size, total := int64(defaultInstallSize), int64(defaultKeptSize)
	for _, name := range slices.Sorted(maps.Keys(texts)) {
		var err error
		switch text := texts[name]; name {
		case "time":
			took, err = time.ParseDuration(text)
		case "unused":
			kept, err = time.ParseDuration(text)
		case "size":
			size, err = bytesOf(text)
		case "total":
			total, err = bytesOf(text)
		default:
			err = fmt.Errorf("there is no limit %q", name)
		}
		if err != nil || took < time.Second || kept < 0 || size < 1 || total < 0 {
			return ErrDependencyLimits.With("%s=%s", name, texts[name])
		}
	}
	d.how.TimeLimit, d.how.SizeLimitBytes = durationpb.New(took), size
	d.bounds = environment.Bounds{Bytes: total, Age: kept}
	return nil
}

func bytesOf(text string) (int64, error) {
	for unit, shift := range map[string]int{"MiB": 20, "GiB": 30} {
		if digits, ok := strings.CutSuffix(text, unit); ok {
			n, err := strconv.ParseInt(digits, 10, 32)
			return n << shift, err
		}
	}
	return 0, fmt.Errorf("%q is not a whole number of MiB or GiB", text)
}

// installerEnviron is what pip and npm find in their environment: of the agent's own
// what configures them, and the way through proxies; and what the operator says.
func (c *Config) installerEnviron() map[string]string {
	env := map[string]string{}
	for _, e := range os.Environ() {
		name, value, _ := strings.Cut(e, "=")
		switch upper := strings.ToUpper(name); {
		case strings.HasPrefix(upper, "PIP_"), strings.HasPrefix(upper, "NPM_CONFIG_"),
			slices.Contains([]string{"HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "SSL_CERT_FILE", "SSL_CERT_DIR", "NODE_EXTRA_CA_CERTS"}, upper):
			env[name] = value
		}
	}
	if c.PipIndex != "" {
		env["PIP_INDEX_URL"] = c.PipIndex
	}
	if c.NPMRegistry != "" {
		maps.DeleteFunc(env, func(name, _ string) bool { return strings.EqualFold(name, "npm_config_registry") })
		env["npm_config_registry"] = c.NPMRegistry
	}
	return env
}

// prepareDependencies finds out for which languages packages can be installed, and
// says so by labels. It returns what runners are told: nil without any.
func (a *Agent) prepareDependencies(ctx context.Context, user *runnerv1.User) *runnerv1.Dependencies {
	d := a.dependencies
	labels := map[string]string{}
	for _, language := range d.wanted {
		if err := process.CanInstall(ctx, language, user); err != nil {
			a.cfg.Log.WarnContext(ctx, "no packages of a language are installed", "language", language, "err", err)
			continue
		}
		labels[dependency.Label(language)] = "true"
		d.how.Languages = append(d.how.Languages, language)
	}
	if len(d.how.GetLanguages()) == 0 {
		return nil
	}
	a.identity.AddLabels(labels)
	a.cfg.Log.InfoContext(ctx, "dependencies of scripts are installed", "languages", d.how.GetLanguages(), "source", d.source)
	return d.how
}

// keepEnvironments removes what is old, too much, or was left by killed runners.
func (a *Agent) keepEnvironments(ctx context.Context) error {
	tick := time.NewTicker(cleanEvery)
	defer tick.Stop()
	for {
		a.cleanEnvironments(ctx)
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-tick.C:
		}
	}
}

func (a *Agent) cleanEnvironments(ctx context.Context) {
	dir := filepath.Join(a.cfg.DataDir, environmentsDir)
	if _, err := os.Stat(dir); err != nil {
		return // nothing was ever installed
	}
	cache, err := environment.Open(dir)
	if err == nil {
		var n int
		if n, err = cache.Clean(a.cfg.Now(), a.dependencies.bounds); n > 0 {
			a.cfg.Log.InfoContext(ctx, "environments removed", "count", n)
		}
	}
	if err != nil {
		a.cfg.Log.WarnContext(ctx, "clean up environments", "err", err)
	}
}

// describeDependencies is for people; empty where none are installed.
func (a *Agent) describeDependencies() string {
	languages := a.dependencies.how.GetLanguages()
	if len(languages) == 0 {
		return ""
	}
	text := strings.Join(languages, ", ") + " " + a.dependencies.source
	if cache, err := environment.Open(a.dependencies.how.GetDir()); err == nil {
		if u, err := cache.Usage(); err == nil {
			text += fmt.Sprintf("; %d environments, %d MiB", u.Environments, u.Bytes>>20)
		}
	}
	return text
}
