package process

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"time"
)

const (
	killRounds = 50 // bounds the hunt for what a dead runner has left behind
	quiet      = 3  // rounds without a find that end it: in the middle of an exec a process has no environment
)

// killLeftovers ends the processes of a workspace whose runner is gone.
func killLeftovers(work string) {
	empty := 0
	for range killRounds {
		pids := leftovers(work)
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

// leftovers returns the processes that have the workspace in their environment.
func leftovers(work string) []int {
	mark := []byte("CRONIUM_WORKSPACE=" + work)
	var pids []int
	dirs, _ := filepath.Glob("/proc/[0-9]*")
	for _, dir := range dirs {
		env, err := os.ReadFile(filepath.Join(dir, "environ"))
		if err != nil {
			continue
		}
		for e := range bytes.SplitSeq(env, []byte{0}) {
			var pid int
			if bytes.Equal(e, mark) {
				if _, err := fmt.Sscanf(filepath.Base(dir), "%d", &pid); err == nil {
					pids = append(pids, pid)
				}
				break
			}
		}
	}
	return pids
}
