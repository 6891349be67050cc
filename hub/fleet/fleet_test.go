package fleet_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"
	"go.uber.org/goleak"
	"google.golang.org/grpc"

	"github.com/cronium/cronium/hub/authz"
	"github.com/cronium/cronium/hub/fleet"
	"github.com/cronium/cronium/hub/postgres"
	"github.com/cronium/cronium/hub/postgres/pgtest"
	"github.com/cronium/cronium/hub/project"
	"github.com/cronium/cronium/hub/secret"
	"github.com/cronium/cronium/proto/wire"
	"github.com/cronium/cronium/proto/wire/jointoken"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var root = authz.Actor{Email: "root@example.com", Admin: true, UserID: uuid.New()}

// world is a fleet with its project.
type world struct {
	*fleet.Fleet
	db      *postgres.DB
	keys    *secret.Keys
	config  fleet.Config
	project uuid.UUID
	clock   *atomic.Int64 // nanoseconds ahead of the real one
}

func newWorld(t *testing.T) *world {
	t.Helper()
	db := pgtest.New(t)
	keys, err := secret.OpenKeys(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	p, err := project.New(db).EnsureDefault(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	_, err = db.Pool.Exec(t.Context(), `insert into users (id, email, name, password_hash) values ($1, 'root@example.com', '', '')`, root.UserID)
	if err != nil {
		t.Fatal(err)
	}
	w := &world{db: db, keys: keys, project: p.ID, clock: new(atomic.Int64)}
	w.config = fleet.Config{
		Sealer: keys, Instance: uuid.New(), Hosts: []string{"hub.example.com", "10.0.0.7"},
		Now: func() time.Time { return time.Now().Add(time.Duration(w.clock.Load())) },
	}
	w.Fleet = w.replica(t)
	return w
}

func (w *world) replica(t *testing.T) *fleet.Fleet {
	t.Helper()
	config := w.config
	config.HubID = uuid.New()
	f, err := fleet.Open(t.Context(), w.db, config)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func (w *world) token(t *testing.T, o fleet.TokenOptions) jointoken.Token {
	t.Helper()
	text, _, err := w.CreateJoinToken(t.Context(), root, w.project, o)
	if err != nil {
		t.Fatal(err)
	}
	token, err := jointoken.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	return token
}

// member is an enrolled agent.
type member struct {
	fleet.Enrolled
	key  *ecdsa.PrivateKey
	leaf *x509.Certificate
}

func (w *world) enrolWith(ctx context.Context, t *testing.T, token jointoken.Token, name string) (member, error) {
	t.Helper()
	key, csr := newRequest(t)
	e, err := w.Enrol(ctx, fleet.Enrolment{
		TokenID: token.ID, TokenSecret: token.SecretText(), CSR: csr, Name: name,
		Labels: map[string]string{"team": "ops", "host": "a lie"},
		Facts:  fleet.Facts{Hostname: "box", OS: "linux", Arch: "amd64"},
	})
	if err != nil {
		return member{}, err
	}
	return member{Enrolled: e, key: key, leaf: parse(t, e.Certificate.ChainPEM)}, nil
}

func (w *world) enrol(t *testing.T, name string) member {
	t.Helper()
	m, err := w.enrolWith(t.Context(), t, w.token(t, fleet.TokenOptions{}), name)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func newRequest(t *testing.T) (*ecdsa.PrivateKey, []byte) {
	t.Helper()
	key, err := wire.NewKey()
	if err != nil {
		t.Fatal(err)
	}
	csr, err := wire.CSR(key)
	if err != nil {
		t.Fatal(err)
	}
	return key, csr
}

func parse(t *testing.T, chain []byte) *x509.Certificate {
	t.Helper()
	block, _ := pem.Decode(chain)
	cert, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	return cert
}

func TestReplicasShareTheAuthorities(t *testing.T) {
	w := newWorld(t)
	if other := w.replica(t); other.Pin() != w.Pin() {
		t.Fatal("two replicas have two authorities")
	}
	w.config.Instance = uuid.New()
	if _, err := fleet.Open(t.Context(), w.db, w.config); !errors.Is(err, secret.ErrDamaged) {
		t.Fatalf("Open as another instance = %v, want secret.damaged", err)
	}
}

func TestEnrolledAgentHasItsCertificate(t *testing.T) {
	w := newWorld(t)
	token := w.token(t, fleet.TokenOptions{Labels: map[string]string{"zone": "eu"}})
	m, err := w.enrolWith(t.Context(), t, token, "Web Server 1!")
	if err != nil {
		t.Fatal(err)
	}
	if m.Name != "web-server-1" {
		t.Fatalf("name = %q", m.Name)
	}
	if id, err := w.AgentOf(m.leaf); err != nil || id != m.AgentID {
		t.Fatalf("AgentOf = %v, %v", id, err)
	}
	if d := time.Until(m.leaf.NotAfter); d > 24*time.Hour || d < 23*time.Hour || len(m.leaf.ExtKeyUsage) != 1 || m.leaf.ExtKeyUsage[0] != x509.ExtKeyUsageClientAuth {
		t.Fatalf("certificate lives %s, for %v", d, m.leaf.ExtKeyUsage)
	}
	agent, err := w.Agent(t.Context(), w.project, m.Name)
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]string{"team": "ops", "zone": "eu", "os": "linux", "arch": "amd64", "host": "web-server-1"}
	if diff := cmp.Diff(want, agent.Labels); diff != "" || agent.State != fleet.Offline {
		t.Fatalf("state %s, labels (-want +got):\n%s", agent.State, diff)
	}
}

func TestSameWishesGetDifferentNames(t *testing.T) {
	w := newWorld(t)
	token := w.token(t, fleet.TokenOptions{MaxUses: 8})
	var mu sync.Mutex
	names := map[string]bool{}
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			m, err := w.enrolWith(context.Background(), t, token, "db")
			if err != nil {
				t.Error(err)
				return
			}
			mu.Lock()
			names[m.Name] = true
			mu.Unlock()
		})
	}
	all.Wait()
	if len(names) != 8 || !names["db"] || !names["db-8"] {
		t.Fatalf("names = %v", names)
	}
}

