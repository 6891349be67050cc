package fleet

import (
	"bytes"
	"context"
	"crypto/sha256"
	"crypto/x509"
	"fmt"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/cronium/cronium/hub/fleet/internal/db"
)

// Renew gives the agent of a verified certificate the next one, for a new key.
// A renewal whose answer was lost may be asked again: the unused certificate is
// revoked then. When the successor was used already, two copies of the agent's
// directory are in use, and neither gets more.
func (f *Fleet) Renew(ctx context.Context, leaf *x509.Certificate, csr []byte, generation int64) (Certificate, error) {
	agent, err := f.AgentOf(leaf)
	if err != nil {
		return Certificate{}, err
	}
	public, err := publicKey(csr)
	if err != nil {
		return Certificate{}, err
	}
	spki, err := x509.MarshalPKIXPublicKey(public)
	if err != nil {
		return Certificate{}, ErrCSR.With("its key cannot be encoded")
	}
	hash := sha256.Sum256(spki)
	var out Certificate
	err = f.db.InTx(ctx, func(tx pgx.Tx) error {
		q := db.New(tx)
		row, err := f.renewable(ctx, q, agent, serialOf(leaf), generation)
		if err != nil {
			return err
		}
		if bytes.Equal(row.SpkiSha256, hash[:]) {
			return ErrCSR.With("a renewal needs a new key")
		}
		if _, err := q.RevokeNewer(ctx, agent, row.Generation); err != nil {
			return fmt.Errorf("revoke the unused certificate: %w", err)
		}
		out, err = f.certify(ctx, q, agent, public, row.Newest+1)
		return err
	})
	if err != nil {
		return Certificate{}, fmt.Errorf("renew certificate: %w", err)
	}
	if f.now().After(leaf.NotAfter) {
		f.log.InfoContext(ctx, "expired certificate renewed", "agent", agent, "expired", leaf.NotAfter)
	}
	return out, nil
}

func (f *Fleet) renewable(ctx context.Context, q *db.Queries, agent uuid.UUID, serial string, generation int64) (db.CertificateBySerialRow, error) {
	owner, err := q.LockAgent(ctx, silence.Seconds(), agent)
	if noRows(err) || err == nil && owner.RevokedAt != nil {
		return db.CertificateBySerialRow{}, ErrRevoked
	}
	if err != nil {
		return db.CertificateBySerialRow{}, fmt.Errorf("read agent: %w", err)
	}
	row, err := q.CertificateBySerial(ctx, serial)
	switch {
	case noRows(err) || err == nil && row.AgentID != agent:
		return row, ErrRevoked
	case err != nil:
		return row, fmt.Errorf("read certificate: %w", err)
	case row.NewerUsed > 0 || row.Generation != generation:
		f.log.ErrorContext(ctx, "certificate cloned", "agent", agent, "name", owner.Name, "generation", row.Generation, "newest", row.Newest)
		return row, ErrCloned.With("certificate %d of this agent asks, %d is the newest", row.Generation, row.Newest)
	case row.RevokedAt != nil:
		return row, ErrRevoked
	}
	return row, nil
}
