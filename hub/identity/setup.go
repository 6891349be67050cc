package identity

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base32"
	"fmt"
	"strings"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/cronium/cronium/hub/identity/internal/db"
)

// crockford has no letters that look like digits.
var crockford = base32.NewEncoding("0123456789ABCDEFGHJKMNPQRSTVWXYZ").WithPadding(base32.NoPadding)

// NeedsSetup reports whether there is nobody yet.
func (s *Store) NeedsSetup(ctx context.Context) (bool, error) {
	somebody, err := db.New(s.db.Pool).AnyUser(ctx)
	if err != nil {
		return false, fmt.Errorf("look for users: %w", err)
	}
	return !somebody, nil
}

// EnsureAdmin makes the first user, an administrator, unless there is a user.
func (s *Store) EnsureAdmin(ctx context.Context, email, password string) (created bool, err error) {
	if needed, err := s.NeedsSetup(ctx); err != nil || !needed {
		return false, err
	}
	first, err := s.prepare(ctx, email, password)
	if err != nil {
		return false, err
	}
	err = s.db.InTx(ctx, func(tx pgx.Tx) error {
		created = false
		if _, err := s.codes.LockSetupCode(ctx, tx); err != nil {
			return err
		}
		if somebody, err := db.New(tx).AnyUser(ctx); err != nil || somebody {
			return err
		}
		created = true
		_, err := s.insertAdmin(ctx, tx, first)
		return err
	})
	if err != nil {
		return false, fmt.Errorf("create the administrator: %w", err)
	}
	return created, nil
}

// SetupCode draws the code that lets whoever holds it make the first
// administrator. A new code replaces the last one, so print it; fresh is false,
// and code empty, when there is a user already.
func (s *Store) SetupCode(ctx context.Context) (code string, fresh bool, err error) {
	var raw [10]byte
	_, _ = rand.Read(raw[:]) // never fails
	text := crockford.EncodeToString(raw[:])
	err = s.db.InTx(ctx, func(tx pgx.Tx) error {
		fresh = false
		if _, err := s.codes.LockSetupCode(ctx, tx); err != nil {
			return err
		}
		if somebody, err := db.New(tx).AnyUser(ctx); err != nil || somebody {
			return err
		}
		fresh = true
		return s.codes.PutSetupCode(ctx, tx, codeSum(text))
	})
	if err != nil || !fresh {
		return "", false, err
	}
	return strings.Join([]string{text[:4], text[4:8], text[8:12], text[12:]}, "-"), true, nil
}

// Setup makes the first user, an administrator, for whoever knows the code. Of
// any number of calls with the right code, one succeeds.
func (s *Store) Setup(ctx context.Context, code, email, password string) (User, error) {
	// The code first: without it nobody makes us hash.
	if err := s.db.InTx(ctx, func(tx pgx.Tx) error { return s.mayBegin(ctx, tx, code) }); err != nil {
		return User{}, fmt.Errorf("set up: %w", err)
	}
	first, err := s.prepare(ctx, email, password)
	if err != nil {
		return User{}, err
	}
	var user User
	err = s.db.InTx(ctx, func(tx pgx.Tx) error {
		if err := s.mayBegin(ctx, tx, code); err != nil {
			return err
		}
		user, err = s.insertAdmin(ctx, tx, first)
		return err
	})
	if err != nil {
		return User{}, fmt.Errorf("set up: %w", err)
	}
	return user, nil
}

// mayBegin holds the setup code until tx ends.
func (s *Store) mayBegin(ctx context.Context, tx pgx.Tx, code string) error {
	want, err := s.codes.LockSetupCode(ctx, tx)
	if err != nil {
		return err
	}
	somebody, err := db.New(tx).AnyUser(ctx)
	switch {
	case err != nil:
		return err
	case somebody:
		return ErrSetupDone.With("there is an administrator already")
	case subtle.ConstantTimeCompare(codeSum(code), want) != 1:
		return ErrSetupCode.With("that is not the code").At("code")
	}
	return nil
}

// prepare checks and hashes, outside any transaction because it is slow.
func (s *Store) prepare(ctx context.Context, email, password string) (db.InsertUserParams, error) {
	address, err := cleanEmail(email)
	if err != nil {
		return db.InsertUserParams{}, err
	}
	if err := checkPassword(password, address); err != nil {
		return db.InsertUserParams{}, err
	}
	hash, err := s.hasher.hash(ctx, password)
	if err != nil {
		return db.InsertUserParams{}, err
	}
	id, err := uuid.NewV7()
	if err != nil {
		return db.InsertUserParams{}, fmt.Errorf("draw a user id: %w", err)
	}
	name, _, _ := strings.Cut(address, "@")
	return db.InsertUserParams{ID: id, Email: address, Name: name, PasswordHash: hash, Admin: true}, nil
}

// insertAdmin also makes the setup code worthless.
func (s *Store) insertAdmin(ctx context.Context, tx pgx.Tx, p db.InsertUserParams) (User, error) {
	row, err := db.New(tx).InsertUser(ctx, p)
	if err != nil {
		return User{}, err
	}
	return User(row), s.codes.PutSetupCode(ctx, tx, nil)
}

// codeSum forgives what people do to a code when they type it.
func codeSum(code string) []byte {
	clean := strings.NewReplacer("-", "", " ", "", "O", "0", "I", "1", "L", "1").Replace(strings.ToUpper(code))
	sum := sha256.Sum256([]byte(clean))
	return sum[:]
}
