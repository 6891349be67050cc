package runner

import (
	"bytes"
	"context"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/cronium/cronium/agent/cgroup"
	"github.com/cronium/cronium/agent/journal"
	"github.com/cronium/cronium/proto/frame"
	runnerv1 "github.com/cronium/cronium/proto/runner/v1"
	"github.com/cronium/cronium/sdk/problem"
)

const (
	identifyTime = 20 * time.Second
	lastWords    = 8 << 10 // bytes of what an installer said last
	quoted       = 700     // bytes of it that the result repeats
)

// identities are programs that print all that packages depend on.
var identities = map[string][]string{
	"python": {"-I", "-S", "-c", "import os, sys; print(sys.implementation.cache_tag, sys.version.split()[0], os.uname().machine, sys.executable)"},
	"node":   {"-p", "['node', process.version, 'modules', process.versions.modules, process.arch, process.execPath].join(' ')"},
}

// identify says which interpreter this is.
func identify(ctx context.Context, language, path string, user *runnerv1.User) (string, error) {
	ctx, stop := context.WithTimeout(ctx, identifyTime)
	defer stop()
	cmd := exec.CommandContext(ctx, path, identities[language]...) //nolint:gosec // the interpreter that scripts get
	cmd.Dir, cmd.Env = "/", []string{"PATH=" + searchPath(), "HOME=/"}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if user != nil {
		cmd.SysProcAttr.Credential = &syscall.Credential{Uid: user.GetUid(), Gid: user.GetGid(), Groups: user.GetGroups()}
	}
	out, err := cmd.Output()
	if text := strings.TrimSpace(string(out)); err == nil && text != "" {
		return text + " " + path, nil
	}
	return "", ErrInterpreter.With("%s did not tell its version: %v", path, err)
}

// install runs the installer in site to its end, and returns the attempt's result if
// that was not the end that was wished for.
func (i *installation) install(site string) *journal.Exit {
	cmd := i.installer(site)
	h := proto.CloneOf(i.h)
	h.User = i.user
	if !mayRun(cmd.path, i.user) {
		return ended(refused(ErrDependenciesOff.With("%s is closed to the user who installs", cmd.path)))
	}
	l := newLimits(h, i.payload, site)
	l.file, l.workspace = 0, i.sizeLimit()
	var said remark
	c, err := i.start(cmd, h, l, func(_ frame.Stream, p []byte) {
		said.write(p)
		i.log.Write(frame.System, p)
	})
	if err != nil {
		return ended(refused(execProblem(cmd, err)))
	}
	preferAsVictim(c.pid)
	go c.reap()
	measured := make(chan struct{})
	defer close(measured)
	v := i.watch(c, i.over, l.overfull(i.user, measured), cgroup.Group{Dirs: h.GetScriptCgroups()})
	c.out.end()
	return i.judge(v, l, said.String())
}

// installer is the command that installs into site. What the job sets for its script
// does not reach it, so that equal environments are equal.
func (i *installation) installer(site string) command {
	cmd := command{path: i.how.GetInstaller(), dir: site}
	cmd.argv = []string{i.how.GetInstaller(), "install-dependencies", "--language", i.about.Language, "--interpreter", i.path,
		"--target", filepath.Join(site, "env")}
	if w := i.how.GetWheelhouse(); w != "" {
		cmd.argv = append(cmd.argv, "--wheelhouse", w)
	}
	if i.how.GetBuilds() {
		cmd.argv = append(cmd.argv, "--builds")
	}
	cmd.argv = append(append(cmd.argv, "--"), i.about.Dependencies...)
	for name, value := range i.how.GetEnv() {
		cmd.env = append(cmd.env, name+"="+value)
	}
	// The workspace is how what is left of a killed runner is found.
	cmd.env = append(cmd.env, "PATH="+searchPath(), "HOME="+filepath.Join(site, "home"), "TMPDIR="+filepath.Join(site, "tmp"),
		"LANG=C.UTF-8", "CRONIUM_WORKSPACE="+i.entry.Work())
	return cmd
}

func (i *installation) sizeLimit() int64 {
	if n := i.how.GetSizeLimitBytes(); n > 0 {
		return n
	}
	return defaultInstallSize
}

func (i *installation) tooSlow() *problem.Problem {
	return ErrDependencyTime.With("it was given up after %s", durationOr(i.how.GetTimeLimit().AsDuration(), defaultInstallTime))
}

// judge is the result of an attempt whose installer ended like this; nil if the
// script can be started.
func (i *installation) judge(v verdict, l limits, said string) *journal.Exit {
	exit := ending(v.status, v.why, i.payload)
	exit.EndedAt = v.at
	switch {
	case v.why == timedOut:
		exit.Problem = asRecord(i.tooSlow())
	case v.why == cancelled || v.why == stopped:
		return i.interrupted(v.why)
	case v.why == overfull:
		exit.Problem = asRecord(ErrDependencySize.With("%s, the limit is %s", v.full, bytesText(l.workspace)))
	case v.left > 0:
		exit.Outcome = journal.Infrastructure
		exit.Problem = asRecord(ErrExec.With("%d processes of the installer could not be ended", v.left))
	case exit.Outcome == journal.Succeeded:
		return nil
	case l.oomKills() > l.kills:
		exit.Problem = asRecord(ErrMemory.With("its dependencies were being installed"))
	case l.diskFull() || names(said, "ENOSPC", "No space left on device"):
		exit.Outcome = journal.Infrastructure
		exit.Problem = asRecord(ErrDiskFull.With("its dependencies were being installed"))
	case names(said, unreachable...):
		exit.Outcome = journal.Infrastructure
		exit.Problem = asRecord(ErrDependencySource.With("%s", essence(said)))
	default:
		exit.Problem = asRecord(ErrDependencies.With("%s", essence(said)))
	}
	return &exit
}

// unreachable is what pip and npm say when there is no way to an index, or it is ill.
var unreachable = []string{"NewConnectionError", "ConnectTimeoutError", "ReadTimeoutError", "ConnectionResetError", "NameResolutionError", "ProxyError", "SSLError",
	"ENOTFOUND", "ECONNREFUSED", "ECONNRESET", "ETIMEDOUT", "EAI_AGAIN", "EHOSTUNREACH", "ENETUNREACH", "E502", "E503", "E504"}

func names(said string, words ...string) bool {
	for _, w := range words {
		if strings.Contains(said, w) {
			return true
		}
	}
	return false
}

// essence is what an installer said last about its failure, on one line.
func essence(said string) string {
	var wrong, all []string
	for line := range strings.Lines(said) {
		line = strings.TrimSpace(line)
		if line == "" || strings.Contains(line, "A complete log of this run") {
			continue
		}
		all = append(all, line)
		if strings.HasPrefix(line, "ERROR:") || strings.HasPrefix(line, "npm error") || strings.HasPrefix(line, "npm ERR!") || strings.HasPrefix(line, "error:") {
			wrong = append(wrong, line)
		}
	}
	if len(wrong) == 0 {
		wrong = all[max(0, len(all)-3):]
	}
	if len(wrong) == 0 {
		return "the installer said nothing"
	}
	text := strings.Join(wrong, "\n")
	if over := len(text) - quoted; over > 0 {
		text = "…" + strings.ToValidUTF8(text[over:], "")
	}
	return text
}

// remark keeps the last [lastWords] bytes.
type remark struct {
	mu   sync.Mutex
	last []byte
}

func (t *remark) write(p []byte) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.last = append(t.last, p...)
	if over := len(t.last) - lastWords; over > 0 {
		t.last = bytes.Clone(t.last[over:])
	}
}

func (t *remark) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return string(t.last)
}
