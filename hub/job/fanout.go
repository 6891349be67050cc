package job

import (
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// FanOut says that the job runs on all of its targets: on every host that has its
// labels, or on every server that it lists.
type FanOut struct {
	MaxParallel string `json:"max_parallel,omitempty"` // "3" or "25%" of all targets at the same time; default "100%"
	MaxFailures string `json:"max_failures,omitempty"` // "0" or "10%": when more have not succeeded, no further one starts; default: all start
	StartWithin string `json:"start_within,omitempty"` // "10m" (default); 1s to 168h that a target may wait for its host
}

const (
	maxTargets         = 1000 // as hub/run has it
	maxServers         = 200  // in one list
	defaultStartWithin = 10 * time.Minute
	allTargets         = "100%"
)

var shareRE = regexp.MustCompile(`^(0|[1-9][0-9]{0,3})(%?)$`)

// share reads "3" or "25%".
func share(text string) (n int, percent, ok bool) {
	m := shareRE.FindStringSubmatch(text)
	if m == nil {
		return 0, false, false
	}
	n, _ = strconv.Atoi(m[1])
	percent = m[2] == "%"
	return n, percent, n <= 100 || !percent && n <= maxTargets
}

// Parallel is the number of targets at the same time, or the percentage of all.
// Only for a spec that was accepted.
func (f FanOut) Parallel() (n int, percent bool) {
	n, percent, _ = share(f.MaxParallel)
	return n, percent
}

// Failures is how many targets, or which percentage of all, may fail before no
// further one starts, and whether there is such a bound. Only for a spec that was
// accepted.
func (f FanOut) Failures() (n int, percent, bounded bool) { return share(f.MaxFailures) }

// Wait is how long a target may wait for its host. Only for a spec that was accepted.
func (f FanOut) Wait() time.Duration {
	d, _ := time.ParseDuration(f.StartWithin)
	return d
}

// normaliseFanOut checks which targets the job has. A list of servers means all of them.
func normaliseFanOut(s *Spec) error {
	if err := checkServers(s.Target.Servers); err != nil {
		return err
	}
	if s.FanOut == nil && len(s.Target.Servers) == 0 {
		return nil
	}
	var f FanOut
	if s.FanOut != nil {
		f = *s.FanOut
	}
	if s.Target.Server != "" {
		return ErrTarget.With("The job fans out and has only the server %s", s.Target.Server).At("spec.fan_out")
	}
	if f.MaxParallel == "" {
		f.MaxParallel = allTargets
	}
	if n, _, ok := share(f.MaxParallel); !ok || n == 0 {
		return ErrRange.With("fan_out.max_parallel must be 1 to %d, or 1%% to 100%%, this is %q", maxTargets, cut(f.MaxParallel)).At("spec.fan_out.max_parallel")
	}
	if _, _, ok := share(f.MaxFailures); !ok && f.MaxFailures != "" {
		return ErrRange.With("fan_out.max_failures must be 0 to %d, or 0%% to 100%%, this is %q", maxTargets, cut(f.MaxFailures)).At("spec.fan_out.max_failures")
	}
	var err error
	f.StartWithin, err = duration(f.StartWithin, "fan_out.start_within", "spec.fan_out.start_within", defaultStartWithin, minTimeout, maxTimeout)
	s.FanOut = &f
	return err
}

func checkServers(names []string) error {
	if len(names) > maxServers {
		return ErrRange.With("%d servers, at most %d are allowed", len(names), maxServers).At("spec.target.servers")
	}
	for i, name := range names {
		switch {
		case !nameRE.MatchString(name):
			return ErrName.With("%q is not the name of a server", cut(name)).At("spec.target.servers")
		case slices.Contains(names[:i], name):
			return ErrTarget.With("The server %s is listed twice", name).At("spec.target.servers")
		}
	}
	return nil
}

// All are the servers that the job runs on; none: it runs on hosts.
func (t Target) All() []string {
	if t.Server != "" {
		return []string{t.Server}
	}
	return t.Servers
}

func (t Target) words() string {
	if t.Server != "" {
		return "server " + t.Server
	}
	return "servers " + cut(strings.Join(t.Servers, ", "))
}