func TestOneUseMeansOneAgentHoweverManyAskAtOnce(t *testing.T) {
	w := newWorld(t)
	token := w.token(t, fleet.TokenOptions{})
	var joined, used atomic.Int64
	var all sync.WaitGroup
	for range 100 {
		all.Go(func() {
			switch _, err := w.enrolWith(context.Background(), t, token, ""); {
			case err == nil:
				joined.Add(1)
			case errors.Is(err, fleet.ErrTokenUsed):
				used.Add(1)
			default:
				t.Error(err)
			}
		})
	}
	all.Wait()
	if joined.Load() != 1 || used.Load() != 99 {
		t.Fatalf("%d joined, %d were told that it was used", joined.Load(), used.Load())
	}
}

func TestBadTokensAreNamed(t *testing.T) {
	w := newWorld(t)
	old := w.token(t, fleet.TokenOptions{})
	if _, err := w.db.Pool.Exec(t.Context(), `update join_tokens set expires_at = now() - interval '1 second'`); err != nil {
		t.Fatal(err)
	}
	good := w.token(t, fleet.TokenOptions{})
	swapped := good
	swapped.Secret = old.Secret
	for _, c := range []struct {
		name  string
		token jointoken.Token
		want  error
	}{
		{"expired", old, fleet.ErrTokenExpired},
		{"another secret", swapped, fleet.ErrTokenUnknown},
		{"never made", jointoken.New(w.Pin()), fleet.ErrTokenUnknown},
	} {
		if _, err := w.enrolWith(t.Context(), t, c.token, ""); !errors.Is(err, c.want) {
			t.Errorf("%s: Enrol = %v, want %v", c.name, err, c.want)
		}
	}
	e := fleet.Enrolment{TokenID: good.ID, TokenSecret: "short", CSR: []byte("no request")}
	if _, err := w.Enrol(t.Context(), e); !errors.Is(err, fleet.ErrCSR) {
		t.Errorf("Enrol with a damaged request = %v", err)
	}
}

