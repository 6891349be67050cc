package variable

import (
	"bytes"
	"encoding/json"
	"strconv"
	"strings"
)

// equal reports whether two JSON texts have the same value. Both are valid.
func equal(a, b []byte) bool {
	return bytes.Equal(a, b) || same(decode(a), decode(b))
}

func decode(text []byte) any {
	dec := json.NewDecoder(bytes.NewReader(text))
	dec.UseNumber()
	var v any
	_ = dec.Decode(&v) // valid
	return v
}

func same(a, b any) bool {
	switch a := a.(type) {
	case json.Number:
		b, ok := b.(json.Number)
		return ok && normal(string(a)) == normal(string(b))
	case []any:
		b, ok := b.([]any)
		if !ok || len(a) != len(b) {
			return false
		}
		for i := range a {
			if !same(a[i], b[i]) {
				return false
			}
		}
		return true
	case map[string]any:
		b, ok := b.(map[string]any)
		if !ok || len(a) != len(b) {
			return false
		}
		for key, value := range a {
			other, there := b[key]
			if !there || !same(value, other) {
				return false
			}
		}
		return true
	}
	return a == b
}

// normal writes a JSON number as its digits without zeros at either end, and the
// power of ten of the last one. Nothing is computed, so an exponent may be as large
// as it likes.
func normal(number string) string {
	sign, rest := "", number
	if digits, negative := strings.CutPrefix(rest, "-"); negative {
		sign, rest = "-", digits
	}
	mantissa, power, _ := strings.Cut(strings.ToLower(rest), "e")
	whole, fraction, _ := strings.Cut(mantissa, ".")
	digits := strings.TrimLeft(whole+fraction, "0")
	if digits == "" {
		return "0"
	}
	exponent := 0
	if power != "" {
		var err error
		if exponent, err = strconv.Atoi(power); err != nil {
			return number // beyond all bounds: equal to itself
		}
	}
	short := strings.TrimRight(digits, "0")
	return sign + short + "e" + strconv.Itoa(exponent-len(fraction)+len(digits)-len(short))
}
