package probe_test

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"errors"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"go.uber.org/goleak"
	"golang.org/x/crypto/ssh"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"

	"github.com/cronium/cronium/hub/authz"
	"github.com/cronium/cronium/hub/fleet"
	"github.com/cronium/cronium/hub/postgres"
	"github.com/cronium/cronium/hub/postgres/pgtest"
	"github.com/cronium/cronium/hub/probe"
	"github.com/cronium/cronium/hub/project"
	"github.com/cronium/cronium/hub/secret"
	"github.com/cronium/cronium/hub/server"
	agentv1 "github.com/cronium/cronium/proto/agent/v1"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// world is servers, and agents that answer what a test says.
type world struct {
	t       *testing.T
	db      *postgres.DB
	servers *server.Store
	fleet   *fleet.Fleet
	project uuid.UUID
	admin   authz.Actor
	key     []byte // that the server shows
	print   string
}

func newWorld(t *testing.T) *world {
	t.Helper()
	t.Parallel()
	w := &world{t: t, db: pgtest.New(t), admin: authz.Actor{UserID: uuid.New(), Email: "anna@example.com", Admin: true}}
	p, err := project.New(w.db).EnsureDefault(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	w.project = p.ID
	keys, err := secret.OpenKeys(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	instance := uuid.New()
	w.servers = server.New(w.db, server.Config{Sealer: keys, Instance: instance})
	if w.fleet, err = fleet.Open(t.Context(), w.db, fleet.Config{Sealer: keys, Instance: instance}); err != nil {
		t.Fatal(err)
	}
	public, _, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	key, err := ssh.NewPublicKey(public)
	if err != nil {
		t.Fatal(err)
	}
	w.key, w.print = key.Marshal(), ssh.FingerprintSHA256(key)
	return w
}

func (w *world) prober(f probe.Fleet) *probe.Prober {
	return probe.New(probe.Config{Servers: w.servers, Fleet: f, Poll: 10 * time.Millisecond})
}

// add adds a server; with a fingerprint its key was announced.
func (w *world) add(name, fingerprint string, via map[string]string) {
	w.t.Helper()
	_, err := w.servers.Create(w.t.Context(), w.admin, w.project, server.Wish{Name: name, Address: "10.0.0.5", User: "deploy", Via: via,
		Fingerprint: fingerprint, Credential: server.Credential{Password: secret.NewText("correct horse")}})
	if err != nil {
		w.t.Fatal(err)
	}
}

// host is a fake agent: it shows the world's key, and goes on only if that is pinned
// and it has what opens the server, as the real one does.
type host struct {
	agentv1.UnimplementedAgentServiceServer
	w     *world
	fails error

	mu    sync.Mutex
	asked []*agentv1.ProbeRequest
}

func (h *host) Probe(_ context.Context, in *agentv1.ProbeRequest) (*agentv1.ProbeResponse, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.asked = append(h.asked, in)
	if h.fails != nil {
		return nil, h.fails
	}
	out := &agentv1.ProbeResponse{HostKey: h.w.key, Checks: []*agentv1.Check{{Name: "dns", Ok: true}, {Name: "tcp", Ok: true}, {Name: "host_key", Ok: true}}}
	if string(in.GetServer().GetHostKey()) != string(h.w.key) {
		return out, nil
	}
	if len(in.GetCredentials()) != 1 || in.GetCredentials()[0].GetPassword() != "correct horse" {
		out.Checks = append(out.Checks, &agentv1.Check{Name: "auth", Problem: &agentv1.Problem{Code: "ssh_auth_failed", Detail: "denied", Hint: "look"}})
		return out, nil
	}
	out.Checks = append(out.Checks, &agentv1.Check{Name: "auth", Ok: true}, &agentv1.Check{Name: "shell", Ok: true, Detail: "bash"})
	out.Facts = &agentv1.ServerFacts{Facts: &agentv1.Facts{Os: "linux", Cpus: 4}, DiskBytes: 10, DiskFreeBytes: 5}
	return out, nil
}

func (h *host) questions() []*agentv1.ProbeRequest {
	h.mu.Lock()
	defer h.mu.Unlock()
	return append([]*agentv1.ProbeRequest(nil), h.asked...)
}

// link is a session whose other end is a fake agent on loopback.
type link struct {
	conn *grpc.ClientConn
	done chan struct{}
}

func (l link) Ping(context.Context) error { return nil }
func (l link) Client() *grpc.ClientConn   { return l.conn }
func (l link) RemoteAddr() net.Addr       { return &net.TCPAddr{} }
func (l link) Done() <-chan struct{}      { return l.done }
func (l link) Close(error)                {}

// connect makes a fake agent one of this replica.
func (w *world) connect(name string, labels map[string]string) *host {
	w.t.Helper()
	h := &host{w: w}
	tcp, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		w.t.Fatal(err)
	}
	s := grpc.NewServer()
	agentv1.RegisterAgentServiceServer(s, h)
	var served sync.WaitGroup
	served.Go(func() { _ = s.Serve(tcp) })
	conn, err := grpc.NewClient(tcp.Addr().String(), grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() { _ = conn.Close(); s.Stop(); served.Wait() })
	w.fleet.Join(fleet.Admitted{AgentID: uuid.New(), ProjectID: w.project, Name: name, Labels: labels, Epoch: 1, Slots: 4}, "m", link{conn, make(chan struct{})}, nil)
	return h
}

var reaches = map[string]string{"executor.ssh": "true", "zone": "eu"}

func TestCheckAsksAnAgentThatMayReachTheServer(t *testing.T) {
	w := newWorld(t)
	w.add("db-1", "", map[string]string{"zone": "eu"})
	eu, us := w.connect("eu-1", reaches), w.connect("us-1", map[string]string{"executor.ssh": "true", "zone": "us"})
	plain := w.connect("eu-2", map[string]string{"zone": "eu"})
	p := w.prober(w.fleet)
	got, err := p.Check(t.Context(), w.admin, w.project, "db-1")
	if err != nil || got.Offered == nil || got.Offered.Fingerprint != w.print || got.CheckedBy != "eu-1" || len(got.Checks) != 3 {
		t.Fatalf("Check = %+v, %v", got, err)
	}
	if asked := eu.questions(); len(asked) != 1 || len(asked[0].GetCredentials()) != 0 {
		t.Fatalf("the first question carried credentials: %d of them", len(asked[0].GetCredentials()))
	}
	if _, err := w.servers.Trust(t.Context(), w.admin, w.project, "db-1", w.print); err != nil {
		t.Fatal(err)
	}
	got, err = p.Check(t.Context(), w.admin, w.project, "db-1")
	if err != nil || got.Health != server.Reachable || got.Facts.CPUs != 4 || len(got.Checks) != 5 {
		t.Fatalf("Check = %+v, %v", got, err)
	}
	if n := len(us.questions()) + len(plain.questions()); n != 0 {
		t.Fatalf("%d questions went to agents that may not reach it", n)
	}
}

func TestAnAnnouncedKeyIsFollowedByTheWholeProbe(t *testing.T) {
	w := newWorld(t)
	w.add("db-1", w.print, nil)
	h := w.connect("eu-1", reaches)
	got, err := w.prober(w.fleet).Check(t.Context(), w.admin, w.project, "db-1")
	if err != nil || got.Health != server.Reachable || got.Trusted == nil {
		t.Fatalf("Check = %+v, %v", got, err)
	}
	if asked := h.questions(); len(asked) != 2 || len(asked[0].GetCredentials()) != 0 || len(asked[1].GetCredentials()) != 1 {
		t.Fatalf("%d questions", len(asked))
	}
}

func TestWhyNobodyCanLookIsSaid(t *testing.T) {
	w := newWorld(t)
	w.add("db-1", "", map[string]string{"zone": "us"})
	h := w.connect("eu-1", reaches)
	p := w.prober(w.fleet)
	if _, err := p.Check(t.Context(), w.admin, w.project, "db-1"); !errors.Is(err, probe.ErrNoAgent) {
		t.Fatalf("Check without an agent for it = %v, want %v", err, probe.ErrNoAgent)
	}
	w.add("db-2", "", nil)
	h.fails = errors.New("broken")
	if _, err := p.Check(t.Context(), w.admin, w.project, "db-2"); !errors.Is(err, probe.ErrAgent) {
		t.Fatalf("Check by an agent that fails = %v, want %v", err, probe.ErrAgent)
	}
	if got, _ := w.servers.Get(t.Context(), w.project, "db-2"); got.CheckedAt != nil || got.Health != server.Unknown {
		t.Fatalf("an agent that failed said something about the server: %+v", got)
	}
	viewer := authz.Actor{UserID: uuid.New(), Roles: map[uuid.UUID]authz.Role{w.project: authz.Operator}}
	if _, err := p.Check(t.Context(), viewer, w.project, "db-2"); !errors.Is(err, authz.ErrForbidden) {
		t.Fatalf("Check by an operator = %v, want %v", err, authz.ErrForbidden)
	}
	if _, err := p.Check(t.Context(), w.admin, w.project, "nowhere"); !errors.Is(err, server.ErrNotFound) {
		t.Fatalf("Check of nothing = %v, want %v", err, server.ErrNotFound)
	}
}

// elsewhere is a replica whose agents are all connected to another one.
type elsewhere struct{ *fleet.Fleet }

func (elsewhere) Connected() []*fleet.Live { return nil }

func (e elsewhere) Candidates(context.Context, uuid.UUID) ([]fleet.Candidate, error) {
	return []fleet.Candidate{{ID: uuid.New(), Name: "eu-1", Labels: reaches, Online: true}}, nil
}

func TestAnotherReplicaLooksWhenItsAgentIsTheOne(t *testing.T) {
	w := newWorld(t)
	w.add("db-1", w.print, nil)
	w.connect("eu-1", reaches)
	there := w.prober(w.fleet)
	ctx, cancel := context.WithCancel(t.Context())
	var loop sync.WaitGroup
	loop.Go(func() { _ = there.Run(ctx) })
	t.Cleanup(func() { cancel(); loop.Wait() })
	got, err := w.prober(elsewhere{w.fleet}).Check(t.Context(), w.admin, w.project, "db-1")
	if err != nil || got.CheckedBy != "eu-1" {
		t.Fatalf("Check = %+v, %v", got, err)
	}
}

func TestTheClockLooksAtTrustedServersOnly(t *testing.T) {
	w := newWorld(t)
	w.add("untrusted", "", nil)
	w.add("db-1", w.print, nil)
	h := w.connect("eu-1", reaches)
	p := w.prober(w.fleet)
	if _, err := p.Check(t.Context(), w.admin, w.project, "db-1"); err != nil {
		t.Fatal(err)
	}
	before := len(h.questions())
	// Five minutes pass.
	if _, err := w.db.Pool.Exec(t.Context(), "update servers set next_check_at = next_check_at - interval '6 minutes'"); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	var loop sync.WaitGroup
	loop.Go(func() { _ = p.Run(ctx) })
	deadline := time.Now().Add(10 * time.Second)
	for len(h.questions()) == before && time.Now().Before(deadline) {
		time.Sleep(5 * time.Millisecond)
	}
	cancel()
	loop.Wait()
	asked := h.questions()[before:]
	if len(asked) != 1 || asked[0].GetServer().GetName() != "db-1" {
		t.Fatalf("the clock asked %d times", len(asked))
	}
}
