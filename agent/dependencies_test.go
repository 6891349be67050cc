package agent

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cronium/cronium/agent/environment"
)

func TestPackagesAreInstalledWhereTheOperatorNamesASource(t *testing.T) {
	wheels := t.TempDir()
	for name, c := range map[string]struct {
		config Config
		want   []string
	}{
		"nothing said":    {Config{}, nil},
		"an index of pip": {Config{PipIndex: "https://pypi.example.com/simple"}, []string{"python"}},
		"a registry":      {Config{NPMRegistry: "http://npm.example.com:4873/"}, []string{"node"}},
		"both":            {Config{PipIndex: "https://a.example.com", NPMRegistry: "https://b.example.com"}, []string{"node", "python"}},
		"a wheelhouse":    {Config{Wheelhouse: wheels}, []string{"node", "python"}},
		"on":              {Config{Dependencies: "on"}, []string{"python", "node"}},
		"off":             {Config{Dependencies: "off", Wheelhouse: wheels}, nil},
	} {
		c.config.DataDir = t.TempDir()
		d, err := c.config.planDependencies()
		if err != nil || !slices.Equal(d.wanted, c.want) {
			t.Errorf("%s: %+v, %v; want %q", name, d, err, c.want)
		}
	}
}

func TestSourcesAndLimitsThatCannotBeAreRefused(t *testing.T) {
	wheels := t.TempDir()
	for name, c := range map[string]Config{
		"neither on nor off":  {Dependencies: "sometimes"},
		"a path as an index":  {PipIndex: "/srv/simple"},
		"another protocol":    {NPMRegistry: "ftp://npm.example.com"},
		"two sources":         {Wheelhouse: wheels, PipIndex: "https://pypi.example.com/simple"},
		"a relative path":     {Wheelhouse: "wheels"},
		"no such directory":   {Wheelhouse: wheels + "/none"},
		"password, no scheme": {PipIndex: "someone:hunter2@pypi.example.com"},
	} {
		c.DataDir = t.TempDir()
		if _, err := c.planDependencies(); !errors.Is(err, ErrDependencySource) || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%s: %v", name, err)
		}
	}
	for _, limits := range []map[string]string{{"time": "soon"}, {"time": "0s"}, {"size": "2GB"}, {"total": "-1GiB"}, {"unused": "-1h"}, {"more": "1"}} {
		c := Config{DependencyLimits: limits, DataDir: t.TempDir()}
		if _, err := c.planDependencies(); !errors.Is(err, ErrDependencyLimits) {
			t.Errorf("%v: %v", limits, err)
		}
	}
}

func TestWhatInstallersAreTold(t *testing.T) {
	for name, value := range map[string]string{"PIP_INDEX_URL": "https://old.example.com", "NPM_CONFIG_REGISTRY": "https://old.example.com", "npm_config_cafile": "/ca",
		"https_proxy": "http://proxy.example.com", "CRONIUM_SECRET": "x", "AWS_SECRET_ACCESS_KEY": "x"} {
		t.Setenv(name, value)
	}
	c := Config{DataDir: t.TempDir(), PipIndex: "https://pip.example.com", NPMRegistry: "https://npm.example.com", DependencyBuilds: true, Installer: "/bin/agent",
		DependencyLimits: map[string]string{"time": "1m", "size": "512MiB", "total": "1GiB", "unused": "24h"}}
	d, err := c.planDependencies()
	if err != nil {
		t.Fatal(err)
	}
	env := d.how.GetEnv()
	for name, want := range map[string]string{"PIP_INDEX_URL": "https://pip.example.com", "npm_config_registry": "https://npm.example.com", "NPM_CONFIG_REGISTRY": "",
		"npm_config_cafile": "/ca", "https_proxy": "http://proxy.example.com", "CRONIUM_SECRET": "", "AWS_SECRET_ACCESS_KEY": ""} {
		if env[name] != want {
			t.Errorf("%s is %q, want %q", name, env[name], want)
		}
	}
	if d.how.GetTimeLimit().AsDuration() != time.Minute || d.how.GetSizeLimitBytes() != 512<<20 || d.bounds != (environment.Bounds{Bytes: 1 << 30, Age: 24 * time.Hour}) ||
		!d.how.GetBuilds() || d.how.GetInstaller() != "/bin/agent" || d.how.GetDir() != c.DataDir+"/environments" {
		t.Errorf("%+v, %+v", d.how, d.bounds)
	}
}
