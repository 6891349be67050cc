package cgroup

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

const (
	period    = 100_000 // µs, of the CPU quota
	minQuota  = 1_000   // µs, the kernel's least
	endLimit  = 5 * time.Second
	endRound  = 5 * time.Millisecond
	pidsFile  = "pids.max"
	tasksFile = "tasks" // is in v1 groups only
)

// versions is the name of a file in v1 and in v2.
type versions struct{ one, two string }

func (v versions) of(t tree) string {
	if t.v2 {
		return v.two
	}
	return v.one
}

var files = map[string]versions{
	"memory": {"memory.limit_in_bytes", "memory.max"},
	"cpu":    {"cpu.cfs_quota_us", "cpu.max"},
	"pids":   {pidsFile, pidsFile},
}

// Limits are what a group may use. Zero is no limit.
type Limits struct {
	MemoryBytes int64 // swap included
	MilliCPUs   int64
	Processes   int64 // threads count too
}

// Group is the same group in every hierarchy.
type Group struct {
	Dirs []string
}

// Make makes the groups of a name. A limit that no hierarchy can set is the
// caller's affair: see [Host.Can].
func (h *Host) Make(name string, l Limits) (Group, error) {
	var g Group
	for _, t := range h.trees {
		dir := filepath.Join(t.base, h.prefix+name)
		err := os.Mkdir(dir, 0o755)
		if err == nil {
			g.Dirs = append(g.Dirs, dir)
			err = t.limit(dir, l)
		}
		if err != nil {
			return Group{}, fmt.Errorf("make a control group: %w", errors.Join(err, g.Remove()))
		}
	}
	return g, nil
}

// limit sets what a new group may use.
func (t tree) limit(dir string, l Limits) error {
	var err error
	set := func(file, text string) {
		if err == nil {
			err = write(filepath.Join(dir, file), text)
		}
	}
	if l.MemoryBytes > 0 && t.has("memory") {
		memory := strconv.FormatInt(l.MemoryBytes, 10)
		set(files["memory"].of(t), memory)
		switch {
		case t.v2 && there(dir, "memory.swap.max"):
			set("memory.swap.max", "0")
		case !t.v2 && there(dir, "memory.memsw.limit_in_bytes"):
			set("memory.memsw.limit_in_bytes", memory)
		case !t.v2:
			set("memory.swappiness", "0")
		}
	}
	if l.MilliCPUs > 0 && t.has("cpu") {
		quota := strconv.FormatInt(max(l.MilliCPUs*period/1000, minQuota), 10)
		if t.v2 {
			set("cpu.max", quota+" "+strconv.Itoa(period))
		} else {
			set("cpu.cfs_period_us", strconv.Itoa(period))
			set("cpu.cfs_quota_us", quota)
		}
	}
	if l.Processes > 0 && t.has("pids") {
		n := l.Processes
		if !t.v2 {
			n++ // the thread that has started the script: see Enter
		}
		set(pidsFile, strconv.FormatInt(n, 10))
	}
	return err
}

// Memory is the directory in which the kernel counts what it has ended for want of
// memory; "" without one.
func (g Group) Memory() string { return g.with("memory.events", "memory.oom_control") }

// Pids is the directory in which the kernel counts refused forks; "" without one.
func (g Group) Pids() string { return g.with("pids.events") }

func (g Group) with(names ...string) string {
	for _, dir := range g.Dirs {
		for _, name := range names {
			if there(dir, name) {
				return dir
			}
		}
	}
	return ""
}

// Kill sends SIGKILL to everything in the group but one process, which may have a
// thread there. It does not wait. On v1 nothing new can be started meanwhile,
// where processes are counted.
func (g Group) Kill(but int) {
	for _, dir := range g.Dirs {
		if there(dir, tasksFile) {
			if there(dir, pidsFile) {
				_ = write(filepath.Join(dir, pidsFile), "0")
			}
			continue
		}
		_ = write(filepath.Join(dir, "cgroup.kill"), "1")
	}
	for _, pid := range g.Processes() {
		if pid != but {
			_ = syscall.Kill(pid, syscall.SIGKILL)
		}
	}
}

// Processes are those in the group.
func (g Group) Processes() []int {
	var pids []int
	for _, dir := range g.Dirs {
		list, err := words(filepath.Join(dir, "cgroup.procs"))
		if err != nil {
			continue
		}
		for _, text := range list {
			if pid, err := strconv.Atoi(text); err == nil && pid > 0 {
				pids = append(pids, pid)
			}
		}
	}
	return pids
}

// End kills everything in the group and removes it. It returns when that is done,
// with an error after five seconds: a process may be stuck in the kernel.
func (g Group) End() error {
	for end := time.Duration(0); ; end += endRound {
		err := g.Remove()
		if err == nil || end >= endLimit {
			return err
		}
		g.Kill(0)
		time.Sleep(endRound)
	}
}

// Remove removes the group, which must be empty.
func (g Group) Remove() error {
	var errs []error
	for _, dir := range g.Dirs {
		if err := unix.Rmdir(dir); err != nil && !errors.Is(err, unix.ENOENT) {
			errs = append(errs, fmt.Errorf("remove the control group %s: %w", dir, err))
		}
	}
	return errors.Join(errs...)
}

// Sweep ends the groups of this agent that are not in use.
func (h *Host) Sweep(inUse func(name string) bool) error {
	stale := map[string]*Group{}
	for _, t := range h.trees {
		list, err := os.ReadDir(t.base)
		if err != nil {
			return fmt.Errorf("look for control groups: %w", err)
		}
		for _, d := range list {
			name, ours := strings.CutPrefix(d.Name(), h.prefix)
			if !ours || !d.IsDir() || inUse(name) {
				continue
			}
			if stale[name] == nil {
				stale[name] = &Group{}
			}
			stale[name].Dirs = append(stale[name].Dirs, filepath.Join(t.base, d.Name()))
		}
	}
	var errs []error
	for _, g := range stale {
		errs = append(errs, g.End())
	}
	return errors.Join(errs...)
}

// Enter prepares the calling thread to start a process in groups that [Host.Make]
// has made: it goes to those of v1 itself, for good, and returns the open directory
// of the v2 one, -1 without one, for syscall.SysProcAttr.CgroupFD.
//
// The thread must be locked, and not the main one: the kernel charges the memory of
// a program to the group of its main thread.
func Enter(dirs []string) (fd int, err error) {
	fd = -1
	for _, dir := range dirs {
		if there(dir, tasksFile) {
			err = write(filepath.Join(dir, tasksFile), "0")
		} else {
			fd, err = unix.Open(dir, unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
		}
		if err != nil {
			return fd, fmt.Errorf("enter the control group %s: %w", dir, err)
		}
	}
	return fd, nil
}

func there(dir, file string) bool {
	_, err := os.Stat(filepath.Join(dir, file))
	return err == nil
}