func TestOnlyPermittedActorsMakeTokensAndRevoke(t *testing.T) {
	w := newWorld(t)
	viewer := authz.Actor{UserID: uuid.New(), Roles: map[uuid.UUID]authz.Role{w.project: authz.Viewer}}
	if _, _, err := w.CreateJoinToken(t.Context(), viewer, w.project, fleet.TokenOptions{}); !errors.Is(err, authz.ErrForbidden) {
		t.Fatalf("CreateJoinToken = %v", err)
	}
	if err := w.Revoke(t.Context(), viewer, w.project, "x"); !errors.Is(err, authz.ErrForbidden) {
		t.Fatalf("Revoke = %v", err)
	}
	for _, o := range []fleet.TokenOptions{{TTL: 25 * time.Hour}, {MaxUses: 10_001}, {Labels: map[string]string{"os": "x"}}, {Labels: map[string]string{"a b": "x"}}, {Name: "A"}} {
		if _, _, err := w.CreateJoinToken(t.Context(), root, w.project, o); !errors.Is(err, fleet.ErrTokenRequest) {
			t.Errorf("CreateJoinToken(%+v) = %v", o, err)
		}
	}
}

func TestHostileFactsAreCleanedAndCut(t *testing.T) {
	w := newWorld(t)
	m := w.enrol(t, "h")
	many := map[string]string{"<script>": "1", "bash": "5\x1b[31m.2\u202e"}
	for i := range 100 {
		many[strings.Repeat("x", i%30+1)+"9"] = "1"
	}
	_, err := w.Admit(t.Context(), m.leaf, fleet.Hello{MachineID: "m", Slots: 1 << 30, Version: strings.Repeat("9", 1000),
		Labels: map[string]string{"ok": "1", "bad key": "1", "bad": "<b>", "os": "plan9"},
		Facts: fleet.Facts{Hostname: strings.Repeat("é\x00", 5000), OS: "linux", CPUs: -1, MemoryBytes: -5,
			Kernel: "\xff\xfe6.1", Interpreters: many}})
	if err != nil {
		t.Fatal(err)
	}
	a, err := w.Agent(t.Context(), w.project, "h")
	if err != nil {
		t.Fatal(err)
	}
	facts := a.Facts
	if n := len([]rune(facts.Hostname)); n != 128 || facts.Kernel != "6.1" || facts.CPUs != 0 || facts.MemoryBytes != 0 || !facts.Truncated {
		t.Errorf("facts = %+v (%d)", facts, n)
	}
	if len(facts.Interpreters) != 31 && len(facts.Interpreters) != 32 || facts.Interpreters["bash"] != "5[31m.2" {
		t.Errorf("interpreters = %v", facts.Interpreters)
	}
	if diff := cmp.Diff(map[string]string{"ok": "1", "os": "linux", "host": "h"}, a.Labels); diff != "" {
		t.Errorf("labels (-want +got):\n%s", diff)
	}
	if a.Slots != 4096 || len(a.Version) != 64 {
		t.Errorf("slots %d, version of %d", a.Slots, len(a.Version))
	}
}

// link is a connection without a network.
type link struct {
	addr   net.Addr
	dead   bool
	once   sync.Once
	done   chan struct{}
	reason error
}

func newLink() *link { return &link{addr: &net.TCPAddr{Port: 9}, done: make(chan struct{})} }

func (l *link) Ping(context.Context) error {
	if l.dead {
		return errors.New("no answer")
	}
	return nil
}
func (l *link) Client() *grpc.ClientConn { return nil }
func (l *link) RemoteAddr() net.Addr     { return l.addr }
func (l *link) Done() <-chan struct{}    { return l.done }
func (l *link) Close(err error)          { l.once.Do(func() { l.reason = err; close(l.done) }) }

