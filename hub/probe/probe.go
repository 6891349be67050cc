package probe

import (
	"context"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/google/uuid"

	"github.com/cronium/cronium/hub/authz"
	"github.com/cronium/cronium/hub/fleet"
	"github.com/cronium/cronium/hub/server"
	agentv1 "github.com/cronium/cronium/proto/agent/v1"
)

// Servers is what this room asks of hub/server.
type Servers interface {
	Get(ctx context.Context, project uuid.UUID, name string) (server.Server, error)
	Question(ctx context.Context, ref server.Ref) (server.Question, error)
	Record(ctx context.Context, q server.Question, agent string, a server.Answer) (again bool, err error)
	ClaimDue(ctx context.Context, agents []server.Asker, n int) ([]server.Ref, error)
	AskSoon(ctx context.Context, id uuid.UUID) error
}

// Fleet is what this room asks of hub/fleet.
type Fleet interface {
	Connected() []*fleet.Live
	Candidates(ctx context.Context, project uuid.UUID) ([]fleet.Candidate, error)
}

// Config says whom to ask. Servers and Fleet are required.
type Config struct {
	Servers Servers
	Fleet   Fleet

	Poll  time.Duration // how often is looked for servers that are due; default 2 s
	Limit int           // probes at a time; default 8
	Log   *slog.Logger  // default: discard
}

func (c *Config) validate() {
	if c.Servers == nil || c.Fleet == nil {
		panic("probe: Config needs Servers and Fleet")
	}
	if c.Poll <= 0 {
		c.Poll = 2 * time.Second
	}
	if c.Limit <= 0 {
		c.Limit = 8
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
}

// Prober asks agents about servers.
type Prober struct {
	config Config
	log    *slog.Logger
	places chan struct{}
}

// New returns a prober; [Prober.Run] looks by the clock, [Prober.Check] for people.
func New(config Config) *Prober {
	config.validate()
	return &Prober{config: config, log: config.Log, places: make(chan struct{}, config.Limit)}
}

const (
	probeTimeout = 25 * time.Second // of one call; a handshake may take 15 s
	callTimeout  = 5 * time.Second  // of a question to the database
	lookAgain    = 250 * time.Millisecond
)

// Check looks at a server now and returns what it is after that. It waits until
// ctx ends, and no longer than one probe.
func (p *Prober) Check(ctx context.Context, actor authz.Actor, project uuid.UUID, name string) (server.Server, error) {
	if err := actor.Check(authz.ServerUse, project); err != nil {
		return server.Server{}, err
	}
	ref := server.Ref{Project: project, Name: name}
	ctx, cancel := context.WithTimeout(ctx, probeTimeout)
	defer cancel()
	q, err := p.config.Servers.Question(ctx, ref)
	if err != nil {
		return server.Server{}, err
	}
	if l := p.agentFor(q); l != nil {
		select {
		case p.places <- struct{}{}:
			defer func() { <-p.places }()
		case <-ctx.Done():
			return server.Server{}, ErrPatience
		}
		if err := p.ask(ctx, l, q); err != nil {
			return server.Server{}, err
		}
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), callTimeout)
		defer cancel()
		return p.config.Servers.Get(ctx, project, name)
	}
	if err := p.somewhere(ctx, q); err != nil {
		return server.Server{}, err
	}
	return p.elsewhere(ctx, ref)
}

// agentFor is the agent of this replica that has least in hand among those that
// may reach the server, or nil.
func (p *Prober) agentFor(q server.Question) *fleet.Live {
	var best *fleet.Live
	for _, l := range p.config.Fleet.Connected() {
		if l.ProjectID == q.Project && covers(l.Labels, q.Labels) && (best == nil || l.Held() < best.Held()) {
			best = l
		}
	}
	return best
}

// somewhere makes sure that another replica has an agent for the server.
func (p *Prober) somewhere(ctx context.Context, q server.Question) error {
	agents, err := p.config.Fleet.Candidates(ctx, q.Project)
	if err != nil {
		return err
	}
	if slices.ContainsFunc(agents, func(a fleet.Candidate) bool { return a.Online && covers(a.Labels, q.Labels) }) {
		return nil
	}
	var words []string
	for _, key := range slices.Sorted(maps.Keys(q.Labels)) {
		words = append(words, key+"="+q.Labels[key])
	}
	return ErrNoAgent.With("No agent that is online has the labels %s", strings.Join(words, ", "))
}

