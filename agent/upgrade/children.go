package upgrade

import (
	"os"
	"strconv"

	"github.com/cronium/cronium/agent/boot"
)

// children are the processes that this process has already when it begins: those
// that it started as another version.
func children() []int {
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return nil
	}
	var found []int
	for _, e := range entries {
		pid, err := strconv.Atoi(e.Name())
		if err != nil {
			continue
		}
		if stat, err := boot.ReadStat(pid); err == nil && stat.Parent == os.Getpid() {
			found = append(found, pid)
		}
	}
	return found
}
