package fleet

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"fmt"

	"github.com/google/uuid"

	"github.com/cronium/cronium/proto/payload"
	runnerv1 "github.com/cronium/cronium/proto/runner/v1"
)

// Sign vouches for what an agent is to run. The payload is bound to the agent and
// to this installation here, so that nobody can forget it.
func (f *Fleet) Sign(agent uuid.UUID, p *runnerv1.Payload) ([]byte, error) {
	p.Instance, p.AgentId = f.config.Instance.String(), agent.String()
	return payload.Sign(f.orders, p)
}

// signingKeys are the public keys that a newcomer pins.
func (f *Fleet) signingKeys() [][]byte { return [][]byte{f.orders.Public().(ed25519.PublicKey)} }

// loadSigningKey reads the key, making it first if there is none. Hubs that start
// at once agree on the one that was written first.
func (f *Fleet) loadSigningKey(ctx context.Context) (ed25519.PrivateKey, error) {
	row, err := f.queries().SigningKey(ctx)
	if noRows(err) {
		if err := f.addSigningKey(ctx); err != nil {
			return nil, fmt.Errorf("make the signing key: %w", err)
		}
		row, err = f.queries().SigningKey(ctx)
	}
	if err != nil {
		return nil, fmt.Errorf("read the signing key: %w", err)
	}
	seed, err := f.config.Sealer.Open(row.SealedKey, f.signingAAD(row.PublicKey))
	if err != nil {
		return nil, fmt.Errorf("open the signing key: %w", err)
	}
	if len(seed) != ed25519.SeedSize {
		return nil, fmt.Errorf("read the signing key: it has %d bytes", len(seed))
	}
	return ed25519.NewKeyFromSeed(seed), nil
}

func (f *Fleet) addSigningKey(ctx context.Context) error {
	public, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return err
	}
	sealed, err := f.config.Sealer.Seal(key.Seed(), f.signingAAD(public))
	if err != nil {
		return fmt.Errorf("seal it: %w", err)
	}
	return f.queries().AddSigningKey(ctx, public, sealed)
}

func (f *Fleet) signingAAD(public []byte) string {
	return fmt.Sprintf("signing_keys|%s|%x", f.config.Instance, public)
}
