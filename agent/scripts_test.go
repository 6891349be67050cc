package agent

import (
	"cmp"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/cronium/cronium/agent/executor/executortest"
	"github.com/cronium/cronium/agent/executor/process"
)

func TestWhomScriptsRunAsIsDecidedBeforeAnythingRuns(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("only root has a choice")
	}
	open := executortest.OpenDir(t)
	closed := filepath.Join(t.TempDir(), "data") // below a directory of root alone
	if err := os.Mkdir(closed, 0o700); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		cfg  Config
		err  error
		said string
	}{
		"nothing said":          {Config{DataDir: open, Slots: 16}, nil, "users 61184-65519, one per attempt"},
		"another range":         {Config{DataDir: open, Slots: 2, ScriptUsers: "70000-70001"}, nil, "users 70000-70001, one per attempt"},
		"too small a range":     {Config{DataDir: open, Slots: 3, ScriptUsers: "70000-70001"}, process.ErrUserRange, ""},
		"no range":              {Config{DataDir: open, Slots: 1, ScriptUsers: "nobody"}, process.ErrUserRange, ""},
		"a user":                {Config{DataDir: open, RunAs: "nobody"}, nil, "user nobody"},
		"an unknown user":       {Config{DataDir: open, RunAs: "no-such-user"}, process.ErrUser, ""},
		"root":                  {Config{DataDir: open, RunAs: "root"}, process.ErrRootScripts, ""},
		"root, allowed":         {Config{DataDir: closed, RunAs: "root", AllowRootScripts: true}, nil, "user root"},
		"a closed directory":    {Config{DataDir: closed, Slots: 1}, process.ErrUnreachable, ""},
		"a closed runner":       {Config{DataDir: open, Slots: 1, RunnerPath: filepath.Join(closed, "cronium-runner")}, process.ErrUnreachable, ""},
		"limits with a mistake": {Config{DataDir: open, Slots: 1, MaxLimits: map[string]string{"memory": "1TB"}}, process.ErrBounds, ""},
	} {
		c.cfg.RunnerPath = cmp.Or(c.cfg.RunnerPath, "/usr/bin/env")
		s, err := c.cfg.planScripts()
		if !errors.Is(err, c.err) || (c.err == nil && s.String() != c.said) {
			t.Errorf("%s: %q, %v; want %q, %v", name, s, err, c.said, c.err)
		}
	}
}
