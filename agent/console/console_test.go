package console

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"os/exec"
	"os/signal"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"

	"github.com/cronium/cronium/agent/boot"
	agentv1 "github.com/cronium/cronium/proto/agent/v1"
	"github.com/cronium/cronium/proto/wire"
	"github.com/cronium/cronium/sdk/problem"
)

const patience = 60 * time.Second

// TestMain is also an agent that is killed: see TestAShellDiesWithItsAgent.
func TestMain(m *testing.M) {
	signal.Ignore(syscall.SIGINT, syscall.SIGHUP, syscall.SIGQUIT)
	if id := os.Getenv("TEST_CONSOLE_VICTIM"); id != "" {
		beVictim(id)
	}
	os.Exit(m.Run())
}

// account is a user of this host with a shell whose prompt is known.
func account(t testing.TB) Account {
	t.Helper()
	a, err := LookUp("")
	if err != nil {
		t.Fatal(err)
	}
	a.Shell, a.Home = "/bin/bash", t.TempDir()
	if err := os.WriteFile(a.Home+"/.bash_profile", []byte("PS1='> '; bind 'set enable-bracketed-paste off'\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	return a
}

// server is a console behind a real gRPC server.
func server(t testing.TB, shells Shells) agentv1.AgentServiceClient {
	t.Helper()
	c := New(Config{Shells: shells, AgentID: "test", Log: slog.New(slog.DiscardHandler)})
	s := grpc.NewServer(grpc.WaitForHandlers(true))
	agentv1.RegisterAgentServiceServer(s, &service{console: c})
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	go func() { _ = s.Serve(listener) }()
	conn, err := grpc.NewClient(listener.Addr().String(), grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close(); s.Stop() })
	return agentv1.NewAgentServiceClient(conn)
}

type service struct {
	agentv1.UnimplementedAgentServiceServer
	console *Console
}

func (s *service) Console(stream agentv1.AgentService_ConsoleServer) error {
	return wire.Status(s.console.Serve(stream))
}

// hub is the other end of a console.
type hub struct {
	t      testing.TB
	stream agentv1.AgentService_ConsoleClient
	cancel context.CancelFunc
	got    []byte
	taken  int64
	exit   *agentv1.ConsoleExit
	most   int64 // bytes printed and not taken
}

func dial(t testing.TB, client agentv1.AgentServiceClient) *hub {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	t.Cleanup(cancel)
	stream, err := client.Console(ctx)
	if err != nil {
		t.Fatal(err)
	}
	return &hub{t: t, stream: stream, cancel: cancel}
}

func open(t testing.TB, client agentv1.AgentServiceClient) *hub {
	t.Helper()
	h := dial(t, client)
	h.say(&agentv1.ConsoleRequest{Kind: &agentv1.ConsoleRequest_Open{Open: &agentv1.ConsoleOpen{Cols: 80, Rows: 24, Term: "xterm-256color", User: "anna@example.com"}}})
	first, err := h.stream.Recv()
	if err != nil {
		t.Fatalf("open a console: %v", err)
	}
	if first.GetOpened() == nil {
		t.Fatalf("the first answer is %v, want opened", first)
	}
	h.sees(`([>$#] )$`) // who types before there is a prompt may lose it
	return h
}

func (h *hub) say(m *agentv1.ConsoleRequest) {
	h.t.Helper()
	if err := h.stream.Send(m); err != nil {
		h.t.Fatalf("send: %v", err)
	}
}

func (h *hub) types(text string) {
	h.t.Helper()
	h.say(&agentv1.ConsoleRequest{Kind: &agentv1.ConsoleRequest_Data{Data: []byte(text)}})
}

func (h *hub) resize(cols, rows int32) {
	h.t.Helper()
	h.say(&agentv1.ConsoleRequest{Kind: &agentv1.ConsoleRequest_Resize{Resize: &agentv1.ConsoleSize{Cols: cols, Rows: rows}}})
}

func (h *hub) acknowledge() {
	h.taken = int64(len(h.got))
	h.say(&agentv1.ConsoleRequest{Kind: &agentv1.ConsoleRequest_Taken{Taken: h.taken}})
}

// hear takes one message; false at the end of the stream.
func (h *hub) hear() (bool, error) {
	m, err := h.stream.Recv()
	if err != nil {
		return false, err
	}
	h.got = append(h.got, m.GetData()...)
	h.most = max(h.most, int64(len(h.got))-h.taken)
	if m.GetExit() != nil {
		h.exit = m.GetExit()
	}
	return true, nil
}

// sees waits until what was printed since the last call matches, and returns the
// first group of it.
func (h *hub) sees(pattern string) string {
	h.t.Helper()
	re := regexp.MustCompile(pattern)
	for from := h.taken; ; {
		if m := re.FindSubmatchIndex(h.got[from:]); m != nil {
			found := string(h.got[from:][m[len(m)-2]:m[len(m)-1]])
			h.acknowledge()
			return found
		}
		if more, err := h.hear(); !more {
			h.t.Fatalf("the console ended (%v) after %q, want %s", err, h.got[from:], pattern)
		}
	}
}

// ends reads to the end and returns how the shell did.
func (h *hub) ends() *agentv1.ConsoleExit {
	h.t.Helper()
	for {
		more, err := h.hear()
		if !more {
			if h.exit == nil {
				h.t.Fatalf("the console ended without an exit: %v", err)
			}
			return h.exit
		}
		if int64(len(h.got))-h.taken > OutputWindow/2 {
			h.acknowledge()
		}
	}
}

func TestATerminalHasTheSizeThatItWasGiven(t *testing.T) {
	h := open(t, server(t, Local{Account: account(t), AgentID: "test"}))
	h.types("stty size\n")
	h.sees(`24 80\r\n`)
	h.resize(132, 50)
	h.types("until [ \"$(stty size)\" = '50 132' ]; do :; done; echo si''ze\n")
	h.sees(`size\r\n`)
	h.resize(100_000, 100_000)
	h.types("until [ \"$(stty size)\" = '500 1000' ]; do :; done; echo mo''st\n")
	h.sees(`most\r\n`)
}

// Also when the agent was started in the background by a script, which makes it
// ignore Ctrl-C.
func TestCtrlCEndsAProgramAndNotTheShell(t *testing.T) {
	h := open(t, server(t, Local{Account: account(t), AgentID: "test"}))
	h.types("sh -c \"echo re''ady; exec sleep 1000\"\n") // a shell between two commands may swallow it
	h.sees(`ready\r\n`)
	h.types("\x03")
	h.sees(`(> )$`)
	h.types("echo back $((6*7))\n")
	h.sees(`back 42\r\n`)
}

func TestUTF8IsWholeCharacters(t *testing.T) {
	h := open(t, server(t, Local{Account: account(t), AgentID: "test"}))
	h.types("stty -echo; echo quie''t; cat\n")
	h.sees(`quiet\r\n`)
	h.types("grün €\x7f😀 Σ\n")
	if got := h.sees(`(gr.*)\r\n`); got != "grün 😀 Σ" {
		t.Errorf("cat printed %q, want %q: backspace takes a character", got, "grün 😀 Σ")
	}
}

func TestAShellsExitCodeComesAfterAllThatItPrinted(t *testing.T) {
	client := server(t, Local{Account: account(t), AgentID: "test"})
	h := open(t, client)
	h.types("echo last; exit 3\n")
	if exit := h.ends(); exit.GetCode() != 3 || !bytes.Contains(h.got, []byte("last\r\n")) {
		t.Errorf("exit = %v after %q", exit, h.got)
	}
	h = open(t, client)
	h.types("kill -9 $$\n")
	if exit := h.ends(); exit.GetCode() != 137 || exit.GetSignal() != "KILL" {
		t.Errorf("exit = %v, want 137 by KILL", exit)
	}
}

// The hub takes 10 MB slowly: the shell waits for it, nothing is lost, and no more
// than the window is ever on its way.
func TestAShellWaitsForASlowReader(t *testing.T) {
	h := open(t, server(t, Local{Account: account(t), AgentID: "test"}))
	const size = 10_000_000
	h.types(fmt.Sprintf("head -c %d /dev/zero | tr '\\0' '\\121'; exit 7\n", size))
	for len(h.got) < OutputWindow-MaxData {
		if more, err := h.hear(); !more {
			t.Fatal(err)
		}
	}
	if exit := h.ends(); exit.GetCode() != 7 {
		t.Errorf("exit = %v, want 7", exit)
	}
	if n := bytes.Count(h.got, []byte("Q")); n != size {
		t.Errorf("%d bytes arrived, want %d", n, size)
	}
	if h.most > OutputWindow {
		t.Errorf("%d bytes were not taken, want at most %d", h.most, OutputWindow)
	}
}

// A megabyte is typed into a program that prints it back, in pieces that fit.
func TestInputWaitsForTheProgram(t *testing.T) {
	h := open(t, server(t, Local{Account: account(t), AgentID: "test"}))
	h.types("stty raw -echo; echo re''ady; head -c 1000000 | tr -d '\\n' | wc -c; stty sane; exit\n")
	h.sees(`ready\n`)
	line := bytes.Repeat([]byte("x"), 8<<10)
	var sent, told int64
	heard := make(chan int64, 1024)
	done := make(chan error, 1)
	go func() {
		for {
			m, err := h.stream.Recv()
			if err != nil {
				done <- err
				return
			}
			h.got = append(h.got, m.GetData()...)
			if m.GetTaken() > 0 {
				heard <- m.GetTaken()
			}
		}
	}()
	const size = 1_000_000
	typed := int64(len("stty raw -echo; echo re''ady; head -c 1000000 | tr -d '\\n' | wc -c; stty sane; exit\n"))
	for sent < size {
		n := min(int64(len(line)), size-sent)
		for typed+sent+n-told > InputWindow {
			told = <-heard
		}
		h.say(&agentv1.ConsoleRequest{Kind: &agentv1.ConsoleRequest_Data{Data: line[:n]}})
		sent += n
	}
	if err := <-done; !errors.Is(err, io.EOF) {
		t.Fatalf("the stream ended with %v", err)
	}
	if !bytes.Contains(h.got, []byte("1000000\n")) {
		t.Errorf("the shell printed %q, want the count of all bytes", h.got)
	}
}

func TestAConsoleThatEndsLeavesNothing(t *testing.T) {
	client := server(t, Local{Account: account(t), AgentID: "test"})
	for name, end := range map[string]func(h *hub){
		"the shell exits": func(h *hub) { h.types("exit\n") },
		"the hub hangs up": func(h *hub) {
			h.say(&agentv1.ConsoleRequest{Kind: &agentv1.ConsoleRequest_Close{Close: &agentv1.ConsoleClose{}}})
		},
		"the stream breaks": func(h *hub) { h.cancel() },
	} {
		t.Run(name, func(t *testing.T) {
			h := open(t, client)
			h.types("sleep 1000 & echo p''id $!.\n")
			plain := process(t, h.sees(`pid (\d+)\.`))
			h.types("setsid sh -c 'echo p''id $$.; trap \"\" HUP; while :; do sleep 1; done' &\n")
			escaped := process(t, h.sees(`pid (\d+)\.`))
			end(h)
			gone(t, plain)
			gone(t, escaped)
		})
	}
}

func process(t testing.TB, pid string) boot.Process {
	t.Helper()
	n, err := strconv.Atoi(pid)
	if err != nil {
		t.Fatal(err)
	}
	p, err := boot.Of(n)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func gone(t testing.TB, p boot.Process) {
	t.Helper()
	for end := time.Now().Add(patience); p.Alive(); {
		if time.Now().After(end) {
			t.Fatalf("process %d is still there", p.PID)
		}
		time.Sleep(10 * time.Millisecond)
	}
}

// beVictim opens a shell, tells its pid and waits to be killed.
func beVictim(id string) {
	a, err := LookUp("")
	if err != nil {
		panic(err)
	}
	a.Shell, a.Home = "/bin/bash", os.Getenv("TEST_CONSOLE_HOME")
	shell, err := Local{Account: a, AgentID: id}.Open(Request{Size: Size{80, 24}})
	if err != nil {
		panic(err)
	}
	if _, err := shell.Write([]byte("trap '' HUP TERM; sleep 1000 & echo p''ids $$ $!.\n")); err != nil {
		panic(err)
	}
	for buf := make([]byte, 4096); ; {
		n, err := shell.Read(buf)
		if err != nil {
			panic(err)
		}
		_, _ = os.Stdout.Write(buf[:n])
	}
}

func TestAShellDiesWithItsAgent(t *testing.T) {
	const id = "victim-of-a-test"
	home := account(t).Home
	victim := exec.Command(os.Args[0])
	victim.Env = append(os.Environ(), "TEST_CONSOLE_VICTIM="+id, "TEST_CONSOLE_HOME="+home)
	out, err := victim.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := victim.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = victim.Process.Kill(); _ = victim.Wait() }()
	var text []byte
	pids := regexp.MustCompile(`pids (\d+) (\d+)\.`)
	for buf := make([]byte, 4096); !pids.Match(text); {
		n, err := out.Read(buf)
		if err != nil {
			t.Fatalf("the victim printed %q: %v", text, err)
		}
		text = append(text, buf[:n]...)
	}
	found := pids.FindSubmatch(text)
	shell, job := process(t, string(found[1])), process(t, string(found[2]))
	if err := victim.Process.Signal(syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	gone(t, shell)
	Sweep(id) // as the next agent does
	if job.Alive() {
		t.Error("what the shell had in the background is still there")
	}
}

func TestAShellRunsAsItsUserAndSeesNothingOfTheAgent(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("only root can become somebody else")
	}
	t.Setenv("AGENT_SECRET", "hunter2")
	nobody := Account{Name: "nobody", Home: "/nowhere", Shell: "/bin/bash", uid: 65534, gid: 65534}
	h := open(t, server(t, Local{Account: nobody, AgentID: "test"}))
	h.types("echo us''er $(id -u):$(id -g):$(id -G). owner $(stat -c %u $(tty)). secret $AGENT_SECRET. dir $PWD. home $HOME.\n")
	if got := h.sees(`(user .*)\r\n`); got != "user 65534:65534:65534. owner 65534. secret . dir /. home /nowhere." {
		t.Errorf("the shell says %q", got)
	}
}

func TestWhoHasNoLoginShellHasNoConsole(t *testing.T) {
	if shell := loginShell("nobody"); !strings.HasSuffix(shell, "nologin") && !strings.HasSuffix(shell, "false") {
		t.Skipf("nobody has the shell %s here", shell)
	}
	if _, err := LookUp("nobody"); !errors.Is(err, ErrAccount) {
		t.Errorf("LookUp(nobody) = %v, want ErrAccount", err)
	}
	if _, err := LookUp("no-such-user"); !errors.Is(err, ErrAccount) {
		t.Errorf("LookUp(no-such-user) = %v, want ErrAccount", err)
	}
}

func TestAConsoleIsOffUntilItIsSwitchedOn(t *testing.T) {
	h := dial(t, server(t, nil))
	h.say(&agentv1.ConsoleRequest{Kind: &agentv1.ConsoleRequest_Open{Open: &agentv1.ConsoleOpen{}}})
	h.refused(ErrOff)
}

func (h *hub) refused(want *problem.Problem) {
	h.t.Helper()
	for {
		if _, err := h.stream.Recv(); err != nil {
			if p := wire.Problem(err); p == nil || !errors.Is(p, want) || p.Hint == "" {
				h.t.Errorf("refused with %v, want %s with a hint", err, want.Code)
			}
			return
		}
	}
}

func TestWhatBreaksTheProtocolEndsTheConsole(t *testing.T) {
	client := server(t, Local{Account: account(t), AgentID: "test"})
	h := dial(t, client)
	h.types("too early")
	h.refused(ErrProtocol)
	h = open(t, client)
	h.types(strings.Repeat("x", MaxData+1))
	h.refused(ErrProtocol)
	h = open(t, client)
	h.say(&agentv1.ConsoleRequest{Kind: &agentv1.ConsoleRequest_Open{Open: &agentv1.ConsoleOpen{}}})
	h.refused(ErrProtocol)
}

func TestAHostHasOnlySoManyConsoles(t *testing.T) {
	client := server(t, Local{Account: account(t), AgentID: "test"})
	for range maxOpen {
		open(t, client)
	}
	h := dial(t, client)
	h.say(&agentv1.ConsoleRequest{Kind: &agentv1.ConsoleRequest_Open{Open: &agentv1.ConsoleOpen{}}})
	h.refused(ErrTooMany)
}
