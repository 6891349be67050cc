package script_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
)

// What the helpers add to a start, and what a call takes. It is printed, not held
// against a limit: machines differ.
func TestCostIsPrinted(t *testing.T) {
	h := newHost(t, newMemory(t).answer)
	bare := newHost(t, nil)
	for _, name := range []string{"PYTHONPATH", "NODE_OPTIONS", "BASH_ENV"} {
		delete(bare.env, name)
	}
	for _, c := range []struct{ name, interpreter, empty string }{
		{"python", "python3", "pass"}, {"node", "node", ""}, {"bash", "bash", ":"},
	} {
		flag := map[string]string{"node": "-e"}[c.name]
		if flag == "" {
			flag = "-c"
		}
		with, without := medians(func(h *host) result { return h.exec(c.interpreter, flag, c.empty) }, h, bare)
		t.Logf("%-6s starts in %v, with the helpers in %v", c.name, without, with)
	}
	measure(t, h)
}

func measure(t *testing.T, h *host) {
	t.Helper()
	for language, source := range map[string]string{
		"python": `
import time
a = time.perf_counter(); cronium.increment("n"); b = time.perf_counter()
for _ in range(200): cronium.increment("n")
print("first call %.1f ms, others %.3f ms" % ((b - a) * 1e3, (time.perf_counter() - b) * 1e3 / 200))`,
		"js": `
const { spawnSync } = require('child_process');
const clock = () => Number(process.hrtime.bigint()) / 1e6;
const a = clock(); cronium.increment('n'); const b = clock();
for (let i = 0; i < 200; i++) cronium.increment('n');
const c = clock();
for (let i = 0; i < 5; i++) spawnSync(process.env.CRONIUM_RUNNER, ['call', 'variable.increment', '-'], { input: '{"name":"n","by":1}' });
const d = clock();
console.log('first call ' + (b - a).toFixed(1) + ' ms, others ' + ((c - b) / 200).toFixed(3) + ' ms; by spawnSync ' + ((d - c) / 5).toFixed(1) + ' ms');`,
		"esm": `
const a = performance.now(); await cronium.async.increment('n'); const b = performance.now();
for (let i = 0; i < 200; i++) await cronium.async.increment('n');
console.log('first promise ' + (b - a).toFixed(1) + ' ms, others ' + ((performance.now() - b) / 200).toFixed(3) + ' ms');`,
		"bash": `
a=$EPOCHREALTIME; for i in {1..5}; do cronium increment n >/dev/null; done; b=$EPOCHREALTIME
echo "a call $(((${b/./} - ${a/./}) / 5)) µs, with the test binary as the runner"`,
	} {
		got := h.run(language, source)
		if got.code != 0 || got.err != "" {
			t.Errorf("%s: %+v", language, got)
		}
		t.Logf("%-6s %s", language, strings.TrimSpace(got.out))
	}
}

// cost is what a start takes: by the clock, and of processors, which depends less on
// who else is busy.
type cost struct{ clock, processors time.Duration }

func (c cost) String() string { return fmt.Sprintf("%v (%v of processor)", c.clock, c.processors) }

// medians measures two by turns, so that both see the same machine.
func medians(start func(*host) result, a, b *host) (cost, cost) {
	var clocks, processors [2][]time.Duration
	for range 7 {
		for i, h := range []*host{a, b} {
			began := time.Now()
			r := start(h)
			clocks[i] = append(clocks[i], time.Since(began))
			processors[i] = append(processors[i], r.processors)
		}
	}
	middle := func(d []time.Duration) time.Duration {
		slices.Sort(d)
		return d[len(d)/2].Round(10 * time.Microsecond)
	}
	return cost{middle(clocks[0]), middle(processors[0])}, cost{middle(clocks[1]), middle(processors[1])}
}
