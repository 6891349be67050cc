package runner

import (
	"errors"
	"io/fs"
	"os"
	"runtime"

	"golang.org/x/sys/unix"

	runnerv1 "github.com/cronium/cronium/proto/runner/v1"
)

// lookAs gives the calling thread, which must be locked for good, a user's view of
// files.
func lookAs(user *runnerv1.User) {
	_ = unix.Setfsgid(int(user.GetGid()))
	_ = unix.Setfsuid(int(user.GetUid()))
}

// closedToUs reports whether root lacks the capability to look anywhere, as in a
// container.
func closedToUs(dir string) bool {
	f, err := os.Open(dir)
	if err == nil {
		_ = f.Close()
	}
	return errors.Is(err, fs.ErrPermission)
}

// mayRun reports whether the script's user can come to a program and run it. The
// host's search path may lead to what only root can.
func mayRun(path string, user *runnerv1.User) bool {
	if user == nil {
		return true
	}
	answer := make(chan bool)
	go func() {
		runtime.LockOSThread() // for good: the thread ends here
		lookAs(user)
		var st unix.Stat_t
		if unix.Stat(path, &st) != nil {
			answer <- false
			return
		}
		bit := uint32(0o001)
		switch {
		case user.GetUid() == 0:
			bit = 0o111
		case st.Uid == user.GetUid():
			bit = 0o100
		case inGroups(st.Gid, user):
			bit = 0o010
		}
		answer <- st.Mode&bit != 0
	}()
	return <-answer
}

func inGroups(gid uint32, user *runnerv1.User) bool {
	for _, g := range append([]uint32{user.GetGid()}, user.GetGroups()...) {
		if g == gid {
			return true
		}
	}
	return false
}
