// Package demo runs what the README tells newcomers to type.
package demo

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/cronium/cronium/hub/hubtest"
)

const root = "../../.."

// up is `make demo` (once) or `make up`, without their builds.
func up(t *testing.T, env []string, args ...string) (*exec.Cmd, *output) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), filepath.Join(root, "deploy/up"), args...)
	cmd.Env = append(os.Environ(), env...)
	out := &output{}
	cmd.Stdout, cmd.Stderr = out, out
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	return cmd, out
}

type output struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.b.Write(p)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.b.String()
}

func TestTheDemoSucceedsAndTheNextStartReusesItsData(t *testing.T) {
	home, err := os.MkdirTemp("", "cronium-demo-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(home) })
	env := []string{"CRONIUM_HOME=" + home, "CRONIUM_HTTP=" + hubtest.FreeAddress(t), "CRONIUM_AGENTS=" + hubtest.FreeAddress(t)}

	cmd, out := up(t, env, "--once")
	if err := cmd.Run(); err != nil {
		t.Fatalf("deploy/up --once: %v\n%s", err, out)
	}
	if !strings.Contains(out.String(), "(shown once)") {
		t.Errorf("no password was printed:\n%s", out)
	}
	for _, job := range examples(t) {
		if !strings.Contains(out.String(), fmt.Sprintf("  %-20s succeeded", job)) {
			t.Errorf("example %s is not said to have succeeded:\n%s", job, out)
		}
	}
	wantNothingLeft(t, home)

	cmd, out = up(t, env)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	hubtest.Eventually(t, 3*time.Minute, "make up stays", func() error {
		if !strings.Contains(out.String(), "Stop with Ctrl-C") {
			return fmt.Errorf("it printed:\n%s", out)
		}
		return nil
	})
	if strings.Contains(out.String(), "Password") {
		t.Errorf("the second start printed a password:\n%s", out)
	}
	if err := syscall.Kill(-cmd.Process.Pid, syscall.SIGINT); err != nil {
		t.Fatal(err)
	}
	select {
	case err := <-ended:
		if err != nil {
			t.Errorf("after Ctrl-C: %v\n%s", err, out)
		}
	case <-time.After(time.Minute):
		t.Fatalf("it did not end within a minute of Ctrl-C:\n%s", out)
	}
	wantNothingLeft(t, home)
}

func examples(t *testing.T) []string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(root, "examples/*.yaml"))
	if err != nil || len(files) < 6 {
		t.Fatalf("examples: %d files, %v; want at least six", len(files), err)
	}
	names := make([]string, len(files))
	for i, file := range files {
		names[i] = strings.TrimSuffix(filepath.Base(file), ".yaml")
	}
	return names
}

// wantNothingLeft looks for processes that have the data directory in their
// command line or stand in it.
func wantNothingLeft(t *testing.T, home string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	hubtest.Eventually(t, 10*time.Second, "every process has ended", func() error {
		left, _ := exec.CommandContext(ctx, "pgrep", "-af", home).Output() // 1: none
		if len(left) > 0 {
			return fmt.Errorf("still there:\n%s", left)
		}
		return nil
	})
}
