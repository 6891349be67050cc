package call

import (
	"errors"
	"fmt"
	"net"
	"os"

	"golang.org/x/sys/unix"

	"github.com/cronium/cronium/agent/boot"
	"github.com/cronium/cronium/sdk/problem"
)

// looks is how often the way from a process up to us is tried: an ancestor may end
// while we look, and its children move up to us.
const looks = 5

// admit reports whether the process at the other end may call. The kernel says who
// it is, so there is nothing to steal.
func admit(conn *net.UnixConn, uid uint32) *problem.Problem {
	peer, err := credentials(conn)
	switch {
	case err != nil:
		return ErrPeer.With("who calls cannot be found out: %v", err)
	case peer.Uid != uid && peer.Uid != 0:
		return ErrPeer.With("the process %d runs as user %d", peer.Pid, peer.Uid)
	case !ours(int(peer.Pid)):
		return ErrPeer.With("the process %d does not belong to this run", peer.Pid)
	}
	return nil
}

func credentials(conn *net.UnixConn) (*unix.Ucred, error) {
	raw, err := conn.SyscallConn()
	if err != nil {
		return nil, err
	}
	var peer *unix.Ucred
	var sockErr error
	err = raw.Control(func(fd uintptr) {
		peer, sockErr = unix.GetsockoptUcred(int(fd), unix.SOL_SOCKET, unix.SO_PEERCRED)
	})
	if err := errors.Join(err, sockErr); err != nil {
		return nil, fmt.Errorf("ask for the peer: %w", err)
	}
	return peer, nil
}

// ours reports whether a process descends from this one. Whatever a script leaves
// behind does too: we are its reaper.
func ours(pid int) bool {
	self := os.Getpid()
	for range looks {
		at := pid
		for at > 1 && at != self {
			stat, err := boot.ReadStat(at)
			if err != nil {
				break
			}
			at = stat.Parent
		}
		if at == self {
			return pid != self
		}
		if at <= 1 {
			return false
		}
	}
	return false
}
