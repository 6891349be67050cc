package call

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	runnerv1 "github.com/cronium/cronium/proto/runner/v1"
	"github.com/cronium/cronium/sdk/problem"
)

// The test binary is the client too: a caller must be another process.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == "call" {
		os.Exit(Main(os.Args[2:], os.Getenv("CRONIUM_SOCKET"), os.Stdin, os.Stdout, os.Stderr))
	}
	os.Exit(m.Run())
}

// echo answers with what it was asked.
func echo(_ context.Context, name string, args []byte) ([]byte, *problem.Problem) {
	if name == "fail" {
		return nil, &problem.Problem{Code: "failed", Title: "t", Detail: "d", Hint: "h"}
	}
	return args, nil
}

// serve serves until the test ends and returns the socket's path.
func serve(t *testing.T, uid uint32, answer Answer) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "s")
	l, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	var served sync.WaitGroup
	served.Go(func() { NewServer(uid, answer, time.Now).Serve(ctx, l.(*net.UnixListener)) })
	t.Cleanup(func() { stop(); served.Wait() })
	return path
}

type result struct {
	code     int
	out, err string
}

// callIn calls from a child process.
func callIn(t *testing.T, socket, stdin string, args ...string) result {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Args[0], append([]string{"call"}, args...)...)
	cmd.Env = append(os.Environ(), "CRONIUM_SOCKET="+socket)
	var out, errs bytes.Buffer
	cmd.Stdin, cmd.Stdout, cmd.Stderr = strings.NewReader(stdin), &out, &errs
	err := cmd.Run()
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		return result{exit.ExitCode(), out.String(), errs.String()}
	}
	if err != nil {
		t.Fatal(err)
	}
	return result{0, out.String(), errs.String()}
}

func me() uint32 { return uint32(os.Geteuid()) }

func TestTheCommandPrintsValuesAndProblems(t *testing.T) {
	socket := serve(t, me(), echo)
	for _, c := range []struct {
		args  []string
		stdin string
		want  result
	}{
		{[]string{"x"}, "", result{0, "{}\n", ""}},
		{[]string{"x", `{ "n": 9007199254740993, "f": 1.0 }`}, "", result{0, `{"n":9007199254740993,"f":1.0}` + "\n", ""}},
		{[]string{"x", "-"}, "{\"a\":\n\"ü\"}", result{0, `{"a":"ü"}` + "\n", ""}},
		{[]string{"fail"}, "", result{1, "", `{"code":"failed","title":"t","detail":"d","hint":"h"}` + "\n"}},
	} {
		if got := callIn(t, socket, c.stdin, c.args...); got != c.want {
			t.Errorf("call %q = %+v, want %+v", c.args, got, c.want)
		}
	}
	for _, args := range [][]string{{}, {""}, {"-x"}, {"x", "{"}, {"x", "{}", "y"}} {
		if got := callIn(t, socket, "", args...); got.code != 2 || !strings.HasPrefix(got.err, "error: ") {
			t.Errorf("call %q = %+v, want wrong usage", args, got)
		}
	}
	if got := callIn(t, "", "", "x"); got.code != 1 || !strings.Contains(got.err, `"not_in_a_run"`) {
		t.Errorf("without a socket: %+v", got)
	}
	if got := callIn(t, socket+"x", "", "x"); got.code != 1 || !strings.Contains(got.err, `"runner_unreachable"`) {
		t.Errorf("without a server: %+v", got)
	}
	if got := callIn(t, socket, "", "x", "[]"); got.code != 2 || !strings.Contains(got.err, "args_invalid") {
		t.Errorf("with a list for arguments: %+v", got)
	}
}

func TestARequestThatIsTooLargeIsAnsweredAndTheConnectionEnds(t *testing.T) {
	socket := serve(t, me(), echo)
	large := fmt.Sprintf(`{"a":%q}`, strings.Repeat("x", 2<<20))
	if got := callIn(t, socket, large, "x", "-"); got.code != 1 || !strings.Contains(got.err, `"request_too_large"`) {
		t.Errorf("2 MiB: code %d, %.200s", got.code, got.err)
	}
	fits := fmt.Sprintf(`{"a":%q}`, strings.Repeat("x", 1<<20))
	if got := callIn(t, socket, fits, "x", "-"); got.code != 0 || len(got.out) != len(fits)+1 {
		t.Errorf("1 MiB: code %d, %d bytes, %.200s", got.code, len(got.out), got.err)
	}
	if got := callIn(t, socket, "", "x"); got.code != 0 {
		t.Errorf("afterwards: %+v", got)
	}
}

