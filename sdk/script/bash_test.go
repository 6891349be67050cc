package script_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestBashWorksUnderStrictOptions(t *testing.T) {
	t.Parallel()
	m := newMemory(t)
	m.inputs["path"], m.variables["n"] = "/var/a b", decode(t, []byte("41"))
	h := newHost(t, m.answer)
	h.prints("bash", `set -euo pipefail
IFS=,
set -f
path=$(cronium input path)
missing=$(cronium get missing)
[[ -z $missing ]]
cronium set list '["*", "a,b"]'
echo "$path|$missing|$(cronium increment n)|$(cronium get list)|$(cronium get missing 'a  *  b')"
if cronium secret absent 2>/dev/null; then echo found; else echo "status $?"; fi
cronium cas lock null '"me"'
cronium cas lock null '"you"' || echo "status $?"
cronium output-update a 1
printf '{"b":\n2}' | cronium output-update c -
printf '%s,' "$IFS"
`, "/var/a b||42|[\"*\",\"a,b\"]|a  *  b\nstatus 1\ntrue\nfalse\nstatus 3\n,,")
	if got := string(encode(m.outputSet)); got != `{"a":1,"c":{"b":2}}` {
		t.Errorf("output %s", got)
	}
	if got := h.run("bash", "set -e\ncronium cas lock null 1\necho later"); got.code != 3 || got.out != "false\n" {
		t.Errorf("%+v, want that it ends with 3", got)
	}
}

func TestBashCallsDoNotReadTheScriptsInput(t *testing.T) {
	t.Parallel()
	newHost(t, newMemory(t).answer).prints("bash", `
printf 'a\nb\nc\n' | while read -r line; do cronium log info "$line"; cronium increment n; done`, "1\n2\n3\n")
}

func TestBashUsageErrorsHaveTheStatus2(t *testing.T) {
	t.Parallel()
	h := newHost(t, newMemory(t).answer)
	calls := []string{"", "nonsense", "input", "input a b c", "inputs x", "output", "output --text x", "set x", "cas x 1", "increment", "run", "run color", "progress", "log", "log info", "secret", "condition"}
	got := h.run("bash", "set -u\ncronium "+strings.Join(calls, "; echo $?\ncronium ")+"; echo $?")
	if got.out != strings.Repeat("2\n", len(calls)) || got.err != strings.Repeat("error: this is no call of cronium\nhint: cronium --help lists them.\n", len(calls)) {
		t.Errorf("%q: %+v", calls, got)
	}
	if n := h.connections.Load(); n != 0 {
		t.Errorf("%d connections were made", n)
	}
	got = h.run("bash", "cronium --help")
	for _, word := range []string{"input", "inputs", "output", "output-update", "get", "set", "cas", "increment", "secret", "condition", "progress", "log", "run", "keep-alive"} {
		if !strings.Contains(got.out, "\n  cronium "+word+" ") || got.code != 0 {
			t.Errorf("the help lacks %s: %+v", word, got)
		}
	}
}

func TestTheJobsOwnBashEnvIsRead(t *testing.T) {
	t.Parallel()
	h := newHost(t, newMemory(t).answer)
	theirs := filepath.Join(h.dir, `a "b" c`)
	if err := os.WriteFile(theirs, []byte("theirs() { cronium get x \"$1\"; }"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, value := range []string{theirs, `$HOME/a "b" c`, `${HOME}/$(echo 'a "b" c')`} {
		h.env["CRONIUM_BASH_ENV"] = value
		h.prints("bash", `set -u; theirs "it is here"; bash -c 'theirs again'`, "it is here\nagain\n")
	}
	h.env["CRONIUM_BASH_ENV"] = "/nowhere"
	h.prints("bash", `set -eu; cronium get x default`, "default\n")
}
