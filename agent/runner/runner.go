package runner

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/cronium/cronium/agent/boot"
	"github.com/cronium/cronium/agent/call"
	"github.com/cronium/cronium/agent/environment"
	"github.com/cronium/cronium/agent/journal"
	"github.com/cronium/cronium/proto/payload"
	runnerv1 "github.com/cronium/cronium/proto/runner/v1"
	"github.com/cronium/cronium/sdk/problem"
	"golang.org/x/sys/unix"
)

const (
	defaultGrace = 10 * time.Second
	maxGrace     = 300 * time.Second
)

// run is one attempt.
type run struct {
	entry     *journal.Entry
	payload   *runnerv1.Payload
	log       *outputLog
	relay     *call.Relay // the script's calls that wait for the hub
	grace     time.Duration
	startedAt time.Duration // on the boot clock
	pid       atomic.Int32  // of the script, 0 while there is none
	out       atomic.Pointer[output]
	orders    chan order
	over      chan struct{} // closed when the result is on disk
	attached  atomic.Int32  // readers of the log
	now       func() time.Time

	environment *environment.Hold // in use, if the script has dependencies
	installed   time.Duration     // how long it took to have them
}

// Later is the directory of a runner that is told it with its handover. Such a
// runner can be started before there is an attempt.
const Later = "-"

// Main runs the attempt in dir, or [Later]. It changes the process for good and must be
// called from the main goroutine, locked to the main thread, because the script
// dies with the thread that started it. It returns an error if nothing was run
// and nothing was claimed.
func Main(ctx context.Context, dir string, stdin io.Reader, now func() time.Time) error {
	if err := settle(); err != nil {
		return err
	}
	handover, err := ReadHandover(stdin)
	if err != nil {
		return err
	}
	if dir == Later {
		dir = handover.GetDir()
		if err := redirect(dir); err != nil {
			return err
		}
	}
	if err := os.Chdir(dir); err != nil {
		return fmt.Errorf("go to the attempt's directory: %w", err)
	}
	if handover.GetPidsCgroup() != "" && len(handover.GetScriptCgroups()) == 0 {
		spareThreads()
	}
	entry, err := journal.OpenEntry(dir)
	if err != nil {
		return err
	}
	r := &run{entry: entry, grace: defaultGrace, orders: make(chan order), over: make(chan struct{}), now: now,
		relay: call.NewRelay(call.Patience, now)}
	return r.attempt(ctx, handover)
}

// settle makes the process a good parent.
func settle() error {
	runtime.GOMAXPROCS(2)
	debug.SetGCPercent(50)
	if err := unignoreSignals(); err != nil {
		return err
	}
	// Noted and forgotten, not ignored: what we ignore, the script would too.
	signal.Notify(make(chan os.Signal, 1), syscall.SIGHUP, syscall.SIGINT)
	if err := unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0); err != nil {
		return fmt.Errorf("become a subreaper: %w", err)
	}
	// Secrets are in our memory: no core dump, no look from another process.
	if err := unix.Prctl(unix.PR_SET_DUMPABLE, 0, 0, 0, 0); err != nil {
		return fmt.Errorf("forbid core dumps: %w", err)
	}
	if err := unix.Setrlimit(unix.RLIMIT_CORE, &unix.Rlimit{Cur: 0, Max: 0}); err != nil {
		return fmt.Errorf("forbid core dumps: %w", err)
	}
	return nil
}

// redirect sends what we say to the attempt's directory.
func redirect(dir string) error {
	words, err := os.OpenFile(filepath.Join(dir, Words), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return fmt.Errorf("open %s: %w", Words, err)
	}
	defer func() { _ = words.Close() }()
	for _, fd := range []int{1, 2} {
		if err := unix.Dup3(int(words.Fd()), fd, 0); err != nil {
			return fmt.Errorf("redirect our output: %w", err)
		}
	}
	return nil
}