func (w *world) join(t *testing.T, f *fleet.Fleet, m member, machine string) (*fleet.Live, *link, error) {
	t.Helper()
	a, err := f.Admit(t.Context(), m.leaf, fleet.Hello{MachineID: machine, BootID: uuid.NewString(), JournalID: "j", Slots: 2})
	if err != nil {
		return nil, nil, err
	}
	k := newLink()
	return f.Join(a, machine, k, nil), k, nil
}

func TestSameMachineReplacesItsSession(t *testing.T) {
	w := newWorld(t)
	m := w.enrol(t, "a")
	first, k, err := w.join(t, w.Fleet, m, "m1")
	if err != nil {
		t.Fatal(err)
	}
	second, _, err := w.join(t, w.Fleet, m, "m1")
	if err != nil {
		t.Fatal(err)
	}
	<-k.done
	if second.Epoch != first.Epoch+1 || w.Live(m.AgentID) != second || !errors.Is(k.reason, fleet.ErrEpoch) {
		t.Fatalf("epochs %d, %d; reason %v", first.Epoch, second.Epoch, k.reason)
	}
	w.Leave(t.Context(), first) // too late: must not end the second
	if a, _ := w.Agent(t.Context(), w.project, "a"); a.State != fleet.Online {
		t.Fatalf("state = %s", a.State)
	}
	if err := w.CheckEpoch(t.Context(), m.AgentID, first.Epoch); !errors.Is(err, fleet.ErrEpoch) {
		t.Fatalf("CheckEpoch of the first = %v", err)
	}
	if err := w.replica(t).CheckEpoch(t.Context(), m.AgentID, second.Epoch); err != nil {
		t.Fatalf("CheckEpoch on another replica = %v", err)
	}
	w.Leave(t.Context(), second)
	if a, _ := w.Agent(t.Context(), w.project, "a"); a.State != fleet.Offline {
		t.Fatalf("state after leaving = %s", a.State)
	}
}

func TestSecondMachineIsRefusedWhileTheFirstAnswers(t *testing.T) {
	w := newWorld(t)
	m := w.enrol(t, "a")
	_, k, err := w.join(t, w.Fleet, m, "m1")
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := w.join(t, w.Fleet, m, "m2"); !errors.Is(err, fleet.ErrDuplicate) {
		t.Fatalf("second machine: %v, want duplicate_identity", err)
	}
	if _, _, err := w.join(t, w.replica(t), m, "m2"); !errors.Is(err, fleet.ErrDuplicate) {
		t.Fatalf("second machine at another replica: %v, want duplicate_identity", err)
	}
	k.dead = true
	if _, _, err := w.join(t, w.Fleet, m, "m2"); err != nil {
		t.Fatalf("second machine after the first fell silent: %v", err)
	}
}

func TestJournalIsIntactOnlyIfItIsTheSame(t *testing.T) {
	w := newWorld(t)
	m := w.enrol(t, "a")
	for i, c := range []struct {
		journal string
		want    bool
	}{{"j1", false}, {"j1", true}, {"j2", false}} {
		a, err := w.Admit(t.Context(), m.leaf, fleet.Hello{MachineID: "m", JournalID: c.journal})
		if err != nil || a.JournalIntact != c.want {
			t.Fatalf("hello %d: intact = %v, %v", i, a.JournalIntact, err)
		}
	}
}

func (w *world) renew(t *testing.T, m member) (member, error) {
	t.Helper()
	key, csr := newRequest(t)
	c, err := w.Renew(t.Context(), m.leaf, csr, m.Certificate.Generation)
	if err != nil {
		return m, err
	}
	m.Certificate, m.key, m.leaf = c, key, parse(t, c.ChainPEM)
	return m, nil
}

