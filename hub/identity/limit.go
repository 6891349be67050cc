package identity

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/netip"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/cronium/cronium/hub/identity/internal/db"
)

const (
	accountFailures = 10
	accountWindow   = 15 * time.Minute
	firstBlock      = time.Minute
	longestBlock    = time.Hour
	addressFailures = 30
	addressWindow   = time.Minute
	// memory is how long failures count towards the next, longer block.
	memory = 3 * time.Hour
)

// trial is a login that is being tried. It counts as a failure until it is
// forgiven, so that a hundred guesses at once are not one.
type trial struct {
	account string
	ids     []int64
}

// begin refuses a login whose account or address has failed too often.
func (s *Store) begin(ctx context.Context, email, ip string) (trial, error) {
	account, address := accountKey(email), addressKey(ip)
	t := trial{account: account}
	err := s.db.InTx(ctx, func(tx pgx.Tx) error {
		q, now := db.New(tx), s.now()
		for _, key := range []string{account, address} { // always in this order
			if err := q.LockKey(ctx, key); err != nil {
				return err
			}
		}
		failed, err := q.Failures(ctx, account, now.Add(-memory))
		if err != nil {
			return err
		}
		if until := accountBlockedUntil(failed); until.After(now) {
			return tooMany(until.Sub(now))
		}
		failed, err = q.Failures(ctx, address, now.Add(-addressWindow))
		if err != nil {
			return err
		}
		if len(failed) >= addressFailures {
			return tooMany(failed[addressFailures-1].Add(addressWindow).Sub(now))
		}
		t.ids, err = q.InsertFailures(ctx, []string{account, address}, now)
		return err
	})
	if err != nil {
		return trial{}, fmt.Errorf("check login limits: %w", err)
	}
	return t, nil
}

// forgive takes the trial back and forgets the account's failures.
func (s *Store) forgive(ctx context.Context, tx pgx.Tx, t trial) error {
	return db.New(tx).ForgiveFailures(ctx, t.account, t.ids)
}

// withdraw takes back a trial in which no password was compared. If that fails, it
// stays a failure: better one too many.
func (s *Store) withdraw(ctx context.Context, t trial) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 3*time.Second)
	defer cancel()
	if err := db.New(s.db.Pool).ForgiveFailures(ctx, "", t.ids); err != nil {
		s.log.WarnContext(ctx, "withdraw a login trial", "err", err)
	}
}

// accountBlockedUntil walks an account's failures, in any order. The tenth within
// fifteen minutes blocks for a minute; from then on each failure doubles the
// block, until there was none for two hours.
func accountBlockedUntil(failures []time.Time) (until time.Time) {
	failures = slices.SortedFunc(slices.Values(failures), time.Time.Compare)
	const calm = 2 * time.Hour
	strikes := 0
	for i, at := range failures {
		if i > 0 && at.Sub(failures[i-1]) > calm {
			strikes = 0
		}
		first := i - accountFailures + 1
		if strikes > 0 || (first >= 0 && at.Sub(failures[first]) <= accountWindow) {
			strikes++
			until = at.Add(min(longestBlock, firstBlock<<min(strikes-1, 10)))
		}
	}
	return until
}

func tooMany(wait time.Duration) error {
	wait = max(wait, time.Second).Round(time.Second)
	return ErrTooManyAttempts.With("try again in %s", wait).After(wait)
}

// accountKey hides what was typed: people type passwords into the wrong field.
func accountKey(email string) string {
	sum := sha256.Sum256([]byte(email))
	return "account:" + hex.EncodeToString(sum[:16])
}

// addressKey takes a whole IPv6 /64, which one customer has.
func addressKey(ip string) string {
	address, err := netip.ParseAddr(ip)
	if err != nil {
		return "address:unknown"
	}
	address = address.Unmap().WithZone("")
	if address.Is6() {
		prefix, _ := address.Prefix(64) // 64 always fits
		return "address:" + prefix.String()
	}
	return "address:" + address.String()
}
