package agentapi_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/sha256"
	"crypto/tls"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"go.uber.org/goleak"
	"google.golang.org/grpc"

	"github.com/cronium/cronium/hub/agentapi"
	"github.com/cronium/cronium/hub/artifact"
	"github.com/cronium/cronium/hub/authz"
	"github.com/cronium/cronium/hub/call"
	"github.com/cronium/cronium/hub/dispatch"
	"github.com/cronium/cronium/hub/fleet"
	"github.com/cronium/cronium/hub/output"
	"github.com/cronium/cronium/hub/postgres"
	"github.com/cronium/cronium/hub/postgres/pgtest"
	"github.com/cronium/cronium/hub/project"
	"github.com/cronium/cronium/hub/run"
	"github.com/cronium/cronium/hub/runlog"
	"github.com/cronium/cronium/hub/secret"
	"github.com/cronium/cronium/hub/server"
	"github.com/cronium/cronium/hub/variable"
	agentv1 "github.com/cronium/cronium/proto/agent/v1"
	"github.com/cronium/cronium/proto/wire"
	"github.com/cronium/cronium/proto/wire/jointoken"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// world is a hub without its people's side: real database, real wire.
type world struct {
	db      *postgres.DB
	keys    *secret.Keys
	runs    *run.Store
	logs    *runlog.Store
	fleet   *fleet.Fleet
	door    *agentapi.Door
	servers *server.Store
	addr    string
	project uuid.UUID
	admin   authz.Actor
	job     uuid.UUID
	script  []byte
	server  string // that the job runs on

	queue, cancel, agents chan struct{}
}

func newWorld(t testing.TB, change ...func(*agentapi.Config)) *world {
	t.Helper()
	db := pgtest.New(t)
	w := &world{
		db: db, job: uuid.New(), script: []byte("echo hello"), admin: authz.Actor{UserID: uuid.New(), Email: "root@example.com", Admin: true},
		queue: make(chan struct{}, 1), cancel: make(chan struct{}, 1), agents: make(chan struct{}, 1),
	}
	ctx := t.Context()
	_, err := db.Pool.Exec(ctx, `insert into users (id, email, name, password_hash) values ($1, 'root@example.com', '', '')`, w.admin.UserID)
	if err != nil {
		t.Fatal(err)
	}
	p, err := project.New(db).EnsureDefault(ctx)
	if err != nil {
		t.Fatal(err)
	}
	w.project = p.ID
	if w.keys, err = secret.OpenKeys(t.TempDir()); err != nil {
		t.Fatal(err)
	}
	log := slog.New(slog.DiscardHandler)
	if os.Getenv("LOG") != "" {
		log = slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelDebug}))
	}
	w.runs = run.New(db, run.Config{})
	w.logs = runlog.New(db, runlog.Config{})
	w.fleet, err = fleet.Open(ctx, db, fleet.Config{Sealer: w.keys, Instance: uuid.New(), Changed: func() { ring(w.agents) }, Log: log})
	if err != nil {
		t.Fatal(err)
	}
	w.servers = server.New(db, server.Config{Sealer: w.keys, Instance: uuid.New()})
	config := agentapi.Config{Servers: w.servers, Fleet: w.fleet, Runs: w.runs, Logs: w.logs, Calls: w.calls(log), Version: "test", HandshakesPerSecond: 10_000, Log: log}
	for _, c := range change {
		c(&config)
	}
	w.door = agentapi.New(config)
	tcp, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	w.addr = tcp.Addr().String()
	d := dispatch.New(dispatch.Config{Fleet: w.fleet, Runs: w.runs, Logs: w.logs, Jobs: w, Opener: w.keys, Servers: w.servers, Log: log})
	ctx, cancel := context.WithCancel(context.Background())
	var all sync.WaitGroup
	all.Go(func() { _ = w.door.Serve(ctx, tcp) })
	all.Go(func() { _ = w.fleet.Run(ctx, w.agents) })
	all.Go(func() { _ = d.Run(ctx, w.queue, w.cancel) })
	t.Cleanup(func() { cancel(); all.Wait() })
	return w
}

// Versions is the job's side of dispatch: one job.
func (w *world) Versions(_ context.Context, refs []dispatch.VersionRef) (map[dispatch.VersionRef]dispatch.JobVersion, error) {
	out := map[dispatch.VersionRef]dispatch.JobVersion{}
	sum := sha256.Sum256(w.script)
	for _, ref := range refs {
		if ref.JobID == w.job {
			out[ref] = dispatch.JobVersion{Language: "bash", Source: w.script, SHA256: sum[:], Env: map[string]string{"A": "1"}, Timeout: time.Minute, Grace: time.Second}
		}
	}
	return out, nil
}

func (w *world) ProjectSlug(context.Context, uuid.UUID) (string, error) { return "default", nil }

func (w *world) CheckImage(context.Context, uuid.UUID, string) error { return nil }

