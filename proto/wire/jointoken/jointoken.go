// Package jointoken is the text that a person carries from a hub to a new host:
//
//	aj1_<id10>_<secret43>_<capin43>_<crc6>
//
// The hub makes it, the agent reads it, both check it here, so that a token cut
// or mistyped is named so before anything is dialled. All parts are base62, so a
// double click selects the whole.
package jointoken

import (
	"crypto/rand"
	"crypto/sha256"
	"hash/crc32"
	"log/slog"
	"math/big"
	"net/http"
	"strings"

	"github.com/cronium/cronium/sdk/problem"
)

// ErrInvalid is a text that is no join token.
var ErrInvalid = problem.New("join_token_invalid", http.StatusUnprocessableEntity,
	"Not a valid join token", "Copy the whole token again, from aj1_ to its end, or make a new one with: cronium hosts add")

// Lengths of the parts.
const (
	prefix    = "aj1"
	idLen     = 10
	keyLen    = 43 // 256 bits in base62
	crcLen    = 6  // 32 bits in base62
	tokenLen  = len(prefix) + 1 + idLen + 1 + keyLen + 1 + keyLen + 1 + crcLen
	alphabet  = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
	secretLen = 32
)

// Token is a join token in parts. Its formats never show the secret; Text does.
type Token struct {
	ID     string
	Secret [secretLen]byte
	Pin    [sha256.Size]byte // of the hub's server CA
}

// New draws a token for a hub whose CA has this pin.
func New(pin [sha256.Size]byte) Token {
	t := Token{Pin: pin}
	_, _ = rand.Read(t.Secret[:]) // never fails
	var id [8]byte
	_, _ = rand.Read(id[:])
	t.ID = encode(id[:], idLen+1)[1:]
	return t
}

// String is the id, for logs.
func (t Token) String() string { return prefix + "_" + t.ID + "_[redacted]" }

// GoString is String.
func (t Token) GoString() string { return t.String() }

// LogValue is String.
func (t Token) LogValue() slog.Value { return slog.StringValue(t.String()) }

// SecretText is the secret as it travels in EnrolRequest.token_secret.
func (t Token) SecretText() string { return encode(t.Secret[:], keyLen) }

// SecretHash is what a hub stores of a secret, given its text; false when the
// text is no secret.
func SecretHash(text string) ([sha256.Size]byte, bool) {
	secret, ok := decode(text, keyLen, secretLen)
	if !ok {
		return [sha256.Size]byte{}, false
	}
	return sha256.Sum256(secret), true
}

// Text is the whole token, secret included: shown once.
func (t Token) Text() string {
	body := strings.Join([]string{prefix, t.ID, encode(t.Secret[:], keyLen), encode(t.Pin[:], keyLen)}, "_")
	return body + "_" + checksum(body)
}

// Parse reads a token and checks every part. White space around it is forgiven.
func Parse(text string) (Token, error) {
	text = strings.TrimSpace(text)
	parts := strings.Split(text, "_")
	switch {
	case parts[0] != prefix:
		return Token{}, ErrInvalid.With("a join token begins with aj1_")
	case len(text) < tokenLen:
		return Token{}, ErrInvalid.With("it has %d characters instead of %d: it was cut", len(text), tokenLen)
	case len(text) > tokenLen || len(parts) != 5 || !isID(parts[1]):
		return Token{}, ErrInvalid.With("it does not have the form aj1_id_secret_pin_checksum")
	}
	body, sum := text[:tokenLen-crcLen-1], parts[4]
	if sum != checksum(body) {
		return Token{}, ErrInvalid.With("its checksum is wrong: a character was changed")
	}
	secret, ok1 := decode(parts[2], keyLen, secretLen)
	pin, ok2 := decode(parts[3], keyLen, sha256.Size)
	if !ok1 || !ok2 {
		return Token{}, ErrInvalid.With("it does not have the form aj1_id_secret_pin_checksum")
	}
	t := Token{ID: parts[1]}
	copy(t.Secret[:], secret)
	copy(t.Pin[:], pin)
	return t, nil
}

func checksum(body string) string {
	sum := crc32.ChecksumIEEE([]byte(body))
	return encode([]byte{byte(sum >> 24), byte(sum >> 16), byte(sum >> 8), byte(sum)}, crcLen)
}

func isID(s string) bool {
	return len(s) == idLen && strings.Trim(s, alphabet) == ""
}

// encode writes b as a base62 number of exactly n digits.
func encode(b []byte, n int) string {
	var rest, digit big.Int
	rest.SetBytes(b)
	base := big.NewInt(int64(len(alphabet)))
	out := make([]byte, n)
	for i := n - 1; i >= 0; i-- {
		rest.DivMod(&rest, base, &digit)
		out[i] = alphabet[digit.Int64()]
	}
	return string(out)
}

// decode is the way back into size bytes; false for anything encode cannot write.
func decode(s string, n, size int) ([]byte, bool) {
	if len(s) != n {
		return nil, false
	}
	var value big.Int
	base := big.NewInt(int64(len(alphabet)))
	for i := range len(s) {
		d := strings.IndexByte(alphabet, s[i])
		if d < 0 {
			return nil, false
		}
		value.Add(value.Mul(&value, base), big.NewInt(int64(d)))
	}
	if value.BitLen() > 8*size {
		return nil, false
	}
	return value.FillBytes(make([]byte, size)), true
}