func TestRenewalEndsTheOldCertificateOnceTheNewOneIsUsed(t *testing.T) {
	w := newWorld(t)
	old := w.enrol(t, "a")
	lost, err := w.renew(t, old)
	if err != nil {
		t.Fatal(err)
	}
	next, err := w.renew(t, old) // the answer was lost, so it asks again
	if err != nil {
		t.Fatalf("second renewal: %v", err)
	}
	if _, _, err := w.join(t, w.Fleet, lost, "m"); !errors.Is(err, fleet.ErrRevoked) {
		t.Fatalf("the certificate that got lost: %v, want revoked", err)
	}
	if _, _, err := w.join(t, w.Fleet, old, "m"); err != nil {
		t.Fatalf("the old one before the new one was used: %v", err)
	}
	if _, _, err := w.join(t, w.Fleet, next, "m"); err != nil {
		t.Fatalf("the new one: %v", err)
	}
	if _, _, err := w.join(t, w.Fleet, old, "m"); !errors.Is(err, fleet.ErrRevoked) {
		t.Fatalf("the old one after the new one was used: %v, want revoked", err)
	}
	if _, err := w.renew(t, old); !errors.Is(err, fleet.ErrCloned) {
		t.Fatalf("renewal of the old one: %v, want certificate_cloned", err)
	}
}

func TestRenewalNeedsANewKey(t *testing.T) {
	w := newWorld(t)
	m := w.enrol(t, "a")
	csr, err := wire.CSR(m.key)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Renew(t.Context(), m.leaf, csr, 1); !errors.Is(err, fleet.ErrCSR) {
		t.Fatalf("Renew with the same key = %v", err)
	}
}

func TestRevokedAgentIsOutEverywhere(t *testing.T) {
	w := newWorld(t)
	other := w.replica(t)
	ctx, cancel := context.WithCancel(t.Context())
	var loop sync.WaitGroup
	loop.Go(func() { _ = other.Run(ctx, nil) })
	defer loop.Wait()
	defer cancel()

	m := w.enrol(t, "a")
	ended := make(chan error, 1)
	forget, err := other.Track(m.leaf, func(err error) { ended <- err })
	if err != nil {
		t.Fatal(err)
	}
	defer forget()
	l := newListener(t, w.Fleet)
	config := wire.DialConfig{Addr: l, ALPN: wire.ALPNAgent, TLS: m.tls(t)}
	s, err := wire.Dial(t.Context(), config)
	if err != nil {
		t.Fatalf("Dial before: %v", err)
	}
	s.Close(nil)

	if err := w.Revoke(t.Context(), root, w.project, "a"); err != nil {
		t.Fatal(err)
	}
	if _, err := wire.Dial(t.Context(), config); !errors.Is(err, wire.ErrCertificateRevoked) {
		t.Fatalf("Dial after = %v, want certificate_revoked", err)
	}
	if _, err := w.Admit(t.Context(), m.leaf, fleet.Hello{}); !errors.Is(err, fleet.ErrRevoked) {
		t.Fatalf("Admit after = %v", err)
	}
	if _, err := w.renew(t, m); !errors.Is(err, fleet.ErrRevoked) {
		t.Fatalf("Renew after = %v", err)
	}
	select {
	case err := <-ended:
		if !errors.Is(err, fleet.ErrRevoked) {
			t.Fatalf("the session elsewhere ended with %v", err)
		}
	case <-time.After(5 * time.Second):
		t.Fatal("the session elsewhere lives five seconds later")
	}
	if a, err := w.Agent(t.Context(), w.project, "a"); err != nil || a.State != fleet.Revoked {
		t.Fatalf("Agent = %+v, %v", a, err)
	}
	if again := w.enrol(t, "a"); again.Name != "a" {
		t.Fatalf("the name was not free: %q", again.Name)
	}
	if err := w.Revoke(t.Context(), root, w.project, "nobody"); !errors.Is(err, fleet.ErrNotFound) {
		t.Fatalf("Revoke of nobody = %v", err)
	}
}

func (m member) tls(t *testing.T) *tls.Config {
	t.Helper()
	key, err := wire.EncodeKey(m.key)
	if err != nil {
		t.Fatal(err)
	}
	pair, err := wire.KeyPair(m.Certificate.ChainPEM, key)
	if err != nil {
		t.Fatal(err)
	}
	pool, err := wire.Pool(m.Certificate.CAPEM)
	if err != nil {
		t.Fatal(err)
	}
	return wire.AgentTLS(pool, func() (*tls.Certificate, error) { return pair, nil })
}

