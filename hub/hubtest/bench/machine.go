package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"

	"github.com/cronium/cronium/hub/postgres"
	"github.com/cronium/cronium/sdk/client"
)

const (
	email    = "admin@cronium.test"
	password = "correct horse battery staple"
	host     = "host-1"
	project  = "default"
)

// machine is a hub with its private PostgreSQL, and an agent: the binaries, as an
// operator would start them.
type machine struct {
	client     *client.Client
	db         *postgres.DB // the hub's own database, as seen from beside it
	hub, agent *process
	lastWork   time.Time // when a measurement last used it
}

// binaries starts the machine, once.
func (b *bench) binaries(ctx context.Context) (*machine, error) {
	if b.machine != nil {
		return b.machine, nil
	}
	m := &machine{}
	if err := m.start(ctx, b); err != nil {
		return nil, fmt.Errorf("start hub and agent: %w", err)
	}
	b.machine = m
	return m, nil
}

func (m *machine) start(ctx context.Context, b *bench) error {
	web, err := freeAddress(ctx)
	if err != nil {
		return err
	}
	door, err := freeAddress(ctx)
	if err != nil {
		return err
	}
	data := filepath.Join(b.dir, "hub")
	m.hub, err = b.launch(b.program("cronium-hub"), []string{"CRONIUM_ADMIN_EMAIL=" + email, "CRONIUM_ADMIN_PASSWORD=" + password},
		"serve", "--data-dir", data, "--http", web, "--agents", door)
	if err != nil {
		return err
	}
	if err := awaitReady(ctx, "http://"+web); err != nil {
		return errors.Join(err, m.hub.words())
	}
	if m.client, err = login(ctx, "http://"+web); err != nil {
		return err
	}
	if m.db, err = postgres.Open(ctx, postgres.Config{URL: "postgres:///cronium?user=cronium&host=" + filepath.Join(data, "postgres", "run"), MaxConns: 2}); err != nil {
		return err
	}
	b.atEnd(func() error { m.db.Close(); return nil })
	token, err := m.client.CreateJoinToken(ctx, project, client.JoinTokenRequest{})
	if err != nil {
		return err
	}
	agentDir := filepath.Join(b.dir, "agent")
	enrol := exec.CommandContext(ctx, b.program("cronium-agent"), "enrol", "--hub", door, "--token", token.Token, "--data-dir", agentDir, "--name", host)
	if out, err := enrol.CombinedOutput(); err != nil {
		return fmt.Errorf("enrol: %w\n%s", err, out)
	}
	m.agent, err = b.launch(b.program("cronium-agent"), nil, "run", "--data-dir", agentDir, "--runner", b.program("cronium-runner"), "--slots", "128")
	if err != nil {
		return err
	}
	if err := awaitOnline(ctx, m.client, host); err != nil {
		return errors.Join(err, m.agent.words())
	}
	return nil
}

// used notes that the machine has worked until now.
func (m *machine) used() { m.lastWork = time.Now() }

// put makes a job of a bash script; schedules may be nil.
func (m *machine) put(ctx context.Context, name, source string, schedules []client.ScheduleWish) error {
	_, err := m.client.PutJob(ctx, project, definition(name, source, schedules), client.PutOptions{})
	return err
}

func definition(name, source string, schedules []client.ScheduleWish) client.Definition {
	return client.Definition{
		APIVersion: "cronium/v1", Kind: "Job", Metadata: client.Metadata{Name: name},
		Spec: client.DefinitionSpec{Spec: client.Spec{Script: client.Script{Language: "bash", Source: source}}, Schedules: schedules},
	}
}

// final waits until a run is over and must have succeeded.
func (m *machine) final(ctx context.Context, id string, patience time.Duration) error {
	return eventually(ctx, patience, "run "+id+" has succeeded", func() error {
		run, err := m.client.Run(ctx, project, id)
		if err == nil && run.State != client.Succeeded {
			err = fmt.Errorf("it is %s (%+v, %+v)", run.State, run.Reason, run.Outcome)
		}
		return err
	})
}

func awaitReady(ctx context.Context, url string) error {
	caller := &http.Client{Timeout: 5 * time.Second}
	return eventually(ctx, time.Minute, "the hub is ready", func() error {
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, url+"/readyz", nil)
		if err != nil {
			return err
		}
		answer, err := caller.Do(request)
		if err != nil {
			return err
		}
		defer answer.Body.Close()
		if answer.StatusCode != http.StatusOK {
			return fmt.Errorf("/readyz: %s", answer.Status)
		}
		return nil
	})
}

func awaitOnline(ctx context.Context, c *client.Client, name string) error {
	return eventually(ctx, time.Minute, name+" is online", func() error {
		h, err := c.Host(ctx, project, name)
		if err == nil && h.State != "online" {
			err = fmt.Errorf("it is %s", h.State)
		}
		return err
	})
}

func login(ctx context.Context, url string) (*client.Client, error) {
	anonymous, err := client.New(client.Config{URL: url})
	if err != nil {
		return nil, err
	}
	token, err := anonymous.Login(ctx, email, password, client.TokenRequest{Name: "bench"})
	if err != nil {
		return nil, err
	}
	return anonymous.As(token.Token), nil
}

func freeAddress(ctx context.Context) (string, error) {
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	defer l.Close()
	return l.Addr().String(), nil
}

// process is a program that we started.
type process struct {
	command *exec.Cmd
	log     string
	done    chan struct{}
}

// launch starts a program, which ends with the bench.
func (b *bench) launch(path string, env []string, args ...string) (*process, error) {
	p := &process{log: path + ".log", done: make(chan struct{})}
	out, err := os.Create(p.log)
	if err != nil {
		return nil, err
	}
	defer out.Close()
	p.command = exec.Command(path, args...) //nolint:noctx // ended by stop, in its own way
	p.command.Env = append(os.Environ(), env...)
	p.command.Stdout, p.command.Stderr = out, out
	p.command.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := p.command.Start(); err != nil {
		return nil, err
	}
	go func() {
		defer close(p.done)
		_ = p.command.Wait()
	}()
	b.atEnd(p.stop)
	return p, nil
}

func (p *process) pid() int { return p.command.Process.Pid }

// stop asks for a clean end, and kills what has not ended in time.
func (p *process) stop() error {
	_ = p.command.Process.Signal(syscall.SIGTERM) // it may have ended
	select {
	case <-p.done:
		return nil
	case <-time.After(20 * time.Second):
		_ = p.command.Process.Kill()
		<-p.done
		return fmt.Errorf("%s did not end within 20 s of SIGTERM", filepath.Base(p.command.Path))
	}
}

// words is the end of what the program has logged.
func (p *process) words() error {
	text, _ := os.ReadFile(p.log)
	return fmt.Errorf("the end of its log: %s", text[max(0, len(text)-2000):])
}
