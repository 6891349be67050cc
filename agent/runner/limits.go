package runner

import (
	"bufio"
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"

	"github.com/cronium/cronium/agent/journal"
	runnerv1 "github.com/cronium/cronium/proto/runner/v1"
)

// scriptOOMScore makes the kernel end the script, not its runner, when memory
// runs out.
const scriptOOMScore = 1000

func preferAsVictim(pid int) {
	_ = os.WriteFile(fmt.Sprintf("/proc/%d/oom_score_adj", pid), []byte(strconv.Itoa(scriptOOMScore)), 0)
}

// limits are the counters of the attempt's own cgroups, if it has some.
type limits struct {
	memory, pids string // directories
	kills, forks int64  // when the script started
}

func newLimits(h *runnerv1.Handover) limits {
	l := limits{memory: h.GetMemoryCgroup(), pids: h.GetPidsCgroup()}
	l.kills, l.forks = l.oomKills(), l.refusedForks()
	return l
}

// oomKills is how many processes the kernel has ended for their memory: in
// memory.events (cgroup v2) or memory.oom_control (v1).
func (l limits) oomKills() int64 {
	return max(counter(l.memory, "memory.events", "oom_kill"), counter(l.memory, "memory.oom_control", "oom_kill"))
}

// refusedForks is how often there were too many processes.
func (l limits) refusedForks() int64 { return counter(l.pids, "pids.events", "max") }

func counter(dir, file, name string) int64 {
	if dir == "" {
		return 0
	}
	text, err := os.ReadFile(filepath.Join(dir, file))
	if err != nil {
		return 0
	}
	for lines := bufio.NewScanner(bytes.NewReader(text)); lines.Scan(); {
		if value, ok := strings.CutPrefix(lines.Text(), name+" "); ok {
			n, _ := strconv.ParseInt(value, 10, 64)
			return n
		}
	}
	return 0
}

// explain says of a script that failed by itself which limit it has met.
func (l limits) explain(exit *journal.Exit, status syscall.WaitStatus) {
	if exit.Outcome != journal.Failed {
		return
	}
	switch {
	case l.oomKills() > l.kills:
		exit.Problem = asRecord(ErrMemory.With("the kernel ended %d of its processes", l.oomKills()-l.kills))
	case l.refusedForks() > l.forks && !status.Signaled():
		exit.Problem = asRecord(ErrProcesses.With("%d more were refused; it ended with exit code %d", l.refusedForks()-l.forks, exit.Code))
	}
}
