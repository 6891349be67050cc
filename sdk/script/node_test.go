package script_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestNodeTellsIntegersThatANumberWouldLose(t *testing.T) {
	t.Parallel()
	m := newMemory(t)
	m.variables["x"] = decode(t, []byte(`[9007199254740991,9007199254740992,-9007199254740991,-9007199254740992,1e300,0.12345678901234567,"9007199254740993",{"n":18446744073709551616}]`))
	h := newHost(t, m.answer)
	h.prints("js", `
const types = (v) => (typeof v === 'object' ? Object.values(v).map(types) : typeof v + ' ' + v);
console.log(JSON.stringify(types(cronium.getVariable('x'))));
cronium.output({ big: 2n ** 64n, also: ['bigint 1', { n: -5n }] });
`, `["number 9007199254740991","bigint 9007199254740992","number -9007199254740991","bigint -9007199254740992","number 1e+300","number 0.12345678901234566","string 9007199254740993",["bigint 18446744073709551616"]]`+"\n")
	if got := string(encode(m.outputSet)); got != `{"also":["bigint 1",{"n":-5}],"big":18446744073709551616}` {
		t.Errorf("output %s", got)
	}
}

func TestNodeFactsAreAskedForOnce(t *testing.T) {
	t.Parallel()
	m := newMemory(t)
	newHost(t, m.answer).prints("js", `
console.log(cronium.run.job, cronium.run.jobVersion, Object.keys(cronium.run).join());
cronium.async.run().then((run) => console.log(run.runId));
`, "nightly 7 attempt,job,jobVersion,project,runId,timeoutSeconds,workspace\n01a21783-0d22-78b5-b489-b03b3680e22a\n")
	if got := strings.Join(m.seen, " "); got != "run.facts run.facts" {
		t.Errorf("calls: %s", got)
	}
}

func TestNodePromisesKeepTheirOrderAndTheProcessAlive(t *testing.T) {
	t.Parallel()
	h := newHost(t, newMemory(t).answer)
	h.prints("js", `
const all = Array.from({ length: 100 }, () => cronium.async.increment('n'));
console.log(cronium.increment('m'));
Promise.all(all).then((numbers) => console.log(numbers.every((n, i) => n === i + 1)));
process.on('exit', () => console.log(cronium.increment('m')));
`, "1\ntrue\n2\n")
	if n := h.connections.Load(); n != 2 {
		t.Errorf("%d connections, want one of promises and one of synchronous calls", n)
	}
}

func TestNodeThreadsAndChildrenHaveConnectionsOfTheirOwn(t *testing.T) {
	t.Parallel()
	h := newHost(t, newMemory(t).answer)
	h.prints("js", `
const { Worker, isMainThread } = require('worker_threads');
const { fork } = require('child_process');
const me = process.argv[2] || (isMainThread ? 'main' : 'thread');
console.log(me, cronium.increment('n'));
if (me === 'main') {
  new Worker(__filename).on('exit', () => fork(__filename, ['child']));
}
`, "main 1\nthread 2\nchild 3\n")
	if n := h.connections.Load(); n != 3 {
		t.Errorf("%d connections, want 3", n)
	}
}

func TestNodeOptionsOfTheJobAreKept(t *testing.T) {
	t.Parallel()
	h := newHost(t, newMemory(t).answer)
	theirs := filepath.Join(h.dir, "theirs.cjs")
	if err := os.WriteFile(theirs, []byte("globalThis.theirs = cronium.getVariable('x', 'early')"), 0o600); err != nil {
		t.Fatal(err)
	}
	h.env["NODE_OPTIONS"] += " --require " + theirs
	h.prints("js", `console.log(theirs, typeof cronium.async.input)`, "early function\n")
}

// The name is a global that a script may take for itself.
func TestANodeScriptMayHaveANameLikeIt(t *testing.T) {
	t.Parallel()
	h := newHost(t, newMemory(t).answer)
	h.prints("js", `const cronium = 1; console.log(cronium)`, "1\n")
	h.prints("esm", `globalThis.cronium = 2; console.log(cronium)`, "2\n")
	if got := h.exec("node", "-e", "let cronium = 3; console.log(cronium)"); got.out != "3\n" {
		t.Errorf("%+v", got)
	}
}

// A script that holds its thread has no event loop; the calls must not need it.
func TestSynchronousNodeCallsNeedNoEventLoop(t *testing.T) {
	t.Parallel()
	newHost(t, newMemory(t).answer).prints("js", `
setImmediate(() => console.log('loop'));
for (let i = 0; i < 100; i++) cronium.increment('n');
console.log(cronium.increment('n'));
process.exit(0);
`, "101\n")
}

// The types are read by editors only, so nothing else finds a name that is missing.
func TestTheTypesOfNodeAreTrue(t *testing.T) {
	t.Parallel()
	types, err := filepath.Abs("node/cronium.d.ts")
	if err != nil {
		t.Fatal(err)
	}
	h := newHost(t, newMemory(t).answer)
	h.env["TYPES"] = types
	h.prints("js", `
const text = require('fs').readFileSync(process.env.TYPES, 'utf8');
const members = (name) => [...text.match(new RegExp('interface ' + name + ' .*?\\{(.*?)\\n  \\}', 's'))[1].matchAll(/^    (?:readonly )?(\w+)[(:]/gm)].map((m) => m[1]).sort().join();
const same = (name, keys) => console.log(name, members(name) === keys.sort().join() || members(name) + ' in the types, but ' + keys);
const plain = Object.keys(cronium).filter((k) => !['run', 'log', 'Error', 'async'].includes(k));
same('Calls', plain);
same('Log', Object.keys(cronium.log));
same('Run', Object.keys(cronium.run));
same('Failure', ['code', 'title', 'detail', 'hint', 'name']);
same('Sync', ['run', 'log', 'Error', 'async']);
console.log(Object.keys(cronium.async).sort().join() === [...plain, 'run', 'log', 'Error'].sort().join());
`, "Calls true\nLog true\nRun true\nFailure true\nSync true\ntrue\n")
}
