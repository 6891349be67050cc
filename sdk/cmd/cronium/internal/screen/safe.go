package screen

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// Name makes text fit for one cell or a sentence: no control characters, no
// escape sequences, no direction overrides. What is removed leaves a sign.
func Name(text string) string {
	if !strings.ContainsFunc(text, unfit) && utf8.ValidString(text) {
		return text
	}
	return strings.Map(func(r rune) rune {
		switch {
		case r < 0x20:
			return 0x2400 + r // the picture of a control character
		case r == 0x7f:
			return '␡'
		case unfit(r):
			return utf8.RuneError
		}
		return r
	}, text)
}

func unfit(r rune) bool {
	return r < 0x20 || (r >= 0x7f && r <= 0x9f) || r == 0x2028 || r == 0x2029 || overrides(r)
}

// overrides reports whether r changes the direction of what follows.
func overrides(r rune) bool {
	return (r >= 0x202a && r <= 0x202e) || (r >= 0x2066 && r <= 0x2069) || r == 0x200e || r == 0x200f || r == 0x061c
}

// Line makes a line of a log fit for a terminal. Colours (SGR) stay when colour
// is true; every other escape sequence is dropped whole. Other control
// characters, but for the tab, become their pictures; a carriage return at the
// end goes.
func Line(text string, colour bool) string {
	text = strings.TrimSuffix(strings.ToValidUTF8(text, "\uFFFD"), "\r")
	if !strings.ContainsFunc(text, func(r rune) bool { return r != '\t' && (r < 0x20 || (r >= 0x7f && r <= 0x9f)) }) {
		return text
	}
	var b strings.Builder
	b.Grow(len(text))
	for i := 0; i < len(text); {
		r, size := utf8.DecodeRuneInString(text[i:])
		switch {
		case r == 0x1b || isC1(r):
			n, sgr := escape(text[i:])
			if sgr != "" && colour {
				b.WriteString(sgr)
			}
			i += n
			continue
		case r == '\t' || (r >= 0x20 && r != 0x7f):
			b.WriteString(text[i : i+size])
		case r == 0x7f:
			b.WriteRune('␡')
		default:
			b.WriteRune(0x2400 + r)
		}
		i += size
	}
	return b.String()
}

func isC1(r rune) bool { return r >= 0x80 && r <= 0x9f }

// escape measures the escape sequence at the start of text, and returns it in its
// seven-bit form when it is a colour.
func escape(text string) (length int, sgr string) {
	first, size := utf8.DecodeRuneInString(text)
	kind, rest := first, text[size:]
	if first == 0x1b {
		if rest == "" {
			return size, ""
		}
		next, n := utf8.DecodeRuneInString(rest)
		switch {
		case next >= 0x40 && next <= 0x5f: // the seven-bit form of a C1 control
			kind, size, rest = next+0x40, size+n, rest[n:]
		case next >= 0x20 && next <= 0x2f: // like ESC ( B: intermediates, then one final
			i := strings.IndexFunc(rest, func(r rune) bool { return r < 0x20 || r > 0x2f })
			if i < 0 {
				return len(text), ""
			}
			_, final := utf8.DecodeRuneInString(rest[i:])
			return size + i + final, ""
		case next < 0x20:
			return size, ""
		default:
			return size + n, ""
		}
	}
	switch kind {
	case 0x9b: // CSI
		return control(text, size, rest)
	case 0x90, 0x98, 0x9d, 0x9e, 0x9f: // DCS, SOS, OSC, PM, APC: up to the terminator
		return size + terminated(rest), ""
	}
	return size, ""
}

// control measures a control sequence: parameters, intermediates, one final.
func control(text string, size int, rest string) (int, string) {
	i := 0
	for i < len(rest) && rest[i] >= 0x20 && rest[i] <= 0x3f {
		i++
	}
	if i == len(rest) {
		return len(text), ""
	}
	final := rest[i]
	if final < 0x40 || final > 0x7e {
		return size + i, "" // broken off; what follows is text again
	}
	plain := strings.IndexFunc(rest[:i], func(r rune) bool { return r != ';' && r != ':' && !unicode.IsDigit(r) }) < 0
	if final == 'm' && plain {
		return size + i + 1, "\x1b[" + rest[:i] + "m"
	}
	return size + i + 1, ""
}

// terminated is the length of a string up to and with its terminator: BEL, ST, or
// the end of the line.
func terminated(s string) int {
	for i, r := range s {
		switch r {
		case 0x07:
			return i + 1
		case 0x9c:
			return i + 2
		case 0x1b:
			if strings.HasPrefix(s[i:], "\x1b\\") {
				return i + 2
			}
			return i
		}
	}
	return len(s)
}

// Whole is the part of an unfinished line that does not end within an escape
// sequence or a character.
func Whole(text string) string {
	text = strings.TrimRight(text, "\uFFFD\r")
	i := strings.LastIndexFunc(text, func(r rune) bool { return r == 0x1b || isC1(r) })
	if i < 0 {
		return text
	}
	if n, _ := escape(text[i:]); i+n >= len(text) {
		return text[:i]
	}
	return text
}
