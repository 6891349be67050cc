package schema

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math"
	"math/big"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/cronium/cronium/sdk/problem"
)

// Resolve checks what was given and fills in defaults. The result holds string,
// int64, float64 and bool; an optional input without value and default is absent.
// Null counts as not given. The error joins one problem for each wrong input, by
// name, each with its field "inputs.NAME".
func (in Inputs) Resolve(given map[string]any) (map[string]any, error) {
	var wrong []error
	for _, name := range slices.Sorted(maps.Keys(given)) {
		if _, ok := in[name]; !ok {
			wrong = append(wrong, in.unknown(name))
		}
	}
	out := make(map[string]any, len(in))
	total := 0
	for _, name := range slices.Sorted(maps.Keys(in)) {
		v, err := in[name].resolve(name, given[name])
		if err != nil {
			wrong = append(wrong, err.At("inputs."+name))
			continue
		}
		if v == nil {
			continue
		}
		out[name] = v
		total += len(name) + len(Text(v))
	}
	if len(wrong) > 0 {
		return nil, errors.Join(wrong...)
	}
	if total > maxTotal {
		return nil, ErrTooLarge.With("The inputs are %d bytes together, at most %d are allowed", total, maxTotal).At("inputs")
	}
	return out, nil
}

// Split separates the values of secret inputs from the others.
func (in Inputs) Split(resolved map[string]any) (plain, secret map[string]any) {
	plain, secret = map[string]any{}, map[string]any{}
	for name, v := range resolved {
		if in[name].Secret {
			secret[name] = v
		} else {
			plain[name] = v
		}
	}
	return plain, secret
}

// Text is a resolved value as a script finds it in its environment.
func Text(v any) string {
	switch v := v.(type) {
	case string:
		return v
	case int64:
		return strconv.FormatInt(v, 10)
	case float64:
		return strconv.FormatFloat(v, 'f', -1, 64)
	case bool:
		return strconv.FormatBool(v)
	default:
		return fmt.Sprint(v)
	}
}

func (in Inputs) unknown(name string) *problem.Problem {
	p := ErrUnknown.With("Unknown input %q", cut(name)).At("inputs." + cut(name))
	names := slices.Sorted(maps.Keys(in))
	if best, ok := nearest(name, names); ok {
		return p.Hinted("Did you mean %q?", best)
	}
	if len(names) == 0 {
		return p.Hinted("This job takes no inputs.")
	}
	return p.Hinted("This job takes: %s.", strings.Join(names, ", "))
}

func (i Input) resolve(name string, given any) (any, *problem.Problem) {
	if given == nil {
		given = i.Default
	}
	if given == nil {
		if i.Required {
			return nil, ErrMissing.With("Input %s is required", name).Hinted("Give a value for it: -i %s=VALUE.", name)
		}
		return nil, nil
	}
	v, err := i.value(given)
	if err != nil {
		c := *err
		c.Detail = "Input " + name + " " + err.Detail
		return nil, &c
	}
	return v, nil
}

// value converts and checks one value. Details of its problems continue a sentence
// that begins with what the value is for.
func (i Input) value(given any) (any, *problem.Problem) {
	v, err := i.convert(given)
	if err != nil {
		return nil, err
	}
	if err := i.check(v); err != nil {
		return nil, err
	}
	if len(i.Enum) == 0 {
		return v, nil
	}
	bare := i
	bare.Enum = nil
	for _, e := range i.Enum {
		if allowed, err := bare.convert(e); err == nil && allowed == v {
			return v, nil
		}
	}
	return nil, ErrValue.With("is %s, which is not one of %s", i.show(v), enumText(i.Enum))
}

func (i Input) convert(given any) (any, *problem.Problem) {
	switch i.Type {
	case Integer:
		return i.toInteger(given)
	case Number:
		return i.toNumber(given)
	case Boolean:
		return i.toBoolean(given)
	default:
		if s, ok := given.(string); ok {
			return s, nil
		}
		return nil, ErrValue.With("is %s, but must be a string", kind(given)).Hinted("Put it in quotes.")
	}
}

func (i Input) toInteger(given any) (any, *problem.Problem) {
	text, ok := numeral(given)
	if !ok {
		return nil, ErrValue.With("is %s, but must be an integer", kind(given))
	}
	if n, err := strconv.ParseInt(text, 10, 64); err == nil {
		return exact(n)
	}
	// 5.0 and 1e3 are integers too; a short numeral cannot make this expensive.
	if r, ok := rational(text); ok && r.IsInt() && r.Num().IsInt64() {
		return exact(r.Num().Int64())
	}
	return nil, ErrValue.With("is %s, but must be an integer", i.show(text))
}

func exact(n int64) (any, *problem.Problem) {
	if n > maxExact || n < -maxExact {
		return nil, ErrValue.With("is %d, but integers are limited to ±2^53", n).Hinted("Make it a string.")
	}
	return n, nil
}

func rational(text string) (*big.Rat, bool) {
	if len(text) > 40 || strings.ContainsAny(text, "/_xXpP") {
		return nil, false
	}
	if f, err := strconv.ParseFloat(text, 64); err != nil || math.Abs(f) > 1e20 || f != 0 && math.Abs(f) < 1e-20 {
		return nil, false
	}
	return new(big.Rat).SetString(text)
}

