package mask

import (
	"bytes"
	"encoding/base32"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"unicode/utf16"
)

const (
	minLine  = 8  // a line of a value of several lines is masked alone from here
	maxForms = 64 // derived forms of one value
)

// forms returns how value looks: as it is and line by line, and in the encodings
// that programs use when they print it.
func forms(value []byte) (plain, derived [][]byte) {
	value = bytes.TrimSpace(value)
	if len(value) < MinValue {
		return nil, nil
	}
	plain = [][]byte{value}
	if bytes.ContainsRune(value, '\n') {
		if crlf := bytes.ReplaceAll(bytes.ReplaceAll(value, []byte("\r\n"), []byte("\n")), []byte("\n"), []byte("\r\n")); !bytes.Equal(crlf, value) {
			plain = append(plain, crlf)
		}
		for line := range bytes.SplitSeq(value, []byte("\n")) {
			if line = bytes.TrimSpace(line); len(line) >= minLine {
				plain = append(plain, line)
			}
		}
	}
	seen := map[string]bool{}
	for _, p := range plain {
		seen[string(p)] = true
	}
	for form := range encodings(string(value)) {
		if len(form) < MinValue || seen[form] || len(derived) == maxForms {
			continue
		}
		seen[form] = true
		derived = append(derived, []byte(form))
	}
	return plain, derived
}

// encodings yields the encoded forms of v, the likely ones first.
func encodings(v string) func(yield func(string) bool) {
	quoted := strconv.Quote(v)
	ascii := strconv.QuoteToASCII(v)
	list := []string{
		jsonText(v, false), jsonText(v, true),
		quoted[1 : len(quoted)-1], ascii[1 : len(ascii)-1],
		strings.ReplaceAll(v, "'", `'\''`), strings.ReplaceAll(v, "'", `'"'"'`),
	}
	for _, u := range []string{url.QueryEscape(v), url.PathEscape(v), percent(v)} {
		list = append(list, u, lowerHex(u))
	}
	list = append(list, base64Forms(v)...)
	list = append(list, hex.EncodeToString([]byte(v)), strings.ToUpper(hex.EncodeToString([]byte(v))))
	list = append(list, xmlText(v, "&#34;", "&#39;"), xmlText(v, "&quot;", "&apos;"), xmlText(v, `"`, "'"))
	list = append(list, base32Form(v), utf16Form(v))
	return slices.Values(list)
}

func jsonText(v string, html bool) string {
	var b strings.Builder
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(html)
	if err := e.Encode(v); err != nil {
		return "" // a string cannot be refused
	}
	return strings.TrimSuffix(b.String(), "\n")[1 : b.Len()-2]
}

// percent escapes as encodeURIComponent does.
func percent(v string) string {
	return strings.NewReplacer("+", "%20", "%21", "!", "%27", "'", "%28", "(", "%29", ")", "%2A", "*").Replace(url.QueryEscape(v))
}

func lowerHex(u string) string {
	b := []byte(u)
	for i := 0; i+2 < len(b); i++ {
		if b[i] == '%' {
			copy(b[i+1:i+3], bytes.ToLower(b[i+1:i+3]))
			i += 2
		}
	}
	return string(b)
}

func xmlText(v, double, single string) string {
	return strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;", `"`, double, "'", single).Replace(v)
}

// base64Forms returns the characters that depend on v alone when v is encoded
// behind 0, 1 and 2 other bytes: a single form misses most occurrences.
func base64Forms(v string) []string {
	var list []string
	for k, drop := range []int{0, 2, 3} {
		src := append(make([]byte, k), v...)
		for _, enc := range []*base64.Encoding{base64.RawStdEncoding, base64.RawURLEncoding} {
			e := enc.EncodeToString(src)[drop:]
			if len(src)%3 != 0 {
				e = e[:len(e)-1]
			}
			list = append(list, e)
		}
	}
	return list
}

func base32Form(v string) string {
	e := base32.StdEncoding.WithPadding(base32.NoPadding).EncodeToString([]byte(v))
	if len(v)%5 != 0 {
		e = e[:len(e)-1]
	}
	return e
}

func utf16Form(v string) string {
	var b []byte
	for _, u := range utf16.Encode([]rune(v)) {
		b = append(b, byte(u), byte(u>>8))
	}
	return string(b)
}
