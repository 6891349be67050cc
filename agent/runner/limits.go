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

	"golang.org/x/sys/unix"

	"github.com/cronium/cronium/agent/journal"
	runnerv1 "github.com/cronium/cronium/proto/runner/v1"
)

// scriptOOMScore makes the kernel end the script, not its runner, when memory
// runs out.
const scriptOOMScore = 1000

func preferAsVictim(pid int) {
	_ = os.WriteFile(fmt.Sprintf("/proc/%d/oom_score_adj", pid), []byte(strconv.Itoa(scriptOOMScore)), 0)
}

// limits are what is in force for a script, and the counters of its control groups,
// if it has some.
type limits struct {
	memory, pids string // directories
	kills, forks int64  // when the script started
	work         string
	file         int64 // bytes that a file may have, 0 for any number
	workspace    int64 // bytes that the workspace may hold, 0 for any number
}

func newLimits(h *runnerv1.Handover, p *runnerv1.Payload, work string) limits {
	in := h.GetLimits()
	if in == nil {
		in = p.GetLimits()
	}
	l := limits{memory: h.GetMemoryCgroup(), pids: h.GetPidsCgroup(), work: work, file: in.GetFileBytes(), workspace: in.GetWorkspaceBytes()}
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

// fullBelow is the free space in which nobody can work.
const fullBelow = 1 << 20

// diskFull reports whether the workspace's file system has no room for data, or for
// another file.
func (l limits) diskFull() bool {
	var fs unix.Statfs_t
	if unix.Statfs(l.work, &fs) != nil {
		return false
	}
	return int64(fs.Bavail)*fs.Bsize < fullBelow || (fs.Files > 0 && fs.Ffree == 0)
}

// explain says of a script that failed by itself which limit it has met, and of one
// that was ended for its workspace what that held.
func (l limits) explain(exit *journal.Exit, v verdict) {
	if exit.Outcome != journal.Failed {
		return
	}
	tooLarge := v.status.Signal() == syscall.SIGXFSZ && v.status.Signaled() || exit.Code == 128+int(syscall.SIGXFSZ)
	switch {
	case v.why == overfull:
		exit.Problem = asRecord(ErrWorkspaceFull.With("%s, the limit is %s", v.full, bytesText(l.workspace)))
	case l.oomKills() > l.kills:
		exit.Problem = asRecord(ErrMemory.With("the kernel ended %d of its processes", l.oomKills()-l.kills))
	case l.file > 0 && (tooLarge || reaches(l.work, l.file)):
		exit.Problem = asRecord(ErrFileSize.With("the limit is %s", bytesText(l.file)))
	case l.refusedForks() > l.forks && !v.status.Signaled():
		exit.Problem = asRecord(ErrProcesses.With("%d more were refused; it ended with exit code %d", l.refusedForks()-l.forks, exit.Code))
	case l.diskFull():
		exit.Problem = asRecord(ErrDiskFull.With("it ended with exit code %d", exit.Code))
	}
}
