package run

import (
	"encoding/base32"
	"strings"

	"github.com/google/uuid"
)

const idPrefix = "r_"

// The extended hex alphabet keeps the order of the bytes, so ids sort by time.
var idText = base32.NewEncoding("0123456789abcdefghijklmnopqrstuv").WithPadding(base32.NoPadding)

// FormatID returns the public form of a run's id: "r_" and 26 characters that sort
// as the ids do.
func FormatID(id uuid.UUID) string {
	return idPrefix + idText.EncodeToString(id[:])
}

// ParseID reads what [FormatID] wrote, and nothing else.
func ParseID(text string) (uuid.UUID, error) {
	rest, ok := strings.CutPrefix(text, idPrefix)
	if !ok || len(rest) != 26 {
		return uuid.Nil, ErrNotFound.With("No such run")
	}
	b, err := idText.DecodeString(rest)
	if err != nil || idText.EncodeToString(b) != rest {
		return uuid.Nil, ErrNotFound.With("No such run")
	}
	return uuid.UUID(b), nil
}
