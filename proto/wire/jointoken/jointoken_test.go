package jointoken

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"strings"
	"testing"
)

func TestTokenSurvivesItsText(t *testing.T) {
	for range 200 {
		want := New(sha256.Sum256([]byte("ca")))
		text := want.Text()
		if len(text) != tokenLen {
			t.Fatalf("%d characters, want %d", len(text), tokenLen)
		}
		got, err := Parse("  " + text + "\n")
		if err != nil || got != want {
			t.Fatalf("Parse = %v, %v", got, err)
		}
		hash, ok := SecretHash(got.SecretText())
		if !ok || hash != sha256.Sum256(want.Secret[:]) {
			t.Fatalf("SecretHash = %x, %v", hash, ok)
		}
	}
}

func TestDamagedTokenIsNamedSo(t *testing.T) {
	text := New(sha256.Sum256(nil)).Text()
	flip := func(i int) string {
		c := byte('a')
		if text[i] == c {
			c = 'b'
		}
		return text[:i] + string(c) + text[i+1:]
	}
	for name, bad := range map[string]string{
		"empty":        "",
		"other":        "cro_abc",
		"truncated":    text[:len(text)-1],
		"half":         text[:40],
		"longer":       text + "x",
		"id changed":   flip(6),
		"key changed":  flip(30),
		"pin changed":  flip(80),
		"sum changed":  flip(len(text) - 1),
		"not base62":   strings.Replace(text, text[20:21], "é", 1),
		"part missing": strings.Replace(text, "_", "a", 2),
	} {
		if _, err := Parse(bad); !errors.Is(err, ErrInvalid) {
			t.Errorf("%s: Parse = %v, want ErrInvalid", name, err)
		}
	}
}

func TestTokenNeverPrintsItsSecret(t *testing.T) {
	token := New(sha256.Sum256(nil))
	for _, verb := range []string{"%v", "%+v", "%#v", "%s"} {
		if out := fmt.Sprintf(verb, token); strings.Contains(out, token.SecretText()) || !strings.Contains(out, token.ID) {
			t.Errorf("%s prints %q", verb, out)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add(New(sha256.Sum256(nil)).Text())
	f.Fuzz(func(t *testing.T, text string) {
		token, err := Parse(text)
		if err == nil && token.Text() != strings.TrimSpace(text) {
			t.Fatalf("Parse(%q) has the text %q", text, token.Text())
		}
	})
}
