package agentapi

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"sync"
	"time"

	"github.com/google/uuid"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/cronium/cronium/hub/fleet"
	"github.com/cronium/cronium/hub/release"
	"github.com/cronium/cronium/hub/run"
	"github.com/cronium/cronium/hub/runlog"
	"github.com/cronium/cronium/hub/server"
	agentv1 "github.com/cronium/cronium/proto/agent/v1"
	"github.com/cronium/cronium/proto/wire"
)

// Runs is what this door asks of hub/run.
type Runs interface {
	Accept(ctx context.Context, agent uuid.UUID, refs []run.Ref) ([]run.Decision, error)
	Started(ctx context.Context, agent uuid.UUID, marks []run.StartMark) ([]run.Answer, error)
	Finish(ctx context.Context, agent uuid.UUID, results []run.Result) ([]run.Answer, error)
	Renew(ctx context.Context, renewals []run.Renewal) (map[uuid.UUID]run.Orders, error)
	Reconcile(ctx context.Context, agent uuid.UUID, epoch int64, held []run.Held, journalIntact bool) ([]run.Ref, error)
	RaiseFence(ctx context.Context, seen int64) (bool, error)
	OwnedBy(ctx context.Context, agent uuid.UUID, refs []run.Ref) ([]bool, error)
	HeldServer(ctx context.Context, agent uuid.UUID, ref run.Ref) (project uuid.UUID, server string, err error)
}

// Logs is what this door asks of hub/runlog.
type Logs interface {
	Append(ctx context.Context, chunks []runlog.Chunk) ([]int64, error)
	CompleteAll(ctx context.Context, completions []runlog.Completion) error
}

// Servers is what this door asks of hub/server.
type Servers interface {
	Credentials(ctx context.Context, project uuid.UUID, name string) ([]server.Opened, error)
}

// Config says whom to call. Fleet, Runs, Logs and Calls are required.
type Config struct {
	Fleet   *fleet.Fleet
	Runs    Runs
	Logs    Logs
	Calls   Calls
	Servers Servers // default: nothing is opened for anybody
	Version string  // of the hub, told to agents

	Downloads *release.Dir // programs that agents upgrade to; default: none

	Heartbeat time.Duration // how often agents report; default 10 s
	Silence   time.Duration // after which a session is closed; default 45 s

	HandshakesPerSecond int // default 200, see [wire.ServerConfig]

	Now func() time.Time // default: time.Now
	Log *slog.Logger     // default: discard
}

func (c *Config) validate() {
	if c.Fleet == nil || c.Runs == nil || c.Logs == nil || c.Calls == nil {
		panic("agentapi: Config needs Fleet, Runs, Logs and Calls")
	}
	if c.Downloads == nil {
		c.Downloads = release.In("")
	}
	if c.Heartbeat == 0 {
		c.Heartbeat = 10 * time.Second
	}
	if c.Silence == 0 {
		c.Silence = 45 * time.Second
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
}

// Door serves agents.
type Door struct {
	config Config
	server *grpc.Server

	renewals *batcher[run.Renewal, run.Orders]
	chunks   *batcher[runlog.Chunk, int64]
	work     sync.WaitGroup // calls of all batchers

	downloads chan struct{} // places

	mu       sync.Mutex
	sessions map[*wire.Session]*session
}

// Bounds of the batches that go to the database.
const (
	batchItems  = 500
	batchChunks = 64 // of at most 64 KiB
	callTimeout = 5 * time.Second
)

// New returns a door. It serves once [Door.Serve] runs.
func New(config Config) *Door {
	config.validate()
	d := &Door{config: config, sessions: map[*wire.Session]*session{}, downloads: make(chan struct{}, maxDownloads)}
	d.renewals = newBatcher(&d.work, batchItems, d.renew)
	d.chunks = newBatcher(&d.work, batchChunks, config.Logs.Append)
	d.server = wire.NewServer(
		grpc.MaxRecvMsgSize(maxRequest),
		grpc.ChainUnaryInterceptor(d.unary),
		grpc.ChainStreamInterceptor(d.stream),
	)
	agentv1.RegisterEnrolmentServiceServer(d.server, enrolment{d: d})
	agentv1.RegisterHubServiceServer(d.server, control{d: d})
	agentv1.RegisterHubDataServiceServer(d.server, data{d: d})
	return d
}

// Serve admits agents on tcp until ctx ends, then closes their sessions. It may be
// called once.
func (d *Door) Serve(ctx context.Context, tcp net.Listener) error {
	admission := d.config.Fleet.Admission()
	admission.HandshakesPerSecond = d.config.HandshakesPerSecond
	err := wire.NewListener(tcp, admission).Serve(ctx, d.serve)
	d.server.Stop() // waits for handlers, so nothing begins below
	d.work.Wait()
	return err
}

// Sessions is how many connections there are, control and data.
func (d *Door) Sessions() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return len(d.sessions)
}

// serve is the life of one connection.
func (d *Door) serve(ctx context.Context, ws *wire.Session) error {
	s, err := d.newSession(ws)
	if err != nil {
		return err
	}
	d.mu.Lock()
	d.sessions[ws] = s
	d.mu.Unlock()
	err = ws.Serve(d.server)
	if err == nil {
		<-ws.Done()
		err = ws.Cause()
	}
	d.mu.Lock()
	delete(d.sessions, ws)
	d.mu.Unlock()
	s.close(ctx)
	return err
}

// of finds the session of a call.
func (d *Door) of(ctx context.Context) (*session, error) {
	ws := wire.SessionFrom(ctx)
	d.mu.Lock()
	defer d.mu.Unlock()
	if s := d.sessions[ws]; s != nil {
		return s, nil
	}
	return nil, status.Error(codes.Unavailable, "session has ended")
}

func (d *Door) renew(ctx context.Context, renewals []run.Renewal) ([]run.Orders, error) {
	byAgent, err := d.config.Runs.Renew(ctx, renewals)
	if err != nil {
		return nil, err
	}
	orders := make([]run.Orders, len(renewals))
	for i, r := range renewals {
		orders[i] = byAgent[r.AgentID]
	}
	return orders, nil
}

var errShort = errors.New("fewer answers than questions")
