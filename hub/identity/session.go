package identity

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/cronium/cronium/hub/authz"
	"github.com/cronium/cronium/hub/identity/internal/db"
)

const (
	cookieSize = 43 // 32 bytes as base64url
	touchEvery = time.Minute
)

// Login checks a password and returns the value of a new session's cookie. It
// answers [ErrLogin] whatever was wrong, [ErrTooManyAttempts] when too much went
// wrong before, and [ErrBusy] under a flood.
func (s *Store) Login(ctx context.Context, email, password, ip, userAgent string) (cookie string, user User, err error) {
	address, err := cleanEmail(email)
	if err != nil || len(password) > longestPassword {
		// Nobody can have that address or password, so there is nothing to guard.
		return "", User{}, ErrLogin
	}
	t, err := s.begin(ctx, address, ip)
	if err != nil {
		return "", User{}, err
	}
	user, stale, err := s.authenticate(ctx, address, password)
	if err != nil {
		if !errors.Is(err, ErrLogin) {
			s.withdraw(ctx, t)
		}
		return "", User{}, err
	}
	fresh := ""
	if stale {
		if fresh, err = s.hasher.hash(ctx, password); err != nil {
			return "", User{}, err
		}
	}
	err = s.db.InTx(ctx, func(tx pgx.Tx) error {
		if err := s.forgive(ctx, tx, t); err != nil {
			return err
		}
		if fresh != "" {
			if err := db.New(tx).PutPasswordHash(ctx, user.ID, fresh); err != nil {
				return err
			}
		}
		cookie, err = s.insertSession(ctx, tx, user.ID, ip, userAgent)
		return err
	})
	if err != nil {
		return "", User{}, fmt.Errorf("begin a session: %w", err)
	}
	return cookie, user, nil
}

// authenticate takes as long for an unknown account as for a known one.
func (s *Store) authenticate(ctx context.Context, email, password string) (user User, stale bool, err error) {
	row, err := db.New(s.db.Pool).Credentials(ctx, email)
	known := err == nil
	switch {
	case errors.Is(err, pgx.ErrNoRows):
		row.PasswordHash = s.hasher.nobody()
	case err != nil:
		return User{}, false, fmt.Errorf("read credentials: %w", err)
	}
	ok, stale, err := s.hasher.verify(ctx, row.PasswordHash, password)
	if err != nil {
		return User{}, false, fmt.Errorf("check password: %w", err)
	}
	if !ok || !known {
		return User{}, false, ErrLogin
	}
	return User{ID: row.ID, Email: row.Email, Name: row.Name, Admin: row.Admin, CreatedAt: row.CreatedAt}, stale, nil
}

func (s *Store) insertSession(ctx context.Context, tx pgx.Tx, user uuid.UUID, ip, userAgent string) (string, error) {
	raw := make([]byte, 32)
	_, _ = rand.Read(raw) // never fails
	cookie := base64.RawURLEncoding.EncodeToString(raw)
	now := s.now()
	return cookie, db.New(tx).InsertSession(ctx, db.InsertSessionParams{
		IDSha256: sum(cookie), UserID: user, CreatedAt: now, ExpiresAt: now.Add(SessionLifetime),
		UserAgent: tidy(userAgent, 200), Ip: tidy(ip, 64),
	})
}

// ActorBySession returns who the cookie's value belongs to, or
// [ErrUnauthenticated].
func (s *Store) ActorBySession(ctx context.Context, cookie string) (authz.Actor, error) {
	if len(cookie) != cookieSize {
		return authz.Actor{}, ErrUnauthenticated.With("there is no session")
	}
	q, now, id := db.New(s.db.Pool), s.now(), sum(cookie)
	row, err := q.SessionUser(ctx, id, now, now.Add(-SessionIdle))
	switch {
	case errors.Is(err, pgx.ErrNoRows):
		return authz.Actor{}, ErrUnauthenticated.With("the session has ended")
	case err != nil:
		return authz.Actor{}, fmt.Errorf("read session: %w", err)
	}
	if now.Sub(row.LastSeenAt) > touchEvery {
		if err := q.TouchSession(ctx, id, now); err != nil {
			return authz.Actor{}, fmt.Errorf("touch session: %w", err)
		}
	}
	return s.actor(ctx, row.ID, row.Email, row.Name, row.Admin)
}

// Logout ends the session, if there is one.
func (s *Store) Logout(ctx context.Context, cookie string) error {
	if err := db.New(s.db.Pool).DeleteSession(ctx, sum(cookie)); err != nil {
		return fmt.Errorf("end session: %w", err)
	}
	return nil
}

// Rename changes what the user is called.
func (s *Store) Rename(ctx context.Context, user uuid.UUID, name string) (User, error) {
	clean, err := cleanName(name)
	if err != nil {
		return User{}, err
	}
	row, err := db.New(s.db.Pool).Rename(ctx, user, clean)
	switch {
	case errors.Is(err, pgx.ErrNoRows):
		return User{}, ErrUnauthenticated.With("the account is gone")
	case err != nil:
		return User{}, fmt.Errorf("rename user: %w", err)
	}
	return User(row), nil
}

func sum(text string) []byte {
	h := sha256.Sum256([]byte(text))
	return h[:]
}

// tidy makes a client's words fit to store.
func tidy(text string, most int) string {
	clean := strings.ReplaceAll(strings.ToValidUTF8(text, "?"), "\x00", "?")
	if len(clean) > most {
		clean = strings.ToValidUTF8(clean[:most], "")
	}
	return clean
}
