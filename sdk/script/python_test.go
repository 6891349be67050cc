package script_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestPythonHasTheNameWithAndWithoutAnImport(t *testing.T) {
	t.Parallel()
	h := newHost(t, newMemory(t).answer)
	h.prints("python", `
import builtins
first = cronium
assert "get_variable" in dir(first), dir(first)
import cronium
assert cronium is builtins.cronium and cronium is not first
from cronium import Error
assert first.Error is Error is cronium.Error
def f():
    return cronium.get_variable("x", "none")
print(f(), first.get_variable("x", 1))
try:
    cronium.nothing
except AttributeError as e:
    print(e)
`, "none 1\nmodule 'cronium' has no attribute 'nothing'\n")
}

func TestPythonErrorsCanBePickled(t *testing.T) {
	t.Parallel()
	newHost(t, newMemory(t).answer).prints("python", `
import pickle
e = pickle.loads(pickle.dumps(cronium.Error("a", "b", "c", "d")))
print(repr(e), e.code, e.title, e.detail, e.hint)
print(e)
print(cronium.Error("a", "b"))
`, "Error('a', 'b', 'c', 'd') a b c d\na: c\nhint: d\na: b\n")
}

func TestPythonFactsAreAskedForOnce(t *testing.T) {
	t.Parallel()
	m := newMemory(t)
	newHost(t, m.answer).prints("python", `print(cronium.run.job, cronium.run.job_version, cronium.run.attempt)`, "nightly 7 1\n")
	if got := strings.Join(m.seen, " "); got != "run.facts" {
		t.Errorf("calls: %s, want run.facts", got)
	}
}

func TestPythonThreadsShareAConnection(t *testing.T) {
	t.Parallel()
	m := newMemory(t)
	h := newHost(t, m.answer)
	h.prints("python", `
from concurrent.futures import ThreadPoolExecutor
with ThreadPoolExecutor(8) as pool:
    numbers = sorted(pool.map(lambda _: cronium.increment("n"), range(200)))
print(numbers == list(range(1, 201)))
`, "True\n")
	if n := h.connections.Load(); n != 1 {
		t.Errorf("%d connections, want 1", n)
	}
}

// A child may be forked at any moment, also while a thread waits for an answer and
// holds the lock.
func TestAForkedPythonHasItsOwnConnection(t *testing.T) {
	t.Parallel()
	m := newMemory(t)
	inside := make(chan struct{})
	h := newHost(t, func(line []byte) any {
		switch r := readRequest(t, line); r.Args["name"] {
		case "slow":
			<-inside // until the child has called
		case "child":
			close(inside)
		}
		return m.answer(line)
	})
	h.prints("python", `
import os, threading, time, warnings
warnings.simplefilter("ignore")  # new Pythons warn of a fork beside threads
cronium.get_variable("before")
slow = threading.Thread(target=cronium.get_variable, args=("slow",))
slow.start()
while not cronium._connection.lock.locked():
    time.sleep(0.001)
pid = os.fork()
if pid == 0:
    cronium.get_variable("child")
    os._exit(5)
print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) if hasattr(os, "waitstatus_to_exitcode") else os.waitpid(pid, 0)[1] >> 8)
slow.join()
print(cronium.get_variable("after", "none"))
`, "5\nnone\n")
	if n := h.connections.Load(); n != 2 {
		t.Errorf("%d connections, want 2", n)
	}
}

// Who was interrupted must not get the answer that it no longer waits for as that
// of the next call.
func TestAnInterruptedPythonCallDoesNotShiftTheAnswers(t *testing.T) {
	t.Parallel()
	next := make(chan struct{})
	h := newHost(t, func(line []byte) any {
		if readRequest(t, line).Args["name"] == "slow" {
			<-next
			return value("answer of the slow one")
		}
		close(next)
		return value("answer of the next one")
	})
	h.prints("python", `
import signal
def interrupt(*_):
    raise KeyboardInterrupt
signal.signal(signal.SIGALRM, interrupt)
signal.setitimer(signal.ITIMER_REAL, 0.1)
try:
    cronium.get_variable("slow")
except KeyboardInterrupt:
    print("interrupted")
print(cronium.get_variable("fast"))
`, "interrupted\nanswer of the next one\n")
}

