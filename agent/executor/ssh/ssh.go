package ssh

import (
	"context"
	"crypto/sha256"
	"fmt"
	"log/slog"
	"path/filepath"
	"regexp"
	"sync"
	"sync/atomic"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/cronium/cronium/agent/boot"
	"github.com/cronium/cronium/agent/executor"
	"github.com/cronium/cronium/agent/journal"
	agentv1 "github.com/cronium/cronium/proto/agent/v1"
	"github.com/cronium/cronium/proto/payload"
	runnerv1 "github.com/cronium/cronium/proto/runner/v1"
)

const (
	// Kind is the executor's, in journals.
	Kind = "ssh"

	credentialsLimit = 30 * time.Second
	startLimit       = 60 * time.Second // of one request to start; a runner may take 30 s
	maxStart         = 4<<20 - 4<<10    // bytes, of that request
	sweepEvery       = 15 * time.Second
)

// Config is what the executor needs. All but Holds and Idle are required.
type Config struct {
	// Runner is the path of the agent's cronium-runner. Those for other machines lie
	// beside it, as cronium-runner-linux-ARCH.
	Runner  string
	AgentID string       // names the agent's directory on servers
	Keys    payload.Keys // of the hub, to check payloads that were left by an earlier agent
	// Credentials returns what opens the servers of an attempt.
	Credentials func(ctx context.Context, ref journal.Ref) ([]*agentv1.Credential, error)
	// Holds reports whether this agent still needs what a server has of an attempt. If
	// nil, nothing is removed but what this executor has brought to its end itself.
	Holds func(journal.Ref) bool
	Idle  time.Duration // until an unused connection is closed; 5 minutes if zero
	Now   func() time.Time
	Log   *slog.Logger
}

// Executor implements [executor.Executor].
type Executor struct {
	cfg      Config
	binaries binaries

	stopped atomic.Bool // it opens no more sessions

	mu       sync.Mutex
	lines    map[[sha256.Size]byte]*line
	breakers map[string]*pause // by server
}

var agentName = regexp.MustCompile(`^[A-Za-z0-9-]{1,64}$`)

// New returns an executor. It connects to nothing.
func New(cfg Config) (*Executor, error) {
	path, err := filepath.Abs(cfg.Runner)
	if err != nil {
		return nil, err
	}
	if !agentName.MatchString(cfg.AgentID) {
		return nil, fmt.Errorf("%q cannot name a directory", cfg.AgentID)
	}
	cfg.Runner = path
	return &Executor{cfg: cfg, binaries: binaries{runner: path, known: map[string]binary{}},
		lines: map[[sha256.Size]byte]*line{}, breakers: map[string]*pause{}}, nil
}

func (x *Executor) idle() time.Duration {
	if x.cfg.Idle > 0 {
		return x.cfg.Idle
	}
	return idleLimit
}

// Kind implements [executor.Executor].
func (x *Executor) Kind() string { return Kind }

// Run implements [executor.Executor].
func (x *Executor) Run(ctx context.Context) error {
	defer x.closeAll()
	tick := time.NewTicker(min(sweepEvery, x.idle()))
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-tick.C:
			x.sweep()
		}
	}
}

// Start implements [executor.Executor].
func (x *Executor) Start(ctx context.Context, a executor.Attempt) (executor.Running, error) {
	p, err := order(a.Entry, payload.Keys(a.Handover.GetKeys()))
	if err != nil {
		return nil, refuse(ctx, a.Entry, err)
	}
	in := &runnerv1.StartRequest{Ref: refTo(a.Entry.Ref), Handover: a.Handover}
	if in.Spec, err = a.Entry.Spec(); err != nil {
		return nil, refuse(ctx, a.Entry, err)
	}
	if n := proto.Size(in); n > maxStart {
		return nil, refuse(ctx, a.Entry, ErrTooLarge.With("%d bytes, the limit is %d", n, maxStart))
	}
	r := x.running(a.Entry, p)
	s, err := r.session(ctx)
	if err != nil {
		r.Close()
		return nil, refuse(ctx, a.Entry, err)
	}
	if err := claim(a.Entry); err != nil { // from here on the server decides
		r.Close()
		return nil, err
	}
	if err := r.begin(ctx, s, in); err != nil {
		r.Close()
		return nil, err
	}
	r.lead(ctx)
	return r, nil
}

// claim says in the entry that the attempt may run on its server.
func claim(e *journal.Entry) error {
	self, err := boot.Self()
	if err != nil {
		return err
	}
	return e.Claim(journal.Started{Runner: self, At: boot.Now()})
}

// refuse abandons an attempt of which the server has not heard, unless ctx has ended.
func refuse(ctx context.Context, e *journal.Entry, why error) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return executor.Refuse(e, why)
}

// order reads what is to be run; the runner checks it again.
func order(e *journal.Entry, keys payload.Keys) (*runnerv1.Payload, error) {
	spec, err := e.Spec()
	if err != nil {
		return nil, fmt.Errorf("read the payload: %w", err)
	}
	p, err := keys.Open(spec)
	switch {
	case err != nil:
		return nil, err
	case p.GetServer() == nil:
		return nil, ErrServer.With("The job names none")
	case p.GetContainer() != nil:
		return nil, ErrContainer.With("The job names the image %q", p.GetContainer().GetImage())
	}
	for s := p.GetServer(); s != nil; s = s.GetJump() {
		if len(s.GetHostKey()) == 0 {
			return nil, ErrUnconfirmed.With("%s (%s) has no confirmed key", s.GetName(), s.GetAddress())
		}
	}
	return p, nil
}

// Reattach implements [executor.Executor].
func (x *Executor) Reattach(ctx context.Context, e *journal.Entry) (executor.Running, error) {
	started, ok, err := e.Started()
	if err != nil {
		return nil, err
	}
	if !ok || started.Abandoned {
		return nil, fmt.Errorf("attempt %s was never started", e.Ref)
	}
	p, err := order(e, x.cfg.Keys)
	if err != nil {
		return nil, err
	}
	r := x.running(e, p)
	r.lead(ctx)
	return r, nil
}

// credentials asks for what opens the servers of an attempt.
func (x *Executor) credentials(ctx context.Context, ref journal.Ref) ([]*agentv1.Credential, error) {
	timed, stop := context.WithTimeout(ctx, credentialsLimit)
	defer stop()
	list, err := x.cfg.Credentials(timed, ref)
	if err == nil {
		return list, nil
	}
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	return nil, ErrCredentials.With("%v", err)
}
