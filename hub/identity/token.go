package identity

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"errors"
	"fmt"
	"hash/crc32"
	"math/big"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/cronium/cronium/hub/authz"
	"github.com/cronium/cronium/hub/identity/internal/db"
	"github.com/cronium/cronium/hub/postgres"
)

// TokenPrefix begins every API token, so that scanners find leaked ones:
// cro_<id, 8>_<secret, 43 of base62>_<CRC-32 of all before, 6 of base62>.
const TokenPrefix = "cro_"

const (
	idLength     = 8
	secretLength = 43
	crcLength    = 6
	tokenLength  = len(TokenPrefix) + idLength + 1 + secretLength + 1 + crcLength
	base62       = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
	useEvery     = time.Hour
)

// CreateToken makes a token with the actor's rights; plain is shown once. A ttl of
// zero means 90 days. A token cannot make tokens.
func (s *Store) CreateToken(ctx context.Context, actor authz.Actor, name string, ttl time.Duration) (plain string, token Token, err error) {
	if err := actor.Check(authz.TokenEdit, [16]byte{}); err != nil {
		return "", Token{}, err
	}
	if actor.TokenID != "" {
		return "", Token{}, ErrTokenByToken
	}
	if name, err = cleanName(name); err != nil {
		return "", Token{}, err
	}
	if ttl == 0 {
		ttl = TokenDefault
	}
	if ttl < tokenShortest || ttl > TokenLongest {
		return "", Token{}, ErrTokenLifetime.With("%s is not between one minute and one year", ttl).At("expires_in")
	}
	now := s.now().Truncate(time.Microsecond)
	token = Token{ID: draw(idLength), Name: name, CreatedAt: now, ExpiresAt: now.Add(ttl)}
	secret := draw(secretLength)
	err = s.db.InTx(ctx, func(tx pgx.Tx) error {
		q := db.New(tx)
		if err := q.ForgetDeadTokens(ctx, actor.UserID, name, now); err != nil {
			return err
		}
		count, err := q.CountTokens(ctx, actor.UserID, now)
		if err != nil {
			return err
		}
		if count >= mostTokens {
			return ErrTooManyTokens.With("you have %d tokens", count)
		}
		return q.InsertToken(ctx, db.InsertTokenParams{
			ID: token.ID, UserID: actor.UserID, Name: name, SecretSha256: sum(secret), CreatedAt: now, ExpiresAt: token.ExpiresAt,
		})
	})
	if postgres.Constraint(err) == "api_tokens_name_uq" {
		return "", Token{}, ErrTokenNameTaken.With("there is a token %q", name).At("name")
	}
	if err != nil {
		return "", Token{}, fmt.Errorf("create token: %w", err)
	}
	return seal(token.ID, secret), token, nil
}

// Tokens lists the actor's own tokens, newest first, also expired ones.
func (s *Store) Tokens(ctx context.Context, actor authz.Actor) ([]Token, error) {
	rows, err := db.New(s.db.Pool).Tokens(ctx, actor.UserID)
	if err != nil {
		return nil, fmt.Errorf("list tokens: %w", err)
	}
	tokens := make([]Token, len(rows))
	for i, row := range rows {
		tokens[i] = Token(row)
	}
	return tokens, nil
}

// RevokeToken ends one of the actor's own tokens at once. It takes the id, or the
// whole token, so that who finds a leaked one of theirs can paste it.
func (s *Store) RevokeToken(ctx context.Context, actor authz.Actor, id string) error {
	if parsed, _, ok := parseToken(id); ok {
		id = parsed
	}
	now := s.now()
	n, err := db.New(s.db.Pool).RevokeToken(ctx, tidy(id, tokenLength), actor.UserID, &now)
	switch {
	case err != nil:
		return fmt.Errorf("revoke token: %w", err)
	case n == 0:
		return ErrTokenNotFound.With("you have no token %q", tidy(id, idLength))
	}
	return nil
}

// ActorByToken returns whom a token acts for. A token that cannot be one is
// refused without a query.
func (s *Store) ActorByToken(ctx context.Context, text string) (authz.Actor, error) {
	id, secret, ok := parseToken(text)
	if !ok {
		return authz.Actor{}, ErrUnauthenticated.With("that is not a complete API token")
	}
	q, now := db.New(s.db.Pool), s.now()
	row, err := q.TokenUser(ctx, id)
	switch {
	case errors.Is(err, pgx.ErrNoRows):
		return authz.Actor{}, ErrUnauthenticated.With("the API token is not valid")
	case err != nil:
		return authz.Actor{}, fmt.Errorf("read token: %w", err)
	case subtle.ConstantTimeCompare(sum(secret), row.SecretSha256) != 1:
		return authz.Actor{}, ErrUnauthenticated.With("the API token is not valid")
	case !row.ExpiresAt.After(now):
		return authz.Actor{}, ErrTokenExpired.With("it expired at %s", row.ExpiresAt.UTC().Format(time.RFC3339))
	}
	if row.LastUsedAt == nil || now.Sub(*row.LastUsedAt) > useEvery {
		if err := q.TouchToken(ctx, id, &now); err != nil {
			return authz.Actor{}, fmt.Errorf("touch token: %w", err)
		}
	}
	actor, err := s.actor(ctx, row.ID, row.Email, row.Name, row.Admin)
	actor.TokenID = id
	return actor, err
}

func seal(id, secret string) string {
	text := TokenPrefix + id + "_" + secret + "_"
	return text + checksum(text)
}

// parseToken checks shape and checksum.
func parseToken(text string) (id, secret string, ok bool) {
	if len(text) != tokenLength || !strings.HasPrefix(text, TokenPrefix) {
		return "", "", false
	}
	if strings.ContainsFunc(text, func(r rune) bool { return !strings.ContainsRune(base62+"_", r) }) {
		return "", "", false
	}
	body, crc := text[:tokenLength-crcLength], text[tokenLength-crcLength:]
	fields := strings.Split(body, "_")
	if len(fields) != 4 || len(fields[1]) != idLength || len(fields[2]) != secretLength || checksum(body) != crc {
		return "", "", false
	}
	return fields[1], fields[2], true
}

// checksum is the CRC-32 in base62, which always fits six digits.
func checksum(text string) string {
	n := crc32.ChecksumIEEE([]byte(text))
	digits := make([]byte, crcLength)
	for i := range digits {
		digits[crcLength-1-i] = base62[n%62]
		n /= 62
	}
	return string(digits)
}

// draw returns n random digits of base62.
func draw(n int) string {
	digits := make([]byte, n)
	for i := range digits {
		d, _ := rand.Int(rand.Reader, big.NewInt(62)) // never fails
		digits[i] = base62[d.Int64()]
	}
	return string(digits)
}
