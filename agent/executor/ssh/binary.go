package ssh

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"time"

	"golang.org/x/crypto/ssh"

	"github.com/cronium/cronium/agent/executor/ssh/resident"
)

const uploadLimit = 5 * time.Minute

// arches are Linux's names of the machines that there are runners for.
var arches = map[string]string{"x86_64": "amd64", "aarch64": "arm64"}

// binaries are the runners beside the agent's, by architecture.
type binaries struct {
	runner string // the agent's own

	mu    sync.Mutex
	known map[string]binary
}

type binary struct {
	path    string
	size    int64
	changed time.Time
	sum     string // SHA-256, hex
}

// find returns the runner for an architecture; fs.ErrNotExist without one.
func (b *binaries) find(arch string) (binary, error) {
	path := filepath.Join(filepath.Dir(b.runner), "cronium-runner-linux-"+arch)
	info, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) && arch == runtime.GOARCH {
		path = b.runner
		info, err = os.Stat(path)
	}
	if err != nil {
		return binary{}, err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if last := b.known[arch]; last.path == path && last.size == info.Size() && last.changed.Equal(info.ModTime()) {
		return last, nil
	}
	found := binary{path: path, size: info.Size(), changed: info.ModTime()}
	if found.sum, err = sumOf(path); err == nil {
		b.known[arch] = found
	}
	return found, err
}

func sumOf(path string) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer func() { _ = f.Close() }()
	sum := sha256.New()
	if _, err := io.Copy(sum, f); err != nil {
		return "", err
	}
	return hex.EncodeToString(sum.Sum(nil)), nil
}

// sums are the hashes by which a server finds out whether it has a runner; empty for
// an architecture that we have none for.
func (b *binaries) sums() (amd64, arm64 string) {
	one, _ := b.find("amd64")
	two, _ := b.find("arm64")
	return one.sum, two.sum
}

// remotePath is where a runner lies on a server.
func (f binary) remotePath(dir string) string { return dir + "/" + resident.BinaryPrefix + f.sum }

// send puts a runner on a server and checks what has arrived.
func (f binary) send(ctx context.Context, c *ssh.Client, dir string) error {
	ctx, stop := context.WithTimeoutCause(ctx, uploadLimit, ErrRunner.With("it was not uploaded within %s", uploadLimit))
	defer stop()
	file, err := os.Open(f.path)
	if err != nil {
		return ErrRunner.With("%v", err)
	}
	defer func() { _ = file.Close() }()
	got, err := run(ctx, c, file, upload, f.remotePath(dir))
	if err != nil {
		return orEnd(ctx, ErrRunner.With("upload it: %v", err))
	}
	if got["sum"] != f.sum {
		return ErrRunner.With("what has arrived there has the SHA-256 %.64s, not %s", got["sum"], f.sum)
	}
	return nil
}
