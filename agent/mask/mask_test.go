package mask_test

import (
	"bytes"
	"encoding/base32"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"html"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"testing"
	"unicode/utf16"

	"pgregory.net/rapid"

	"github.com/cronium/cronium/agent/mask"
)

func maskAll(set *mask.Set, text string) string {
	s := set.Stream()
	return string(s.Close(s.Write(nil, []byte(text))))
}

func TestEveryUsualFormOfASecretIsMasked(t *testing.T) {
	secret := "p@ss \"w'rd\"/+<é&>%x"
	j, err := json.Marshal(secret)
	if err != nil {
		t.Fatal(err)
	}
	var wide []byte
	for _, u := range utf16.Encode([]rune(secret)) {
		wide = append(wide, byte(u), byte(u>>8))
	}
	cases := map[string]string{
		"raw":         secret,
		"json":        strings.Trim(string(j), ""),
		"c":           strconv.Quote(secret),
		"c ascii":     strconv.QuoteToASCII(secret),
		"shell":       "'" + strings.ReplaceAll(secret, "'", `'\''`) + "'",
		"query":       url.QueryEscape(secret),
		"query lower": lowerPercent(url.QueryEscape(secret)),
		"path":        url.PathEscape(secret),
		"xml":         html.EscapeString(secret),
		"hex":         hex.EncodeToString([]byte(secret)),
		"HEX":         strings.ToUpper(hex.EncodeToString([]byte(secret))),
		"base32":      base32.StdEncoding.EncodeToString([]byte(secret)),
		"utf-16":      string(wide),
	}
	set := mask.New([][]byte{[]byte(secret)})
	for name, text := range cases {
		if got := maskAll(set, "<"+text+">"); !strings.Contains(got, "***") || len(got) > 14 {
			t.Errorf("%s: %q became %q, want only stars between the brackets", name, text, got)
		}
	}
}

func lowerPercent(s string) string {
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] == '%' {
			b.WriteString(strings.ToLower(s[i : i+3]))
			i += 2
			continue
		}
		b.WriteByte(s[i])
	}
	return b.String()
}

func TestBase64IsMaskedAtEveryAlignment(t *testing.T) {
	secret := "correct-horse"
	set := mask.New([][]byte{[]byte(secret)})
	rapid.Check(t, func(t *rapid.T) {
		before := rapid.SliceOfN(rapid.Byte(), 0, 9).Draw(t, "before")
		after := rapid.SliceOfN(rapid.Byte(), 0, 9).Draw(t, "after")
		whole := append(append(before, secret...), after...)
		for _, enc := range []*base64.Encoding{base64.StdEncoding, base64.URLEncoding} {
			if got := maskAll(set, enc.EncodeToString(whole)); !strings.Contains(got, "***") {
				t.Fatalf("base64 of %q went through: %s", whole, got)
			}
		}
	})
}

func TestEveryLineOfAKeyIsMaskedAlone(t *testing.T) {
	key := "-----BEGIN KEY-----\r\nMIIEvQIBADANBgkq\r\nhkiG9w0BAQEFAASC\r\n-----END KEY-----\n"
	set := mask.New([][]byte{[]byte(key)})
	if got, want := maskAll(set, "x hkiG9w0BAQEFAASC y"), "x *** y"; got != want {
		t.Fatalf("one line: got %q, want %q", got, want)
	}
	if got, want := maskAll(set, strings.ReplaceAll(key, "\r", "")), "***\n***\n***\n***\n"; got != want {
		t.Fatalf("all lines: got %q, want %q", got, want)
	}
}

func TestShortValuesAreLeftAlone(t *testing.T) {
	if got := maskAll(mask.New([][]byte{[]byte("12345"), []byte("  a \n"), nil}), "a 12345"); got != "a 12345" {
		t.Fatalf("got %q, want it unchanged", got)
	}
}

func TestHeldBytesComeOutOnlyAtTheEnd(t *testing.T) {
	s := mask.New([][]byte{[]byte("secret-value")}).Stream()
	if got := string(s.Write(nil, []byte("say: secret-"))); got != "say: " || s.Held() != 7 {
		t.Fatalf("Write gave %q and holds %d, want the text in front and 7 held", got, s.Held())
	}
	if got := string(s.Write(nil, nil)); got != "" {
		t.Fatalf("an empty write gave %q", got)
	}
	if got := string(s.Close(nil)); got != "secret-" {
		t.Fatalf("Close gave %q, want what was held", got)
	}
}

func TestValuesBeyondTheBoundAreCounted(t *testing.T) {
	var values [][]byte
	for i := range 300 {
		values = append(values, bytes.Repeat(fmt.Appendf(nil, "%04d", i), 300))
	}
	set := mask.New(values)
	if set.Skipped() == 0 {
		t.Fatal("nothing was skipped")
	}
	if got := maskAll(set, string(values[9])); got != "***" {
		t.Fatalf("a plain form was skipped before the derived ones: %.20q", got)
	}
}

// drawn is a set over a small alphabet, so that forms overlap in every way.
func drawn(t *rapid.T) (*mask.Set, [][]byte, []byte) {
	word := rapid.SliceOfN(rapid.SampledFrom([]byte("abc")), 6, 9)
	values := rapid.SliceOfN(word, 1, 4).Draw(t, "values")
	piece := rapid.OneOf(rapid.SampledFrom(values), rapid.SliceOfN(rapid.SampledFrom([]byte("abcx")), 0, 6))
	return mask.New(values), values, bytes.Join(rapid.SliceOfN(piece, 0, 12).Draw(t, "text"), nil)
}