func TestLinesAreReadOneByOneWhateverTheyAre(t *testing.T) {
	long := strings.Repeat("y", MaxRequest+1)
	r := bufio.NewReaderSize(strings.NewReader("one\n\n"+long+"\nmore"), 4<<10)
	for _, want := range []string{"one", ""} {
		if got, err := readLine(r); err != nil || string(got) != want {
			t.Fatalf("readLine = %q, %v; want %q", got, err, want)
		}
	}
	if _, err := readLine(r); !errors.Is(err, ErrTooLarge) {
		t.Fatalf("a long line: %v", err)
	}
	if _, err := readLine(r); !errors.Is(err, io.EOF) {
		t.Fatalf("a line without an end: %v", err)
	}
}

func TestWrongRequestsAreNamed(t *testing.T) {
	for line, code := range map[string]string{
		``: "request_invalid", `x`: "request_invalid", `[]`: "request_invalid", `{"call":1}`: "request_invalid",
		`{"call":"x"}{}`: "request_invalid", `{"call":"x","other":1}`: "request_invalid", "{\"call\":\"\xff\"}": "request_invalid",
		`{"call":"x","args":[1]}`: "args_invalid", `{"call":"x","args":"s"}`: "args_invalid",
	} {
		if _, p := parse([]byte(line)); p == nil || p.Code != code || p.Hint == "" {
			t.Errorf("parse(%q) = %v, want %s", line, p, code)
		}
	}
	for _, line := range []string{`{"call":"x"}`, `{"call":"x","args":null}`, ` {"args": {} , "call":"x"} `} {
		if in, p := parse([]byte(line)); p != nil || in.Call != "x" || string(in.Args) != "{}" {
			t.Errorf("parse(%q) = %+v, %v", line, in, p)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(`{"call":"x","args":{"a":1}}`))
	f.Fuzz(func(t *testing.T, line []byte) {
		in, p := parse(line)
		if p == nil && !json.Valid(in.Args) {
			t.Fatalf("%q gives arguments that are no JSON: %q", line, in.Args)
		}
	})
}

func TestOnlyProcessesOfTheAttemptMayCall(t *testing.T) {
	strange := serve(t, me()+1, echo)
	if got := callIn(t, strange, "", "x"); os.Geteuid() != 0 && !strings.Contains(got.err, `"caller_refused"`) {
		t.Errorf("another user's socket: %+v", got)
	}
	// This process is no descendant of itself, as another run's script is none.
	conn, err := net.Dial("unix", serve(t, me(), echo))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	text, err := bufio.NewReader(conn).ReadString('\n')
	if err != nil || !strings.Contains(text, `"caller_refused"`) {
		t.Errorf("a process that is not of the attempt: %q, %v", text, err)
	}
	if ours(os.Getppid()) || ours(1) || ours(0) || ours(1<<22) {
		t.Error("a process that does not descend from this one is taken for one that does")
	}
}

func TestManyConnectionsAreServedAtOnceAndTheRestWaits(t *testing.T) {
	var mu sync.Mutex
	now, most := 0, 0
	gate := make(chan struct{})
	socket := serve(t, me(), func(context.Context, string, []byte) ([]byte, *problem.Problem) {
		mu.Lock()
		now++
		most = max(most, now)
		if now == maxConns {
			close(gate)
		}
		mu.Unlock()
		<-gate
		mu.Lock()
		now--
		mu.Unlock()
		return Null, nil
	})
	var all sync.WaitGroup
	for range maxConns + 4 {
		all.Go(func() {
			if got := callIn(t, socket, "", "x"); got.code != 0 {
				t.Errorf("%+v", got)
			}
		})
	}
	all.Wait()
	if most != maxConns {
		t.Errorf("%d calls at once, want %d", most, maxConns)
	}
}

func TestCallsBeyondTheRateAreDelayed(t *testing.T) {
	at := time.Unix(1000, 0)
	p := pace{now: func() time.Time { return at }}
	for i := range burst {
		if wait := p.take(); wait != 0 {
			t.Fatalf("call %d waits %s", i, wait)
		}
	}
	for i := 1; i <= 3; i++ {
		if wait := p.take(); wait != time.Duration(i)*interval {
			t.Fatalf("call %d beyond the burst waits %s", i, wait)
		}
	}
	at = at.Add(time.Second)
	for range 47 {
		if wait := p.take(); wait != 0 {
			t.Fatalf("after a second a call waits %s", wait)
		}
	}
	if p.take() == 0 {
		t.Fatal("more than fifty calls in a second")
	}
}

// pipe is an agent's end of a stream.
type pipe struct {
	calls   chan *runnerv1.Call
	answers chan *runnerv1.Answer
}

func newPipe() *pipe {
	return &pipe{calls: make(chan *runnerv1.Call, 10), answers: make(chan *runnerv1.Answer)}
}

func (p *pipe) Send(c *runnerv1.Call) error { p.calls <- c; return nil }

func (p *pipe) Recv() (*runnerv1.Answer, error) {
	a, ok := <-p.answers
	if !ok {
		return nil, io.EOF
	}
	return a, nil
}

func TestACallIsGivenToEveryAgentUntilOneAnswers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := NewRelay(Patience, time.Now)
		var asked sync.WaitGroup
		values := make([]string, 2)
		for i := range values {
			asked.Go(func() {
				value, p := r.Ask(t.Context(), "x", fmt.Appendf(nil, `{"n":%d}`, i))
				if p != nil {
					t.Errorf("Ask: %v", p)
				}
				values[i] = string(value)
			})
		}
		synctest.Wait()
		first, second := newPipe(), newPipe()
		var attached sync.WaitGroup
		attached.Go(func() {
			if err := r.Attach(t.Context(), first); !errors.Is(err, errReplaced) {
				t.Errorf("the first agent ended with %v", err)
			}
		})
		one, two := <-first.calls, <-first.calls
		first.answers <- &runnerv1.Answer{Id: one.GetId(), ValueJson: one.GetArgsJson()}
		synctest.Wait()
		time.Sleep(10 * time.Second)
		attached.Go(func() {
			if err := r.Attach(t.Context(), second); !errors.Is(err, io.EOF) {
				t.Errorf("the second agent ended with %v", err)
			}
		})
		again := <-second.calls
		synctest.Wait()
		if len(second.calls) > 0 || again.GetId() != two.GetId() || one.GetId() == two.GetId() || again.GetPatience().AsDuration() != 20*time.Second {
			t.Errorf("the second agent gets %v, want %v with 20 s left and nothing else", again, two)
		}
		second.answers <- &runnerv1.Answer{Id: again.GetId(), ValueJson: again.GetArgsJson()}
		asked.Wait()
		slices.Sort(values)
		if values[0] != `{"n":0}` || values[1] != `{"n":1}` {
			t.Errorf("answers %q", values)
		}
		close(first.answers)
		close(second.answers)
		attached.Wait()
	})
}

