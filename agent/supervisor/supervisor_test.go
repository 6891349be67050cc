package supervisor_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/cronium/cronium/agent/boot"
	"github.com/cronium/cronium/agent/executor"
	"github.com/cronium/cronium/agent/executor/executortest"
	"github.com/cronium/cronium/agent/executor/process"
	"github.com/cronium/cronium/agent/journal"
	"github.com/cronium/cronium/agent/logstream"
	"github.com/cronium/cronium/agent/segment"
	"github.com/cronium/cronium/agent/supervisor"
	runnerv1 "github.com/cronium/cronium/proto/runner/v1"
)

func TestMain(m *testing.M) { executortest.Main(m) }

// logs takes logs from disk when they have ended, unless it is told to keep them
// waiting.
type logs struct {
	mu   sync.Mutex
	got  map[string][]byte
	hold chan struct{}
}

func (l *logs) Follow(ctx context.Context, log logstream.Log) error {
	select {
	case <-log.Ended:
	case <-ctx.Done():
		return ctx.Err()
	}
	if l.hold != nil {
		select {
		case <-l.hold:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	r := segment.Open(log.Dir)
	defer r.Close()
	l.mu.Lock()
	defer l.mu.Unlock()
	for {
		b, err := r.Chunk(int64(len(l.got[log.Ref.RunID])))
		if err != nil || len(b) == 0 {
			return err
		}
		l.got[log.Ref.RunID] = append(l.got[log.Ref.RunID], b...)
	}
}

type host struct {
	*supervisor.Supervisor
	dir  string
	logs *logs
	stop func()
}

// boots is an agent process on a data directory. Stopping it leaves its scripts.
func boots(t *testing.T, dir string, x executor.Executor, slots int) *host {
	t.Helper()
	return bootsWith(t, dir, x, slots, nil)
}

type answering = func(context.Context, journal.Ref, *runnerv1.Call) *runnerv1.Answer

// bootsWith is boots of an agent that asks such a hub.
func bootsWith(t *testing.T, dir string, x executor.Executor, slots int, calls answering) *host {
	t.Helper()
	j, err := journal.Open(dir, journal.Config{Reserve: 1 << 20})
	if err != nil {
		t.Fatal(err)
	}
	h := &host{dir: dir, logs: &logs{got: map[string][]byte{}}}
	h.Supervisor = supervisor.New(supervisor.Config{Journal: j, Executors: map[string]executor.Executor{"process": x}, Logs: h.logs, Slots: slots, MinFree: 1, Calls: calls, Now: time.Now, Log: slog.New(slog.DiscardHandler)})
	if err := h.Recover(); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	var done sync.WaitGroup
	done.Go(func() { _ = x.Run(ctx) })
	done.Go(func() { _ = h.Run(ctx) })
	h.stop = func() { cancel(); done.Wait() }
	t.Cleanup(h.stop)
	return h
}

func processes(t *testing.T) executor.Executor {
	t.Helper()
	x, err := process.New(process.Config{Runner: executortest.RunnerPath(t), Now: time.Now, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	return x
}

func assignment(t *testing.T, source string) supervisor.Assignment {
	t.Helper()
	ref := journal.Ref{RunID: uuid.NewString(), Attempt: 1, Fence: 3}
	payload := executortest.Sign(t, &runnerv1.Payload{Ref: &runnerv1.Attempt{RunId: ref.RunID, Attempt: 1, Fence: 3},
		Script: &runnerv1.Script{Language: "bash", Source: []byte(source)}})
	return supervisor.Assignment{Ref: ref, Kind: "process", Payload: payload, Handover: executortest.Handover(nil)}
}

func (h *host) assign(t *testing.T, a supervisor.Assignment) {
	t.Helper()
	if refused := h.Assign([]supervisor.Assignment{a}); len(refused) > 0 {
		t.Fatalf("refused: %v", refused[0].Problem)
	}
}

// grant answers everything the agent asks with yes.
func (h *host) grant() {
	for _, ref := range h.Accepts(100) {
		h.Decide([]supervisor.Decision{{Ref: ref, Granted: true}})
	}
}

// result waits for the next result.
func (h *host) result(t *testing.T) supervisor.Result {
	t.Helper()
	limit := time.After(time.Minute)
	for {
		if _, results := h.Reports(100); len(results) > 0 {
			return results[0]
		}
		select {
		case <-h.Bell():
		case <-limit:
			t.Fatal("no result")
		}
	}
}

// empty waits until nothing is left in the journal.
func (h *host) empty(t *testing.T) {
	t.Helper()
	for end := time.Now().Add(time.Minute); time.Now().Before(end); time.Sleep(time.Millisecond) {
		if list, _ := os.ReadDir(filepath.Join(h.dir, "runs")); len(list) == 0 {
			return
		}
	}
	t.Fatal("the attempt's directory is still there")
}

func TestNothingStartsBeforeItIsGranted(t *testing.T) {
	h := boots(t, t.TempDir(), executortest.Noop{}, 4)
	a, b := assignment(t, ""), assignment(t, "")
	h.assign(t, a)
	h.assign(t, b)
	if refs := h.Accepts(1); len(refs) != 1 || refs[0] != a.Ref {
		t.Fatalf("Accepts = %v, want %v", refs, a.Ref)
	}
	h.Decide([]supervisor.Decision{{Ref: a.Ref}, {Ref: b.Ref, Granted: true}}) // b was not asked for
	h.grant()
	r := h.result(t)
	if r.Ref != b.Ref || r.Exit.Outcome != journal.Succeeded || len(r.Digest) == 0 {
		t.Fatalf("result %+v, want that of %v", r, b.Ref)
	}
	h.Acknowledge(context.Background(), b.Ref, true)
	h.empty(t)
	if n := len(h.Held()); n != 0 || h.FreeSlots() != 4 {
		t.Fatalf("%d held and %d slots free, want 0 and 4", n, h.FreeSlots())
	}
}

func TestASlotIsTakenUntilTheEndOfTheScript(t *testing.T) {
	h := boots(t, t.TempDir(), executortest.Noop{}, 1)
	a := assignment(t, "")
	h.assign(t, a)
	h.assign(t, a) // sent again
	if refused := h.Assign([]supervisor.Assignment{assignment(t, "")}); len(refused) != 1 || !errors.Is(refused[0].Problem, supervisor.ErrFull) {
		t.Fatalf("refused %v, want agent_full", refused)
	}
	h.grant()
	h.result(t)
	h.assign(t, assignment(t, ""))
}

func TestAForeignRefIsRefused(t *testing.T) {
	h := boots(t, t.TempDir(), executortest.Noop{}, 1)
	bad := supervisor.Assignment{Kind: "process", Ref: journal.Ref{RunID: "../../../etc", Attempt: 1, Fence: 1}}
	if refused := h.Assign([]supervisor.Assignment{bad}); len(refused) != 1 || !errors.Is(refused[0].Problem, supervisor.ErrRef) {
		t.Fatalf("refused %v, want assignment_invalid", refused)
	}
}

func TestUnansweredThingsAreToldAgainInANewSession(t *testing.T) {
	h := boots(t, t.TempDir(), executortest.Noop{}, 4)
	h.assign(t, assignment(t, ""))
	h.Accepts(10) // and the connection breaks
	h.NewSession()
	h.grant()
	first := h.result(t)
	h.NewSession()
	if again := h.result(t); !bytes.Equal(first.Digest, again.Digest) || again.Ref != first.Ref {
		t.Fatalf("told %+v and then %+v, want the same", first, again)
	}
	h.Acknowledge(context.Background(), first.Ref, true)
	h.NewSession()
	if _, results := h.Reports(10); len(results) != 0 {
		t.Fatalf("an acknowledged result is told again: %v", results)
	}
}

func TestAResultIsKeptUntilItsLogIsThere(t *testing.T) {
	dir := t.TempDir()
	h := boots(t, dir, processes(t), 4)
	h.logs.hold = make(chan struct{})
	a := assignment(t, "echo hello")
	h.assign(t, a)
	h.grant()
	r := h.result(t)
	h.Acknowledge(context.Background(), r.Ref, true)
	h.stop()

	again := boots(t, dir, processes(t), 4)
	again.empty(t)
	if got := again.logs.got[a.Ref.RunID]; int64(len(got)) != r.Exit.LogBytes || !bytes.Contains(got, []byte("hello\n")) {
		t.Fatalf("the log has %d bytes, want %d", len(got), r.Exit.LogBytes)
	}
}

func TestARunningScriptIsFoundAgain(t *testing.T) {
	dir, stop := t.TempDir(), filepath.Join(t.TempDir(), "stop")
	h := boots(t, dir, processes(t), 4)
	a := assignment(t, "until test -e "+stop+"; do sleep 0.05; done; exit 3")
	h.assign(t, a)
	h.grant()
	for started := 0; started == 0; {
		<-h.Bell()
		s, _ := h.Reports(10)
		started = len(s)
	}
	h.stop()

	again := boots(t, dir, processes(t), 4)
	if held := again.Held(); len(held) != 1 || held[0].Ref != a.Ref || held[0].Phase != supervisor.Running {
		t.Fatalf("Held = %+v, want the running attempt", held)
	}
	if err := os.WriteFile(stop, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if r := again.result(t); r.Exit.Outcome != journal.Failed || r.Exit.Code != 3 {
		t.Fatalf("result %+v, want exit code 3", r.Exit)
	}
}

func TestAnIntentWithoutAStartIsReportedAsNotStarted(t *testing.T) {
	dir := t.TempDir()
	a := assignment(t, "")
	j, err := journal.Open(dir, journal.Config{Reserve: 1 << 20})
	if err != nil {
		t.Fatal(err)
	}
	entry, err := j.Create(journal.Intent{Ref: a.Ref, Kind: "process"}, a.Payload)
	if err != nil {
		t.Fatal(err)
	}
	h := boots(t, dir, processes(t), 4)
	if r := h.result(t); r.Exit.Outcome != journal.NotStarted || r.Exit.Problem.Code != "not_started" {
		t.Fatalf("result %+v, want not_started", r.Exit)
	}
	if err := entry.Claim(journal.Started{At: boot.Now()}); !errors.Is(err, journal.ErrClaimed) {
		t.Fatalf("a late runner may still start: %v", err)
	}
}

func TestAfterAPowerLossAMissingStartProvesNothing(t *testing.T) {
	dir := t.TempDir()
	a := assignment(t, "")
	j, err := journal.Open(dir, journal.Config{Reserve: 1 << 20})
	if err != nil {
		t.Fatal(err)
	}
	entry, err := j.Create(journal.Intent{Ref: a.Ref, Kind: "process"}, a.Payload)
	if err != nil {
		t.Fatal(err)
	}
	intent, err := os.ReadFile(entry.Path("intent"))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(entry.Path("intent"), bytes.ReplaceAll(intent, []byte(boot.ID()), []byte("another")), 0o600); err != nil {
		t.Fatal(err)
	}
	h := boots(t, dir, processes(t), 4)
	if r := h.result(t); r.Exit.Outcome != journal.Infrastructure || r.Exit.Problem.Code != "host_rebooted" {
		t.Fatalf("result %+v, want host_rebooted", r.Exit)
	}
}

func TestACancelBeforeTheStartIsKept(t *testing.T) {
	h := boots(t, t.TempDir(), processes(t), 4)
	a := assignment(t, "sleep 60")
	h.assign(t, a)
	h.grant()
	h.Cancel(a.Ref, time.Second) // somewhere between grant and start
	if r := h.result(t); r.Exit.Outcome != journal.Cancelled {
		t.Fatalf("result %+v, want cancelled", r.Exit)
	}
}

func TestASupersededAttemptIsEnded(t *testing.T) {
	h := boots(t, t.TempDir(), processes(t), 4)
	a, b := assignment(t, "sleep 60"), assignment(t, "")
	h.assign(t, a)
	h.grant()
	h.assign(t, b)
	h.Drop([]journal.Ref{a.Ref, b.Ref})
	if r := h.result(t); r.Ref != a.Ref || r.Exit.Outcome != journal.Cancelled {
		t.Fatalf("result %+v, want a cancelled", r)
	}
	if refs := h.Accepts(10); len(refs) != 0 {
		t.Fatalf("a dropped assignment is still asked for: %v", refs)
	}
}

func TestAFullDiskRefusesNewWork(t *testing.T) {
	dir := executortest.SmallDisk(t)
	j, err := journal.Open(dir, journal.Config{Reserve: 1 << 20})
	if err != nil {
		t.Fatal(err)
	}
	s := supervisor.New(supervisor.Config{Journal: j, Executors: map[string]executor.Executor{"process": executortest.Noop{}}, Slots: 1, Now: time.Now})
	if refused := s.Assign([]supervisor.Assignment{assignment(t, "")}); len(refused) != 1 || !errors.Is(refused[0].Problem, supervisor.ErrDisk) {
		t.Fatalf("refused %v, want disk_pressure", refused)
	}
}

func BenchmarkNoop(b *testing.B) {
	j, err := journal.Open(b.TempDir(), journal.Config{Reserve: 1 << 20})
	if err != nil {
		b.Fatal(err)
	}
	s := supervisor.New(supervisor.Config{Journal: j, Executors: map[string]executor.Executor{"process": executortest.Noop{}}, Logs: &logs{got: map[string][]byte{}}, Slots: 500, MinFree: 1,
		Now: time.Now, Log: slog.New(slog.DiscardHandler)})
	ctx, stop := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() { _ = s.Run(ctx) })
	b.Cleanup(func() { stop(); running.Wait() })
	b.ResetTimer()
	for done, given := 0, 0; done < b.N; {
		for ; given < b.N && s.FreeSlots() > 0; given++ {
			ref := journal.Ref{RunID: uuid.NewString(), Attempt: 1, Fence: int64(given + 1)}
			s.Assign([]supervisor.Assignment{{Ref: ref}})
		}
		for _, ref := range s.Accepts(500) {
			s.Decide([]supervisor.Decision{{Ref: ref, Granted: true}})
		}
		_, results := s.Reports(500)
		for _, r := range results {
			s.Acknowledge(ctx, r.Ref, true)
		}
		if done += len(results); done < b.N {
			<-s.Bell()
		}
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "runs/s")
}

// TestACallOutlivesTheAgent: the hub has not answered when the agent ends, and the
// next agent asks it the same under the same number.
func TestACallOutlivesTheAgent(t *testing.T) {
	dir, x := t.TempDir(), processes(t)
	asked := make(chan *runnerv1.Call, 10)
	var of journal.Ref
	silent := func(ctx context.Context, ref journal.Ref, c *runnerv1.Call) *runnerv1.Answer {
		of = ref
		asked <- c
		<-ctx.Done()
		return &runnerv1.Answer{Problem: &runnerv1.Problem{Code: "the_agent_ends"}}
	}
	first := bootsWith(t, dir, x, 1, silent)
	a := assignment(t, `test "$("$CRONIUM_RUNNER" call variable.get '{"name":"x"}')" = 42 || exit 7`)
	first.assign(t, a)
	first.grant()
	call := <-asked
	first.stop()
	if of != a.Ref || call.GetName() != "variable.get" {
		t.Errorf("the hub was asked %v for %v", call, of)
	}
	second := bootsWith(t, dir, processes(t), 1, func(_ context.Context, _ journal.Ref, c *runnerv1.Call) *runnerv1.Answer {
		asked <- c
		return &runnerv1.Answer{ValueJson: []byte("42")}
	})
	if got := second.result(t); got.Exit.Outcome != journal.Succeeded {
		t.Errorf("the script ended with %+v", got.Exit)
	}
	if again := <-asked; again.GetId() != call.GetId() || len(asked) > 0 {
		t.Errorf("the second agent was given %v, want %v and nothing else", again, call)
	}
}
