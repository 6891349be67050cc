package secret

import "log/slog"

const redacted = "[redacted]"

// Text is a secret in memory. Every usual way to print it says [redacted]; only
// [Text.Reveal] tells it.
type Text struct{ value string }

// NewText wraps a secret.
func NewText(value string) Text { return Text{value: value} }

// Reveal returns the secret. Search for its callers when you audit.
func (t Text) Reveal() string { return t.value }

// Empty reports whether there is nothing to hide.
func (t Text) Empty() bool { return t.value == "" }

// String keeps the secret out of %s, %v and %+v.
func (t Text) String() string { return redacted }

// GoString keeps it out of %#v.
func (t Text) GoString() string { return redacted }

// LogValue keeps it out of logs.
func (t Text) LogValue() slog.Value { return slog.StringValue(redacted) }

// MarshalJSON keeps it out of answers.
func (t Text) MarshalJSON() ([]byte, error) { return []byte(`"` + redacted + `"`), nil }

// MarshalText keeps it out of YAML, map keys and the rest.
func (t Text) MarshalText() ([]byte, error) { return []byte(redacted), nil }
