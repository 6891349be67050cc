package docker_test

import (
	"bytes"
	"cmp"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/cronium/cronium/agent/executor/executortest"
	"github.com/cronium/cronium/agent/journal"
	runnerv1 "github.com/cronium/cronium/proto/runner/v1"
)

// hostile are scripts that take all they can get.
var hostile = map[string]executortest.Case{
	"fork bomb":    {Source: "bomb() { bomb | bomb & }; bomb; sleep 60"},
	"memory":       {Language: "python", Source: "x = []\nwhile True: x.append(bytearray(10 << 20))", Timeout: 50 * time.Second},
	"endless log":  {Source: "yes 'a line that is printed for ever'", LogLimit: 4 << 20},
	"full tmpfs":   {Source: "head -c 10000000000 /dev/zero > /tmp/full; echo \"head ended with $?\"; sleep 60"},
	"full run dir": {Source: "while :; do head -c 100000000 /dev/zero >> /tmp/more || :; done"},
}

// TestANeighbourIsNotDisturbed runs a quiet script beside all of them at once, and
// starts others while they rage.
func TestANeighbourIsNotDisturbed(t *testing.T) {
	t.Parallel()
	x := executortest.Running(t, create(t))
	small := func(p *runnerv1.Payload) {
		prepare(p)
		p.Limits = &runnerv1.Limits{MemoryBytes: 96 << 20, MilliCpus: 200, Processes: 40}
	}
	quiet, e := executortest.Start(t, x, executortest.Case{Timeout: 10 * time.Minute, Change: prepare,
		Source: `for i in $(seq 6000); do [ -e stop ] && break; echo "tick $i"; sleep 0.1; done; echo "last $i"`})
	executortest.WaitFor(t, quiet, e, "tick 1\n")
	type rage struct {
		name string
		exit journal.Exit
		log  executortest.Log
	}
	ended := make(chan rage, len(hostile))
	for name, c := range hostile {
		c.Timeout, c.Grace, c.Change = cmp.Or(c.Timeout, 8*time.Second), 200*time.Millisecond, small
		r, e := executortest.Start(t, x, c)
		go func() {
			defer r.Close()
			err := r.Wait(executortest.Context(t))
			exit, _, ok, readErr := e.Exit()
			if err != nil || !ok || readErr != nil {
				exit.Problem = &journal.Problem{Code: fmt.Sprint(err, readErr)}
			}
			ended <- rage{name, exit, executortest.ReadLog(t, e)}
		}()
	}
	for i := range 3 {
		if _, out, code := try(t, x, executortest.Case{Source: "echo also here", Change: prepare}); out != "also here\n" || code != "" {
			t.Errorf("script %d beside them printed %q, problem %q", i, out, code)
		}
	}
	for range hostile {
		r := <-ended
		want := "timed_out"
		switch r.name {
		case "memory":
			want = "out_of_memory"
		case "full tmpfs":
			if !strings.Contains(string(r.log.Out), "head ended with 1") {
				t.Errorf("the script that fills /tmp printed %q and %q", r.log.Out, r.log.Err)
			}
		case "endless log":
			if r.log.Size > 4<<20+4096 || r.exit.Dropped == 0 {
				t.Errorf("the endless log has %d bytes, %d were dropped", r.log.Size, r.exit.Dropped)
			}
		}
		if r.exit.Problem == nil || r.exit.Problem.Code != want {
			t.Errorf("%s: %+v (%+v), want %s", r.name, r.exit, r.exit.Problem, want)
		}
	}
	touch(t, e.Work()+"/stop")
	exit, log := executortest.Result(t, quiet, e)
	if exit.Outcome != journal.Succeeded || exit.Dropped != 0 || len(log.Err) != 0 {
		t.Errorf("the quiet script: %+v (%+v), errors %q", exit, exit.Problem, log.Err)
	}
	for i, line := range strings.Split(string(log.Out[:lastLine(log.Out)]), "\n") {
		if want := fmt.Sprintf("tick %d", i+1); line != want && line != "" {
			t.Fatalf("line %d of the quiet script is %q, want %q", i+1, line, want)
		}
	}
}

func touch(t *testing.T, path string) {
	t.Helper()
	if err := os.WriteFile(path, nil, 0o644); err != nil { //nolint:gosec // a sign for a script
		t.Fatal(err)
	}
}

// lastLine is where the last line begins.
func lastLine(b []byte) int {
	return bytes.LastIndexByte(bytes.TrimSuffix(b, []byte("\n")), '\n') + 1
}

func oneOf(code, codes string) bool {
	for c := range strings.FieldsSeq(codes) {
		if c == code {
			return true
		}
	}
	return false
}
