package hubtest

import (
	"bytes"
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"sync"
	"syscall"
	"testing"
	"time"
)

// Process is a program that a test starts, kills and starts again. Its output is
// appended to a file, which a failed test shows the end of.
type Process struct {
	t    testing.TB
	path string
	args []string
	env  []string
	log  string

	mu   sync.Mutex
	cmd  *exec.Cmd
	done chan struct{}
}

func newProcess(t testing.TB, logDir, path string, env []string, args ...string) *Process {
	t.Helper()
	p := &Process{t: t, path: path, args: args, env: env, log: filepath.Join(logDir, filepath.Base(path)+".log")}
	t.Cleanup(func() {
		p.Stop()
		if t.Failed() {
			p.showLog()
		}
	})
	return p
}

// Start starts the program; it must not be running.
func (p *Process) Start() {
	p.t.Helper()
	out, err := os.OpenFile(p.log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		p.t.Fatal(err)
	}
	defer func() { _ = out.Close() }()
	cmd := exec.CommandContext(context.Background(), p.path, p.args...) // ended by the clean-up, in its own way
	cmd.Env = append(os.Environ(), p.env...)
	cmd.Stdout, cmd.Stderr = out, out
	// A test that is killed takes its processes along; a test that kills one of
	// them does not reach the others.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := cmd.Start(); err != nil {
		p.t.Fatalf("start %s: %v", p.path, err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = cmd.Wait()
	}()
	p.mu.Lock()
	p.cmd, p.done = cmd, done
	p.mu.Unlock()
}

// PID is the process id of the last start.
func (p *Process) PID() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.cmd.Process.Pid
}

// Exited is closed when the program that was started last has ended.
func (p *Process) Exited() <-chan struct{} {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.done
}

// Kill sends SIGKILL and waits for the end.
func (p *Process) Kill() { p.end(syscall.SIGKILL, 10*time.Second) }

// Stop sends SIGTERM and waits for a clean end, at most 30 s.
func (p *Process) Stop() { p.end(syscall.SIGTERM, 30*time.Second) }

func (p *Process) end(sig syscall.Signal, patience time.Duration) {
	p.mu.Lock()
	cmd, done := p.cmd, p.done
	p.mu.Unlock()
	if cmd == nil {
		return
	}
	if err := cmd.Process.Signal(sig); errors.Is(err, os.ErrProcessDone) {
		return
	}
	select {
	case <-done:
	case <-time.After(patience):
		_ = cmd.Process.Kill()
		p.t.Errorf("%s did not end within %s of %s", filepath.Base(p.path), patience, sig)
		<-done
	}
}

func (p *Process) showLog() {
	text, _ := os.ReadFile(p.log)
	if len(text) > 8<<10 {
		text = text[len(text)-8<<10:]
	}
	p.t.Logf("the end of %s:\n%s", p.log, text)
}

// endScripts kills what scripts of the agent with this data directory have left
// running: they outlive agents, but should not outlive tests.
func endScripts(dataDir string) {
	files, _ := filepath.Glob("/proc/[0-9]*/environ")
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil || !bytes.Contains(text, []byte("="+dataDir+"/")) || !bytes.Contains(text, []byte("CRONIUM_RUN_ID=")) {
			continue
		}
		if pid, err := strconv.Atoi(filepath.Base(filepath.Dir(file))); err == nil {
			_ = syscall.Kill(pid, syscall.SIGKILL)
		}
	}
}
