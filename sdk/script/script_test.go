package script_test

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/cronium/cronium/sdk/problem"
	"github.com/cronium/cronium/sdk/script"
	"github.com/cronium/cronium/sdk/script/callargs"
)

// idle are scripts that do not use the helpers, and say what is loaded.
var idle = map[string]string{
	"python": "import sys\nprint(sorted({'json', 'socket', 'cronium'} & set(sys.modules)))",
	"js":     "console.log(Object.keys(require.cache).map((f) => f.split('/').pop()).filter((f) => f === 'cronium.cjs'))",
	"esm":    "console.log([])",
	"bash":   "echo '[]'",
}

func TestScriptsThatDoNotUseThemMakeNoConnection(t *testing.T) {
	t.Parallel()
	for language, source := range idle {
		h := newHost(t, newMemory(t).answer)
		h.prints(language, source, "[]\n")
		if n := h.connections.Load(); n != 0 {
			t.Errorf("%s made %d connections", language, n)
		}
	}
}

// asBefore are scripts that look at what a helper could have changed.
var asBefore = map[string]string{
	"python": `import sys, os
print(sys.argv, __file__, __name__, sys.flags, sys.excepthook, sys.getprofile(), sys.gettrace())
def f():
    return 1 / 0
f()`,
	"js": `console.log(process.argv, __filename, require.main === module, process.execArgv, Object.keys(globalThis), process.listenerCount('exit'))
function f() { null.x }
f()`,
	"esm": `console.log(process.argv, import.meta.url, process.execArgv, Object.keys(globalThis))
function f() { null.x }
f()`,
	"bash": `echo "$0" "$@" "$-" "${BASH_SOURCE[@]}" "$LINENO"; shopt; set -o; trap; printf '%q\n' "$IFS"; exit 7`,
}

func TestTheRestOfAScriptsWorldIsAsWithoutThem(t *testing.T) {
	t.Parallel()
	for language, source := range asBefore {
		h := newHost(t, newMemory(t).answer)
		with := h.run(language, source, "a b", "ü")
		for _, name := range []string{"PYTHONPATH", "NODE_OPTIONS", "BASH_ENV"} {
			delete(h.env, name)
		}
		without := h.run(language, source, "a b", "ü")
		if with.code != without.code || with.out != without.out || with.err != without.err {
			t.Errorf("%s with the helpers:\n%+v\nwithout:\n%+v", language, with, without)
		}
	}
}

// failures print code, title, detail and hint of the problem that the call f has.
var failures = map[string]string{
	"python": `
try:
    cronium.%s
except cronium.Error as e:
    print(e.code, e.title, e.detail, e.hint, sep="|")
`,
	"js": `try { cronium.%s } catch (e) { console.log([e.code, e.title, e.detail, e.hint].join('|')) }
`,
	"esm": `try { await cronium.async.%s } catch (e) { console.log([e.code, e.title, e.detail, e.hint].join('|')) }
`,
}

// failure is what a script prints of a problem.
func failure(p *problem.Problem) string {
	return strings.Join([]string{p.Code, p.Title, p.Detail, p.Hint}, "|") + "\n"
}

func TestOutsideOfARunThereIsAClearError(t *testing.T) {
	t.Parallel()
	h := newHost(t, nil)
	p := callargs.ErrNotInARun.With("CRONIUM_SOCKET is not set")
	for language, source := range failures {
		h.prints(language, fmt.Sprintf(source, "inputs()"), failure(p))
	}
	got := h.run("bash", "cronium inputs; echo $?")
	if want := "error: " + p.Error() + "\nhint: " + p.Hint + "\n"; got.out != "1\n" || got.err != want {
		t.Errorf("bash: %+v, want 1 and %s", got, want)
	}
}

func TestALostConnectionIsSaidAndTheNextCallMakesAnother(t *testing.T) {
	t.Parallel()
	p := callargs.ErrRunnerUnreachable
	for language, source := range failures {
		first := true
		h := newHost(t, func([]byte) any {
			if first {
				first = false
				return hangUp{}
			}
			return refusal("reached", "The second call")
		})
		source = fmt.Sprintf(source, "inputs()")
		h.prints(language, source+source, failure(p.With("it closed the connection"))+"reached|Title of reached|The second call|Hint of reached.\n")
		if n := h.connections.Load(); n != 2 {
			t.Errorf("%s made %d connections, want 2", language, n)
		}
	}
}

func TestARunnerThatIsNotThereIsSaid(t *testing.T) {
	t.Parallel()
	h := newHost(t, nil)
	h.env["CRONIUM_SOCKET"] = filepath.Join(h.dir, "nothing")
	for language, source := range failures {
		got := h.run(language, fmt.Sprintf(source, "inputs()"))
		if !strings.HasPrefix(got.out, "runner_unreachable|The run's runner does not answer|") || got.code != 0 {
			t.Errorf("%s: %+v, want runner_unreachable", language, got)
		}
	}
}

