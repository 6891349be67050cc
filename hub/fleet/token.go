package fleet

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"time"

	"github.com/google/uuid"

	"github.com/cronium/cronium/hub/authz"
	"github.com/cronium/cronium/hub/fleet/internal/db"
	"github.com/cronium/cronium/proto/wire/jointoken"
)

// TokenOptions are what a join token may be told. The zero value works.
type TokenOptions struct {
	Name    string            // of the host; default: what the host wishes
	Labels  map[string]string // every agent that joins has them, whatever it says
	TTL     time.Duration     // default 30 minutes, at most 24 hours
	MaxUses int               // default 1, at most 10,000
}

// JoinToken is a join token as it is kept: without its secret.
type JoinToken struct {
	ID        string
	ExpiresAt time.Time
}

const (
	defaultTokenTTL = 30 * time.Minute
	maxTokenTTL     = 24 * time.Hour
	maxTokenUses    = 10_000
)

func (o *TokenOptions) validate() error {
	switch {
	case o.TTL < 0 || o.TTL > maxTokenTTL:
		return ErrTokenRequest.With("a join token lives at most %s", maxTokenTTL).At("expires_in")
	case o.MaxUses < 0 || o.MaxUses > maxTokenUses:
		return ErrTokenRequest.With("a join token has 1 to %d uses", maxTokenUses).At("uses")
	case len(cleanLabels(o.Labels)) != len(o.Labels):
		return ErrTokenRequest.With("a label is a key and a value of letters, digits and . _ - / : @ +, at most %d of them", maxLabels).At("labels")
	case o.Name != "" && nameOf(o.Name) != o.Name:
		return ErrTokenRequest.With("a name has lower-case letters, digits and dashes, at most 60").At("name")
	}
	for _, key := range []string{"os", "arch", "host"} {
		if _, ok := o.Labels[key]; ok {
			return ErrTokenRequest.With("the label %s is the hub's own", key).At("labels")
		}
	}
	if o.TTL == 0 {
		o.TTL = defaultTokenTTL
	}
	if o.MaxUses == 0 {
		o.MaxUses = 1
	}
	return nil
}

// CreateJoinToken makes a token and returns its text, which is shown once.
func (f *Fleet) CreateJoinToken(ctx context.Context, actor authz.Actor, project uuid.UUID, o TokenOptions) (string, JoinToken, error) {
	if err := actor.Check(authz.HostEdit, project); err != nil {
		return "", JoinToken{}, err
	}
	if err := o.validate(); err != nil {
		return "", JoinToken{}, err
	}
	token := jointoken.New(f.Pin())
	hash := sha256.Sum256(token.Secret[:])
	labels, err := json.Marshal(cleanLabels(o.Labels))
	if err != nil {
		return "", JoinToken{}, fmt.Errorf("encode labels: %w", err)
	}
	arg := db.AddJoinTokenParams{
		ID: token.ID, ProjectID: project, SecretSha256: hash[:], Labels: labels, Name: o.Name,
		MaxUses: int32(o.MaxUses), TtlS: o.TTL.Seconds(), //nolint:gosec // at most maxTokenUses
	}
	if actor.UserID != uuid.Nil {
		arg.CreatedBy = &actor.UserID
	}
	expires, err := f.queries().AddJoinToken(ctx, arg)
	if err != nil {
		return "", JoinToken{}, fmt.Errorf("keep join token: %w", err)
	}
	return token.Text(), JoinToken{ID: token.ID, ExpiresAt: expires}, nil
}

// useToken takes one use of a token, or says why it cannot. Every way to be wrong
// about the secret gives the same answer.
func useToken(ctx context.Context, q *db.Queries, id, secret string) (db.UseJoinTokenRow, error) {
	hash, ok := jointoken.SecretHash(secret)
	if !ok {
		return db.UseJoinTokenRow{}, ErrTokenUnknown
	}
	row, err := q.UseJoinToken(ctx, id, hash[:])
	if err == nil {
		return row, nil
	}
	if !noRows(err) {
		return row, fmt.Errorf("use join token: %w", err)
	}
	state, err := q.JoinTokenState(ctx, id, hash[:])
	switch {
	case noRows(err):
		return row, ErrTokenUnknown
	case err != nil:
		return row, fmt.Errorf("look at join token: %w", err)
	case state.Used:
		return row, ErrTokenUsed.With("its last use was taken")
	default:
		return row, ErrTokenExpired.With("it ended at %s", state.ExpiresAt.UTC().Format(time.RFC3339))
	}
}