func (i Input) toNumber(given any) (any, *problem.Problem) {
	text, ok := numeral(given)
	if !ok {
		return nil, ErrValue.With("is %s, but must be a number", kind(given))
	}
	f, err := strconv.ParseFloat(text, 64)
	if err != nil || math.IsNaN(f) || math.IsInf(f, 0) || strings.ContainsAny(text, "_xXpP") {
		return nil, ErrValue.With("is %s, but must be a finite decimal number", i.show(text))
	}
	return f, nil
}

func (i Input) toBoolean(given any) (any, *problem.Problem) {
	switch v := given.(type) {
	case bool:
		return v, nil
	case string:
		switch strings.ToLower(strings.TrimSpace(v)) {
		case "true", "yes", "on", "1":
			return true, nil
		case "false", "no", "off", "0":
			return false, nil
		}
		return nil, ErrValue.With("is %s, but must be true or false", i.show(v))
	}
	return nil, ErrValue.With("is %s, but must be true or false", kind(given))
}

// numeral is the text of a number, or of a text that may be one.
func numeral(given any) (string, bool) {
	switch v := given.(type) {
	case string:
		return strings.TrimSpace(v), true
	case json.Number:
		return string(v), true
	case float64:
		return strconv.FormatFloat(v, 'g', -1, 64), true
	case float32:
		return strconv.FormatFloat(float64(v), 'g', -1, 32), true
	case int, int8, int16, int32, int64, uint, uint8, uint16, uint32, uint64:
		return fmt.Sprint(v), true
	}
	return "", false
}

func (i Input) check(v any) *problem.Problem {
	switch v := v.(type) {
	case string:
		return i.checkText(v)
	case int64:
		return i.checkRange(float64(v))
	case float64:
		return i.checkRange(v)
	}
	return nil
}

func (i Input) checkText(s string) *problem.Problem {
	longest := maxText
	if i.MaxLength > 0 {
		longest = i.MaxLength
	}
	switch {
	case !utf8.ValidString(s):
		return ErrValue.With("is not valid UTF-8")
	case strings.ContainsRune(s, 0):
		return ErrValue.With("contains a NUL byte at position %d", strings.IndexByte(s, 0)+1)
	case len(s) > maxText || utf8.RuneCountInString(s) > longest:
		return ErrValue.With("is %d characters long, at most %d are allowed", utf8.RuneCountInString(s), longest)
	case i.Secret && len(s) < minSecret:
		return ErrSecretTooShort.With("cannot be masked reliably; at least %d characters", minSecret)
	}
	re, err := i.regexp()
	if err != nil {
		return ErrDefinition.With("has a pattern that is not valid")
	}
	if re != nil && !re.MatchString(s) {
		return ErrValue.With("is %s, which does not match the pattern %s", i.show(s), i.Pattern)
	}
	return nil
}

func (i Input) checkRange(f float64) *problem.Problem {
	lowest, highest := i.bounds()
	if f < lowest {
		return ErrValue.With("is %s, but must be at least %s", Text(f), Text(lowest))
	}
	if f > highest {
		return ErrValue.With("is %s, but must be at most %s", Text(f), Text(highest))
	}
	return nil
}

// show prints a value in a message: never that of a secret, and never much.
func (i Input) show(v any) string {
	if i.Secret {
		return "a secret"
	}
	if s, ok := v.(string); ok {
		return strconv.Quote(cut(s))
	}
	return Text(v)
}

func kind(v any) string {
	switch v.(type) {
	case string:
		return "a string"
	case bool:
		return "a boolean"
	case json.Number, float64, float32, int, int8, int16, int32, int64, uint, uint8, uint16, uint32, uint64:
		return "a number"
	case []any:
		return "a list"
	case map[string]any:
		return "an object"
	default:
		return "of another type"
	}
}

func enumText(enum []any) string {
	texts := make([]string, 0, len(enum))
	for n, e := range enum {
		if n == 10 {
			texts = append(texts, fmt.Sprintf("… (%d more)", len(enum)-n))
			break
		}
		texts = append(texts, Text(e))
	}
	return strings.Join(texts, ", ")
}

func cut(s string) string {
	if r := []rune(s); len(r) > 60 {
		return string(r[:60]) + "…"
	}
	return s
}

func clean(s string) bool {
	return utf8.ValidString(s) && !strings.ContainsFunc(s, func(r rune) bool { return unicode.IsControl(r) && r != '\n' && r != '\t' })
}

// nearest finds the name that somebody probably meant: at most two edits away, one
// for short names.
func nearest(name string, names []string) (string, bool) {
	best, distance := "", 3
	if len(name) <= 4 {
		distance = 2
	}
	if len(name) > 64 {
		return "", false
	}
	for _, n := range names {
		if d := edits(strings.ToLower(name), strings.ToLower(n)); d < distance {
			best, distance = n, d
		}
	}
	return best, best != ""
}

// edits is the Levenshtein distance.
func edits(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := 1
			if a[i] == b[j] {
				cost = 0
			}
			diagonal, row[j+1] = row[j+1], min(row[j+1]+1, row[j]+1, diagonal+cost)
		}
	}
	return row[len(b)]
}
