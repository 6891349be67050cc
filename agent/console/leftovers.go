package console

import (
	"bytes"
	"os"
	"path/filepath"
	"strconv"
	"syscall"
	"time"

	"github.com/cronium/cronium/agent/boot"
)

const (
	hangUpGrace = time.Second // between SIGHUP and SIGKILL
	round       = 20 * time.Millisecond
	killRounds  = 50 // bounds the hunt for what makes new processes faster than we look
	quietRounds = 3  // without a find: in the middle of an exec a process has no environment
)

// markOf begins the variable by which everything in the consoles of an agent is
// found, wherever it went.
func markOf(agentID string) string { return "CRONIUM_CONSOLE_SESSION=" + agentID + "." }

// Sweep ends what consoles of earlier agents on this data directory left.
func Sweep(agentID string) {
	hunt(func() []int { return marked(markOf(agentID)) }, syscall.SIGKILL)
}

// endSession hangs up on everything in a session of the kernel, and everything
// with that mark, and kills what does not end.
func endSession(sid int, mark string) {
	find := func() []int { return append(inSession(sid), marked(mark)...) }
	for _, pid := range find() {
		_ = syscall.Kill(pid, syscall.SIGHUP)
		_ = syscall.Kill(pid, syscall.SIGCONT)
	}
	for end := time.Now().Add(hangUpGrace); time.Now().Before(end); {
		if len(find()) == 0 {
			break
		}
		time.Sleep(round)
	}
	hunt(find, syscall.SIGKILL)
}

func hunt(find func() []int, sig syscall.Signal) {
	quiet := 0
	for range killRounds {
		pids := find()
		if len(pids) > 0 {
			quiet = 0
		} else if quiet++; quiet == quietRounds {
			return
		}
		for _, pid := range pids {
			_ = syscall.Kill(pid, sig)
		}
		time.Sleep(round)
	}
}

// inSession returns the living processes of a session of the kernel.
func inSession(sid int) []int {
	return processes(func(pid int) bool {
		stat, err := boot.ReadStat(pid)
		return err == nil && stat.Session == sid && stat.State != 'Z' && stat.State != 'X'
	})
}

// marked returns the processes whose environment has a variable that begins so.
func marked(mark string) []int {
	return processes(func(pid int) bool {
		env, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), "environ"))
		return err == nil && (bytes.HasPrefix(env, []byte(mark)) || bytes.Contains(env, append([]byte{0}, mark...)))
	})
}

func processes(choose func(pid int) bool) []int {
	var pids []int
	dirs, _ := filepath.Glob("/proc/[0-9]*")
	for _, dir := range dirs {
		if pid, err := strconv.Atoi(filepath.Base(dir)); err == nil && pid != os.Getpid() && choose(pid) {
			pids = append(pids, pid)
		}
	}
	return pids
}
