package ssh_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/cronium/cronium/agent/boot"
	"github.com/cronium/cronium/agent/executor"
	"github.com/cronium/cronium/agent/executor/executortest"
	"github.com/cronium/cronium/agent/executor/ssh"
	"github.com/cronium/cronium/agent/executor/ssh/sshtest"
	"github.com/cronium/cronium/agent/journal"
	agentv1 "github.com/cronium/cronium/proto/agent/v1"
	runnerv1 "github.com/cronium/cronium/proto/runner/v1"
)

// until waits for what another process does.
func until(t *testing.T, what string, done func() bool) {
	t.Helper()
	for end := time.Now().Add(50 * time.Second); !done(); time.Sleep(100 * time.Millisecond) { // no bell
		if time.Now().After(end) {
			t.Fatalf("%s: not within 50 s", what)
		}
	}
}

// commands are the command lines of this host that contain a text, by process.
func commands(text string) map[int]string {
	found := map[int]string{}
	files, _ := filepath.Glob("/proc/[0-9]*/cmdline")
	for _, file := range files {
		b, _ := os.ReadFile(file)
		if bytes.Contains(b, []byte(text)) {
			pid, _ := strconv.Atoi(filepath.Base(filepath.Dir(file)))
			found[pid] = string(bytes.ReplaceAll(b, []byte{0}, []byte{' '}))
		}
	}
	return found
}

// onServer reads a file of an attempt there.
func onServer[T any](t *testing.T, s *sshtest.Server, e *journal.Entry, name string) T {
	t.Helper()
	var v T
	b, err := os.ReadFile(filepath.Join(remoteDir(s, e), name))
	if err == nil {
		err = json.Unmarshal(b, &v)
	}
	if err != nil {
		t.Fatal(err)
	}
	return v
}

const patient = `echo "main $$"; until test -e stop; do sleep 0.05; done; echo "last $$"`

func release(t *testing.T, s *sshtest.Server, e *journal.Entry) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(remoteDir(s, e), "work", "stop"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
}

func whole(t *testing.T, log executortest.Log) {
	t.Helper()
	pid := executortest.PIDAfter(t, log, "main")
	if want := fmt.Sprintf("main %d\nlast %d\n", pid, pid); string(log.Out) != want {
		t.Fatalf("log %q, want %q", log.Out, want)
	}
}

func TestAKilledResidentCostsNothing(t *testing.T) {
	t.Parallel()
	server := sshtest.Start(t)
	x := executortest.Running(t, create(t, config(t, server.Credential())))
	r, e := started(t, x, server.Proto(), executortest.Case{Source: patient})
	executortest.WaitFor(t, r, e, "main ")
	for range 2 {
		residents := commands("reside\x00" + server.Base())
		if len(residents) != 1 {
			t.Fatalf("the residents are %v, want one", residents)
		}
		for pid := range residents {
			_ = syscall.Kill(pid, syscall.SIGKILL)
			until(t, "another resident", func() bool {
				now := commands("reside\x00" + server.Base())
				return len(now) == 1 && now[pid] == ""
			})
		}
	}
	release(t, server, e)
	_, log := executortest.Result(t, r, e)
	whole(t, log)
}