// elsewhere makes the server due and waits until the replica that has an agent for
// it has looked.
func (p *Prober) elsewhere(ctx context.Context, ref server.Ref) (server.Server, error) {
	before, err := p.config.Servers.Get(ctx, ref.Project, ref.Name)
	if err != nil {
		return before, err
	}
	if err := p.config.Servers.AskSoon(ctx, before.ID); err != nil {
		return before, err
	}
	for {
		select {
		case <-ctx.Done():
			return before, ErrPatience.With("The agent that reaches server %s is connected to another replica, which has not answered yet", ref.Name)
		case <-time.After(lookAgain):
		}
		now, err := p.config.Servers.Get(ctx, ref.Project, ref.Name)
		if err != nil {
			if ctx.Err() != nil {
				continue
			}
			return now, err
		}
		if now.CheckedAt != nil && (before.CheckedAt == nil || now.CheckedAt.After(*before.CheckedAt)) {
			return now, nil
		}
	}
}

// ask has one agent look, and once more when that made the key trusted.
func (p *Prober) ask(ctx context.Context, l *fleet.Live, q server.Question) error {
	for {
		out, err := agentv1.NewAgentServiceClient(l.Conn()).Probe(ctx, request(q))
		if err != nil {
			p.log.WarnContext(ctx, "probe of a server", "server", q.Name, "agent", l.Name, "err", err)
			return ErrAgent.With("Agent %s did not say what it found", l.Name)
		}
		again, err := p.record(ctx, q, l.Name, answer(out))
		if err != nil || !again {
			return err
		}
		if q, err = p.config.Servers.Question(ctx, q.Ref); err != nil {
			return err
		}
	}
}

// record stores an answer even if the asker has gone.
func (p *Prober) record(ctx context.Context, q server.Question, agent string, a server.Answer) (bool, error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), callTimeout)
	defer cancel()
	return p.config.Servers.Record(ctx, q, agent, a)
}

// Run looks at what is due, until ctx ends; then it waits for the probes that it
// began.
func (p *Prober) Run(ctx context.Context) error {
	var work sync.WaitGroup
	defer work.Wait()
	tick := time.NewTicker(p.config.Poll)
	defer tick.Stop()
	for {
		if err := p.step(ctx, &work); err != nil && ctx.Err() == nil {
			p.log.ErrorContext(ctx, "look at servers", "err", err)
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-tick.C:
		}
	}
}

// step claims as many servers as there are places for and begins to look at them.
func (p *Prober) step(ctx context.Context, work *sync.WaitGroup) error {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	agents := p.askers()
	if len(agents) == 0 {
		return nil
	}
	due, err := p.config.Servers.ClaimDue(ctx, agents, cap(p.places)-len(p.places))
	if err != nil {
		return err
	}
	for _, ref := range due {
		lookCtx := context.WithoutCancel(ctx)
		work.Go(func() {
			p.places <- struct{}{}
			defer func() { <-p.places }()
			p.look(lookCtx, ref)
		})
	}
	return nil
}

// askers are the agents here that reach servers, each set of labels once.
func (p *Prober) askers() []server.Asker {
	var out []server.Asker
	for _, l := range p.config.Fleet.Connected() {
		known := func(a server.Asker) bool { return a.Project == l.ProjectID && maps.Equal(a.Labels, l.Labels) }
		if l.Labels[server.ExecutorLabel] == "true" && !slices.ContainsFunc(out, known) {
			out = append(out, server.Asker{Project: l.ProjectID, Labels: l.Labels})
		}
	}
	return out
}

func (p *Prober) look(ctx context.Context, ref server.Ref) {
	ctx, cancel := context.WithTimeout(ctx, probeTimeout)
	defer cancel()
	q, err := p.config.Servers.Question(ctx, ref)
	if err != nil {
		p.log.WarnContext(ctx, "server cannot be looked at", "server", ref.Name, "err", err)
		return
	}
	if l := p.agentFor(q); l != nil {
		_ = p.ask(ctx, l, q) // logged there; the clock comes again
	}
}

// covers reports whether has contains everything that need names.
func covers(has, need map[string]string) bool {
	for key, value := range need {
		if has[key] != value {
			return false
		}
	}
	return true
}