func TestACallThatNobodyAnswersSaysSoAfterHalfAMinute(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		_, p := NewRelay(Patience, time.Now).Ask(t.Context(), "x", nil)
		if p == nil || p.Code != "hub_unreachable" || time.Since(began) != 30*time.Second {
			t.Errorf("Ask = %v after %s", p, time.Since(began))
		}
	})
}

func TestOfFastProgressTheLastIsSentAndNotAll(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var sent []string
		p := NewProgress(func(_ context.Context, name string, args []byte) ([]byte, *problem.Problem) {
			sent = append(sent, name+string(args))
			return Null, nil
		})
		for i := range 100 {
			if _, fault := p.Set(t.Context(), fmt.Appendf(nil, `{"fraction":0.%02d,"text":""}`, i)); fault != nil {
				t.Fatal(fault)
			}
			time.Sleep(10 * time.Millisecond)
		}
		p.End(t.Context())
		if n := len(sent); n < 5 || n > 7 || sent[0] != `progress.set{"fraction":0.00,"text":""}` || sent[n-1] != `progress.set{"fraction":0.99,"text":""}` {
			t.Errorf("of 100 in a second were sent %q", sent)
		}
	})
	for _, args := range []string{`{"fraction":1.5}`, `{"fraction":-1}`, `{"fraction":"x"}`, `{"text":1}`, `{"other":1}`, `{"text":"` + strings.Repeat("ü", 201) + `"}`} {
		if checkProgress([]byte(args)) == nil {
			t.Errorf("progress %s is taken", args)
		}
	}
	for _, args := range []string{`{}`, `{"fraction":null,"text":"x"}`, `{"fraction":1}`, `{"text":"` + strings.Repeat("ü", 200) + `"}`} {
		if p := checkProgress([]byte(args)); p != nil {
			t.Errorf("progress %s: %v", args, p)
		}
	}
}
