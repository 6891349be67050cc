// Package dockertest is a Docker engine for tests: a dockerd of their own, on a
// socket and in directories of their own, with an image made of the host's files.
package dockertest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/image"
	"github.com/docker/docker/client"
)

// Image is the reference of the test image. It has bash, python3 and node.
const Image = "cronium-test:latest"

// Engine is a running dockerd.
type Engine struct {
	Host   string // for DOCKER_HOST
	Client *client.Client

	dir  string
	args []string // of dockerd, besides ours
	log  bytes.Buffer
	cmd  *exec.Cmd
	done chan struct{}
}

var (
	mu     sync.Mutex
	shared *Engine
)

// Start returns the engine of this test binary. [Stop] ends it.
func Start(t testing.TB) *Engine {
	t.Helper()
	mu.Lock()
	defer mu.Unlock()
	if shared == nil {
		e, err := start(context.WithoutCancel(t.Context()), writeRootFS)
		if err != nil {
			t.Fatalf("start a Docker engine (make install-test installs it): %v", err)
		}
		shared = e
	}
	return shared
}

// New returns an engine of the test's own, for tests that restart it. args are
// further arguments of dockerd, such as --live-restore.
func New(t testing.TB, args ...string) *Engine {
	t.Helper()
	e, err := start(context.WithoutCancel(t.Context()), writeSmallRootFS, args...)
	if err != nil {
		t.Fatalf("start a Docker engine (make install-test installs it): %v", err)
	}
	t.Cleanup(e.stop)
	return e
}

// Stop ends the engine, if one was started; call it at the end of TestMain.
func Stop() {
	mu.Lock()
	defer mu.Unlock()
	if shared != nil {
		shared.stop()
		shared = nil
	}
}

func start(ctx context.Context, files func(io.Writer) error, args ...string) (*Engine, error) {
	dir, err := os.MkdirTemp("/var/tmp", "cronium-docker-")
	if err != nil {
		return nil, err
	}
	e := &Engine{dir: dir, args: args, Host: "unix://" + filepath.Join(dir, "docker.sock")}
	if err := e.run(); err != nil {
		_ = os.RemoveAll(dir)
		return nil, err
	}
	if e.Client, err = client.NewClientWithOpts(client.WithHost(e.Host), client.WithAPIVersionNegotiation()); err == nil {
		if err = e.await(ctx); err == nil {
			err = e.load(ctx, files)
		}
	}
	if err != nil {
		e.stop()
		return nil, fmt.Errorf("%w\n%s", err, e.log.String())
	}
	return e, nil
}

// run starts dockerd. It makes no bridge and touches no firewall: test containers
// have no network, or the host's.
func (e *Engine) run() error {
	e.cmd = exec.Command("dockerd", append([]string{"--host", e.Host, "--data-root", filepath.Join(e.dir, "data"), //nolint:noctx // ended by stop
		"--exec-root", filepath.Join(e.dir, "exec"), "--pidfile", filepath.Join(e.dir, "pid"), "--bridge=none", "--iptables=false", "--ip6tables=false",
		"--log-level=warn"}, e.args...)...)
	e.cmd.Stdout, e.cmd.Stderr = &e.log, &e.log
	e.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := e.cmd.Start(); err != nil {
		return err
	}
	e.done = make(chan struct{})
	go func() {
		defer close(e.done)
		_ = e.cmd.Wait()
	}()
	return nil
}

func (e *Engine) await(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	for {
		_, err := e.Client.Ping(ctx)
		if err == nil {
			return nil
		}
		select {
		case <-e.done:
			return errors.New("dockerd has ended")
		case <-ctx.Done():
			return err
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// load imports the test image.
func (e *Engine) load(ctx context.Context, files func(io.Writer) error) error {
	reader, writer := io.Pipe()
	go func() { writer.CloseWithError(files(writer)) }()
	report, err := e.Client.ImageImport(ctx, image.ImportSource{Source: reader, SourceName: "-"}, Image,
		image.ImportOptions{Changes: []string{"ENV PATH=/usr/bin:/bin"}})
	if err != nil {
		return fmt.Errorf("import the test image: %w", err)
	}
	defer func() { _ = report.Close() }()
	text, err := io.ReadAll(report)
	if err == nil && bytes.Contains(text, []byte("errorDetail")) {
		err = errors.New(string(text))
	}
	return err
}

// removeAll removes the containers: with --live-restore they outlive the engine.
func (e *Engine) removeAll() {
	ctx, stop := context.WithTimeout(context.Background(), 20*time.Second) //nolint:forbidigo // the end of a test
	defer stop()
	list, err := e.Client.ContainerList(ctx, container.ListOptions{All: true})
	if err != nil {
		return
	}
	for _, c := range list {
		_ = e.Client.ContainerRemove(ctx, c.ID, container.RemoveOptions{Force: true})
	}
}

// Restart ends dockerd with a signal and starts it again.
func (e *Engine) Restart(t testing.TB, signal syscall.Signal) {
	t.Helper()
	_ = e.cmd.Process.Signal(signal)
	<-e.done
	// Left by SIGKILL. A containerd that nobody has reaped passes for a living one.
	_ = os.Remove(filepath.Join(e.dir, "pid"))
	_ = os.Remove(filepath.Join(e.dir, "exec", "containerd", "containerd.pid"))
	if err := e.run(); err != nil {
		t.Fatal(err)
	}
	if err := e.await(t.Context()); err != nil {
		t.Fatalf("restart dockerd after %v: %v\n%s", signal, err, e.log.String())
	}
}

func (e *Engine) stop() {
	if e.Client != nil {
		e.removeAll()
		_ = e.Client.Close()
	}
	_ = e.cmd.Process.Signal(syscall.SIGTERM)
	select {
	case <-e.done:
	case <-time.After(20 * time.Second):
		_ = e.cmd.Process.Kill()
		<-e.done
	}
	// dockerd's containerd is in its process group.
	_ = syscall.Kill(-e.cmd.Process.Pid, syscall.SIGKILL)
	_ = exec.Command("sh", "-c", `grep -o "`+e.dir+`[^ ]*" /proc/self/mounts | sort -r | xargs -r umount -l`).Run() //nolint:noctx // the last thing a test does
	_ = os.RemoveAll(e.dir)
}
