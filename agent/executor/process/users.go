package process

import (
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/cronium/cronium/agent/journal"
	runnerv1 "github.com/cronium/cronium/proto/runner/v1"
)

// DefaultUsers is where systemd takes its dynamic users from, too.
const DefaultUsers = "61184-65519"

// scriptName is what a script of its own user sees as its name. There is no account.
const scriptName = "cronium-script"

// Users gives every attempt a user id of its own, which no account and no process
// has, and takes it back when the attempt's directory is gone. The journal keeps who
// has which, so that a new agent goes on where the last one stopped. Two agents on a
// host should have ranges of their own: each sees of the other only what runs.
type Users struct {
	first, last uint32

	mu    sync.Mutex
	next  uint32
	taken map[uint32]*journal.Entry
}

// ParseUsers reads a range such as "61184-65519".
func ParseUsers(text string) (first, last uint32, err error) {
	from, to, _ := strings.Cut(text, "-")
	a, err1 := strconv.ParseUint(from, 10, 32)
	b, err2 := strconv.ParseUint(to, 10, 32)
	if errors.Join(err1, err2) != nil || a < 1000 || b < a || b > 1<<32-3 {
		return 0, 0, ErrUserRange.With("%q", text)
	}
	return uint32(a), uint32(b), nil
}

// NewUsers returns the users from first to last, of which the journal's attempts
// have some.
func NewUsers(first, last uint32, j *journal.Journal) (*Users, error) {
	taken, err := j.Users()
	if err != nil {
		return nil, err
	}
	// Somewhere in the range: another agent on this host, which knows nothing of ours,
	// probably begins elsewhere.
	u := &Users{first: first, last: last, next: first + rand.Uint32N(last-first+1), taken: taken}
	return u, nil
}

// String is for people.
func (u *Users) String() string { return fmt.Sprintf("%d-%d", u.first, u.last) }

// take gives the attempt a user. One whose attempt is in use still is not free.
func (u *Users) take(e *journal.Entry, inUse func(attempt string) bool) (*runnerv1.User, error) {
	u.mu.Lock()
	defer u.mu.Unlock()
	for range u.last - u.first + 1 {
		uid := u.next
		if u.next++; u.next > u.last || u.next < u.first {
			u.next = u.first
		}
		if held := u.taken[uid]; held != nil && (!held.Gone() || inUse(held.Ref.String())) {
			continue
		}
		delete(u.taken, uid)
		if known(uid) {
			continue
		}
		if err := e.SetUser(uid); err != nil {
			return nil, fmt.Errorf("note the script's user: %w", err)
		}
		u.taken[uid] = e
		return &runnerv1.User{Uid: uid, Gid: uid, Name: scriptName, NoNewPrivileges: true}, nil
	}
	return nil, ErrUsers.With("they are %s", u)
}

// known reports whether somebody else has the id: a process that runs, an account, or
// a service that systemd has given it to.
func known(uid uint32) bool {
	if _, err := unix.Getpriority(unix.PRIO_USER, int(uid)); !errors.Is(err, unix.ESRCH) {
		return true
	}
	id := strconv.FormatUint(uint64(uid), 10)
	if _, err := user.LookupId(id); err == nil {
		return true
	}
	_, err := os.Lstat("/run/systemd/dynamic-uid/" + id)
	return err == nil
}

// Reachable returns [ErrUnreachable] if users without any rights cannot pass through
// the parents of dir.
func Reachable(dir string) error {
	dir, err := filepath.Abs(dir)
	if err == nil {
		dir, err = filepath.EvalSymlinks(dir)
	}
	if err != nil {
		return ErrUnreachable.With("%v", err)
	}
	for parent := filepath.Dir(dir); ; parent = filepath.Dir(parent) {
		info, err := os.Stat(parent)
		if err != nil {
			return ErrUnreachable.With("%v", err)
		}
		if info.Mode().Perm()&0o001 == 0 {
			return ErrUnreachable.With("%s is closed to other users (mode %04o)", parent, info.Mode().Perm())
		}
		if parent == filepath.Dir(parent) {
			return nil
		}
	}
}

// shared are the directories in which everybody may leave files.
var shared = []string{"/tmp", "/var/tmp", "/dev/shm"}

// removeFiles removes what a user has left there, for the next one that has its id.
func removeFiles(uid uint32) error {
	var errs []error
	for _, dir := range shared {
		root, err := os.OpenRoot(dir)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err == nil {
			err = errors.Join(removeIn(root, uid), root.Close())
		}
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

func removeIn(root *os.Root, uid uint32) error {
	f, err := root.Open(".")
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }()
	for {
		names, err := f.Readdirnames(256)
		for _, name := range names {
			info, err := root.Lstat(name)
			if err != nil {
				continue
			}
			if st, ok := info.Sys().(*syscall.Stat_t); ok && st.Uid == uid {
				if err := root.RemoveAll(name); err != nil {
					return err
				}
			}
		}
		if err != nil {
			return nil //nolint:nilerr // the end
		}
	}
}
