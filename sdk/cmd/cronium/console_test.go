package main

import (
	"bytes"
	"context"
	"errors"
	"os"
	"os/exec"
	"regexp"
	"testing"
	"time"

	"github.com/creack/pty"

	"github.com/cronium/cronium/hub/hubtest"
	"github.com/cronium/cronium/sdk/client"
)

// person sits at a real terminal in which cronium runs.
type person struct {
	t        *testing.T
	cmd      *exec.Cmd
	terminal *os.File
	seen     bytes.Buffer
}

func sit(t *testing.T, env []string, args ...string) *person {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	t.Cleanup(cancel)
	cmd := exec.CommandContext(ctx, "cronium", args...)
	cmd.Env = append(os.Environ(), append(env, "TERM=dumb")...)
	terminal, err := pty.StartWithSize(cmd, &pty.Winsize{Rows: 30, Cols: 100})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = terminal.Close() })
	return &person{t: t, cmd: cmd, terminal: terminal}
}

func (p *person) types(text string) {
	p.t.Helper()
	if _, err := p.terminal.WriteString(text); err != nil {
		p.t.Fatal(err)
	}
}

// sees waits until what came since the last call matches.
func (p *person) sees(pattern string) []string {
	p.t.Helper()
	re := regexp.MustCompile(pattern)
	for buf := make([]byte, 4096); ; {
		if m := re.FindStringSubmatch(p.seen.String()); m != nil {
			p.seen.Reset()
			return m
		}
		n, err := p.terminal.Read(buf)
		p.seen.Write(buf[:n])
		if err != nil && n == 0 {
			p.t.Fatalf("the terminal ended (%v) after %q, want %s", err, p.seen.String(), pattern)
		}
	}
}

// ends waits for the end of the program and returns its exit code.
func (p *person) ends() int {
	p.t.Helper()
	for buf := make([]byte, 4096); ; {
		n, err := p.terminal.Read(buf)
		p.seen.Write(buf[:n])
		if err != nil {
			break
		}
	}
	err := p.cmd.Wait()
	if ended, ok := errors.AsType[*exec.ExitError](err); ok {
		return ended.ExitCode()
	}
	if err != nil {
		p.t.Fatal(err)
	}
	return 0
}

func TestAConsoleInATerminal(t *testing.T) {
	w := hubtest.NewHub(t)
	w.AddConsoleAgent("shell-1")
	made, err := w.Client.Login(t.Context(), hubtest.Email, hubtest.Password, client.TokenRequest{Name: "terminal"})
	if err != nil {
		t.Fatal(err)
	}
	env := []string{"CRONIUM_URL=" + w.URL, "CRONIUM_TOKEN=" + made.Token}

	p := sit(t, env, "console", "shell-1")
	p.sees(`ok> $`)
	p.types("stty size; echo $((6*7))\r")
	p.sees(`30 100\r\n42\r\n`)
	if err := pty.Setsize(p.terminal, &pty.Winsize{Rows: 40, Cols: 120}); err != nil {
		t.Fatal(err)
	}
	p.types("until [ \"$(stty size)\" = '40 120' ]; do sleep 0.01; done; echo wi''der\r")
	p.sees(`\nwider\r\n`)
	p.types("sh -c \"echo be''gun; exec sleep 1000\"; echo no''t this\r")
	p.sees(`\nbegun\r\n`)
	p.types("\x03") // is the shell's, not cronium's
	p.sees(`ok> $`)
	p.types("left='st''ill here'\r")
	p.sees(`ok> $`)
	p.types("~.")
	id := p.sees(`cronium console --attach (\S+)`)[1]
	if code := p.ends(); code != 0 {
		t.Errorf("leaving ends with %d, want 0", code)
	}

	p = sit(t, env, "console", "--ls")
	p.sees(id + `.*shell-1.*detached`)
	p.ends()

	p = sit(t, env, "console", "--attach", id)
	p.sees(`ok> $`)
	p.types("echo $left; exit 5\r")
	p.sees(`still here\r\n`)
	if code := p.ends(); code != 5 {
		t.Errorf("the shell's exit code 5 came as %d", code)
	}
	p = sit(t, env, "console", "--attach", id)
	if code := p.ends(); code != exitNotFound || !bytes.Contains(p.seen.Bytes(), []byte("It ended")) {
		t.Errorf("the way back to what has ended: %d, %q; want %d", code, p.seen.String(), exitNotFound)
	}
}