func TestAKilledRunnerIsAnInfrastructureError(t *testing.T) {
	t.Parallel()
	server := common(t)
	x := executortest.Running(t, create(t, config(t, server.Credential())))
	r, e := started(t, x, server.Proto(), executortest.Case{Source: `setsid bash -c 'echo "daemon $$"; exec sleep 60' & echo "main $$"; sleep 60`})
	executortest.WaitFor(t, r, e, "main ")
	log := executortest.WaitFor(t, r, e, "daemon ")
	if err := syscall.Kill(onServer[journal.Started](t, server, e, "started").Runner.PID, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	exit, _ := executortest.Result(t, r, e)
	if exit.Outcome != journal.Infrastructure || exit.Problem.Code != "runner_died" {
		t.Fatalf("%+v, want runner_died", exit)
	}
	for _, word := range []string{"main", "daemon"} {
		if pid := executortest.PIDAfter(t, log, word); executortest.Exists(pid) {
			t.Errorf("%s, process %d, is still there", word, pid)
		}
	}
}

func TestARebootOfTheServerIsSaidSo(t *testing.T) {
	t.Parallel()
	server := common(t)
	x := create(t, config(t, server.Credential()))
	r, e := started(t, x, server.Proto(), executortest.Case{Source: patient})
	log := executortest.WaitFor(t, r, e, "main ")
	r.Close()
	s := onServer[journal.Started](t, server, e, "started")
	if err := syscall.Kill(s.Runner.PID, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	s.Runner.BootID = "another boot"
	b, err := json.Marshal(s)
	if err == nil {
		err = os.WriteFile(filepath.Join(remoteDir(server, e), "started"), b, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	again, err := executortest.Running(t, create(t, config(t, server.Credential()))).Reattach(executortest.Context(t), e)
	if err != nil {
		t.Fatal(err)
	}
	defer again.Close()
	if exit, _ := executortest.Result(t, again, e); exit.Outcome != journal.Infrastructure || exit.Problem.Code != "host_rebooted" {
		t.Fatalf("%+v, want host_rebooted", exit)
	}
	_ = syscall.Kill(executortest.PIDAfter(t, log, "main"), syscall.SIGKILL)
}

func TestARemovedDirectoryIsSaidSo(t *testing.T) {
	t.Parallel()
	server := sshtest.Start(t)
	x := executortest.Running(t, create(t, config(t, server.Credential())))
	r, e := started(t, x, server.Proto(), executortest.Case{Source: "echo ready; sleep 60"})
	executortest.WaitFor(t, r, e, "ready")
	runner := onServer[journal.Started](t, server, e, "started").Runner.PID
	if err := os.RemoveAll(server.Base()); err != nil {
		t.Fatal(err)
	}
	exit, log := executortest.Result(t, r, e)
	if exit.Outcome != journal.Infrastructure || exit.Problem.Code != "attempt_lost" || string(log.Out) != "ready\n" {
		t.Fatalf("%+v with log %q, want attempt_lost and what was printed", exit, log.Out)
	}
	_ = syscall.Kill(runner, syscall.SIGKILL)
}

// An agent that dies between its own note and the server's leaves it open whether
// the script has started. The server decides, once and for all.
func TestAStartThatNobodySawIsDecidedByTheServer(t *testing.T) {
	t.Parallel()
	server := common(t)
	x := executortest.Running(t, create(t, config(t, server.Credential())))
	a := executortest.Attempt(t, executortest.Journal(t, ""), x.Kind(), executortest.Case{Source: "echo ran", Change: on(server.Proto())})
	if err := a.Entry.Claim(journal.Started{At: boot.Now()}); err != nil {
		t.Fatal(err)
	}
	r, err := x.Reattach(executortest.Context(t), a.Entry)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if exit, log := executortest.Result(t, r, a.Entry); exit.Outcome != journal.NotStarted || exit.Problem.Code != "not_started" || log.Size > 0 {
		t.Fatalf("%+v, want not_started", exit)
	}
	spec, err := a.Entry.Spec()
	if err != nil {
		t.Fatal(err)
	}
	late, err := executortest.Journal(t, "").Create(journal.Intent{Ref: a.Entry.Ref, Kind: x.Kind()}, spec)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := x.Start(executortest.Context(t), executor.Attempt{Entry: late, Handover: a.Handover}); err == nil || !strings.Contains(err.Error(), "start_interrupted") {
		t.Fatalf("an order that comes late: %v, want start_interrupted", err)
	}
}

// The same, when the order had reached the server.
func TestAStartWhoseAnswerWasLostIsFound(t *testing.T) {
	t.Parallel()
	server := common(t)
	x := executortest.Running(t, create(t, config(t, server.Credential())))
	r, e := started(t, x, server.Proto(), executortest.Case{Source: patient})
	executortest.WaitFor(t, r, e, "main ")
	r.Close()
	for _, name := range []string{"server", "out.000001"} {
		if err := os.Remove(e.Path(name)); err != nil {
			t.Fatal(err)
		}
	}
	again, err := x.Reattach(executortest.Context(t), e)
	if err != nil {
		t.Fatal(err)
	}
	defer again.Close()
	release(t, server, e)
	_, log := executortest.Result(t, again, e)
	whole(t, log)
}

// A connection is cut after the server got an order and before its answer arrived.
// The attempt runs, once, and the answer is found.
func TestACutInTheMiddleOfAStartStartsOnce(t *testing.T) {
	t.Parallel()
	server := sshtest.Start(t)
	cutter := sshtest.NewCutter(t, server.Addr)
	x := executortest.Running(t, create(t, config(t, server.Credential())))
	witness := filepath.Join(t.TempDir(), "witness")
	for i := range 3 {
		warm, e := started(t, x, behind(server, cutter), executortest.Case{Source: "true"})
		executortest.Result(t, warm, e)
		warm.Close()
		before := cutter.Total()
		cutter.CutOnce(int64(1 + 20*i))
		r, e := started(t, x, behind(server, cutter), executortest.Case{Source: fmt.Sprintf("echo %d >> %s; echo done", i, witness)})
		if exit, log := executortest.Result(t, r, e); exit.Outcome != journal.Succeeded || string(log.Out) != "done\n" {
			t.Errorf("%+v with log %q", exit, log.Out)
		}
		r.Close()
		if cutter.Total() == before {
			t.Error("nothing was cut")
		}
	}
	if b, _ := os.ReadFile(witness); string(b) != "0\n1\n2\n" {
		t.Fatalf("the scripts have written %q", b)
	}
}

func TestASilentConnectionIsNoticed(t *testing.T) {
	t.Parallel()
	server := common(t)
	cutter := sshtest.NewCutter(t, server.Addr)
	x := executortest.Running(t, create(t, config(t, server.Credential())))
	r, e := started(t, x, behind(server, cutter), executortest.Case{Source: patient})
	executortest.WaitFor(t, r, e, "main ")
	before := cutter.Total()
	cutter.Freeze(true)
	until(t, "a new connection", func() bool { return cutter.Total() > before })
	cutter.Freeze(false)
	release(t, server, e)
	_, log := executortest.Result(t, r, e)
	whole(t, log)
}

func TestAnUnreachableServerIsLeftAlone(t *testing.T) {
	t.Parallel()
	server := common(t)
	cutter := sshtest.NewCutter(t, server.Addr)
	cutter.Refuse(true)
	x := executortest.Running(t, create(t, config(t, server.Credential())))
	for range 3 {
		want(t, refused(t, x, behind(server, cutter)), ssh.ErrUnreachable)
	}
	p := refused(t, x, behind(server, cutter))
	want(t, p, ssh.ErrPaused)
	if !strings.Contains(p.Detail, "not tried again before") || p.RetryAfter <= 0 {
		t.Errorf("%q after %v, want until when", p.Detail, p.RetryAfter)
	}
	elsewhere := server.Proto()
	elsewhere.Id, elsewhere.Address = "01a21783-0d22-78b5-b489-000000000000", "no-such-host.invalid:22"
	y := executortest.Running(t, create(t, config(t, &agentv1.Credential{ServerId: elsewhere.Id, Password: "x"})))
	want(t, refused(t, y, elsewhere), ssh.ErrUnreachable)
	for _, bad := range []*runnerv1.Server{{Address: "-oProxyCommand=x:22"}, {Address: "host"}, {Address: "host:0"}, {User: "root;id"}, {User: "-l"}} {
		s := server.Proto()
		if bad.Address != "" {
			s.Address = bad.Address
		}
		if bad.User != "" {
			s.User = bad.User
		}
		want(t, refused(t, x, s), ssh.ErrServer)
	}
}

func TestCredentialsShareNoConnection(t *testing.T) {
	t.Parallel()
	private, public, err := sshtest.NewKey("")
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "authorized_keys")
	if err := os.WriteFile(file, public, 0o600); err != nil {
		t.Fatal(err)
	}
	server := sshtest.Start(t, "Match all", "AuthorizedKeysFile "+file)
	own := server.Credential()
	other := &agentv1.Credential{ServerId: server.ID, PrivateKeyPem: private}
	appendTo(t, file, server.Authorized)
	next := own
	c := config(t)
	c.Idle = 200 * time.Millisecond
	c.Credentials = func(context.Context, journal.Ref) ([]*agentv1.Credential, error) {
		return []*agentv1.Credential{next}, nil
	}
	x := executortest.Running(t, create(t, c))
	var open []executor.Running
	for i, credential := range []*agentv1.Credential{own, own, other, other, own} {
		next = credential
		r, e := started(t, x, server.Proto(), executortest.Case{Source: "echo ready; sleep 60"})
		executortest.WaitFor(t, r, e, "ready")
		open = append(open, r)
		if want := 1 + min(i/2, 1); server.Connections() != want {
			t.Fatalf("%d connections for %d attempts, want %d", server.Connections(), i+1, want)
		}
	}
	for _, r := range open {
		if err := r.Cancel(executortest.Context(t), 0); err != nil {
			t.Fatal(err)
		}
		if err := r.Wait(executortest.Context(t)); err != nil {
			t.Fatal(err)
		}
		r.Close()
	}
	until(t, "the end of idle connections", func() bool { return server.Sessions() == 0 })
}

func appendTo(t *testing.T, file string, line []byte) {
	t.Helper()
	b, err := os.ReadFile(file)
	if err == nil {
		err = os.WriteFile(file, append(b, line...), 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
}

func TestNoSecretIsInAnyArgumentListOrFile(t *testing.T) {
	t.Parallel()
	const secret = "canary-c0ffee-5f3a9c"
	server := sshtest.Start(t)
	x := executortest.Running(t, create(t, config(t, server.Credential())))
	r, e := started(t, x, server.Proto(), executortest.Case{Source: `echo "have ${#TOKEN}"; until test -e stop; do sleep 0.05; done`,
		Handover: &runnerv1.Handover{Mask: [][]byte{[]byte(secret)}, SecretEnv: map[string]string{"TOKEN": secret}}})
	executortest.WaitFor(t, r, e, "have 20")
	if found := commands(secret); len(found) > 0 {
		t.Errorf("the secret is in the command lines %v", found)
	}
	lines := commands(server.Base())
	for pid, line := range lines {
		if env, _ := os.ReadFile(fmt.Sprintf("/proc/%d/environ", pid)); bytes.Contains(env, []byte(secret)) && !strings.Contains(line, "script") {
			t.Errorf("the secret is in the environment of %q", line)
		}
	}
	if len(lines) == 0 {
		t.Error("no command line names the server's directory: nothing was looked at")
	}
	key := server.Credential().GetPrivateKeyPem()[60:100]
	for _, dir := range []string{server.Base(), e.Dir} {
		err := filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
			if err != nil || !d.Type().IsRegular() {
				return err
			}
			b, err := os.ReadFile(path)
			if bytes.Contains(b, []byte(secret)) || bytes.Contains(b, key) {
				t.Errorf("a secret is in %s", path)
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	release(t, server, e)
	executortest.Result(t, r, e)
}

// What ended on a server while nobody was there to take it, and what nobody here
// waits for any more, is removed the next time that the server is reached.
func TestWhatNobodyWaitsForIsRemoved(t *testing.T) {
	t.Parallel()
	server := sshtest.Start(t)
	x := executortest.Running(t, create(t, config(t, server.Credential())))
	var left []*journal.Entry
	for range 2 {
		r, e := started(t, x, server.Proto(), executortest.Case{Source: patient})
		executortest.WaitFor(t, r, e, "main ")
		r.Close()
		release(t, server, e)
		until(t, "the end of a script", func() bool {
			_, err := os.Stat(filepath.Join(remoteDir(server, e), "exit"))
			return err == nil
		})
		left = append(left, e)
	}
	c := config(t, server.Credential())
	c.Holds = func(ref journal.Ref) bool { return ref == left[1].Ref }
	r, e := started(t, executortest.Running(t, create(t, c)), server.Proto(), executortest.Case{Source: "true"})
	executortest.Result(t, r, e)
	if _, err := os.Stat(remoteDir(server, left[0])); err == nil {
		t.Error("the attempt that nobody waits for is there")
	}
	if _, err := os.Stat(remoteDir(server, left[1])); err != nil {
		t.Errorf("the attempt that is held: %v", err)
	}
}
