package ssh_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/cronium/cronium/agent/executor"
	"github.com/cronium/cronium/agent/executor/executortest"
	"github.com/cronium/cronium/agent/executor/ssh"
	"github.com/cronium/cronium/agent/executor/ssh/sshtest"
	"github.com/cronium/cronium/agent/journal"
	agentv1 "github.com/cronium/cronium/proto/agent/v1"
	runnerv1 "github.com/cronium/cronium/proto/runner/v1"
	"github.com/cronium/cronium/sdk/problem"
)

const agentID = "01a21783-0d22-78b5-b489-b03b3680e22a"

var shared struct {
	once   sync.Once
	server *sshtest.Server
	stop   func()
	err    error
}

func TestMain(m *testing.M) {
	executortest.MainThen(m, func() {
		if shared.stop != nil {
			shared.stop()
		}
	})
}

// common is a server that tests share which do nothing to it.
func common(t *testing.T) *sshtest.Server {
	t.Helper()
	shared.once.Do(func() { shared.server, shared.stop, shared.err = sshtest.New() })
	if shared.err != nil {
		t.Fatalf("start an SSH server (make install-test installs it): %v", shared.err)
	}
	return shared.server
}

// config is that of an executor that has the credentials of some servers.
func config(t testing.TB, credentials ...*agentv1.Credential) ssh.Config {
	t.Helper()
	return ssh.Config{Runner: executortest.StaticRunner(t), AgentID: agentID, Keys: executortest.Handover(nil).GetKeys(),
		Credentials: func(context.Context, journal.Ref) ([]*agentv1.Credential, error) { return credentials, nil },
		Now:         time.Now, Log: slog.New(slog.DiscardHandler)}
}

func create(t testing.TB, c ssh.Config) *ssh.Executor {
	t.Helper()
	x, err := ssh.New(c)
	if err != nil {
		t.Fatal(err)
	}
	return x
}

// on makes a payload one for a server.
func on(s *runnerv1.Server) func(*runnerv1.Payload) {
	return func(p *runnerv1.Payload) { p.Server = s }
}

func remoteDir(s *sshtest.Server, e *journal.Entry) string {
	return filepath.Join(s.Base(), agentID, "runs", e.Ref.String())
}

func TestServersKeepTheContract(t *testing.T) {
	server := common(t)
	executortest.Suite(t, executortest.Subject{
		Create:  func(t *testing.T) executor.Executor { return create(t, config(t, server.Credential())) },
		Prepare: on(server.Proto()),
		Work:    func(e *journal.Entry) string { return filepath.Join(remoteDir(server, e), "work") },
		OnDisk: func(t *testing.T, dir string) (executor.Executor, func(*runnerv1.Payload)) {
			small := sshtest.Start(t)
			if err := os.Mkdir(small.Base(), 0o700); err != nil {
				t.Fatal(err)
			}
			if err := os.Symlink(dir, filepath.Join(small.Base(), agentID)); err != nil {
				t.Fatal(err)
			}
			return create(t, config(t, small.Credential())), on(small.Proto())
		},
	})
}

func started(t *testing.T, x executor.Executor, s *runnerv1.Server, c executortest.Case) (executor.Running, *journal.Entry) {
	t.Helper()
	c.Change = on(s)
	return executortest.Start(t, x, c)
}

// refused starts an attempt that must not start, and returns why.
func refused(t *testing.T, x executor.Executor, s *runnerv1.Server) *problem.Problem {
	t.Helper()
	a := executortest.Attempt(t, executortest.Journal(t, ""), x.Kind(), executortest.Case{Source: "echo ran", Change: on(s)})
	r, err := x.Start(executortest.Context(t), a)
	if err == nil {
		r.Close()
		t.Fatal("it was started")
	}
	p, ok := problem.As(err)
	if !ok || p.Hint == "" || p.Detail == "" {
		t.Fatalf("Start = %v, want a problem with detail and hint", err)
	}
	if st, ok, _ := a.Entry.Started(); !ok || !st.Abandoned {
		t.Errorf("the journal says %+v, %v; want that it never runs", st, ok)
	}
	return p
}

