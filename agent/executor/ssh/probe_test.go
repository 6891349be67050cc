package ssh_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/containerd/ttrpc"
	xssh "golang.org/x/crypto/ssh"

	"github.com/cronium/cronium/agent/executor/executortest"
	"github.com/cronium/cronium/agent/executor/ssh"
	"github.com/cronium/cronium/agent/executor/ssh/sshtest"
	agentv1 "github.com/cronium/cronium/proto/agent/v1"
	runnerv1 "github.com/cronium/cronium/proto/runner/v1"
)

// checks is a probe in one line: the names of what passed, and the code of what did not.
func checks(out *agentv1.ProbeResponse) string {
	var words []string
	for _, c := range out.GetChecks() {
		switch {
		case c.GetOk():
			words = append(words, c.GetName())
		default:
			words = append(words, c.GetName()+"="+c.GetProblem().GetCode())
		}
	}
	return strings.Join(words, " ")
}

func probe(t *testing.T, s *runnerv1.Server, credentials ...*agentv1.Credential) *agentv1.ProbeResponse {
	t.Helper()
	out := create(t, config(t)).Probe(executortest.Context(t), &agentv1.ProbeRequest{Server: s, Credentials: credentials})
	for _, c := range out.GetChecks() {
		if c.GetDetail() == "" || c.GetTook() == nil || c.GetProblem() != nil && c.GetProblem().GetHint() == "" {
			t.Errorf("the check %v lacks something", c)
		}
	}
	return out
}

func TestAProbeSaysWhatThereIs(t *testing.T) {
	t.Parallel()
	server := sshtest.Start(t)
	out := probe(t, server.Proto(), server.Credential())
	if got := checks(out); got != "dns tcp host_key auth shell directory runner" {
		t.Fatalf("%s: %v", got, out)
	}
	f := out.GetFacts()
	if host, _ := os.Hostname(); f.GetFacts().GetHostname() != host || f.GetFacts().GetOs() != "linux" || f.GetFacts().GetArch() == "" || f.GetFacts().GetKernel() == "" ||
		f.GetFacts().GetDistribution() == "" || f.GetFacts().GetCpus() < 1 || f.GetFacts().GetMemoryBytes() < 1<<28 || f.GetDiskBytes() < f.GetDiskFreeBytes() || f.GetDiskFreeBytes() <= 0 {
		t.Errorf("facts %v", f)
	}
	for _, name := range []string{"bash", "python", "node"} {
		if f.GetFacts().GetInterpreters()[name] == "" {
			t.Errorf("no version of %s in %v", name, f.GetFacts().GetInterpreters())
		}
	}
	if list, _ := os.ReadDir(server.Cache); len(list) > 0 {
		t.Errorf("it has left %v", list)
	}
	t.Log(out)
}

func TestAProbeStopsWhereSomethingIsWrong(t *testing.T) {
	t.Parallel()
	server, other := common(t), sshtest.Start(t)
	unconfirmed, changed, elsewhere, nowhere := server.Proto(), server.Proto(), server.Proto(), server.Proto()
	unconfirmed.HostKey, changed.HostKey = nil, other.HostKey
	elsewhere.Address, nowhere.Address = "127.0.0.1:1", "no-such-host.invalid:22"
	foreign := other.Credential()
	foreign.ServerId = server.ID
	for name, c := range map[string]struct {
		server      *runnerv1.Server
		credentials []*agentv1.Credential
		want        string
	}{
		"no confirmed key": {unconfirmed, nil, "dns tcp host_key=host_key_unconfirmed"},
		"another key":      {changed, []*agentv1.Credential{server.Credential()}, "dns tcp host_key=host_key_mismatch"},
		"another port":     {elsewhere, []*agentv1.Credential{server.Credential()}, "dns tcp=server_unreachable"},
		"another name":     {nowhere, []*agentv1.Credential{server.Credential()}, "dns=server_unreachable"},
		"a foreign key":    {server.Proto(), []*agentv1.Credential{foreign}, "dns tcp host_key auth=auth_failed"},
		"no key":           {server.Proto(), nil, "dns tcp auth=credentials_unavailable"},
	} {
		out := probe(t, c.server, c.credentials...)
		if got := checks(out); got != c.want {
			t.Errorf("%s: %q, want %q: %v", name, got, c.want, out)
		}
		if strings.Contains(c.want, "host_key=") && !bytes.Equal(out.GetHostKey(), server.HostKey) {
			t.Errorf("%s: it shows the key %x", name, out.GetHostKey())
		}
	}
}

