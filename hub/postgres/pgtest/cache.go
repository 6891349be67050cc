package pgtest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"syscall"

	"github.com/cronium/cronium/sdk/problem"
)

const keptClusters = 4

// cachedCluster is a stopped cluster; release it after copying.
type cachedCluster struct {
	path    string
	release func()
}

// cluster returns the cached cluster, and makes it when there is none. Test
// binaries that run at once share it through a lock file.
func (s *server) cluster(ctx context.Context) (cachedCluster, error) {
	name, err := s.fingerprint()
	if err != nil {
		return cachedCluster{}, err
	}
	home, err := cacheDir()
	if err != nil {
		return cachedCluster{}, err
	}
	lock, err := os.OpenFile(filepath.Join(home, "lock"), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return cachedCluster{}, err
	}
	found := cachedCluster{path: filepath.Join(home, name), release: func() { _ = lock.Close() }}
	if err := flock(lock, syscall.LOCK_SH); err != nil {
		return found, err
	}
	if _, err := os.Stat(found.path); err == nil {
		return found, nil
	}
	if err := flock(lock, syscall.LOCK_EX); err != nil {
		return found, err
	}
	if _, err := os.Stat(found.path); err == nil { // another binary was first
		return found, nil
	}
	prune(home)
	return found, s.fill(ctx, found.path)
}

// fill makes a cluster and puts it under path, whole or not at all.
func (s *server) fill(ctx context.Context, path string) error {
	maker := &server{binaries: s.binaries, account: s.account}
	defer maker.letGo()
	if err := maker.build(ctx); err != nil {
		return fmt.Errorf("make the template cluster: %w", err)
	}
	tmp := path + ".tmp"
	if err := os.RemoveAll(tmp); err != nil {
		return err
	}
	if err := copyTree(filepath.Join(maker.dir, "data"), tmp, nil); err != nil {
		return err
	}
	return os.Rename(tmp, path)
}

// prune keeps the newest clusters: every change of a migration makes another.
func prune(home string) {
	entries, _ := os.ReadDir(home)
	type aged struct {
		path string
		age  int64
	}
	var clusters []aged
	for _, e := range entries {
		if info, err := e.Info(); err == nil && e.IsDir() {
			clusters = append(clusters, aged{filepath.Join(home, e.Name()), info.ModTime().Unix()})
		}
	}
	slices.SortFunc(clusters, func(a, b aged) int { return int(b.age - a.age) })
	for _, c := range clusters[min(len(clusters), keptClusters-1):] {
		_ = os.RemoveAll(c.path)
	}
}

func cacheDir() (string, error) {
	base, err := os.UserCacheDir()
	if err != nil {
		base = filepath.Join(os.TempDir(), fmt.Sprintf("cronium-cache-%d", os.Getuid()))
	}
	home := filepath.Join(base, "cronium", "pgtest")
	return home, os.MkdirAll(home, 0o700)
}

func flock(f *os.File, how int) error {
	for {
		if err := syscall.Flock(int(f.Fd()), how); !errors.Is(err, syscall.EINTR) {
			return err
		}
	}
}

// copyTree copies a cluster and gives it to the account.
func (s *server) copyTree(from, to string) error {
	return copyTree(from, to, s.account.Own)
}

func copyTree(from, to string, own func(string) error) error {
	return filepath.WalkDir(from, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(from, path)
		if err != nil {
			return err
		}
		target := filepath.Join(to, rel)
		if d.IsDir() {
			err = os.Mkdir(target, 0o700)
		} else {
			err = copyFile(path, target)
		}
		if err == nil && own != nil {
			err = own(target)
		}
		return err
	})
}

func copyFile(from, to string) error {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = io.Copy(out, in)
	return errors.Join(err, out.Close())
}

// hinted appends a problem's instruction, because a test prints only the error.
func hinted(err error) error {
	if p, ok := problem.As(err); ok {
		return fmt.Errorf("%w\n%s", err, p.Hint)
	}
	return err
}
