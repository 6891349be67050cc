package runner

import (
	"os"
	"strconv"
	"syscall"

	"github.com/cronium/cronium/agent/boot"
)

// freezeRounds bounds the race with a script that forks faster than we look.
const freezeRounds = 10

// descendants returns the processes below root, without it, parents first.
func descendants(root int) []int {
	dir, err := os.Open("/proc")
	if err != nil {
		return nil
	}
	defer func() { _ = dir.Close() }()
	names, err := dir.Readdirnames(-1)
	if err != nil {
		return nil
	}
	children := map[int][]int{}
	for _, name := range names {
		pid, err := strconv.Atoi(name)
		if err != nil {
			continue
		}
		if stat, err := boot.ReadStat(pid); err == nil && stat.State != 'Z' {
			children[stat.Parent] = append(children[stat.Parent], pid)
		}
	}
	list := append([]int(nil), children[root]...)
	for i := 0; i < len(list); i++ {
		list = append(list, children[list[i]]...)
	}
	return list
}

// terminate asks every process below root to end, stopped ones too.
func terminate(root int) {
	for _, pid := range descendants(root) {
		_ = syscall.Kill(pid, syscall.SIGTERM)
		_ = syscall.Kill(pid, syscall.SIGCONT)
	}
}

// kill ends every process below root. They are stopped first, so that none makes
// new ones while the others are killed.
func kill(root int) {
	stopped := map[int]bool{}
	for range freezeRounds {
		fresh := false
		for _, pid := range descendants(root) {
			if !stopped[pid] {
				stopped[pid], fresh = true, true
				_ = syscall.Kill(pid, syscall.SIGSTOP)
			}
		}
		if !fresh {
			break
		}
	}
	for _, pid := range descendants(root) {
		_ = syscall.Kill(pid, syscall.SIGKILL)
	}
}