func TestAnErrorThatNobodyCatchesEndsTheScriptWithItsHint(t *testing.T) {
	t.Parallel()
	h := newHost(t, newMemory(t).answer)
	for language, source := range map[string]string{
		"python": `cronium.secret("x")`, "js": `cronium.secret('x')`, "esm": `await cronium.async.secret('x')`, "bash": `set -e; cronium secret x; echo later`,
	} {
		got := h.run(language, source)
		if got.code != 1 || got.out != "" || !strings.Contains(got.err, "secret_not_found: There is no secret x\nhint: Hint of secret_not_found.\n") {
			t.Errorf("%s: %+v", language, got)
		}
	}
}

func TestWhatJSONCannotSayIsNotSent(t *testing.T) {
	t.Parallel()
	h := newHost(t, newMemory(t).answer)
	for language, calls := range map[string][]string{
		"python": {`output(float("nan"))`, `output({1, 2})`, `output("\ud800")`, `output([b"x"])`, `progress(float("inf"))`, `set_variable("x", {"k": object()})`},
		"js":     {`output(NaN)`, `output({ a: [Infinity] })`, `output('\ud800')`, `output({ '\udfff': 1 })`, `output(() => 1)`, `output([Symbol('s')])`, `output(globalThis.a = [], a.push(a))`},
		"esm":    {`output(NaN)`},
	} {
		source := ""
		for _, call := range calls {
			source += fmt.Sprintf(failures[language], call)
		}
		got := h.run(language, source)
		want := regexp.MustCompile(fmt.Sprintf(`^(args_invalid\|%s\|.+\|%s\n){%d}$`, callargs.ErrArgs.Title, callargs.ErrArgs.Hint, len(calls)))
		if !want.MatchString(got.out) {
			t.Errorf("%s: %+v, want args_invalid for each of %q", language, got, calls)
		}
	}
	calls := []string{`output "text"`, `output $'"\xff"'`, `set x --string $'\xff'`, `condition yes`, `increment n one`, `output ''`}
	source := ""
	for _, call := range calls {
		source += "cronium " + call + "; echo $?\n"
	}
	got := h.run("bash", source)
	want := regexp.MustCompile(fmt.Sprintf(`^(error: args_invalid: .+\nhint: %s\n){%d}$`, callargs.ErrArgs.Hint, len(calls)))
	if !want.MatchString(got.err) || got.out != strings.Repeat("2\n", len(calls)) {
		t.Errorf("bash: %+v, want args_invalid for each of %q", got, calls)
	}
	if n := h.connections.Load(); n != 0 {
		t.Errorf("%d connections were made", n)
	}
}

func TestTooMuchIsNotSent(t *testing.T) {
	t.Parallel()
	h := newHost(t, newMemory(t).answer)
	for language, call := range map[string]string{"python": `output("x" * (2 << 20))`, "js": `output('x'.repeat(2 << 20))`, "esm": `output('x'.repeat(2 << 20))`} {
		got := h.run(language, fmt.Sprintf(failures[language], call))
		if !strings.HasPrefix(got.out, "request_too_large|"+callargs.ErrTooLarge.Title+"|") || !strings.HasSuffix(got.out, "|"+callargs.ErrTooLarge.Hint+"\n") {
			t.Errorf("%s: %+v, want request_too_large", language, got)
		}
	}
	got := h.run("bash", `cronium output --string "$(head -c 2097152 /dev/zero | tr '\0' x)"`)
	if got.code != 1 || !strings.HasPrefix(got.err, "error: request_too_large: ") || !strings.HasSuffix(got.err, "hint: "+callargs.ErrTooLarge.Hint+"\n") {
		t.Errorf("bash: %+v, want request_too_large", got)
	}
	if n := h.connections.Load(); n != 0 {
		t.Errorf("%d connections were made", n)
	}
}

// The largest output that is allowed goes to the script and back, once of text and
// once of what has to be escaped.
func TestAMebibyteGoesBothWays(t *testing.T) {
	t.Parallel()
	for _, unit := range []string{"ü9", "\n\"\\1234567890123456"} {
		text := strings.Repeat(unit, (1<<20-2)/(len(encode(unit))-2))
		for language, source := range map[string]string{
			"python": `cronium.output(cronium.get_variable("x"))`,
			"js":     `cronium.output(cronium.getVariable('x'))`,
			"esm":    `await cronium.async.output(await cronium.async.getVariable('x'))`,
			"bash":   `set -euo pipefail; cronium output --string "$(cronium get x)"`,
		} {
			m := newMemory(t)
			m.variables["x"] = text
			newHost(t, m.answer).prints(language, source, "")
			if m.outputSet != text {
				t.Errorf("%s changed %d bytes", language, len(text))
			}
		}
	}
}

