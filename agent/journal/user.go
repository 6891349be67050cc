package journal

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// SetUser notes the user id that the attempt's script has for itself, before
// anything runs as that user.
func (e *Entry) SetUser(uid uint32) error {
	return e.retry(func() error {
		return writeFile(e.Path("user"), unix.O_TRUNC, []byte(strconv.FormatUint(uint64(uid), 10)+"\n"))
	})
}

// User returns what [Entry.SetUser] noted.
func (e *Entry) User() (uid uint32, ok bool, err error) {
	b, err := readFile(e.Path("user"))
	if errors.Is(err, fs.ErrNotExist) {
		return 0, false, nil
	}
	if err != nil {
		return 0, false, err
	}
	n, err := strconv.ParseUint(strings.TrimSpace(string(b)), 10, 32)
	if err != nil {
		return 0, false, fmt.Errorf("read %s: %w", e.Path("user"), err)
	}
	return uint32(n), true, nil
}

// Gone reports whether nothing of the directory is left, also not hidden.
func (e *Entry) Gone() bool {
	for _, dir := range []string{e.Dir, hidden(e.Dir)} {
		if _, err := os.Lstat(dir); !errors.Is(err, fs.ErrNotExist) {
			return false
		}
	}
	return true
}

// hidden is what a directory is called while it is being removed.
func hidden(dir string) string {
	return filepath.Join(filepath.Dir(dir), ".gone-"+filepath.Base(dir))
}

// Users returns the attempts that have noted a user, by it. Those that are being
// removed count too.
func (j *Journal) Users() (map[uint32]*Entry, error) {
	list, err := os.ReadDir(j.path("runs"))
	if err != nil {
		return nil, fmt.Errorf("read the journal: %w", err)
	}
	users := map[uint32]*Entry{}
	for _, d := range list {
		e := &Entry{Dir: filepath.Join(j.path("runs"), d.Name())}
		e.Ref, _ = refOfDir(e.Dir)
		if uid, ok, err := e.User(); err == nil && ok {
			users[uid] = e
		}
	}
	return users, nil
}
