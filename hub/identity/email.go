package identity

import (
	"net/mail"
	"strings"
	"unicode"
	"unicode/utf8"
)

const longestEmail = 254

// cleanEmail returns the address in lower case. What mail would accept beyond a
// plain name@host (comments, quotes, display names) is refused.
func cleanEmail(text string) (string, error) {
	email := strings.ToLower(strings.TrimSpace(text))
	if len(email) > longestEmail {
		return "", ErrEmail.With("it has %d characters", len(email)).At("email")
	}
	parsed, err := mail.ParseAddress(email)
	if err != nil || parsed.Address != email || strings.ContainsAny(email, "\"()<>[], \\") ||
		strings.ContainsFunc(email, func(r rune) bool { return r >= utf8.RuneSelf || unicode.IsControl(r) }) {
		return "", ErrEmail.With("%q is not an e-mail address", text).At("email")
	}
	return email, nil
}

// cleanName trims and checks what people call something.
func cleanName(text string) (string, error) {
	name := strings.TrimSpace(text)
	count := utf8.RuneCountInString(name)
	if count < 1 || count > 100 || !utf8.ValidString(name) || strings.ContainsFunc(name, func(r rune) bool { return !unicode.IsPrint(r) }) {
		return "", ErrName.With("%q has %d characters, or some that cannot be printed", name, count).At("name")
	}
	return name, nil
}
