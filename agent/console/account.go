package console

import (
	"bufio"
	"os"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
)

// Account is a user who can have a shell.
type Account struct {
	Name  string
	Home  string
	Shell string // absolute path

	uid, gid uint32
	groups   []uint32
}

// noShells are what the passwd file has for users who shall have none.
var noShells = []string{"nologin", "false", "true", "sync", "halt", "shutdown"}

// LookUp finds a user of this host, the agent's own for an empty name. It returns
// [ErrAccount] for one who has no login shell, and for another user than the
// agent's unless the agent is root.
func LookUp(name string) (Account, error) {
	self := os.Geteuid()
	u, err := user.LookupId(strconv.Itoa(self))
	if name != "" {
		u, err = user.Lookup(name)
	}
	if err != nil {
		return Account{}, ErrAccount.With("%v", err)
	}
	ids, err := u.GroupIds()
	if err != nil {
		return Account{}, ErrAccount.With("groups of %s: %v", u.Username, err)
	}
	a := Account{Name: u.Username, Home: u.HomeDir, Shell: loginShell(u.Username)}
	for i, id := range append([]string{u.Uid, u.Gid}, ids...) {
		n, err := strconv.ParseUint(id, 10, 32)
		switch {
		case err != nil:
			return Account{}, ErrAccount.With("user %s has the id %q", u.Username, id)
		case i == 0:
			a.uid = uint32(n)
		case i == 1:
			a.gid = uint32(n)
		default:
			a.groups = append(a.groups, uint32(n))
		}
	}
	if self != 0 && int(a.uid) != self {
		return Account{}, ErrAccount.With("only root may open shells as %s", a.Name)
	}
	return a, a.usable()
}

func (a Account) usable() error {
	if slices.Contains(noShells, filepath.Base(a.Shell)) {
		return ErrAccount.With("%s has %s as its login shell, which is none", a.Name, a.Shell)
	}
	if info, err := os.Stat(a.Shell); err != nil || info.Mode()&0o111 == 0 || !filepath.IsAbs(a.Shell) {
		return ErrAccount.With("the login shell of %s, %s, is not a program", a.Name, a.Shell)
	}
	return nil
}

// loginShell is the last field of the user's line; /bin/sh when it is empty.
func loginShell(name string) string {
	f, err := os.Open("/etc/passwd")
	if err != nil {
		return "/bin/sh"
	}
	defer func() { _ = f.Close() }()
	for lines := bufio.NewScanner(f); lines.Scan(); {
		fields := strings.Split(lines.Text(), ":")
		if len(fields) == 7 && fields[0] == name && fields[6] != "" {
			return fields[6]
		}
	}
	return "/bin/sh"
}

// credential is what a shell gets; nil when it is what we have.
func (a Account) credential() *syscall.Credential {
	if os.Geteuid() != 0 {
		return nil
	}
	return &syscall.Credential{Uid: a.uid, Gid: a.gid, Groups: a.groups}
}

// environment is what a login begins with.
func (a Account) environment(term, mark string) []string {
	path := "/usr/local/bin:/usr/bin:/bin"
	if a.uid == 0 {
		path = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
	}
	lang := os.Getenv("LANG")
	if lang == "" || lang == "C" || lang == "POSIX" {
		lang = "C.UTF-8" // the web speaks UTF-8
	}
	return []string{
		"HOME=" + a.Home, "USER=" + a.Name, "LOGNAME=" + a.Name, "SHELL=" + a.Shell, "PATH=" + path,
		"TERM=" + term, "LANG=" + lang, mark,
	}
}

// dir is where a login begins.
func (a Account) dir() string {
	if info, err := os.Stat(a.Home); err == nil && info.IsDir() {
		return a.Home
	}
	return "/"
}
