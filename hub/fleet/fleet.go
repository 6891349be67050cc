package fleet

import (
	"context"
	"crypto/ed25519"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/google/uuid"

	"github.com/cronium/cronium/hub/fleet/internal/db"
	"github.com/cronium/cronium/hub/postgres"
)

// Sealer seals the authorities' keys. *secret.Keys is one.
type Sealer interface {
	Seal(plain []byte, aad string) ([]byte, error)
	Open(sealed []byte, aad string) ([]byte, error)
}

// Counter counts the attempts that agents hold. *run.Store is one.
type Counter interface {
	CountByAgent(ctx context.Context, agents []uuid.UUID) (map[uuid.UUID]int, error)
}

// Config says who we are and whom to ask. Sealer and Instance are required.
type Config struct {
	Sealer   Sealer
	Instance uuid.UUID // of this installation
	HubID    uuid.UUID // of this replica; default: drawn
	Hosts    []string  // names and addresses of this hub, for its certificate
	Counter  Counter   // default: only the attempts of agents connected here are counted

	Changed func()           // agents changed, rung after commits; default: nothing
	Now     func() time.Time // default: time.Now
	Log     *slog.Logger     // default: discard
}

func (c *Config) validate() {
	if c.Sealer == nil || c.Instance == uuid.Nil {
		panic("fleet: Config needs Sealer and Instance")
	}
	if c.HubID == uuid.Nil {
		c.HubID = uuid.New()
	}
	if c.Changed == nil {
		c.Changed = func() {}
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
}

// Fleet is all agents as one replica of the hub sees them.
type Fleet struct {
	db     *postgres.DB
	config Config
	now    func() time.Time
	log    *slog.Logger

	server, agents authority
	orders         ed25519.PrivateKey // signs what agents run

	certMu     sync.Mutex // guards serverCert
	serverCert serverCert

	revoked revocations
	live    registry
	seen    presence
}

// Open loads the authorities, making them the first time an instance starts, and
// what was revoked.
func Open(ctx context.Context, database *postgres.DB, config Config) (*Fleet, error) {
	config.validate()
	f := &Fleet{db: database, config: config, now: config.Now, log: config.Log}
	var err error
	if f.server, err = f.loadAuthority(ctx, serverAuthority); err != nil {
		return nil, err
	}
	if f.agents, err = f.loadAuthority(ctx, agentAuthority); err != nil {
		return nil, err
	}
	if f.orders, err = f.loadSigningKey(ctx); err != nil {
		return nil, err
	}
	if _, err := f.serverCertificate(); err != nil {
		return nil, err
	}
	f.live.init()
	if err := f.refreshRevocations(ctx, loadAll); err != nil {
		return nil, fmt.Errorf("load revocations: %w", err)
	}
	return f, nil
}

// HubID is the id of this replica.
func (f *Fleet) HubID() uuid.UUID { return f.config.HubID }

func (f *Fleet) queries() *db.Queries { return db.New(f.db.Pool) }
