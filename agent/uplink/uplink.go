package uplink

import (
	"context"
	"errors"
	"log/slog"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/google/uuid"

	"github.com/cronium/cronium/agent/journal"
	"github.com/cronium/cronium/agent/supervisor"
	agentv1 "github.com/cronium/cronium/proto/agent/v1"
	"github.com/cronium/cronium/proto/wire"
	"github.com/cronium/cronium/sdk/problem"
)

const (
	dialTimeout = 10 * time.Second
	firstPause  = 5 * time.Second
	maxPause    = time.Minute
	stableAfter = 30 * time.Second // a session this old makes the next pause short again
)

// Config is what an uplink needs.
type Config struct {
	Identity *Identity
	Attempts *supervisor.Supervisor
	Journal  *journal.Journal
	Consoles Consoles // nil: this agent knows none
	Slots    int
	Version  string
	// Probe looks at a server for the hub. If nil, this agent reaches none.
	Probe    func(context.Context, *agentv1.ProbeRequest) *agentv1.ProbeResponse
	Drain    Drain    // nothing is ever drained if nil
	Upgrades Upgrades // orders to upgrade are not obeyed if nil
	// Pause is how long to wait before the nth dial in a row, n from 0; the default
	// is full jitter up to a minute.
	Pause func(n int) time.Duration
	Now   func() time.Time
	Log   *slog.Logger
}

// Consoles serves shells to the hub; *console.Console does.
type Consoles interface {
	Serve(stream agentv1.AgentService_ConsoleServer) error
}

// Uplink keeps the line to the hub.
type Uplink struct {
	cfg    Config
	bootID string
	facts  *agentv1.Facts
	calls  chan struct{} // places for calls of scripts
	bulky  chan struct{} // places for those that carry bytes

	mu     sync.Mutex
	status Status
	live   *session      // nil while there is none
	change chan struct{} // closed and replaced when live changes
}

// Status is how the line is.
type Status struct {
	Connected  bool      `json:"connected"`
	Since      time.Time `json:"since"`
	HubVersion string    `json:"hub_version,omitempty"`
	Epoch      int64     `json:"epoch,omitempty"`
	Error      string    `json:"error,omitempty"` // why not
	Hint       string    `json:"hint,omitempty"`
}

// New returns an uplink.
func New(cfg Config) *Uplink {
	if cfg.Pause == nil {
		cfg.Pause = pause
	}
	if cfg.Drain == nil {
		cfg.Drain = noDrain{}
	}
	if cfg.Upgrades == nil {
		cfg.Upgrades = noUpgrades{}
	}
	return &Uplink{cfg: cfg, bootID: uuid.NewString(), calls: make(chan struct{}, maxCalls), bulky: make(chan struct{}, maxBulky), change: make(chan struct{}), status: Status{Since: cfg.Now()}}
}

// pause is full jitter: many agents that lose their hub at once come back spread.
func pause(n int) time.Duration {
	if n == 0 {
		return rand.N(firstPause)
	}
	return rand.N(min(maxPause, time.Second<<min(n, 10)))
}

// Status tells how the line is.
func (u *Uplink) Status() Status {
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.status
}

// errRenewed ends a session that has got a new certificate: the next one uses it.
var errRenewed = errors.New("the certificate was renewed")

// Run keeps a session until ctx ends.
func (u *Uplink) Run(ctx context.Context) error {
	u.facts = Facts(ctx)
	for n := 0; ; n++ {
		began := u.cfg.Now()
		err := u.session(ctx)
		if ctx.Err() != nil {
			u.offline(nil)
			return context.Cause(ctx)
		}
		if errors.Is(err, errRenewed) {
			n = -1
			continue
		}
		u.offline(err)
		u.tell(ctx, err)
		if u.cfg.Now().Sub(began) > stableAfter {
			n = 0
		}
		if err := wait(ctx, u.cfg.Pause(n)); err != nil {
			return err
		}
	}
}

func (u *Uplink) tell(ctx context.Context, err error) {
	args := []any{"hub", u.cfg.Identity.Hub, "err", err}
	if p, ok := problem.As(err); ok && p.Hint != "" {
		args = append(args, "hint", p.Hint)
	}
	u.cfg.Log.WarnContext(ctx, "not connected", args...)
}

func wait(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-timer.C:
		return nil
	}
}

func (u *Uplink) online(s *session, hello *agentv1.HelloResponse) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.status = Status{Connected: true, Since: u.cfg.Now().UTC(), HubVersion: hello.GetHubVersion(), Epoch: hello.GetEpoch()}
	u.setLive(s)
}

func (u *Uplink) offline(err error) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.status.Connected {
		u.status = Status{Since: u.cfg.Now().UTC()}
	}
	u.status.Error, u.status.Hint = "", ""
	if err != nil {
		u.status.Error = err.Error()
	}
	if p, ok := problem.As(err); ok {
		u.status.Hint = p.Hint
	}
	u.setLive(nil)
}

func (u *Uplink) setLive(s *session) {
	u.live = s
	close(u.change)
	u.change = make(chan struct{})
}

// current waits for a session.
func (u *Uplink) current(ctx context.Context) (*session, error) {
	for {
		u.mu.Lock()
		s, change := u.live, u.change
		u.mu.Unlock()
		if s != nil {
			return s, nil
		}
		select {
		case <-change:
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		}
	}
}

// isCurrent reports whether a session is the one that there is. What is said to an
// older one may be about its age only.
func (u *Uplink) isCurrent(s *session) bool {
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.live == s
}

// dial opens a connection for one of the protocols.
func (u *Uplink) dial(ctx context.Context, alpn string) (*wire.Session, error) {
	ctx, stop := context.WithTimeout(ctx, dialTimeout)
	defer stop()
	tls := wire.AgentTLS(u.cfg.Identity.trust(), u.cfg.Identity.certificate)
	s, err := wire.Dial(ctx, wire.DialConfig{Addr: u.cfg.Identity.Hub, ALPN: alpn, TLS: tls})
	if err != nil {
		return nil, unreachable(err)
	}
	return s, nil
}
