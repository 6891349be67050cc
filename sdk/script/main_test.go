package script_test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/cronium/cronium/sdk/script"
	"github.com/cronium/cronium/sdk/script/callargs"
)

const runnerName = "cronium-runner"

// TestMain runs the tests, or plays `cronium-runner call` when called by that name.
func TestMain(m *testing.M) {
	if filepath.Base(os.Args[0]) == runnerName {
		os.Exit(callargs.Main(os.Args[2:], os.Stdin, os.Stdout, os.Stderr, ask))
	}
	os.Exit(m.Run())
}

// ask sends a line to the runner's socket and returns the answer.
func ask(line []byte) ([]byte, error) {
	conn, err := net.Dial("unix", os.Getenv("CRONIUM_SOCKET"))
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	if _, err := conn.Write(line); err != nil {
		return nil, err
	}
	return bufio.NewReaderSize(conn, 1<<16).ReadBytes('\n')
}

// host is where a script of these tests runs: the helpers are installed, and a
// runtime API answers.
type host struct {
	t           *testing.T
	dir         string
	env         map[string]string
	connections atomic.Int32
}

// searchPath begins with where Python is, because a wrapper of it in the search path
// takes ten times as long.
var searchPath = sync.OnceValue(func() string {
	out, err := exec.Command("python3", "-c", "import sys; print(sys.executable, end='')").Output()
	if err != nil {
		panic("ask python3 where it is: " + err.Error())
	}
	return filepath.Dir(string(out)) + ":" + os.Getenv("PATH")
})

// answerer answers one request line.
type answerer func(line []byte) any

// newHost serves the runtime API at a socket; without an answerer there is none.
func newHost(t *testing.T, answer answerer) *host {
	t.Helper()
	dir, err := os.MkdirTemp("", "script") // short, because the path of a socket must be
	if err != nil {
		t.Fatal(err)
	}
	h := &host{t: t, dir: dir, env: map[string]string{
		"PATH": searchPath(), "HOME": dir, "LANG": "C.UTF-8", "PYTHONDONTWRITEBYTECODE": "1",
	}}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	if err := script.Install(filepath.Join(dir, "helpers")); err != nil {
		t.Fatal(err)
	}
	script.Environ(filepath.Join(dir, "helpers"), h.env)
	if answer != nil {
		h.serve(answer)
	}
	return h
}

func (h *host) serve(answer answerer) {
	self, err := os.Executable()
	if err == nil {
		err = os.Symlink(self, filepath.Join(h.dir, runnerName))
	}
	if err != nil {
		h.t.Fatal(err)
	}
	h.env["CRONIUM_SOCKET"], h.env["CRONIUM_RUNNER"] = filepath.Join(h.dir, "socket"), filepath.Join(h.dir, runnerName)
	listener, err := net.Listen("unix", h.env["CRONIUM_SOCKET"])
	if err != nil {
		h.t.Fatal(err)
	}
	var all sync.WaitGroup
	all.Go(func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			h.connections.Add(1)
			all.Go(func() { h.converse(conn, answer) })
		}
	})
	h.t.Cleanup(func() { listener.Close(); all.Wait() })
}

// hangUp, as an answer, closes the connection.
type hangUp struct{}

func (h *host) converse(conn net.Conn, answer answerer) {
	defer conn.Close()
	for lines := bufio.NewReader(conn); ; {
		line, err := lines.ReadBytes('\n')
		if err != nil {
			if len(line) > 0 {
				h.t.Errorf("a request has no end: %.200q", line)
			}
			return
		}
		if len(line) > callargs.MaxRequest+1 {
			h.t.Errorf("a request of %d bytes", len(line))
		}
		a := answer(line)
		if _, ok := a.(hangUp); ok {
			return
		}
		if _, err := conn.Write(append(encode(a), '\n')); err != nil {
			return // the script is gone
		}
	}
}

// encode is v as compact JSON; members are in order, and a number is as it was.
func encode(v any) []byte {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		panic(err)
	}
	return bytes.TrimSpace(b.Bytes())
}

// decode is text as JSON with numbers as they are written.
func decode(t *testing.T, text []byte) any {
	t.Helper()
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	var v any
	if err := d.Decode(&v); err != nil || d.More() {
		t.Fatalf("%q is not one JSON value: %v", text, err)
	}
	return v
}

// canonical is the one way to write a JSON value. Integers and floats stay apart.
func canonical(t *testing.T, text []byte) string {
	t.Helper()
	return string(encode(canonicalNumbers(decode(t, text))))
}

func canonicalNumbers(v any) any {
	switch v := v.(type) {
	case json.Number:
		if f, err := v.Float64(); err == nil && strings.ContainsAny(string(v), ".eE") {
			return json.Number(strconv.FormatFloat(f, 'e', -1, 64))
		}
	case []any:
		for i := range v {
			v[i] = canonicalNumbers(v[i])
		}
	case map[string]any:
		for name := range v {
			v[name] = canonicalNumbers(v[name])
		}
	}
	return v
}

// languages are the interpreters and how files for them end.
var languages = map[string]struct{ interpreter, suffix string }{
	"python": {"python3", ".py"}, "js": {"node", ".js"}, "esm": {"node", ".mjs"}, "bash": {"bash", ".sh"},
}

// result is what came of a script.
type result struct {
	code       int
	out, err   string
	processors time.Duration // what it took of them
}

// run runs a script as the runner would.
func (h *host) run(language, source string, args ...string) result {
	h.t.Helper()
	l := languages[language]
	path := filepath.Join(h.dir, "script"+l.suffix)
	if err := os.WriteFile(path, []byte(source), 0o600); err != nil {
		h.t.Fatal(err)
	}
	return h.exec(l.interpreter, append([]string{path}, args...)...)
}

// lookUp finds a program in the script's search path.
func (h *host) lookUp(name string) string {
	for _, dir := range filepath.SplitList(h.env["PATH"]) {
		if path, err := exec.LookPath(filepath.Join(dir, name)); err == nil {
			return path
		}
	}
	h.t.Fatalf("there is no %s in %s", name, h.env["PATH"])
	return ""
}

func (h *host) exec(name string, args ...string) result {
	h.t.Helper()
	cmd := exec.CommandContext(h.t.Context(), h.lookUp(name), args...)
	cmd.Dir = h.dir
	for name, value := range h.env {
		cmd.Env = append(cmd.Env, name+"="+value)
	}
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	err := cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		h.t.Fatal(err)
	}
	return result{cmd.ProcessState.ExitCode(), out.String(), errs.String(), cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()}
}

// prints runs a script that must succeed, say nothing on standard error, and print want.
func (h *host) prints(language, source, want string) {
	h.t.Helper()
	got := h.run(language, source)
	if got.code != 0 || got.err != "" || got.out != want {
		h.t.Errorf("%s ended with %d and printed\n%.2000s\nerrors %.2000s\nwant\n%.2000s", language, got.code, got.out, got.err, want)
	}
}

// refusal is an answer with an error.
func refusal(code, format string, args ...any) any {
	return map[string]any{"error": map[string]string{
		"code": code, "title": "Title of " + code, "detail": fmt.Sprintf(format, args...), "hint": "Hint of " + code + "."}}
}

func value(v any) any { return map[string]any{"value": v} }
