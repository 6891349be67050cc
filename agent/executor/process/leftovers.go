package process

import (
	"bytes"
	"os"
	"path/filepath"
	"strconv"
	"syscall"
	"time"

	"github.com/cronium/cronium/agent/journal"
)

const (
	killRounds = 50 // bounds the hunt for what a dead runner has left behind
	quiet      = 3  // rounds without a find that end it: in the middle of an exec a process has no environment
)

// killLeftovers ends the processes of an attempt whose runner is gone.
func killLeftovers(e *journal.Entry) {
	empty := 0
	for range killRounds {
		pids := leftovers(e)
		if len(pids) > 0 {
			empty = 0
		} else if empty++; empty == quiet {
			return
		}
		for _, pid := range pids {
			_ = syscall.Kill(pid, syscall.SIGKILL)
		}
		time.Sleep(10 * time.Millisecond)
	}
}

// leftovers returns the processes that have the attempt's workspace in their
// environment, or its own user.
func leftovers(e *journal.Entry) []int {
	mark := []byte("CRONIUM_WORKSPACE=" + e.Work())
	uid, own, _ := e.User()
	var pids []int
	dirs, _ := filepath.Glob("/proc/[0-9]*")
	for _, dir := range dirs {
		if !(own && belongs(dir, uid)) && !carries(dir, mark) {
			continue
		}
		if pid, err := strconv.Atoi(filepath.Base(dir)); err == nil {
			pids = append(pids, pid)
		}
	}
	return pids
}

// belongs reports whether a process, by its directory in /proc, is a user's.
func belongs(dir string, uid uint32) bool {
	var st syscall.Stat_t
	return syscall.Stat(dir, &st) == nil && st.Uid == uid
}

// carries reports whether a process has the mark in its environment.
func carries(dir string, mark []byte) bool {
	env, err := os.ReadFile(filepath.Join(dir, "environ"))
	if err != nil {
		return false
	}
	for e := range bytes.SplitSeq(env, []byte{0}) {
		if bytes.Equal(e, mark) {
			return true
		}
	}
	return false
}