func TestTheHostsSitecustomizeRunsToo(t *testing.T) {
	t.Parallel()
	const look = `
import sys
print(getattr(sys, "theirs", None), type(cronium).__name__, cronium.get_variable("x", "none"))
import cronium
assert sys.path[1].endswith("/helpers") or sys.path[2].endswith("/helpers"), sys.path
`
	for name, c := range map[string]struct{ theirs, want, errors string }{
		"none":   {"", "None _Cronium none\n", ""},
		"theirs": {"import sys\nsys.theirs = (__name__, sys.modules[__name__].__file__ == __file__, __file__[-23:])", "('sitecustomize', True, 'theirs/sitecustomize.py') _Cronium none\n", ""},
		"path":   {"import sys\nsys.path = ['/elsewhere'] + sys.path\nsys.theirs = 1", "1 _Cronium none\n", ""},
		"uses":   {"import sys\nsys.theirs = cronium.get_variable('y', 2)", "2 module none\n", ""},
		"fails":  {"1 / 0", "None _Cronium none\n", "ZeroDivisionError"},
		"lacks":  {"import no_such_module", "None _Cronium none\n", "no_such_module"},
	} {
		h := newHost(t, newMemory(t).answer)
		if c.theirs != "" {
			dir := filepath.Join(h.dir, "theirs")
			err := os.Mkdir(dir, 0o700)
			if err == nil {
				err = os.WriteFile(filepath.Join(dir, "sitecustomize.py"), []byte(c.theirs), 0o600)
			}
			if err != nil {
				t.Fatal(err)
			}
			h.env["PYTHONPATH"] += ":" + dir
		}
		got := h.run("python", look)
		if got.code != 0 || got.out != c.want || !strings.Contains(got.err, c.errors) || (c.errors == "") != (got.err == "") {
			t.Errorf("%s: %+v, want %s", name, got, c.want)
		}
	}
}

// The stubs are read by editors only, so nothing else finds what is wrong in them.
func TestThePythonStubsAreTrue(t *testing.T) {
	t.Parallel()
	stub, err := filepath.Abs("python/cronium.pyi")
	if err != nil {
		t.Fatal(err)
	}
	h := newHost(t, newMemory(t).answer)
	h.env["STUB"] = stub
	h.prints("python", `
import ast, inspect, os
def names(arguments):
    plain = [a.arg for a in arguments.args]
    return plain, len(arguments.defaults)
def real(function):
    parameters = inspect.signature(function).parameters.values()
    return [p.name for p in parameters], sum(p.default is not p.empty for p in parameters)
tree = ast.parse(open(os.environ["STUB"]).read())
functions = {n.name: names(n.args) for n in tree.body if isinstance(n, ast.FunctionDef)}
import cronium
assert functions == {n: real(getattr(cronium, n)) for n in dir(cronium) if inspect.isfunction(getattr(cronium, n))}, functions
classes = {n.name: n for n in tree.body if isinstance(n, ast.ClassDef)}
levels = {n.name: names(n.args) for n in classes["_Log"].body}
assert levels == {n: real(getattr(type(cronium.log), n)) for n in vars(type(cronium.log)) if n[0] != "_"}, levels
facts = {n.target.id: n.annotation.id for n in classes["_Run"].body}
assert facts.keys() == vars(cronium.run).keys(), facts
error = {n.target.id for n in classes["Error"].body if isinstance(n, ast.AnnAssign)}
assert error == set(vars(cronium.Error("a", "b"))), error
print(len(functions))
`, "15\n")
}