func want(t *testing.T, got error, want *problem.Problem) {
	t.Helper()
	if !errors.Is(got, want) {
		t.Fatalf("%v, want %s", got, want.Code)
	}
}

// behind is a server as it is reached through a cutter.
func behind(s *sshtest.Server, c *sshtest.Cutter) *runnerv1.Server {
	p := s.Proto()
	p.Address = c.Addr
	return p
}

// lines are those that a script prints which counts to n.
func lines(n int) string {
	var b strings.Builder
	for i := 1; i <= n; i++ {
		fmt.Fprintf(&b, "line %d of a script that is being cut off\n", i)
	}
	return b.String()
}

const counting = `echo "pid $$"; for i in $(seq 1 %d); do echo "line $i of a script that is being cut off"; [ $((i %% 500)) = 0 ] && sleep 0.05; done; echo "pid $$"`

// The connection breaks again and again while a script prints: no byte is lost or
// doubled, and the process is the same.
func TestCutsLoseAndDoubleNothing(t *testing.T) {
	t.Parallel()
	server := common(t)
	cutter := sshtest.NewCutter(t, server.Addr)
	x := executortest.Running(t, create(t, config(t, server.Credential())))
	r, e := started(t, x, behind(server, cutter), executortest.Case{Source: fmt.Sprintf(counting, 20000)})
	executortest.WaitFor(t, r, e, "pid ")
	before := cutter.Total()
	cutter.CutEvery(400_000)
	if err := r.Wait(t.Context()); err != nil { // as many connections as it takes
		t.Fatal(err)
	}
	exit, log := executortest.Result(t, r, e)
	if exit.Outcome != journal.Succeeded {
		t.Fatalf("%+v", exit)
	}
	pid := executortest.PIDAfter(t, log, "pid")
	if want := fmt.Sprintf("pid %d\n%spid %d\n", pid, lines(20000), pid); string(log.Out) != want {
		t.Fatalf("%d bytes arrived, %d were written; pid %d at the beginning, the end is %q", len(log.Out), len(want), pid, log.Out[max(0, len(log.Out)-40):])
	}
	if cutter.Total() < before+2 {
		t.Fatalf("%d connections were made after %d: nothing was cut", cutter.Total(), before)
	}
	t.Logf("%d connections", cutter.Total())
}

// An agent ends while a script prints, and the next one goes on.
func TestANewAgentContinuesWhereTheLastOneStopped(t *testing.T) {
	t.Parallel()
	server := common(t)
	var r executor.Running
	var e *journal.Entry
	for generation := range 5 {
		ctx, stop := context.WithCancel(t.Context())
		x := create(t, config(t, server.Credential()))
		gone := make(chan struct{})
		go func() {
			defer close(gone)
			_ = x.Run(ctx)
		}()
		if e == nil {
			r, e = started(t, x, server.Proto(), executortest.Case{Source: fmt.Sprintf(counting, 10000)})
		} else {
			again, err := x.Reattach(executortest.Context(t), e)
			if err != nil {
				t.Fatal(err)
			}
			r = again
		}
		executortest.WaitFor(t, r, e, fmt.Sprintf("line %d ", 1+generation*1500))
		r.Close()
		stop()
		<-gone
	}
	x := executortest.Running(t, create(t, config(t, server.Credential())))
	last, err := x.Reattach(executortest.Context(t), e)
	if err != nil {
		t.Fatal(err)
	}
	defer last.Close()
	exit, log := executortest.Result(t, last, e)
	pid := executortest.PIDAfter(t, log, "pid")
	if want := fmt.Sprintf("pid %d\n%spid %d\n", pid, lines(10000), pid); exit.Outcome != journal.Succeeded || string(log.Out) != want {
		t.Fatalf("%+v with %d bytes of log, %d were written", exit, len(log.Out), len(want))
	}
}