func (r *run) attempt(ctx context.Context, h *runnerv1.Handover) error {
	var cmd command
	prob := r.readPayload(h)
	if prob == nil {
		cmd, prob = prepare(r.entry, r.payload, h)
	}
	if prob == nil {
		prob = checkEnvironment(cmd.env)
	}
	secrets := newSecrets(h.GetMask())
	r.log = newLog(r.entry.Dir, r.payload.GetLogLimitBytes(), secrets.set, r.now)
	if err := r.entry.ReserveExit(); err != nil {
		return fmt.Errorf("reserve space for the result: %w", err)
	}
	socket, err := listen(ctx)
	if err != nil {
		return fmt.Errorf("listen for the agent: %w", err)
	}
	defer func() { _ = socket.Close() }()
	if err := r.claim(h); err != nil {
		return err
	}
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	go func() { _ = r.serve(ctx, socket) }()
	if prob != nil {
		return r.finish(refused(prob))
	}
	if n := secrets.set.Skipped(); n > 0 {
		r.log.Note(tooMuchToMask, n)
	}
	cmd, failed := r.provide(ctx, cmd, h, secrets)
	if failed != nil {
		return r.finish(*failed)
	}
	api, err := r.listenAPI(ctx, h, secrets)
	if err != nil {
		return r.finish(refused(ErrWorkspace.With("listen for the script: %v", err)))
	}
	cmd.env = append(cmd.env, api.environment()...)
	api.start(ctx)
	exit := r.execute(cmd, h)
	api.end(ctx)
	return r.finish(exit)
}

// readPayload reads the payload once and checks what it has read, so that nobody
// can change it in between. The agent has checked it too, before it came to disk.
func (r *run) readPayload(h *runnerv1.Handover) *problem.Problem {
	r.payload = &runnerv1.Payload{}
	spec, err := r.entry.Spec()
	if err != nil {
		return ErrPayload.With("%v", err)
	}
	p, err := payload.Keys(h.GetKeys()).Open(spec)
	if err != nil {
		rejected, _ := problem.As(err)
		return rejected
	}
	ref := p.GetRef()
	if got := (journal.Ref{RunID: ref.GetRunId(), Attempt: ref.GetAttempt(), Fence: ref.GetFence()}); got != r.entry.Ref || p.GetAgentId() != h.GetAgentId() {
		return payload.ErrRejected.With("It is for attempt %s with fence %d on agent %s, not for this one", got, got.Fence, p.GetAgentId())
	}
	r.payload = p
	if r.payload.GetGrace() != nil {
		r.grace = min(max(r.payload.GetGrace().AsDuration(), 0), maxGrace)
	}
	return nil
}

// claim decides that this process, and none after it, runs the attempt.
func (r *run) claim(h *runnerv1.Handover) error {
	self, err := boot.Self()
	if err != nil {
		return fmt.Errorf("look at ourselves: %w", err)
	}
	r.startedAt = boot.Now()
	return r.entry.Claim(journal.Started{Runner: self, At: r.startedAt, Cgroups: h.GetScriptCgroups()})
}

// finish writes the result. A disk that refuses it is tried for as long as the
// host runs: the result is all that is left of the attempt.
func (r *run) finish(exit journal.Exit) error {
	exit.LogBytes, exit.Dropped = r.log.Close()
	exit.BootID, exit.WallTime, exit.Install = boot.ID(), r.now().UTC(), r.installed
	if exit.EndedAt == 0 {
		exit.EndedAt = boot.Now()
	}
	exit.Collect = max(0, boot.Now()-exit.EndedAt)
	for wait := 100 * time.Millisecond; ; wait = min(2*wait, 10*time.Second) {
		err := r.entry.Finish(exit)
		if err == nil {
			break
		}
		if errors.Is(err, os.ErrNotExist) {
			return fmt.Errorf("write the result: %w", err) // the agent has given the attempt up
		}
		time.Sleep(wait)
	}
	close(r.over)
	_ = r.entry.Sync() // a disk that cannot is told apart by nobody; the result is readable
	r.bye()
	return nil
}

// bye lets attached readers come to the end.
func (r *run) bye() {
	if r.attached.Load() > 0 {
		time.Sleep(linger)
	}
	_ = os.Remove(socketName)
}
