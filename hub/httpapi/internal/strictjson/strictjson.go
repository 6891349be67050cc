// Package strictjson finds what encoding/json forgives: keys that appear twice,
// text after the value, nesting without end, invalid UTF-8 and NUL. It never
// repeats a value, because a value may be a secret.
package strictjson

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"unicode/utf8"
)

// MaxDepth is how deep arrays and objects may nest.
const MaxDepth = 64

// MaxElements is how many values and keys one document may hold.
const MaxElements = 200_000

// Kind is what is wrong.
type Kind string

// The kinds of fault.
const (
	Malformed    Kind = "malformed"
	DuplicateKey Kind = "duplicate key"
	TooComplex   Kind = "too complex"
	InvalidText  Kind = "invalid text"
	OutOfRange   Kind = "out of range"
)

// Fault is the first thing wrong with a document.
type Fault struct {
	Kind   Kind
	Detail string
	Path   string // "spec.inputs.a", empty at the top
}

func (f *Fault) Error() string { return string(f.Kind) + ": " + f.Detail }

// level is an array or object that has begun.
type level struct {
	object bool
	key    string // of the value at hand
	isKey  bool   // the next string is a key
	seen   map[string]struct{}
	index  int
}

// Check returns the first fault of body, or nil. The body must be one value.
func Check(body []byte) *Fault {
	if at := invalidUTF8(body); at >= 0 {
		return &Fault{Kind: InvalidText, Detail: fmt.Sprintf("The body is not valid UTF-8 at byte %d", at)}
	}
	dec := json.NewDecoder(bytes.NewReader(body))
	dec.UseNumber()
	var stack []*level
	for elements := 0; ; elements++ {
		token, err := dec.Token()
		if err != nil {
			return malformed(err, dec, len(body))
		}
		if elements > MaxElements {
			return &Fault{Kind: TooComplex, Detail: fmt.Sprintf("More than %d values", MaxElements)}
		}
		var fault *Fault
		if stack, fault = step(stack, token); fault != nil {
			fault.Path = path(stack)
			return fault
		}
		if len(stack) == 0 {
			break
		}
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return &Fault{Kind: Malformed, Detail: fmt.Sprintf("Invalid JSON: text after the value, before byte %d", dec.InputOffset())}
	}
	return nil
}

// step takes one token and returns the levels that are open after it.
func step(stack []*level, token json.Token) ([]*level, *Fault) {
	if d, ok := token.(json.Delim); ok {
		if d == '}' || d == ']' {
			return advance(stack[:len(stack)-1]), nil
		}
		if len(stack) == MaxDepth {
			return stack, &Fault{Kind: TooComplex, Detail: fmt.Sprintf("Nesting deeper than %d", MaxDepth)}
		}
		return append(stack, &level{object: d == '{', isKey: d == '{', seen: map[string]struct{}{}}), nil
	}
	if text, ok := token.(string); ok {
		if strings.ContainsRune(text, 0) {
			return stack, &Fault{Kind: InvalidText, Detail: "A text contains the NUL character"}
		}
		if top := last(stack); top != nil && top.isKey {
			return stack, top.enter(text)
		}
	}
	if n, ok := token.(json.Number); ok {
		if _, err := strconv.ParseFloat(n.String(), 64); err != nil {
			return stack, &Fault{Kind: OutOfRange, Detail: "A number is too large"}
		}
	}
	return advance(stack), nil
}

// enter begins the value of a key.
func (l *level) enter(key string) *Fault {
	l.key = key
	if _, twice := l.seen[key]; twice {
		return &Fault{Kind: DuplicateKey, Detail: fmt.Sprintf("Key %s appears twice", quote(key))}
	}
	l.seen[key] = struct{}{}
	l.isKey = false
	return nil
}

// advance ends the value at hand.
func advance(stack []*level) []*level {
	if top := last(stack); top != nil {
		top.isKey = top.object
		top.index++
	}
	return stack
}

func last(stack []*level) *level {
	if len(stack) == 0 {
		return nil
	}
	return stack[len(stack)-1]
}

func path(stack []*level) string {
	var b strings.Builder
	for _, l := range stack {
		if !l.object {
			fmt.Fprintf(&b, "[%d]", l.index)
			continue
		}
		if b.Len() > 0 && l.key != "" {
			b.WriteByte('.')
		}
		b.WriteString(clip(l.key))
	}
	return clip(b.String())
}

// malformed says where the text stops being JSON. The decoder's own words name
// a character at most.
func malformed(err error, dec *json.Decoder, size int) *Fault {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return &Fault{Kind: Malformed, Detail: fmt.Sprintf("Invalid JSON: it ends early, at byte %d", size)}
	}
	if syntax, ok := errors.AsType[*json.SyntaxError](err); ok {
		return &Fault{Kind: Malformed, Detail: fmt.Sprintf("Invalid JSON at byte %d: %s", syntax.Offset, syntax.Error())}
	}
	return &Fault{Kind: Malformed, Detail: fmt.Sprintf("Invalid JSON near byte %d", dec.InputOffset())}
}

func invalidUTF8(b []byte) int {
	if utf8.Valid(b) {
		return -1
	}
	for i := 0; i < len(b); {
		r, n := utf8.DecodeRune(b[i:])
		if r == utf8.RuneError && n == 1 {
			return i
		}
		i += n
	}
	return -1
}

// quote shows a key: printable, and short.
func quote(key string) string {
	return strconv.QuoteToGraphic(clip(key))
}

func clip(s string) string {
	const most = 128
	if len(s) <= most {
		return s
	}
	return strings.ToValidUTF8(s[:most], "") + "…"
}
