package runner

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"

	"github.com/cronium/cronium/agent/journal"
	runnerv1 "github.com/cronium/cronium/proto/runner/v1"
	"github.com/cronium/cronium/sdk/problem"
	"github.com/cronium/cronium/sdk/script"
)

// helpers is the directory, beside the workspace, of what scripts have without an
// import: see package script.
const helpers = "helpers"

const defaultPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

// language is how a script is run.
type language struct {
	interpreter string
	file        string
	install     string
	args        []string // before the file
}

// httpClient stands for the program that the agent names.
const httpClient = "cronium-agent"

var languages = map[string]language{
	"bash":   {"bash", "script.sh", "bash", nil},
	"python": {"python3", "script.py", "python3", nil},
	"node":   {"node", "script.js", "nodejs", nil},
	"http":   {httpClient, "request.json", "", []string{"http-request"}},
}

// command is what is executed.
type command struct {
	path string
	argv []string
	env  []string
	dir  string
}

// prepare makes the workspace and says what is to be executed in it.
func prepare(e *journal.Entry, p *runnerv1.Payload, h *runnerv1.Handover) (command, *problem.Problem) {
	lang, ok := languages[p.GetScript().GetLanguage()]
	if !ok {
		return command{}, ErrLanguage.With("the script is written in %q", p.GetScript().GetLanguage())
	}
	source := p.GetScript().GetSource()
	if sum := sha256.Sum256(source); len(p.GetScript().GetSha256()) > 0 && !bytes.Equal(sum[:], p.GetScript().GetSha256()) {
		return command{}, ErrDigest.With("it has the SHA-256 %x, the hub announced %x", sum, p.GetScript().GetSha256())
	}
	var path string
	var prob *problem.Problem
	if lang.interpreter == httpClient {
		path, prob = requester(h)
	} else {
		path, prob = interpreter(lang, h.GetUser())
	}
	if prob != nil {
		return command{}, prob
	}
	file, err := furnish(e.Work(), lang.file, p, h.GetUser())
	if err == nil {
		err = script.Install(e.Path(helpers))
	}
	if errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) {
		return command{}, ErrDiskFull.With("%v", err)
	}
	if err != nil {
		return command{}, ErrWorkspace.With("%v", err)
	}
	return command{path: path, argv: append(append([]string{lang.interpreter}, lang.args...), file), env: variables(e.Work(), p, h), dir: e.Work()}, nil
}

// requester is the program that makes HTTP requests.
func requester(h *runnerv1.Handover) (string, *problem.Problem) {
	if h.GetHttpClient() == "" {
		return "", ErrRequester.With("the agent has named no program for it")
	}
	if !mayRun(h.GetHttpClient(), h.GetUser()) {
		return "", ErrRequester.With("%s is closed to the script's user", h.GetHttpClient())
	}
	return h.GetHttpClient(), nil
}

func searchPath() string {
	if p := os.Getenv("PATH"); p != "" {
		return p
	}
	return defaultPath
}

// Find returns the first program of that name on the search path that the user may
// run; otherwise a path that is closed to it, or nothing.
func Find(program string, user *runnerv1.User) (path, closed string) {
	for dir := range strings.SplitSeq(searchPath(), ":") {
		path, err := exec.LookPath(filepath.Join(dir, program))
		if err != nil || !filepath.IsAbs(path) {
			continue
		}
		if mayRun(path, user) {
			return path, ""
		}
		closed = path
	}
	return "", closed
}

func interpreter(lang language, user *runnerv1.User) (string, *problem.Problem) {
	path, closed := Find(lang.interpreter, user)
	if path != "" {
		return path, nil
	}
	if closed != "" {
		return "", ErrInterpreter.With("%s is closed to the script's user", closed)
	}
	return "", ErrInterpreter.With("%s was not found in %s", lang.interpreter, searchPath()).
		Hinted("Install %s on the host (on Debian: apt install %s), or target hosts that have it.", lang.interpreter, lang.install)
}

// furnish makes the workspace, private to the script's user, with the script, its
// inputs and a directory for temporary files. It returns the script's path.
func furnish(work, file string, p *runnerv1.Payload, user *runnerv1.User) (string, error) {
	tmp, script, inputs := filepath.Join(work, "tmp"), filepath.Join(work, file), filepath.Join(work, "inputs.json")
	err := errors.Join(os.Mkdir(work, 0o700), os.Mkdir(tmp, 0o700))
	if err != nil {
		return "", err
	}
	body := p.GetInputsJson()
	if len(body) == 0 {
		body = []byte("{}")
	}
	err = errors.Join(os.WriteFile(script, p.GetScript().GetSource(), 0o700), os.WriteFile(inputs, body, 0o600)) //nolint:gosec // a script is executable
	if err != nil {
		return "", err
	}
	if user != nil {
		for _, path := range []string{tmp, script, inputs, work} { // the way to them last
			if err := os.Chown(path, int(user.GetUid()), int(user.GetGid())); err != nil {
				return "", err
			}
		}
	}
	return script, nil
}

// variables are the whole environment of the script: nothing is inherited but
// PATH. The hub has filled in what the job, its inputs and the run are.
func variables(work string, p *runnerv1.Payload, h *runnerv1.Handover) []string {
	user := h.GetUser().GetName()
	if user == "" {
		user = os.Getenv("USER")
	}
	env := map[string]string{
		"PATH": searchPath(), "HOME": work, "TMPDIR": filepath.Join(work, "tmp"), "LANG": "C.UTF-8",
		"SHELL": "/bin/sh", "PYTHONUNBUFFERED": "1", "PYTHONDONTWRITEBYTECODE": "1",
		"CRONIUM_RUN_ID":  p.GetRef().GetRunId(),
		"CRONIUM_ATTEMPT": strconv.Itoa(int(p.GetRef().GetAttempt())),
		"CRONIUM_PROJECT": p.GetProject(), "CRONIUM_JOB": p.GetJob(),
	}
	if user != "" {
		env["USER"], env["LOGNAME"] = user, user
	}
	maps.Copy(env, p.GetEnv())
	maps.Copy(env, h.GetSecretEnv())
	env["CRONIUM_WORKSPACE"], env["CRONIUM_INPUTS_FILE"] = work, filepath.Join(work, "inputs.json")
	script.Environ(filepath.Join(filepath.Dir(work), helpers), env)
	list := make([]string, 0, len(env))
	for _, name := range slices.Sorted(maps.Keys(env)) {
		list = append(list, name+"="+env[name])
	}
	return list
}

// checkEnvironment finds what execve would refuse without saying which.
func checkEnvironment(env []string) *problem.Problem {
	for _, e := range env {
		name, _, _ := strings.Cut(e, "=")
		switch {
		case strings.ContainsRune(e, 0):
			return ErrEnvironment.With("the value of %s contains NUL", strings.ToValidUTF8(strings.ReplaceAll(name, "\x00", "?"), "?"))
		case len(e) >= 128<<10:
			return ErrEnvironment.With("%s is %d bytes long", name, len(e))
		case name == "":
			return ErrEnvironment.With("a variable has no name")
		}
	}
	return nil
}

func execProblem(c command, err error) *problem.Problem {
	if strings.Contains(err.Error(), "argument list too long") {
		return ErrEnvironment.With("all variables together are too long: %v", err)
	}
	return ErrExec.With("%s", fmt.Sprintf("start %s: %v", c.path, err))
}
