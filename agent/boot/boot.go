// Package boot knows the host's current boot: its id, a clock that neither steps
// nor stops while the host sleeps, and whether a process noted earlier still is
// the same one. Figures from another boot mean nothing, and it says so.
package boot

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// ID is the identifier of this boot of the kernel. It panics where there is no
// /proc, because nothing here can work without it.
var ID = sync.OnceValue(func() string {
	b, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil {
		panic(fmt.Sprintf("read the boot id: %v", err))
	}
	return string(bytes.TrimSpace(b))
})

// Now is the time since boot, time asleep included (CLOCK_BOOTTIME).
func Now() time.Duration {
	var ts unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_BOOTTIME, &ts); err != nil {
		panic(fmt.Sprintf("read CLOCK_BOOTTIME: %v", err))
	}
	return time.Duration(ts.Nano())
}

// Process names a process so that its number cannot be mistaken for another's.
type Process struct {
	PID    int    `json:"pid"`
	Start  uint64 `json:"starttime"` // in clock ticks since boot, as in /proc/PID/stat
	BootID string `json:"boot_id"`
}

// Self is the calling process.
func Self() (Process, error) { return Of(os.Getpid()) }

// Of names the process that has the number pid now.
func Of(pid int) (Process, error) {
	stat, err := ReadStat(pid)
	if err != nil {
		return Process{}, err
	}
	return Process{PID: pid, Start: stat.Start, BootID: ID()}, nil
}

// Alive reports whether the process still exists. A zombie does not.
func (p Process) Alive() bool {
	if p.PID <= 0 || p.BootID != ID() {
		return false
	}
	stat, err := ReadStat(p.PID)
	return err == nil && stat.Start == p.Start && stat.State != 'Z' && stat.State != 'X'
}

// Stat is what we need of /proc/PID/stat.
type Stat struct {
	State   byte
	Parent  int
	Session int
	Start   uint64
}

var errStat = errors.New("unexpected content")

// ReadStat reads /proc/PID/stat.
func ReadStat(pid int) (Stat, error) {
	b, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	if err != nil {
		return Stat{}, err
	}
	// The second field is the command in parentheses, and may hold anything.
	i := bytes.LastIndexByte(b, ')')
	f := strings.Fields(string(b[i+1:]))
	if i < 0 || len(f) < 20 {
		return Stat{}, fmt.Errorf("/proc/%d/stat: %w", pid, errStat)
	}
	parent, err1 := strconv.Atoi(f[1])
	session, err2 := strconv.Atoi(f[3])
	start, err3 := strconv.ParseUint(f[19], 10, 64)
	if err := errors.Join(err1, err2, err3); err != nil {
		return Stat{}, fmt.Errorf("/proc/%d/stat: %w", pid, err)
	}
	return Stat{State: f[0][0], Parent: parent, Session: session, Start: start}, nil
}
