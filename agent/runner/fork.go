package runner

import (
	"errors"
	"runtime"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/cronium/cronium/agent/cgroup"
	runnerv1 "github.com/cronium/cronium/proto/runner/v1"
)

// fork starts the script with what it may use and gain in force from its first
// instruction.
func fork(h *runnerv1.Handover, l limits, cmd command, attr *syscall.ProcAttr) (int, error) {
	start := func() (pid int, err error) {
		err = underFileLimit(l.file, func() error {
			pid, err = syscall.ForkExec(cmd.path, cmd.argv, attr)
			return err
		})
		if err == nil && l.file > 0 {
			sealFileLimit(pid, uint64(l.file), h.GetUser())
		}
		return pid, err
	}
	noMore := h.GetUser().GetNoNewPrivileges()
	if len(h.GetScriptCgroups()) == 0 && !noMore {
		return start()
	}
	type result struct {
		pid int
		err error
	}
	started := make(chan result)
	go func() { // a thread of its own, which never ends: the script would end with it
		runtime.LockOSThread()
		var r result
		if r.err = enter(h.GetScriptCgroups(), noMore, attr); r.err == nil {
			r.pid, r.err = start()
		}
		started <- r
		select {}
	}()
	r := <-started
	return r.pid, r.err
}

// enter takes the calling thread to where the script shall be.
func enter(groups []string, noMore bool, attr *syscall.ProcAttr) error {
	fd, err := cgroup.Enter(groups)
	if err != nil {
		return err
	}
	if fd >= 0 {
		attr.Sys.UseCgroupFD, attr.Sys.CgroupFD = true, fd
	}
	if !noMore {
		return nil
	}
	return unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
}

// sealFileLimit makes the limit one that the script cannot raise. Root may do so to
// anybody, unless it lacks that capability; then a thread does it that is the
// script's user meanwhile. A process that has ended already needs no limit.
func sealFileLimit(pid int, limit uint64, user *runnerv1.User) {
	sealed := &unix.Rlimit{Cur: limit, Max: limit}
	err := unix.Prlimit(pid, unix.RLIMIT_FSIZE, sealed, nil)
	if !errors.Is(err, unix.EPERM) || user == nil {
		return
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		runtime.LockOSThread() // for good: the thread ends here
		uid, gid := uintptr(user.GetUid()), uintptr(user.GetGid())
		_, _, err1 := unix.RawSyscall(unix.SYS_SETRESGID, gid, gid, gid)
		_, _, err2 := unix.RawSyscall(unix.SYS_SETRESUID, uid, uid, uid)
		if err1 == 0 && err2 == 0 {
			_ = unix.Prlimit(pid, unix.RLIMIT_FSIZE, sealed, nil)
		}
	}()
	<-done
}

// underFileLimit forks while the limit holds for us too: what is forked has it
// before it can do anything. Nothing else writes files meanwhile. Whoever may raise
// it again afterwards takes even the right to that away from the script; elsewhere
// [sealFileLimit] does so a moment later.
func underFileLimit(limit int64, fork func() error) error {
	if limit <= 0 {
		return fork()
	}
	var before unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_FSIZE, &before); err != nil {
		return err
	}
	during := before
	during.Cur = min(uint64(limit), before.Max)
	if mayRaiseLimits() {
		during.Max = during.Cur
	}
	if err := unix.Setrlimit(unix.RLIMIT_FSIZE, &during); err != nil {
		return err
	}
	err := fork()
	if back := unix.Setrlimit(unix.RLIMIT_FSIZE, &before); err == nil && back != nil {
		return back
	}
	return err
}

// mayRaiseLimits reports whether this thread has the capability CAP_SYS_RESOURCE.
func mayRaiseLimits() bool {
	header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var data [2]unix.CapUserData
	err := unix.Capget(&header, &data[0])
	return err == nil && data[0].Effective&(1<<unix.CAP_SYS_RESOURCE) != 0
}
