package script_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/cronium/cronium/sdk/script/callargs"
)

// moves are the two calls that move a file, in every language.
var moves = map[string]struct{ put, get string }{
	"python": {"artifact(%q, %q)", "get_artifact(%q, %q)"},
	"js":     {"artifact(%q, %q)", "getArtifact(%q, %q)"},
	"esm":    {"artifact(%q, %q)", "getArtifact(%q, %q)"},
}

// refuses runs a call in every language that must fail with this problem, and returns
// what they say in detail.
func (h *host) refuses(put bool, name, file, code string) {
	h.t.Helper()
	want := "^" + code + "|"
	for language, call := range moves {
		text := call.get
		if put {
			text = call.put
		}
		got := h.run(language, fmt.Sprintf(failures[language], fmt.Sprintf(text, name, file)))
		if !strings.HasPrefix("^"+got.out, want) || got.code != 0 {
			h.t.Errorf("%s, %s and %s: %+v, want %s", language, name, file, got, code)
		}
	}
	word := "get"
	if put {
		word = "put"
	}
	got := h.exec("bash", "-c", `cronium artifact "$@"; echo "$?"`, "x", word, name, file)
	if got.out != "1\n" || !strings.HasPrefix(got.err, "error: "+code+": ") || !strings.Contains(got.err, "\nhint: ") {
		h.t.Errorf("bash, %s and %s: %+v, want %s", name, file, got, code)
	}
}

func TestOnlyARegularFileThatTheScriptMayReadIsPut(t *testing.T) {
	t.Parallel()
	m := newMemory(t)
	h := newHost(t, m.answer)
	if err := syscall.Mkfifo(filepath.Join(h.dir, "pipe"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, file := range []string{"missing", "pipe", ".", "/dev/null", "/proc/self/fd", "", "missing\n"} {
		h.refuses(true, "name", file, callargs.ErrUnreadable.Code)
	}
	if len(m.seen) > 0 {
		t.Errorf("the hub was asked %q", m.seen)
	}
}

func TestAFileThatBecomesShorterIsNoArtifact(t *testing.T) {
	t.Parallel()
	m := newMemory(t)
	var h *host
	path := ""
	h = newHost(t, func(line []byte) any {
		if readRequest(t, line).Call == "artifact.begin" {
			if err := os.Truncate(path, 10); err != nil {
				t.Error(err)
			}
		}
		return m.answer(line)
	})
	path = filepath.Join(h.dir, "file")
	if err := os.WriteFile(path, []byte(strings.Repeat("x", 100)), 0o600); err != nil {
		t.Fatal(err)
	}
	got := h.run("bash", `cronium artifact put name file; echo $?`)
	if got.out != "1\n" || !strings.HasPrefix(got.err, "error: "+callargs.ErrChanged.Code+": ") {
		t.Errorf("%+v", got)
	}
	if len(m.artifacts) != 0 || len(m.putting) != 1 || !m.putting[0].gone {
		t.Errorf("%d artifacts; the put is %+v, want it dropped", len(m.artifacts), m.putting)
	}
}

// Of a file that grows, as a log does, what it had at the beginning is the artifact;
// a file that vanishes meanwhile is one all the same.
func TestWhatAFileHasAtTheBeginningIsTheArtifact(t *testing.T) {
	t.Parallel()
	for what, change := range map[string]func(path string) error{
		"grows": func(path string) error {
			f, err := os.OpenFile(path, os.O_APPEND|os.O_WRONLY, 0)
			if err == nil {
				_, err = f.WriteString("and more")
				f.Close()
			}
			return err
		},
		"vanishes": os.Remove,
	} {
		m := newMemory(t)
		path := ""
		h := newHost(t, func(line []byte) any {
			if readRequest(t, line).Call == "artifact.begin" {
				if err := change(path); err != nil {
					t.Error(err)
				}
			}
			return m.answer(line)
		})
		path = filepath.Join(h.dir, "file")
		if err := os.WriteFile(path, []byte("what it had at first"), 0o600); err != nil {
			t.Fatal(err)
		}
		h.prints("bash", "cronium artifact put name file", "")
		if got := string(m.artifacts["name"]); got != "what it had at first" {
			t.Errorf("of a file that %s: %q", what, got)
		}
	}
}

func TestWhatIsGotAppearsWholeOrNotAtAll(t *testing.T) {
	t.Parallel()
	m := newMemory(t)
	damage := false
	h := newHost(t, func(line []byte) any {
		if damage && readRequest(t, line).Call == "artifact.read" {
			return value([]byte("xxxxxxxx"))
		}
		return m.answer(line)
	})
	m.artifacts["good"], m.artifacts["empty"] = []byte("\x00sixteen bytes\xff\n"), nil
	h.prints("bash", `umask 027; echo old >file; cronium artifact get good file; stat -c '%a %s' file; cronium artifact get empty file; stat -c '%a %s' file; ls -A`,
		"640 16\n640 0\ncronium-runner\nfile\nhelpers\nscript.sh\nsocket\n")
	damage = true
	h.refuses(false, "good", "file", callargs.ErrDamaged.Code)
	damage = false
	h.refuses(false, "none", "file", "artifact_not_found")
	for _, file := range []string{"no/such/file", ".", "/dev/null", "helpers"} {
		h.refuses(false, "good", file, callargs.ErrUnwritable.Code)
	}
	left, err := filepath.Glob(filepath.Join(h.dir, ".cronium-*"))
	if err != nil || len(left) > 0 {
		t.Errorf("%q is left, %v", left, err)
	}
	if text, err := os.ReadFile(filepath.Join(h.dir, "file")); err != nil || len(text) > 0 {
		t.Errorf("the file that was there is %q, %v", text, err)
	}
}

func TestWrongCallsOfArtifactsAreSaid(t *testing.T) {
	t.Parallel()
	m := newMemory(t)
	h := newHost(t, m.answer)
	for language, calls := range map[string][]string{
		"python": {"artifact(7, 'x')", "artifact('a', b'x')", `artifact('a', '\udc80')`, "get_artifact({}, 'x')"},
		"js":     {"artifact(7, 'x')", "artifact('a', '\\ud800')", "getArtifact(7n, 'x')"},
		"esm":    {"artifact(7, 'x')"},
	} {
		for _, call := range calls {
			if got := h.run(language, fmt.Sprintf(failures[language], call)); !strings.HasPrefix(got.out, "args_invalid|") {
				t.Errorf("%s %s: %+v, want args_invalid", language, call, got)
			}
		}
	}
	for _, call := range []string{"", "put", "put a", "put a b c", "get a", "list a b", "other a b"} {
		if got := h.run("bash", "cronium artifact "+call+"; echo $?"); got.out != "2\n" || !strings.HasPrefix(got.err, "error: ") {
			t.Errorf("cronium artifact %s: %+v, want wrong usage", call, got)
		}
	}
	if len(m.seen) > 0 {
		t.Errorf("the hub was asked %q", m.seen)
	}
	delete(h.env, "CRONIUM_RUNNER")
	h.refuses(true, "a", "script.sh", callargs.ErrNotInARun.Code)
	h.env["CRONIUM_RUNNER"] = filepath.Join(h.dir, "nothing")
	for language, call := range moves {
		got := h.run(language, fmt.Sprintf(failures[language], fmt.Sprintf(call.put, "a", "script.sh")))
		if !strings.HasPrefix(got.out, callargs.ErrRunnerUnreachable.Code+"|") {
			t.Errorf("%s: %+v, want runner_unreachable", language, got)
		}
	}
}
