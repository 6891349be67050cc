package server

import (
	"bytes"
	"context"

	"github.com/google/uuid"

	"github.com/cronium/cronium/hub/authz"
	"github.com/cronium/cronium/hub/server/internal/db"
	"github.com/cronium/cronium/hub/server/sshkey"
)

// Trust confirms the key that the server showed last, named by its fingerprint. It
// refuses any other, because nobody has seen the key that belongs to it. After a
// mismatch it is the only way on, also back to the key that was confirmed before.
func (s *Store) Trust(ctx context.Context, actor authz.Actor, project uuid.UUID, name, fingerprint string) (Server, error) {
	return s.change(ctx, actor, project, name, "trust", func(q *db.Queries, row db.Server) error {
		if err := checkFingerprint(fingerprint); err != nil {
			return err
		}
		if row.ArchivedAt != nil {
			return usable(row)
		}
		key, err := s.trustable(row, fingerprint)
		if err != nil {
			return err
		}
		if bytes.Equal(key, row.HostKey) && Health(row.Health) != KeyMismatch {
			return nil // it is trusted already
		}
		return q.Trust(ctx, key, actor.Email, row.ID)
	})
}

// trustable is the key with that fingerprint, if the server showed it last.
func (s *Store) trustable(row db.Server, fingerprint string) ([]byte, error) {
	key := row.OfferedKey
	if key == nil {
		key = row.HostKey
	}
	if key == nil {
		return nil, ErrNotOffered.With("Server %s has not shown a key yet", row.Name).Hinted("Test the connection first.")
	}
	_, is, err := sshkey.HostKey(key)
	if err != nil {
		return nil, err
	}
	if is != fingerprint {
		return nil, ErrNotOffered.With("Server %s showed %s, not %s", row.Name, is, fingerprint).At("fingerprint")
	}
	return key, nil
}