// Login shells greet, and some do nothing else.
func TestWhatALoginShellSays(t *testing.T) {
	t.Parallel()
	noisy := sshtest.Start(t, `ForceCommand echo "welcome to cronium-dir=/evil"; printf "no end of line"; eval "$SSH_ORIGINAL_COMMAND"`)
	x := executortest.Running(t, create(t, config(t, noisy.Credential())))
	r, e := started(t, x, noisy.Proto(), executortest.Case{Source: "echo fine"})
	if _, log := executortest.Result(t, r, e); string(log.Out) != "fine\n" {
		t.Errorf("log %q", log.Out)
	}
	closed := sshtest.Start(t, `ForceCommand echo "This account is currently not available."; exit 1`)
	out := probe(t, closed.Proto(), closed.Credential())
	if last := out.GetChecks()[len(out.GetChecks())-1]; last.GetProblem().GetCode() != "server_shell_unusable" || !strings.Contains(last.GetDetail(), "currently not available") {
		t.Errorf("%v, want server_shell_unusable with its words", out)
	}
}

func TestAServerBehindAnother(t *testing.T) {
	t.Parallel()
	jump, server := sshtest.Start(t), sshtest.Start(t)
	behind := server.Proto()
	behind.Jump = jump.Proto()
	both := []*agentv1.Credential{jump.Credential(), server.Credential()}
	if got := checks(probe(t, behind, both...)); got != "dns tcp host_key auth shell directory runner" {
		t.Fatal(got)
	}
	x := executortest.Running(t, create(t, config(t, both...)))
	r, e := started(t, x, behind, executortest.Case{Source: "seq 1 100000; echo $SSH_CONNECTION"})
	if exit, log := executortest.Result(t, r, e); exit.Code != 0 || !bytes.HasSuffix(log.Out, []byte("\n100000\n\n")) {
		t.Errorf("%+v with %d bytes of log", exit, len(log.Out))
	}
	if jump.Connections() == 0 || server.Connections() == 0 {
		t.Errorf("%d connections to the first, %d to the second", jump.Connections(), server.Connections())
	}
	wrong := server.Proto()
	wrong.Jump = jump.Proto()
	wrong.Jump.HostKey = server.HostKey
	want(t, refused(t, x, wrong), ssh.ErrHostKey)
	without := server.Proto()
	without.Jump = jump.Proto()
	y := executortest.Running(t, create(t, config(t, server.Credential())))
	want(t, refused(t, y, without), ssh.ErrCredentials)
}

// passwordServer is a server of the library's own, which asks for a password in
// either way. It counts how often one is offered.
func passwordServer(t *testing.T, interactive bool) (*runnerv1.Server, *atomic.Int32) {
	t.Helper()
	private, _, err := sshtest.NewKey("")
	if err != nil {
		t.Fatal(err)
	}
	key, err := xssh.ParsePrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	offers := &atomic.Int32{}
	check := func(password string) (*xssh.Permissions, error) {
		offers.Add(1)
		if password != "correct horse" {
			return nil, errors.New("wrong")
		}
		return nil, nil
	}
	c := &xssh.ServerConfig{}
	c.AddHostKey(key)
	c.KeyboardInteractiveCallback = func(_ xssh.ConnMetadata, ask xssh.KeyboardInteractiveChallenge) (*xssh.Permissions, error) {
		answers, err := ask("", "", []string{"Password: "}, []bool{false})
		if err != nil || len(answers) != 1 {
			return nil, errors.New("no answer")
		}
		return check(answers[0])
	}
	if !interactive {
		c.PasswordCallback = func(_ xssh.ConnMetadata, p []byte) (*xssh.Permissions, error) { return check(string(p)) }
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var work sync.WaitGroup
	work.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			work.Go(func() { serveNothing(conn, c) })
		}
	})
	t.Cleanup(func() { _ = l.Close(); work.Wait() })
	return &runnerv1.Server{Id: "01a21783-0d22-78b5-b489-111111111111", Name: "password", Address: l.Addr().String(), User: "somebody", HostKey: key.PublicKey().Marshal()}, offers
}