// calls is hub/call on the world's database.
func (w *world) calls(log *slog.Logger) *call.Calls {
	artifacts, err := artifact.New(w.db, artifact.Config{})
	if err != nil {
		panic(err) // the defaults are right
	}
	return call.New(call.Deps{DB: w.db, Runs: w.runs, Variables: variable.New(w.db), Secrets: secret.NewStore(w.db, w.keys, log),
		Outputs: output.New(w.db), Artifacts: artifacts, Jobs: w, Changed: func(uuid.UUID) {}, Log: log})
}

// DeclaredSecrets is the job's side of calls.
func (w *world) DeclaredSecrets(context.Context, uuid.UUID, int) ([]string, error) {
	return []string{"TOKEN"}, nil
}

func ring(bell chan struct{}) {
	select {
	case bell <- struct{}{}:
	default:
	}
}

func (w *world) request() run.Request {
	return run.Request{
		Server:  w.server,
		Project: w.project, JobID: w.job, JobName: "hello", JobVersion: 1, Trigger: run.ByHand, StartedBy: "root@example.com",
		Inputs: map[string]any{"depth": json.Number("3"), "log-path": "/var/log"},
	}
}

// start creates n runs and rings.
func (w *world) start(t testing.TB, n int, change ...func(*run.Request)) []run.Run {
	t.Helper()
	reqs := make([]run.Request, n)
	for i := range reqs {
		reqs[i] = w.request()
		for _, c := range change {
			c(&reqs[i])
		}
	}
	var out []run.Run
	err := w.db.InTx(t.Context(), func(tx pgx.Tx) (err error) {
		out, err = w.runs.Create(t.Context(), tx, reqs)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	ring(w.queue)
	return out
}

func (w *world) state(t testing.TB, id uuid.UUID) run.Run {
	t.Helper()
	r, err := w.runs.Get(t.Context(), w.project, id)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// identity is what an agent has after it enrolled.
type identity struct {
	id   uuid.UUID
	name string
	key  *ecdsa.PrivateKey
	cert *tls.Certificate
	resp *agentv1.EnrolResponse
	tls  *tls.Config
}

func (w *world) token(t testing.TB) jointoken.Token {
	t.Helper()
	text, _, err := w.fleet.CreateJoinToken(t.Context(), w.admin, w.project, fleet.TokenOptions{MaxUses: 100})
	if err != nil {
		t.Fatal(err)
	}
	token, err := jointoken.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	return token
}

// enrol joins over the wire, as an agent does.
func (w *world) enrol(t testing.TB, name string) *identity {
	t.Helper()
	token := w.token(t)
	key, err := wire.NewKey()
	if err != nil {
		t.Fatal(err)
	}
	csr, err := wire.CSR(key)
	if err != nil {
		t.Fatal(err)
	}
	s, err := wire.Dial(t.Context(), wire.DialConfig{Addr: w.addr, ALPN: wire.ALPNEnrol, TLS: wire.EnrolTLS(token.Pin)})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close(nil)
	resp, err := agentv1.NewEnrolmentServiceClient(s.Client()).Enrol(t.Context(), &agentv1.EnrolRequest{
		TokenId: token.ID, TokenSecret: token.SecretText(), CsrDer: csr, Name: name, Facts: &agentv1.Facts{Os: "linux", Arch: "amd64"},
	})
	if err != nil {
		t.Fatal(err)
	}
	i := &identity{id: uuid.MustParse(resp.GetAgentId()), name: resp.GetName(), key: key, resp: resp}
	i.use(t, resp.GetCertificate(), key)
	return i
}

func (i *identity) use(t testing.TB, c *agentv1.Certificate, key *ecdsa.PrivateKey) {
	t.Helper()
	keyPEM, err := wire.EncodeKey(key)
	if err != nil {
		t.Fatal(err)
	}
	if i.cert, err = wire.KeyPair(c.GetChainPem(), keyPEM); err != nil {
		t.Fatal(err)
	}
	pool, err := wire.Pool(c.GetCaPem())
	if err != nil {
		t.Fatal(err)
	}
	i.tls = wire.AgentTLS(pool, func() (*tls.Certificate, error) { return i.cert, nil })
}

// agent is a connected fake: the test decides what it does with assignments.
type agent struct {
	agentv1.UnimplementedAgentServiceServer
	*identity
	w       *world
	control *wire.Session
	hub     agentv1.HubServiceClient
	hello   *agentv1.HelloResponse

	assigned chan *agentv1.Assignment
	cancels  chan *agentv1.Cancel
	refuse   func(*agentv1.Assignment) *agentv1.Problem
}

func (a *agent) Assign(_ context.Context, in *agentv1.AssignRequest) (*agentv1.AssignResponse, error) {
	out := &agentv1.AssignResponse{}
	for _, one := range in.GetAssignments() {
		if p := a.refuse(one); p != nil {
			out.Refused = append(out.Refused, &agentv1.Refusal{Ref: one.GetRef(), Problem: p})
			continue
		}
		a.assigned <- one
	}
	return out, nil
}

func (a *agent) Cancel(_ context.Context, in *agentv1.CancelRequest) (*agentv1.CancelResponse, error) {
	for _, c := range in.GetCancels() {
		a.cancels <- c
	}
	return &agentv1.CancelResponse{}, nil
}

func (w *world) dial(t testing.TB, i *identity, alpn string) *wire.Session {
	t.Helper()
	s, err := wire.Dial(t.Context(), wire.DialConfig{Addr: w.addr, ALPN: alpn, TLS: i.tls})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close(nil) })
	return s
}

func greeting(slots int32) *agentv1.HelloRequest {
	return &agentv1.HelloRequest{Protocol: 1, Version: "test", BootId: uuid.NewString(), MachineId: "m1", JournalId: "j1", Slots: slots,
		Facts: &agentv1.Facts{Os: "linux", Arch: "amd64", Hostname: "box"}}
}

// connect says Hello and serves.
func (w *world) connect(t testing.TB, i *identity, hello *agentv1.HelloRequest) *agent {
	t.Helper()
	a := &agent{identity: i, w: w, control: w.dial(t, i, wire.ALPNAgent), assigned: make(chan *agentv1.Assignment, 10_000),
		cancels: make(chan *agentv1.Cancel, 100), refuse: func(*agentv1.Assignment) *agentv1.Problem { return nil }}
	srv := wire.NewServer()
	agentv1.RegisterAgentServiceServer(srv, a)
	var served sync.WaitGroup
	served.Go(func() { _ = a.control.Serve(srv) })
	t.Cleanup(func() { a.control.Close(nil); served.Wait(); srv.Stop() })
	a.hub = agentv1.NewHubServiceClient(a.control.Client())
	var err error
	if a.hello, err = a.hub.Hello(t.Context(), hello); err != nil {
		t.Fatalf("Hello: %v", err)
	}
	return a
}

func (w *world) agent(t testing.TB, name string) *agent {
	t.Helper()
	return w.connect(t, w.enrol(t, name), greeting(16))
}

func (a *agent) next(t testing.TB) *agentv1.Assignment {
	t.Helper()
	select {
	case one := <-a.assigned:
		return one
	case <-time.After(10 * time.Second):
		t.Fatal("nothing was assigned in ten seconds")
		return nil
	}
}

func (a *agent) accept(t testing.TB, refs ...*agentv1.AttemptRef) []agentv1.Decision {
	t.Helper()
	resp, err := a.hub.Accept(t.Context(), &agentv1.AcceptRequest{Attempts: refs})
	if err != nil {
		t.Fatalf("Accept: %v", err)
	}
	var out []agentv1.Decision
	for _, g := range resp.GetGrants() {
		out = append(out, g.GetDecision())
	}
	return out
}

func (a *agent) report(t testing.TB, in *agentv1.ReportRequest) []agentv1.Answer {
	t.Helper()
	resp, err := a.hub.Report(t.Context(), in)
	if err != nil {
		t.Fatalf("Report: %v", err)
	}
	var out []agentv1.Answer
	for _, v := range resp.GetVerdicts() {
		out = append(out, v.GetAnswer())
	}
	return out
}

func success(ref *agentv1.AttemptRef, logBytes int64) *agentv1.Result {
	return &agentv1.Result{Ref: ref, Outcome: agentv1.Outcome_OUTCOME_SUCCEEDED, LogBytes: logBytes, Sha256: []byte("same")}
}

type uploading = grpc.BidiStreamingClient[agentv1.UploadRequest, agentv1.UploadResponse]

// upload opens the data connection and a stream on it.
func (a *agent) upload(t testing.TB, epoch int64) uploading {
	t.Helper()
	s := a.w.dial(t, a.identity, wire.ALPNData)
	up, err := agentv1.NewHubDataServiceClient(s.Client()).Upload(wire.WithEpoch(t.Context(), epoch))
	if err != nil {
		t.Fatal(err)
	}
	return up
}

// exchange sends one chunk and returns the answer.
func exchange(t testing.TB, up uploading, in *agentv1.UploadRequest) *agentv1.UploadResponse {
	t.Helper()
	if err := up.Send(in); err != nil && !errors.Is(err, io.EOF) {
		t.Fatal(err)
	}
	out, err := up.Recv()
	if err != nil {
		t.Fatalf("Recv: %v", err)
	}
	return out
}

// eventually polls for what happens in another goroutine of the hub.
func eventually(t testing.TB, what string, is func() bool) {
	t.Helper()
	deadline := time.Now().Add(10 * time.Second)
	for !is() {
		if time.Now().After(deadline) {
			t.Fatalf("waited ten seconds: %s", what)
		}
		time.Sleep(5 * time.Millisecond)
	}
}
