package schema

import (
	"encoding/json"
	"math"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/cronium/cronium/sdk/problem"
)

// coerce returns the value in the input's Go type: string, int64, float64 or bool.
func (i Input) coerce(field string, value any) (any, error) {
	switch i.Type {
	case "string":
		if text, ok := value.(string); ok {
			return text, nil
		}
	case "boolean":
		switch v := value.(type) {
		case bool:
			return v, nil
		case string:
			if b, ok := map[string]bool{"true": true, "false": false}[strings.ToLower(v)]; ok {
				return b, nil
			}
		}
	case "integer":
		if n, ok := integer(value); ok {
			return n, nil
		}
	case "number":
		if f, ok := number(value); ok {
			return f, nil
		}
	}
	return nil, ErrInput.With("the value is not %s", article(i.Type)).At(field).Hinted("%s", example(i.Type))
}

func integer(value any) (int64, bool) {
	switch v := value.(type) {
	case int:
		return int64(v), true
	case int64:
		return v, true
	case float64:
		return int64(v), isWhole(v)
	case json.Number:
		return integer(string(v))
	case string:
		n, err := strconv.ParseInt(v, 10, 64)
		return n, err == nil
	}
	return 0, false
}

func number(value any) (float64, bool) {
	switch v := value.(type) {
	case int:
		return float64(v), true
	case int64:
		return float64(v), true
	case float64:
		return v, !math.IsInf(v, 0) && !math.IsNaN(v)
	case json.Number:
		return number(string(v))
	case string:
		f, err := strconv.ParseFloat(v, 64)
		return f, err == nil && !math.IsInf(f, 0) && !math.IsNaN(f)
	}
	return 0, false
}

func article(kind string) string {
	if kind == "integer" {
		return "an integer"
	}
	return "a " + kind
}

func example(kind string) string {
	return map[string]string{
		"string": "Give text.", "boolean": "Give true or false.",
		"integer": "Give a whole number, as 42.", "number": "Give a number, as 42 or 0.5.",
	}[kind]
}

// Nearest returns the candidate that a typing mistake could have turned into word,
// or "".
func Nearest(word string, candidates []string) string {
	best, least := "", 1+min(len(word)/3, 3)
	for _, candidate := range candidates {
		if d := distance(word, candidate); d <= least && (best == "" || d < distance(word, best)) {
			best = candidate
		}
	}
	return best
}

// distance is Levenshtein's, over bytes, of short words.
func distance(a, b string) int {
	if len(a) > 64 || len(b) > 64 {
		return 64
	}
	last := make([]int, len(b)+1)
	for j := range last {
		last[j] = j
	}
	for i := range len(a) {
		diagonal := last[0]
		last[0] = i + 1
		for j := range len(b) {
			cost := diagonal
			if a[i] != b[j] {
				cost++
			}
			diagonal = last[j+1]
			last[j+1] = min(cost, last[j]+1, last[j+1]+1)
		}
	}
	return last[len(b)]
}

func clip(text string) string {
	if len(text) <= 80 {
		return strings.ToValidUTF8(text, "�")
	}
	end := 80
	for !utf8.RuneStart(text[end]) {
		end--
	}
	return strings.ToValidUTF8(text[:end], "�") + "…"
}

func detail(err error) string {
	if p, ok := problem.As(err); ok {
		return p.Detail
	}
	return err.Error()
}