// serveNothing lets in who may, and refuses every channel.
func serveNothing(conn net.Conn, c *xssh.ServerConfig) {
	defer func() { _ = conn.Close() }()
	server, channels, requests, err := xssh.NewServerConn(conn, c)
	if err != nil {
		return
	}
	go xssh.DiscardRequests(requests)
	for ch := range channels {
		_ = ch.Reject(xssh.Prohibited, "nothing is served here")
	}
	_ = server.Wait()
}

func TestPasswordsAreOfferedOnce(t *testing.T) {
	t.Parallel()
	for _, interactive := range []bool{false, true} {
		server, offers := passwordServer(t, interactive)
		right := &agentv1.Credential{ServerId: server.Id, Password: "correct horse"}
		if got := checks(probe(t, server, right)); got != "dns tcp host_key auth shell=server_shell_unusable" {
			t.Errorf("interactive %v: %s", interactive, got)
		}
		wrong := &agentv1.Credential{ServerId: server.Id, Password: "battery staple"}
		if got := checks(probe(t, server, wrong)); got != "dns tcp host_key auth=auth_failed" {
			t.Errorf("interactive %v: %s", interactive, got)
		}
		if n := offers.Load(); n != 2 {
			t.Errorf("interactive %v: %d passwords were offered, want 2", interactive, n)
		}
	}
}

// What later asks and answers between script and hub goes through such a tunnel.
func TestATunnelLeadsToTheRunner(t *testing.T) {
	t.Parallel()
	server := common(t)
	x := executortest.Running(t, create(t, config(t, server.Credential())))
	r, e := started(t, x, server.Proto(), executortest.Case{Source: patient})
	log := executortest.WaitFor(t, r, e, "main ")
	dialer, ok := r.(interface {
		Dial(ctx context.Context) (net.Conn, error)
	})
	if !ok {
		t.Fatal("there is no tunnel")
	}
	for range 3 {
		conn, err := dialer.Dial(executortest.Context(t))
		if err != nil {
			t.Fatal(err)
		}
		client := ttrpc.NewClient(conn)
		status, err := runnerv1.NewRunnerServiceClient(client).Status(executortest.Context(t), &runnerv1.StatusRequest{})
		if err != nil || int(status.GetScriptPid()) != executortest.PIDAfter(t, log, "main") {
			t.Fatalf("Status = %v, %v", status, err)
		}
		_ = client.Close()
	}
	release(t, server, e)
	executortest.Result(t, r, e)
	if conn, err := dialer.Dial(executortest.Context(t)); err == nil {
		_ = conn.SetDeadline(time.Now().Add(20 * time.Second))
		if b, err := io.ReadAll(conn); len(b) > 0 || errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("a tunnel to a runner that has gone: %q, %v; want its end", b, err)
		}
	}
}

// A server that an agent cannot run on says so before anything is sent there.
func TestAServerWithoutADirectory(t *testing.T) {
	t.Parallel()
	server := sshtest.Start(t)
	file := filepath.Join(server.Cache, "cronium")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	blocked := fmt.Sprintf("/var/tmp/cronium-%d", os.Getuid())
	if _, err := os.Lstat(blocked); err == nil {
		t.Fatalf("%s exists on this host", blocked)
	}
	if err := os.Symlink("/tmp", blocked); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = os.Remove(blocked) }()
	x := executortest.Running(t, create(t, config(t, server.Credential())))
	p := refused(t, x, server.Proto())
	want(t, p, ssh.ErrDirectory)
	if !strings.Contains(p.Detail, file) || !strings.Contains(p.Detail, blocked) {
		t.Errorf("%q does not say what was tried", p.Detail)
	}
	if got := checks(probe(t, server.Proto(), server.Credential())); got != "dns tcp host_key auth shell directory=server_directory_unusable" {
		t.Error(got)
	}
}