func TestAValueThatALanguageGetsItCanSendBack(t *testing.T) {
	t.Parallel()
	texts := []string{
		`null`, `0`, `-1`, `9007199254740992`, `-9007199254740993`, `123456789012345678901234567890`, `0.1`, `1e-7`, `true`, `[]`, `{}`, `""`,
		`"9007199254740993"`, `"\"9007199254740993\\"`, `["\\",9007199254740993,"\\\""]`, `{"__proto__":9007199254740993}`, `"😀\u0000\u007f "`, `[[[[[[1.5]]]]]]`, `{"":{"":""}}`,
	}
	for language, source := range map[string]string{
		"python": "for i in range(%d): cronium.set_variable(f'out{i}', [cronium.get_variable(f'in{i}')])",
		"js":     "for (let i = 0; i < %d; i++) cronium.setVariable('out' + i, [cronium.getVariable('in' + i)]);",
		"bash":   `for ((i = 0; i < %d; i++)); do cronium set "out$i" "[$("$CRONIUM_RUNNER" call variable.get "name=in$i")]"; done`,
	} {
		m := newMemory(t)
		for i, text := range texts {
			m.variables[fmt.Sprint("in", i)] = decode(t, []byte(text))
		}
		newHost(t, m.answer).prints(language, fmt.Sprintf(source, len(texts)), "")
		for i, text := range texts {
			got, want := canonical(t, encode(m.variables[fmt.Sprint("out", i)])), "["+canonical(t, []byte(text))+"]"
			if got != want {
				t.Errorf("%s made %s of %s", language, got, want)
			}
		}
	}
}

// Scripts start one another, with any of the three languages.
func TestAScriptsChildrenHaveTheHelpersToo(t *testing.T) {
	t.Parallel()
	m := newMemory(t)
	m.variables["x"] = "value"
	h := newHost(t, m.answer)
	bash := `python3 -c 'print(cronium.get_variable("x"))'
node -e 'console.log(cronium.getVariable("x"))'
bash -c 'cronium get x'
(cronium get x)`
	h.prints("bash", bash, strings.Repeat("value\n", 4))
	h.prints("python", `import subprocess
subprocess.run(["bash", "-c", "cronium get x; node -p 'cronium.getVariable(\"x\")'"], check=True)`, strings.Repeat("value\n", 2))
}

func TestInstalledFilesAreReadableByEverybody(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "helpers")
	if err := script.Install(dir); err != nil {
		t.Fatal(err)
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, e := range entries {
		info, err := e.Info()
		if err != nil || info.Mode() != 0o644 || info.Size() == 0 {
			t.Errorf("%s: %v, %v", e.Name(), info.Mode(), err)
		}
		names = append(names, e.Name())
	}
	want := []string{"connection.cjs", "cronium.bash", "cronium.cjs", "cronium.py", "preload.cjs", "sitecustomize.py"}
	if !slices.Equal(names, want) {
		t.Errorf("installed %q, want %q", names, want)
	}
	if err := script.Install(dir); err == nil {
		t.Error("a directory that is there was taken")
	}
}

func TestWhatTheJobSetsStaysInEffect(t *testing.T) {
	t.Parallel()
	env := map[string]string{"PYTHONPATH": "/a:/b", "NODE_OPTIONS": "--title=mine", "BASH_ENV": "$HOME/env", "OTHER": "x"}
	script.Environ(`/a "b" $c\d`, env)
	for name, want := range map[string]string{
		"PYTHONPATH":       `/a "b" $c\d:/a:/b`,
		"NODE_OPTIONS":     `--require "/a \"b\" $c\\d/preload.cjs" --title=mine`,
		"BASH_ENV":         `/a "b" \$c\\d/cronium.bash`,
		"CRONIUM_BASH_ENV": "$HOME/env",
		"OTHER":            "x",
	} {
		if env[name] != want {
			t.Errorf("%s=%s, want %s", name, env[name], want)
		}
	}
	if len(env) != 5 {
		t.Errorf("%v has a variable too many", env)
	}
}

// A data directory may have any name but one with a colon, which PYTHONPATH has no
// way to write.
func TestAnyDirectoryWillDo(t *testing.T) {
	t.Parallel()
	h := newHost(t, newMemory(t).answer)
	dir := filepath.Join(h.dir, "a \"b\" $HOME `id` \\ 'c' ü")
	if err := os.Rename(filepath.Join(h.dir, "helpers"), dir); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"PYTHONPATH", "NODE_OPTIONS", "BASH_ENV"} {
		delete(h.env, name)
	}
	script.Environ(dir, h.env)
	h.prints("python", "print(cronium.get_variable('x', 'none'))", "none\n")
	h.prints("js", "console.log(cronium.getVariable('x', 'none'))", "none\n")
	h.prints("bash", "cronium get x none", "none\n")
}
