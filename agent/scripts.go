package agent

import (
	"cmp"
	"context"
	"fmt"
	"os"

	"github.com/cronium/cronium/agent/cgroup"
	"github.com/cronium/cronium/agent/executor/process"
	"github.com/cronium/cronium/agent/journal"
	runnerv1 "github.com/cronium/cronium/proto/runner/v1"
)

// scripts says how scripts run that are processes of this host.
type scripts struct {
	user        *runnerv1.User // one for all; nil: see below
	first, last uint32         // of the users for one attempt each; 0: the agent's own user
	limits      process.Bounds
}

// planScripts checks what the configuration says of scripts.
func (c *Config) planScripts() (scripts, error) {
	var s scripts
	var err error
	if s.limits.Default, err = process.ParseLimits(c.DefaultLimits); err != nil {
		return s, err
	}
	if s.limits.Max, err = process.ParseLimits(c.MaxLimits); err != nil {
		return s, err
	}
	if s.user, err = process.LookUp(c.RunAs); err != nil {
		return s, err
	}
	if s.user != nil && s.user.GetUid() == 0 && !c.AllowRootScripts {
		return s, process.ErrRootScripts.With("--run-as %s", c.RunAs)
	}
	if s.user != nil || os.Geteuid() != 0 {
		return s, nil
	}
	if s.first, s.last, err = process.ParseUsers(cmp.Or(c.ScriptUsers, process.DefaultUsers)); err != nil {
		return s, err
	}
	if n := int(s.last-s.first) + 1; n < c.Slots {
		return s, process.ErrUserRange.With("%d users for %d slots", n, c.Slots)
	}
	if err := process.Reachable(c.DataDir); err != nil {
		return s, err
	}
	return s, process.Reachable(c.runner()) // which scripts call, too
}

// shared reports whether other users pass through the data directory.
func (s scripts) shared() bool { return s.user != nil || s.first > 0 }

// String is for people.
func (s scripts) String() string {
	switch {
	case s.user != nil:
		return "user " + s.user.GetName()
	case s.first > 0:
		return fmt.Sprintf("users %d-%d, one per attempt", s.first, s.last)
	}
	return "the agent's own user"
}

// processes is the executor of scripts that are processes of this host.
func (a *Agent) processes(ctx context.Context, j *journal.Journal) (*process.Executor, error) {
	a.groups = cgroup.Open(j.ID()[:8])
	a.identity.AddLabels(process.Labels(a.groups))
	a.cfg.Log.InfoContext(ctx, "scripts", "run_as", a.scripts.String(), "limits", a.groups.String())
	cfg := process.Config{Runner: a.cfg.runner(), User: a.scripts.user, Groups: a.groups, Limits: a.scripts.limits,
		HTTPClient: a.cfg.HTTPClient, Now: a.cfg.Now, Log: a.cfg.Log}
	user := cfg.User
	if a.scripts.first > 0 {
		var err error
		if cfg.Users, err = process.NewUsers(a.scripts.first, a.scripts.last, j); err != nil {
			return nil, err
		}
		user = cfg.Users.Newcomer()
	}
	cfg.Dependencies = a.prepareDependencies(ctx, user)
	return process.New(cfg)
}