func TestOutputDoesNotDependOnSplits(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		set, values, text := drawn(t)
		want := maskAll(set, string(text))
		s, rest, out := set.Stream(), text, []byte(nil)
		for len(rest) > 0 {
			n := rapid.IntRange(0, len(rest)).Draw(t, "n")
			out, rest = s.Write(out, rest[:n]), rest[n:]
			if s.Held() > set.Longest() {
				t.Fatalf("holds %d bytes, the longest form has %d", s.Held(), set.Longest())
			}
			if n == 0 && len(rest) > 0 {
				out, rest = s.Write(out, rest[:1]), rest[1:]
			}
		}
		if out = s.Close(out); string(out) != want {
			t.Fatalf("split: %q, whole: %q", out, want)
		}
		for _, v := range values {
			if bytes.Contains(out, v) {
				t.Fatalf("%q is in the output %q", v, out)
			}
		}
		if !bytes.Contains(out, []byte("***")) {
			for _, v := range values {
				if bytes.Contains(text, v) {
					t.Fatalf("%q was not masked in %q", v, text)
				}
			}
		}
	})
}

// TestStarsStandExactlyWhereSecretsStood compares with the obvious algorithm.
func TestStarsStandExactlyWhereSecretsStood(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		set, values, text := drawn(t)
		hidden := make([]bool, len(text))
		for _, v := range values {
			for i := 0; i+len(v) <= len(text); i++ {
				if bytes.Equal(text[i:i+len(v)], v) {
					for k := range v {
						hidden[i+k] = true
					}
				}
			}
		}
		var want []byte
		for i, c := range text {
			switch {
			case !hidden[i]:
				want = append(want, c)
			case i == 0 || !hidden[i-1]:
				want = append(want, "***"...)
			}
		}
		if got := maskAll(set, string(text)); got != string(want) {
			t.Fatalf("%q with %q became %q, want %q", text, values, got, want)
		}
	})
}

// TestAValueLearntOnTheWayIsMaskedFromThenOn: what comes out is what a stream gives
// that knew everything from the beginning, but for what was out by then.
func TestAValueLearntOnTheWayIsMaskedFromThenOn(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		_, values, text := drawn(t)
		known := rapid.IntRange(0, len(values)-1).Draw(t, "known")
		at := rapid.IntRange(0, len(text)).Draw(t, "at")
		s := mask.New(values[:known]).Stream()
		early := s.Write(nil, text[:at])
		held := s.Held()
		s.Switch(mask.New(values))
		if s.Held() != held {
			t.Fatalf("Switch has changed what is held from %d to %d", held, s.Held())
		}
		late, rest := []byte(nil), text[at:]
		for len(rest) > 0 {
			n := rapid.IntRange(1, len(rest)).Draw(t, "n")
			late, rest = s.Write(late, rest[:n]), rest[n:]
		}
		late = s.Close(late)
		for _, v := range values[:known] {
			if bytes.Contains(slices.Concat(early, late), v) {
				t.Fatalf("%q, known from the beginning, is in %q + %q", v, early, late)
			}
		}
		for _, v := range values {
			if bytes.Contains(late, v) {
				t.Fatalf("%q is in %q, which came after it was learnt", v, late)
			}
		}
		whole := mask.New(values).Stream()
		if fresh := string(whole.Close(whole.Write(nil, text[at-held:]))); known == 0 && string(late) != fresh {
			t.Fatalf("without old values: %q, a new stream gives %q", late, fresh)
		}
	})
}

func TestAValueLearntInTheMiddleOfItselfInEveryForm(t *testing.T) {
	secret := "hunter2-and-more"
	for _, form := range []string{secret, base64.StdEncoding.EncodeToString([]byte("x" + secret)), url.QueryEscape("a b" + secret), hex.EncodeToString([]byte(secret))} {
		for cut := range len(form) + 1 {
			s := mask.New([][]byte{[]byte("another secret")}).Stream()
			out := s.Write(nil, []byte("so "))
			s.Switch(mask.New([][]byte{[]byte("another secret"), []byte(secret)}))
			out = s.Write(s.Write(out, []byte(form[:cut])), []byte(form[cut:]))
			if got := string(s.Close(out)); strings.Contains(got, form) || !strings.Contains(got, "***") {
				t.Fatalf("%q, cut at %d, became %q", form, cut, got)
			}
		}
	}
}

func FuzzNoFormSurvivesAnySplit(f *testing.F) {
	f.Add([]byte("secret-value"), []byte("a secret-value, secret-"), uint8(3))
	f.Add([]byte("aaaaaaa"), []byte("aaaaaaaaaaaaaaaaaab"), uint8(1))
	f.Fuzz(func(t *testing.T, value, text []byte, step uint8) {
		set := mask.New([][]byte{value})
		s, out := set.Stream(), []byte(nil)
		for rest := text; len(rest) > 0; {
			n := min(int(step)+1, len(rest))
			out, rest = s.Write(out, rest[:n]), rest[n:]
		}
		out = s.Close(out)
		if got := maskAll(set, string(text)); got != string(out) {
			t.Fatalf("split: %q, whole: %q", out, got)
		}
		trimmed := bytes.TrimSpace(value)
		if len(trimmed) >= mask.MinValue && !bytes.ContainsRune(trimmed, '*') && bytes.Contains(out, trimmed) {
			t.Fatalf("%q is in the output %q", trimmed, out)
		}
	})
}

func BenchmarkCleanText(b *testing.B) {
	var values [][]byte
	for i := range 5 {
		values = append(values, fmt.Appendf(nil, "s3cr3t-%d-0123456789abcdef", i))
	}
	line := []byte(strings.Repeat("2026-11-23T23:00:00Z worker[17]: copied 12345 rows from orders to archive\n", 400))
	s, dst := mask.New(values).Stream(), []byte(nil)
	b.SetBytes(int64(len(line)))
	for b.Loop() {
		dst = s.Write(dst[:0], line)
	}
}