func TestNothingIsLeftOnTheServer(t *testing.T) {
	t.Parallel()
	server := sshtest.Start(t)
	old := filepath.Join(server.Base(), "cronium-runner-"+strings.Repeat("0", 64))
	if err := os.MkdirAll(server.Base(), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(old, []byte("an old version"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.Chtimes(old, time.Now(), time.Now().Add(-2*time.Hour)); err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	x := create(t, config(t, server.Credential()))
	gone := make(chan struct{})
	go func() {
		defer close(gone)
		_ = x.Run(ctx)
	}()
	for _, source := range []string{"echo fine", "mkdir -p a/b; touch a/b/c; chmod 0 a; exit 3"} {
		r, e := started(t, x, server.Proto(), executortest.Case{Source: source})
		executortest.Result(t, r, e)
		r.Close()
		if _, err := os.Stat(remoteDir(server, e)); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("the attempt's directory is there after its end: %v", err)
		}
	}
	stop()
	<-gone
	var names []string
	for end := time.Now().Add(20 * time.Second); ; time.Sleep(20 * time.Millisecond) { // another process's work, and no bell
		names = nil
		list, err := os.ReadDir(server.Base())
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range list {
			names = append(names, d.Name())
		}
		if len(names) == 1 || time.Now().After(end) {
			break
		}
	}
	if len(names) != 1 || !strings.HasPrefix(names[0], "cronium-runner-") || names[0] == filepath.Base(old) {
		t.Fatalf("the server has %q, want one runner", names)
	}
}

func TestWrongHostKeyStopsEverything(t *testing.T) {
	t.Parallel()
	server, other := sshtest.Start(t), common(t)
	x := executortest.Running(t, create(t, config(t, server.Credential())))
	wrong := server.Proto()
	wrong.HostKey = other.HostKey
	want(t, refused(t, x, wrong), ssh.ErrHostKey)
	unconfirmed := server.Proto()
	unconfirmed.HostKey = nil
	want(t, refused(t, x, unconfirmed), ssh.ErrUnconfirmed)
	if n := server.Connections(); n > 0 {
		t.Errorf("somebody logged in %d times", n)
	}
	if list, _ := os.ReadDir(server.Base()); len(list) > 0 {
		t.Errorf("the server has %v", list)
	}
}

// A credential that is refused is not offered again for a while: servers lock
// accounts.
func TestAWrongKeyIsOfferedOnce(t *testing.T) {
	t.Parallel()
	server := sshtest.Start(t)
	cutter := sshtest.NewCutter(t, server.Addr)
	private, _, err := sshtest.NewKey("")
	if err != nil {
		t.Fatal(err)
	}
	x := executortest.Running(t, create(t, config(t, &agentv1.Credential{ServerId: server.ID, PrivateKeyPem: private})))
	for range 3 {
		want(t, refused(t, x, behind(server, cutter)), ssh.ErrAuth)
	}
	if n := cutter.Total(); n != 1 {
		t.Errorf("%d connections, want 1", n)
	}
}

func TestKeysWithAPassphrase(t *testing.T) {
	t.Parallel()
	private, public, err := sshtest.NewKey("a passphrase")
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "authorized_keys")
	if err := os.WriteFile(file, public, 0o600); err != nil {
		t.Fatal(err)
	}
	server := sshtest.Start(t, "Match all", "AuthorizedKeysFile "+file)
	c := &agentv1.Credential{ServerId: server.ID, PrivateKeyPem: private, Passphrase: "a passphrase"}
	x := executortest.Running(t, create(t, config(t, c)))
	r, e := started(t, x, server.Proto(), executortest.Case{Source: "echo in"})
	if _, log := executortest.Result(t, r, e); string(log.Out) != "in\n" {
		t.Fatalf("log %q", log.Out)
	}
	c = &agentv1.Credential{ServerId: server.ID, PrivateKeyPem: private, Passphrase: "another"}
	want(t, refused(t, executortest.Running(t, create(t, config(t, c))), server.Proto()), ssh.ErrKey)
}