func newListener(t *testing.T, f *fleet.Fleet) string {
	t.Helper()
	tcp, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l := wire.NewListener(tcp, f.Admission())
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = l.Serve(ctx, func(_ context.Context, s *wire.Session) error { <-s.Done(); return nil })
	}()
	t.Cleanup(func() { cancel(); <-done })
	return tcp.Addr().String()
}

func TestAgentOfAnotherInstanceIsRefused(t *testing.T) {
	w, other := newWorld(t), newWorld(t)
	m := other.enrol(t, "a")
	if _, err := w.AgentOf(m.leaf); !errors.Is(err, fleet.ErrIdentity) {
		t.Fatalf("AgentOf = %v, want wrong_instance", err)
	}
}

func TestPagesOfAgentsHaveEveryAgentOnce(t *testing.T) {
	w := newWorld(t)
	token := w.token(t, fleet.TokenOptions{MaxUses: 7})
	for range 7 {
		if _, err := w.enrolWith(t.Context(), t, token, "n"); err != nil {
			t.Fatal(err)
		}
	}
	seen := map[string]bool{}
	filter := fleet.Filter{Limit: 3}
	for pages := 0; ; pages++ {
		page, err := w.Agents(t.Context(), w.project, filter)
		if err != nil {
			t.Fatal(err)
		}
		for _, a := range page.Agents {
			seen[a.Name] = true
		}
		if page.Next == "" {
			if pages != 2 || len(seen) != 7 {
				t.Fatalf("%d pages, %d agents", pages+1, len(seen))
			}
			return
		}
		filter.After = page.Next
	}
}

func TestHeartbeatCorrectsWhatAnAgentHas(t *testing.T) {
	w := newWorld(t)
	m := w.enrol(t, "a")
	l, _, err := w.join(t, w.Fleet, m, "m")
	if err != nil {
		t.Fatal(err)
	}
	now := w.config.Now()
	attempt := func() fleet.Attempt { return fleet.Attempt{RunID: uuid.New(), Fence: 1} }
	a, b, c := attempt(), attempt(), attempt()
	l.Give(now, a, b)
	if l.Free() != 0 {
		t.Fatalf("free = %d, want 0 of 2", l.Free())
	}
	l.Correct(now.Add(time.Second), []fleet.Attempt{a}, 1)
	if l.Held() != 2 {
		t.Fatalf("an attempt on its way was forgotten after a second")
	}
	l.Correct(now.Add(time.Minute), []fleet.Attempt{a, c}, 0) // c's end crossed the heartbeat
	if l.Held() != 1 || l.Free() != 0 {
		t.Fatalf("held %d, free %d; want a alone, and the agent's word that it is full", l.Held(), l.Free())
	}
	l.Correct(now.Add(time.Minute), []fleet.Attempt{a, c}, 1)
	l.Take(a)
	if l.Free() != 2 {
		t.Fatalf("free = %d after all ended, want 2", l.Free())
	}
	l.Correct(now.Add(2*time.Minute), nil, 0) // it drains
	if l.Free() != 0 {
		t.Fatalf("free = %d of a draining agent", l.Free())
	}
	select {
	case <-w.Bell():
	default:
		t.Fatal("nobody was told of the free slot")
	}
}

func TestHostsAreFoundByLabelsForManyQuestionsAtOnce(t *testing.T) {
	w := newWorld(t)
	for _, name := range []string{"b", "a", "gone"} {
		w.enrol(t, name)
	}
	if err := w.Revoke(t.Context(), root, w.project, "gone"); err != nil {
		t.Fatal(err)
	}
	got, err := w.MatchingTx(t.Context(), nil, []fleet.Ask{
		{Project: w.project}, {Project: w.project, Labels: map[string]string{"team": "ops", fleet.HostLabel: "b"}},
		{Project: w.project, Labels: map[string]string{"team": "dba"}}, {Project: uuid.New()},
	})
	if want := [][]string{{"a", "b"}, {"b"}, nil, nil}; err != nil || !cmp.Equal(got, want) {
		t.Fatalf("MatchingTx = %v, %v; want %v", got, err, want)
	}
}
