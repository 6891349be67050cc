package runner

import (
	"errors"
	"fmt"
	"os"
	"runtime"
	"strconv"
	"time"

	"golang.org/x/sys/unix"

	"github.com/cronium/cronium/agent/boot"
	runnerv1 "github.com/cronium/cronium/proto/runner/v1"
)

const (
	measureEvery = time.Second
	measureShare = 20  // measuring takes at most one part in so many of the time
	maxDepth     = 256 // of directories in each other; deeper ones cannot be measured
	listAtOnce   = 256 // names of a directory
)

// overfull tells once what the workspace holds when that is more than it may, until
// done is closed. Nil without a limit.
func (l limits) overfull(user *runnerv1.User, done <-chan struct{}) <-chan string {
	if l.workspace <= 0 {
		return nil
	}
	full := make(chan string, 1)
	go func() {
		if user != nil && closedToUs(l.work) {
			runtime.LockOSThread() // for good
			lookAs(user)
		}
		for {
			began := boot.Now()
			if what := l.measure(); what != "" {
				full <- what
				return
			}
			select {
			case <-done:
				return
			case <-time.After(max(measureEvery, measureShare*(boot.Now()-began))):
			}
		}
	}()
	return full
}

// measure says what the workspace holds if that is too much, "" otherwise.
func (l limits) measure() string {
	var held int64
	err := each(l.work, func(st *unix.Stat_t) bool {
		held += st.Blocks * 512 / max(1, int64(st.Nlink))
		return held <= l.workspace
	})
	if errors.Is(err, errDeep) {
		return fmt.Sprintf("it has directories that are more than %d deep", maxDepth)
	}
	if held <= l.workspace {
		held += unlinked(l.work)
	}
	if held <= l.workspace {
		return ""
	}
	return fmt.Sprintf("it held at least %d MiB", held>>20)
}

// reaches reports whether a file in the workspace is as large as a file may be. Not
// every language dies of the signal: some see an error.
func reaches(work string, limit int64) bool {
	found := false
	_ = each(work, func(st *unix.Stat_t) bool {
		found = st.Mode&unix.S_IFMT == unix.S_IFREG && st.Size >= limit
		return !found
	})
	return found
}

var errDeep = errors.New("directories are too deep")

// each calls do with everything below dir until it says no. What cannot be looked
// at is passed over. It keeps one directory open per level and few names, however
// many there are, and follows no links.
func each(dir string, do func(*unix.Stat_t) bool) error {
	fd, err := unix.Open(dir, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil //nolint:nilerr // passed over
	}
	_, err = eachIn(fd, 0, do)
	return err
}

// eachIn closes fd.
func eachIn(fd, depth int, do func(*unix.Stat_t) bool) (more bool, err error) {
	f := os.NewFile(uintptr(fd), "")
	defer func() { _ = f.Close() }()
	if depth == maxDepth {
		return false, errDeep
	}
	for {
		names, err := f.Readdirnames(listAtOnce)
		for _, name := range names {
			var st unix.Stat_t
			if unix.Fstatat(fd, name, &st, unix.AT_SYMLINK_NOFOLLOW) != nil {
				continue
			}
			if !do(&st) {
				return false, nil
			}
			if st.Mode&unix.S_IFMT != unix.S_IFDIR {
				continue
			}
			inner, err := unix.Openat(fd, name, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
			if err != nil {
				continue
			}
			if more, err := eachIn(inner, depth+1, do); !more {
				return false, err
			}
		}
		if err != nil {
			return true, nil //nolint:nilerr // the end, or no more to be seen
		}
	}
}

// unlinked is what files take that the script has deleted and still has open.
func unlinked(work string) int64 {
	var at unix.Stat_t
	if unix.Stat(work, &at) != nil {
		return 0
	}
	var held int64
	seen := map[uint64]bool{}
	for _, pid := range descendants(os.Getpid()) {
		dir := "/proc/" + strconv.Itoa(pid) + "/fd"
		names, err := os.ReadDir(dir)
		if err != nil {
			continue
		}
		for _, name := range names {
			var st unix.Stat_t
			if unix.Stat(dir+"/"+name.Name(), &st) != nil || st.Dev != at.Dev || st.Nlink > 0 ||
				st.Mode&unix.S_IFMT != unix.S_IFREG || seen[st.Ino] {
				continue
			}
			seen[st.Ino] = true
			held += st.Blocks * 512
		}
	}
	return held
}
