package process_test

import (
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/cronium/cronium/agent/executor/executortest"
	"github.com/cronium/cronium/agent/executor/process"
	"github.com/cronium/cronium/agent/journal"
	runnerv1 "github.com/cronium/cronium/proto/runner/v1"
)

const (
	neighbourLines = 160                    // one each 50 ms
	longestGap     = 3 * time.Second        // between two lines, on a machine that others use too
	startEvery     = 200 * time.Millisecond // of another script
	slowestStart   = 10 * time.Second       // until its first line
)

// hogs take all they can get.
func hogs() map[string]executortest.Case {
	l := &runnerv1.Limits{MemoryBytes: 256 << 20, MilliCpus: 300, Processes: 64, WorkspaceBytes: 64 << 20}
	return map[string]executortest.Case{
		"too_many_processes or timed_out": {Source: "bomb() { bomb | bomb & }; bomb 2>/dev/null; sleep 6; exit 1", Timeout: 8 * time.Second, Grace: time.Second, Change: limits(l)},
		"out_of_memory":                   {Language: "python", Source: "x = bytearray(10 << 30)\n", Change: limits(l)},
		"timed_out":                       {Source: "exec yes", LogLimit: 4 << 20, Timeout: 6 * time.Second, Grace: time.Second, Change: limits(l)},
		"workspace_full":                  {Source: "exec cat /dev/zero > fill", Change: limits(l)},
	}
}

// A fork bomb, 10 GB of memory, an endless log and a workspace that is filled, at
// once: their neighbour does not notice, and others are started meanwhile.
func TestHogsDisturbNoNeighbour(t *testing.T) {
	h := newHost(t, process.Bounds{})
	h.can(t, "memory", "pids", "cpu")
	r, neighbour := h.start(t, executortest.Case{Source: fmt.Sprintf(
		"for ((i = 1; i <= %d; i++)); do echo \"$i $EPOCHREALTIME\"; sleep 0.05; done", neighbourLines)})
	executortest.WaitFor(t, r, neighbour, "1 ")

	ended := make(chan string)
	for want, c := range hogs() {
		hog, e := h.start(t, c)
		go func() {
			ended <- hogOutcome(t, hog.Wait(t.Context()), e, want)
		}()
	}
	left, starts := len(hogs()), 0
	for tick := time.NewTicker(startEvery); left > 0; {
		select {
		case wrong := <-ended:
			if left--; wrong != "" {
				t.Error(wrong)
			}
		case <-tick.C:
			begun := time.Now()
			if exit, code, log := h.run(t, executortest.Case{Source: "echo started"}); code != "" || string(log.Out) != "started\n" {
				t.Errorf("a script meanwhile ended with %+v, %q", exit, log.All)
			} else if took := time.Since(begun); took > slowestStart {
				t.Errorf("a script meanwhile took %v", took)
			}
			starts++
		}
	}
	exit, log := executortest.Result(t, r, neighbour)
	if exit.Outcome != journal.Succeeded {
		t.Fatalf("the neighbour ended with %+v, %+v", exit, exit.Problem)
	}
	gap := longest(t, string(log.Out))
	t.Logf("the neighbour's longest gap is %v; %d scripts were started meanwhile", gap, starts)
	if gap > longestGap {
		t.Errorf("the neighbour's longest gap is %v", gap)
	}
	if starts < 3 {
		t.Errorf("%d scripts were started meanwhile", starts)
	}
	users, err := h.journal.Users()
	if err != nil {
		t.Fatal(err)
	}
	for uid, e := range users {
		started, _, err := e.Started()
		if err != nil {
			t.Fatal(err)
		}
		gone(t, started.Cgroups)
		if pids := processesOf(t, uid); len(pids) > 0 {
			t.Errorf("user %d still has the processes %v", uid, pids)
		}
	}
}

// hogOutcome says what is wrong with the end of a hog, if anything is.
func hogOutcome(t *testing.T, err error, e *journal.Entry, want string) string {
	t.Helper()
	exit, _, ok, exitErr := e.Exit()
	if err != nil || exitErr != nil || !ok || exit.Problem == nil {
		return fmt.Sprintf("the one for %s: %v, %v, %+v", want, err, exitErr, exit)
	}
	t.Logf("%s after %v, with %d MiB of log: %s", exit.Problem.Code, exit.Duration, exit.LogBytes>>20, exit.Problem.Detail)
	if !strings.Contains(want, exit.Problem.Code) {
		return fmt.Sprintf("the one for %s ended with %+v", want, exit.Problem)
	}
	if exit.LogBytes > 5<<20 {
		return fmt.Sprintf("the one for %s has %d bytes of log", want, exit.LogBytes)
	}
	return ""
}

// longest checks that every line is there, and returns the longest time between two.
func longest(t *testing.T, out string) time.Duration {
	t.Helper()
	lines := strings.Split(strings.TrimSuffix(out, "\n"), "\n")
	if len(lines) != neighbourLines {
		t.Fatalf("the neighbour printed %d lines, want %d", len(lines), neighbourLines)
	}
	var gap, last float64
	for i, line := range lines {
		n, at, _ := strings.Cut(line, " ")
		seconds, err := strconv.ParseFloat(at, 64)
		if err != nil || n != strconv.Itoa(i+1) {
			t.Fatalf("line %d is %q", i+1, line)
		}
		if i > 0 {
			gap = max(gap, seconds-last)
		}
		last = seconds
	}
	return time.Duration(gap * float64(time.Second))
}
