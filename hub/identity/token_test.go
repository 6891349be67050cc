package identity_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/cronium/cronium/hub/authz"
	"github.com/cronium/cronium/hub/identity"
)

func TestTokenActsForItsUserUntilRevokedOrExpired(t *testing.T) {
	t.Parallel()
	w := settled(t)
	me := w.actor(t)
	plain, token, err := w.CreateToken(t.Context(), me, "laptop", time.Hour)
	if err != nil || !strings.HasPrefix(plain, "cro_"+token.ID+"_") || len(plain) != 63 {
		t.Fatalf("CreateToken = %q, %+v, %v", plain, token, err)
	}
	actor, err := w.ActorByToken(t.Context(), plain)
	if err != nil || actor.UserID != me.UserID || actor.TokenID != token.ID || !actor.Admin {
		t.Fatalf("ActorByToken = %+v, %v", actor, err)
	}
	if list, err := w.Tokens(t.Context(), me); err != nil || len(list) != 1 || list[0].LastUsedAt == nil || list[0].Name != "laptop" {
		t.Fatalf("Tokens = %+v, %v", list, err)
	}
	w.pass(time.Hour)
	if _, err := w.ActorByToken(t.Context(), plain); !errors.Is(err, identity.ErrTokenExpired) {
		t.Fatalf("ActorByToken after its hour = %v, want ErrTokenExpired", err)
	}

	plain, token, err = w.CreateToken(t.Context(), me, "laptop", 0) // the dead one's name is free again
	if err != nil || !token.ExpiresAt.Equal(token.CreatedAt.Add(90*24*time.Hour)) {
		t.Fatalf("CreateToken = %+v, %v; want 90 days", token, err)
	}
	if err := w.RevokeToken(t.Context(), me, plain); err != nil { // pasted whole
		t.Fatal(err)
	}
	if _, err := w.ActorByToken(t.Context(), plain); !errors.Is(err, identity.ErrUnauthenticated) {
		t.Fatalf("ActorByToken after revocation = %v, want ErrUnauthenticated", err)
	}
	if err := w.RevokeToken(t.Context(), me, token.ID); !errors.Is(err, identity.ErrTokenNotFound) {
		t.Fatalf("RevokeToken again = %v, want ErrTokenNotFound", err)
	}
}

func TestTokenOfAnotherIsOutOfReach(t *testing.T) {
	t.Parallel()
	w := settled(t)
	plain, token, err := w.CreateToken(t.Context(), w.actor(t), "laptop", 0)
	if err != nil {
		t.Fatal(err)
	}
	stranger := authz.Actor{UserID: uuid.New()}
	if err := w.RevokeToken(t.Context(), stranger, token.ID); !errors.Is(err, identity.ErrTokenNotFound) {
		t.Fatalf("RevokeToken = %v, want ErrTokenNotFound", err)
	}
	if list, err := w.Tokens(t.Context(), stranger); err != nil || len(list) != 0 {
		t.Fatalf("Tokens = %+v, %v", list, err)
	}
	if _, err := w.ActorByToken(t.Context(), plain); err != nil {
		t.Fatal(err)
	}
}

func TestCreateTokenRefuses(t *testing.T) {
	t.Parallel()
	w := settled(t)
	me := w.actor(t)
	if _, _, err := w.CreateToken(t.Context(), me, "taken", 0); err != nil {
		t.Fatal(err)
	}
	byToken := me
	byToken.TokenID = "abcdefgh"
	for name, c := range map[string]struct {
		actor authz.Actor
		name  string
		ttl   time.Duration
		want  error
	}{
		"nobody":          {authz.Actor{}, "a", 0, authz.ErrForbidden},
		"a token":         {byToken, "a", 0, identity.ErrTokenByToken},
		"a taken name":    {me, " taken ", 0, identity.ErrTokenNameTaken},
		"an empty name":   {me, " ", 0, identity.ErrName},
		"too long a life": {me, "a", 366 * 24 * time.Hour, identity.ErrTokenLifetime},
		"a past end":      {me, "a", -time.Hour, identity.ErrTokenLifetime},
	} {
		if _, _, err := w.CreateToken(t.Context(), c.actor, c.name, c.ttl); !errors.Is(err, c.want) {
			t.Errorf("%s: CreateToken = %v, want %v", name, err, c.want)
		}
	}
	for i := range 99 {
		if _, _, err := w.CreateToken(t.Context(), me, fmt.Sprintf("n%d", i), 0); err != nil {
			t.Fatal(err)
		}
	}
	if _, _, err := w.CreateToken(t.Context(), me, "one more", 0); !errors.Is(err, identity.ErrTooManyTokens) {
		t.Fatalf("the 101st token: %v, want ErrTooManyTokens", err)
	}
}

// A closed pool shows that no query is tried.
func TestMangledTokenCostsNoQuery(t *testing.T) {
	t.Parallel()
	w := settled(t)
	plain, _, err := w.CreateToken(t.Context(), w.actor(t), "laptop", 0)
	if err != nil {
		t.Fatal(err)
	}
	w.db.Close()
	bad := []string{"", "cro_", plain[:62], plain + "x", " " + plain, "CRO" + plain[3:], strings.Repeat("_", 63), "cro_" + strings.Repeat("\x00", 59)}
	for i := range plain {
		swap := byte('x')
		if plain[i] == 'x' {
			swap = 'y'
		}
		bad = append(bad, plain[:i]+string(swap)+plain[i+1:])
	}
	for _, text := range bad {
		if _, err := w.ActorByToken(t.Context(), text); !errors.Is(err, identity.ErrUnauthenticated) {
			t.Fatalf("ActorByToken(%q) = %v, want ErrUnauthenticated", text, err)
		}
	}
	if _, err := w.ActorByToken(t.Context(), plain); err == nil || errors.Is(err, identity.ErrUnauthenticated) {
		t.Fatalf("ActorByToken of the whole token = %v, want the pool's error", err)
	}
}
