package identity

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"encoding/base64"
	"fmt"
	"strings"
	"sync/atomic"
	"time"

	"golang.org/x/crypto/argon2"
)

const (
	shortestPassword = 12
	longestPassword  = 256
	saltSize         = 16
	hashSize         = 32
	hashesAtOnce     = 4
	hashesWaiting    = 50
)

// cost is what one hash takes: 19 MiB and about 25 ms.
type cost struct {
	memory, time uint32
	threads      uint8
}

var today = cost{memory: 19456, time: 2, threads: 1}

// hasher bounds how much memory and time passwords take.
type hasher struct {
	cost    cost
	slots   chan struct{}
	waiting atomic.Int32
}

func newHasher() *hasher { return &hasher{cost: today, slots: make(chan struct{}, hashesAtOnce)} }

// nobody is verified in place of an unknown account, so that it takes as long.
func (h *hasher) nobody() string {
	return format(h.cost, make([]byte, saltSize), make([]byte, hashSize))
}

// enter waits for a slot, or returns [ErrBusy] when too many wait already.
func (h *hasher) enter(ctx context.Context) (leave func(), err error) {
	defer h.waiting.Add(-1)
	if h.waiting.Add(1) > hashesWaiting {
		return nil, ErrBusy.With("%d logins are waiting", hashesWaiting).After(2 * time.Second)
	}
	select {
	case h.slots <- struct{}{}:
		return func() { <-h.slots }, nil
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
}

// hash returns the PHC string of a password.
func (h *hasher) hash(ctx context.Context, password string) (string, error) {
	leave, err := h.enter(ctx)
	if err != nil {
		return "", err
	}
	defer leave()
	salt := make([]byte, saltSize)
	_, _ = rand.Read(salt) // never fails
	return format(h.cost, salt, h.cost.key(password, salt)), nil
}

// verify compares a password with a PHC string; stale says that it should be
// hashed again at today's cost.
func (h *hasher) verify(ctx context.Context, phc, password string) (ok, stale bool, err error) {
	c, salt, want, err := parse(phc)
	if err != nil {
		return false, false, err
	}
	leave, err := h.enter(ctx)
	if err != nil {
		return false, false, err
	}
	defer leave()
	return subtle.ConstantTimeCompare(c.key(password, salt), want) == 1, c != h.cost, nil
}

func (c cost) key(password string, salt []byte) []byte {
	return argon2.IDKey([]byte(password), salt, c.time, c.memory, c.threads, hashSize)
}

func format(c cost, salt, key []byte) string {
	b64 := base64.RawStdEncoding
	return fmt.Sprintf("$argon2id$v=%d$m=%d,t=%d,p=%d$%s$%s",
		argon2.Version, c.memory, c.time, c.threads, b64.EncodeToString(salt), b64.EncodeToString(key))
}

// parse reads a PHC string and refuses a cost that would take the hub down.
func parse(phc string) (c cost, salt, key []byte, err error) {
	fields := strings.Split(phc, "$")
	if len(fields) != 6 || fields[0] != "" || fields[1] != "argon2id" || fields[2] != fmt.Sprintf("v=%d", argon2.Version) {
		return c, nil, nil, fmt.Errorf("read password hash: not argon2id")
	}
	if _, err := fmt.Sscanf(fields[3], "m=%d,t=%d,p=%d", &c.memory, &c.time, &c.threads); err != nil {
		return c, nil, nil, fmt.Errorf("read password hash: %w", err)
	}
	if c.memory < 8 || c.memory > 256<<10 || c.time < 1 || c.time > 16 || c.threads < 1 || c.threads > 8 {
		return c, nil, nil, fmt.Errorf("read password hash: cost %+v is out of bounds", c)
	}
	if salt, err = base64.RawStdEncoding.DecodeString(fields[4]); err != nil {
		return c, nil, nil, fmt.Errorf("read password hash: %w", err)
	}
	if key, err = base64.RawStdEncoding.DecodeString(fields[5]); err != nil || len(key) != hashSize {
		return c, nil, nil, fmt.Errorf("read password hash: bad key")
	}
	return c, salt, key, nil
}

// common are passwords of twelve and more characters that everybody tries.
var common = []string{
	"password", "passw0rd", "123456789", "12345678", "1234567", "123456", "1234", "987654321", "qwertyuiop", "qwerty", "1q2w3e4r", "1qaz2wsx", "abcdefgh",
	"administrator", "letmein", "welcome", "changeme", "iloveyou", "cronium", "secret",
}

// checkPassword takes the password exactly as sent. There are no composition
// rules; only length counts, and that it is not what everybody tries first.
func checkPassword(password, email string) error {
	if len(password) < shortestPassword || len(password) > longestPassword {
		return ErrPassword.With("it has %d bytes; it needs %d to %d", len(password), shortestPassword, longestPassword).At("password")
	}
	lower := strings.ToLower(password)
	local, _, _ := strings.Cut(email, "@")
	rest := lower
	for _, word := range append([]string{email, local}, common...) {
		if len(word) > 3 {
			rest = strings.ReplaceAll(rest, word, "")
		}
	}
	// What is left beside well-known words has to be something of its own.
	if distinct(rest) < 4 {
		return ErrPassword.With("it is among the first that anybody would try").At("password")
	}
	return nil
}

func distinct(text string) int {
	seen := map[rune]bool{}
	for _, r := range text {
		seen[r] = true
	}
	return len(seen)
}
