package screen_test

import (
	"regexp"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/cronium/cronium/sdk/cmd/cronium/internal/screen"
)

func TestANameCannotDriveTheTerminal(t *testing.T) {
	cases := []struct{ name, in, want string }{
		{"harmless text", "disk-report äöü 日本 👍", "disk-report äöü 日本 👍"},
		{"a colour", "\x1b[31mred", "␛[31mred"},
		{"a title", "\x1b]0;pwned\x07", "␛]0;pwned␇"},
		{"another line", "ok\nerror: all is lost", "ok␊error: all is lost"},
		{"a tab", "one\ttwo", "one␉two"},
		{"what is written over", "failed\rsucceeded", "failed␍succeeded"},
		{"a deletion", "a\bb\x7f", "a␈b␡"},
		{"C1 controls", "\u009b31m\u0085", "\uFFFD31m\uFFFD"},
		{"line and paragraph separators", "a\u2028b\u2029c", "a\uFFFDb\uFFFDc"},
		{"a direction override", "cod\u202ecod.exe", "cod\uFFFDcod.exe"},
		{"direction isolates and marks", "\u2066a\u2069\u200e\u200f\u061c", "\uFFFDa\uFFFD\uFFFD\uFFFD\uFFFD"},
		{"bytes that are no text", "a\xff\x9b1mb", "a\uFFFD\uFFFD1mb"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			if got := screen.Name(c.in); got != c.want {
				t.Errorf("Name(%q) = %q, want %q", c.in, got, c.want)
			}
		})
	}
}

func TestALogLineKeepsItsColoursAndNothingElse(t *testing.T) {
	cases := []struct{ name, in, want string }{
		{"harmless text", "50 %\tdone äöü", "50 %\tdone äöü"},
		{"a colour", "\x1b[1;31mred\x1b[0m", "\x1b[1;31mred\x1b[0m"},
		{"a colour of 24 bits", "\x1b[38:2::1:2:3mx", "\x1b[38:2::1:2:3mx"},
		{"a colour as C1", "\u009b32mgreen", "\x1b[32mgreen"},
		{"a line end of another system", "done\r", "done"},
		{"what is written over", "failed\rsucceeded", "failed␍succeeded"},
		{"a bell and a deletion", "a\x07b\x08c\x7f", "a␇b␈c␡"},
		{"clearing the screen", "a\x1b[2J\x1b[Hb", "ab"},
		{"a private mode", "\x1b[?1049hx", "x"},
		{"a question to the terminal", "\x1b[6nx\x1b[>cx", "xx"},
		{"a colour with a secret meaning", "\x1b[>4mx", "x"},
		{"a title", "\x1b]0;pwned\x07x", "x"},
		{"a link", "\x1b]8;;http://evil.test\x1b\\click\x1b]8;;\x1b\\", "click"},
		{"the clipboard as C1", "\u009d52;c;cHduZWQ=\u009cx", "x"},
		{"a device control string", "\x1bP$qm\x1b\\x", "x"},
		{"a reset", "\x1bcx", "x"},
		{"another character set", "\x1b(0x", "x"},
		{"a title that never ends", "a\x1b]0;rest of the line", "a"},
		{"a sequence that is broken off", "a\x1b[31", "a"},
		{"a sequence with an end inside", "\x1b[3\x1b[31mred", "\x1b[31mred"},
		{"an escape at the end", "a\x1b", "a"},
		{"two escapes", "\x1b\x1b[2Jx", "x"},
		{"bytes that are no text", "a\xff\x9b2Jb", "a\uFFFD2Jb"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			if got := screen.Line(c.in, true); got != c.want {
				t.Errorf("Line(%q) = %q, want %q", c.in, got, c.want)
			}
			if got, want := screen.Line(c.in, false), sgr.ReplaceAllString(c.want, ""); got != want {
				t.Errorf("Line(%q) without colours = %q, want %q", c.in, got, want)
			}
		})
	}
}

var sgr = regexp.MustCompile(`\x1b\[[0-9;:]*m`)

func TestAnUnfinishedLineIsShownUpToWhatMayGoOn(t *testing.T) {
	cases := map[string]string{
		"50 %":              "50 %",
		"a\x1b":             "a",
		"a\x1b[":            "a",
		"a\x1b[31":          "a",
		"a\x1b[31mred":      "a\x1b[31mred",
		"a\x1b]0;title":     "a",
		"a\x1b]0;title\x07": "a", // its end may be half of the terminator
		"half a \uFFFD":     "half a ",
		"to be rewritten\r": "to be rewritten",
		"\x1b[31mred\x1b[0": "\x1b[31mred",
	}
	for in, want := range cases {
		if got := screen.Whole(in); got != want {
			t.Errorf("Whole(%q) = %q, want %q", in, got, want)
		}
	}
}

func FuzzNothingHostilePasses(f *testing.F) {
	for _, seed := range []string{"", "a\x1b[31mb", "\x1b]8;;x\x1b\\", "\u009b2J", "\xff\x9b", "\u202e", "\x1bP\x1b\x1b[m", "日本\x1b(0"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if got := screen.Name(text); !utf8.ValidString(got) || strings.ContainsFunc(got, unicode.IsControl) {
			t.Errorf("Name(%q) = %q", text, got)
		}
		coloured := screen.Line(text, true)
		for _, got := range []string{screen.Line(text, false), sgr.ReplaceAllString(coloured, "")} {
			if !utf8.ValidString(got) || strings.ContainsFunc(got, func(r rune) bool { return r != '\t' && unicode.IsControl(r) }) {
				t.Errorf("Line(%q) = %q", text, got)
			}
		}
		if got := screen.Line(coloured, true); got != coloured {
			t.Errorf("Line(Line(%q)) = %q, want %q: cleaning twice must change nothing", text, got, coloured)
		}
		if whole := screen.Whole(text); !strings.HasPrefix(text, whole) {
			t.Errorf("Whole(%q) = %q is not its beginning", text, whole)
		}
	})
}
