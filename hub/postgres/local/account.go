package local

import (
	"os"
	"os/user"
	"strconv"
	"syscall"
)

// Account is whom the server runs as: ourselves, or an unprivileged user when we
// are root.
type Account struct {
	Name     string
	UID, GID int
	dropped  bool
}

// FindAccount picks the user. name may be empty; then a root process takes
// postgres or nobody. The user must be in the passwd file, or initdb refuses.
func FindAccount(name string) (Account, error) {
	if os.Geteuid() != 0 {
		me, err := user.Current()
		if err != nil {
			return Account{}, ErrAccount.With("the user %d is not in the passwd file", os.Geteuid()).
				Hinted("Start the hub as a user that exists, or use --database-url.")
		}
		return Account{Name: me.Username, UID: os.Geteuid(), GID: os.Getegid()}, nil
	}
	names := []string{name}
	if name == "" {
		names = []string{"postgres", "nobody"}
	}
	for _, n := range names {
		u, err := user.Lookup(n)
		if err != nil {
			continue
		}
		uid, errUID := strconv.Atoi(u.Uid)
		gid, errGID := strconv.Atoi(u.Gid)
		if errUID == nil && errGID == nil && uid != 0 {
			return Account{Name: n, UID: uid, GID: gid, dropped: true}, nil
		}
	}
	return Account{}, ErrAccount.With("none of these users exists: %q", names)
}

// Process returns the attributes of a child that runs as this account in a
// process group of its own, so that Ctrl-C reaches the hub alone.
func (a Account) Process() *syscall.SysProcAttr {
	attr := &syscall.SysProcAttr{Setpgid: true}
	if a.dropped {
		attr.Credential = &syscall.Credential{Uid: uint32(a.UID), Gid: uint32(a.GID), Groups: []uint32{}}
	}
	return attr
}

// Own gives a path to the account, when it is not ours already.
func (a Account) Own(path string) error {
	if !a.dropped {
		return nil
	}
	return os.Lchown(path, a.UID, a.GID)
}
