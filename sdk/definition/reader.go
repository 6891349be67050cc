package definition

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"maps"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"

	"github.com/cronium/cronium/sdk/dependency"
	"github.com/cronium/cronium/sdk/problem"
)

const (
	maxDepth    = 32
	maxValues   = 20_000 // after aliases are expanded
	maxFindings = 50
)

// kind of text: what it must look like, and how to say so.
type kind struct {
	text  *regexp.Regexp
	words string
	limit int
}

// The patterns are those of job.schema.json.
var (
	jobName = kind{regexp.MustCompile(`^[a-z0-9]([a-z0-9-]{0,62}[a-z0-9])?$`),
		"1–64 lower-case letters, digits and hyphens, with a letter or digit at both ends", 64}
	labelName = kind{regexp.MustCompile(`^[A-Za-z0-9]([A-Za-z0-9._/-]{0,61}[A-Za-z0-9])?$`),
		"1–63 letters, digits and . _ / -, with a letter or digit at both ends", 63}
	envName = kind{regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]{0,127}$`),
		"letters, digits and _, not a digit first", 128}
	imageRef = kind{regexp.MustCompile(`^[a-z0-9]([a-zA-Z0-9._:/-]*[a-zA-Z0-9])?(@sha256:[0-9a-f]{64})?$`),
		"the reference of an image, for example python:3.12-slim", 255}
	networkName = kind{regexp.MustCompile(`^[a-zA-Z0-9][a-zA-Z0-9_.-]*$`), "bridge, none, or the name of a network", 128}
	memorySize  = kind{regexp.MustCompile(`^[1-9][0-9]*(MiB|GiB)$`), "a whole number of MiB or GiB, for example 512MiB", 16}
	inputName   = kind{regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_-]{0,63}$`),
		"1–64 letters, digits, _ and -, with a letter or _ first", 64}
	secretName = kind{regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_.-]{0,127}$`),
		"1–128 letters, digits and _ . -, with a letter or _ first", 128}
	packageName = kind{regexp.MustCompile(`^[A-Za-z0-9@][^\x00-\x1f\x7f:\\]*$`),
		"a package, such as requests==2.32.3 or left-pad@1.3.0; no options, paths and addresses", dependency.MaxLength}
	durations = kind{regexp.MustCompile(`^([0-9]+(\.[0-9]+)?(ms|s|m|h))+$`),
		"write a duration with units, like 90s, 2m or 1h30m", 32}
	labelValue  = kind{regexp.MustCompile(`^[^\x00-\x1f\x7f]*$`), "no control characters", 128}
	headerName  = kind{regexp.MustCompile("^[!#$%&'*+.^_`|~0-9A-Za-z-]{1,128}$"), "1–128 letters, digits and - _ . and the like", 128}
	headerText  = kind{regexp.MustCompile(`^[^\x00-\x08\x0a-\x1f\x7f]*$`), "no line breaks and other control characters", 8 << 10}
	paramName   = kind{regexp.MustCompile(`^[^\x00-\x1f\x7f]{1,128}$`), "1–128 characters, no control characters", 128}
	pointers    = kind{regexp.MustCompile(`^(/[^\x00]*)?$`), "write a JSON pointer, like /items/0/name", 1024}
	statusCodes = kind{regexp.MustCompile(`^([1-5]xx|[1-5][0-9]{2}(-[1-5][0-9]{2})?)$`), "write 204, 2xx or 200-399", 7}
	freeText    = kind{regexp.MustCompile(`^[^\x00]*$`), "no NUL character", 32 << 10}
)

var someText = regexp.MustCompile(`^[^\x00]+$`)

// setter reads a node into where it belongs.
type setter func(n *yaml.Node, at string)

// fields are the keys that an object may have.
type fields map[string]setter

// reader collects what is wrong while it reads one file.
type reader struct {
	file     string
	findings []Finding
	values   int
}

func (r *reader) at(n *yaml.Node) Position {
	if n == nil {
		return Position{File: r.file}
	}
	return Position{File: r.file, Line: n.Line, Column: n.Column}
}

func (r *reader) found(n *yaml.Node, path, format string, args ...any) {
	if len(r.findings) < maxFindings {
		r.findings = append(r.findings, Finding{r.at(n), path, fmt.Sprintf(format, args...)})
	}
}

// documents reads a whole file.
func (r *reader) documents(text []byte) []Job {
	switch {
	case len(text) > fileLimit:
		r.found(nil, "", "the file is larger than 1 MiB")
		return nil
	case !utf8.Valid(text):
		r.found(nil, "", "the file is not UTF-8")
		return nil
	}
	var jobs []Job
	for dec := yaml.NewDecoder(bytes.NewReader(text)); ; {
		var doc yaml.Node
		err := dec.Decode(&doc)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			r.syntax(err)
			return nil
		}
		body := doc.Content[0]
		if isNull(body) {
			continue // an empty document, as after a last ---
		}
		if !r.bounded(body, 1) {
			return nil
		}
		jobs = append(jobs, r.job(body))
	}
	if len(jobs) == 0 {
		r.found(nil, "", "the file holds no definition")
	}
	return jobs
}

var yamlLine = regexp.MustCompile(`^yaml: (?:line (\d+): )?`)

// syntax turns the parser's words into a finding.
func (r *reader) syntax(err error) {
	text, line := err.Error(), 0
	if m := yamlLine.FindStringSubmatch(text); m != nil {
		line, _ = strconv.Atoi(m[1])
		text = text[len(m[0]):]
	}
	f := Finding{At: Position{File: r.file, Line: line}, Message: "not valid YAML: " + text}
	r.findings = append(r.findings, f)
}

// bounded refuses what is too deep or, with its aliases expanded, too large. It
// comes first, so that the rest may follow aliases without counting.
func (r *reader) bounded(n *yaml.Node, depth int) bool {
	r.values++
	switch {
	case depth > maxDepth:
		r.found(n, "", "nested deeper than %d", maxDepth)
		return false
	case r.values > maxValues:
		r.found(n, "", "more than %d values", maxValues)
		return false
	case n.Kind == yaml.AliasNode:
		return r.bounded(n.Alias, depth+1)
	}
	for _, c := range n.Content {
		if !r.bounded(c, depth+1) {
			return false
		}
	}
	return true
}

func isNull(n *yaml.Node) bool { return n.Kind == yaml.ScalarNode && n.ShortTag() == "!!null" }

func deref(n *yaml.Node) *yaml.Node {
	for n.Kind == yaml.AliasNode {
		n = n.Alias
	}
	return n
}

// child returns the value of a key of an object, or nil.
func child(n *yaml.Node, key string) *yaml.Node {
	if n.Kind != yaml.MappingNode {
		return nil
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		if n.Content[i].Value == key {
			return deref(n.Content[i+1])
		}
	}
	return nil
}

// object reads a mapping whose keys are known.
func (r *reader) object(n *yaml.Node, at string, known fields, required ...string) {
	missing := slices.Clone(required)
	r.entries(n, at, len(known)+1000, func(key, value *yaml.Node, path string) {
		set, ok := known[key.Value]
		if !ok {
			r.found(key, path, "unknown key %q%s%s", key.Value, in(at), maybe(key.Value, slices.Sorted(maps.Keys(known))))
			return
		}
		missing = slices.DeleteFunc(missing, func(name string) bool { return name == key.Value })
		set(value, path)
	})
	if n.Kind != yaml.MappingNode {
		return
	}
	for _, name := range missing {
		r.found(n, join(at, name), "%q is missing%s", name, in(at))
	}
}

// nested reads an object inside an object.
func (r *reader) nested(required []string, known fields) setter {
	return func(n *yaml.Node, at string) { r.object(n, at, known, required...) }
}

// entries walks a mapping of at most limit keys.
func (r *reader) entries(n *yaml.Node, at string, limit int, fn func(key, value *yaml.Node, at string)) {
	if n.Kind != yaml.MappingNode || n.ShortTag() != "!!map" {
		r.wrong(n, at, "keys and values")
		return
	}
	if len(n.Content)/2 > limit {
		r.found(n, at, "more than %d keys%s", limit, in(at))
		return
	}
	seen := map[string]int{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, value := deref(n.Content[i]), deref(n.Content[i+1])
		line, twice := seen[key.Value]
		switch {
		case key.ShortTag() == "!!merge":
			r.found(key, at, "merge keys (<<) are not supported; write the keys out")
		case key.Kind != yaml.ScalarNode || key.ShortTag() != "!!str":
			r.found(key, at, "a key must be text; quote it")
		case twice:
			r.found(key, join(at, key.Value), "key %q appears twice; the first is on line %d", key.Value, line)
		default:
			seen[key.Value] = key.Line
			fn(key, value, join(at, key.Value))
		}
	}
}

// items walks a sequence of at most limit items.
func (r *reader) items(n *yaml.Node, at string, limit int, fn func(n *yaml.Node, at string)) {
	if n.Kind != yaml.SequenceNode || n.ShortTag() != "!!seq" {
		r.wrong(n, at, "a list")
		return
	}
	if len(n.Content) > limit {
		r.found(n, at, "more than %d items%s", limit, in(at))
		return
	}
	for i, item := range n.Content {
		fn(deref(item), fmt.Sprintf("%s[%d]", at, i))
	}
}

// text reads text of 1 to limit bytes.
func (r *reader) text(dst *string, limit int) setter {
	return r.matching(dst, kind{someText, "it must not be empty or contain NUL", limit})
}

// matching reads text that looks like k.
func (r *reader) matching(dst *string, k kind) setter {
	return func(n *yaml.Node, at string) {
		if !r.isText(n, at) {
			return
		}
		switch {
		case utf8.RuneCountInString(n.Value) > k.limit:
			r.found(n, at, "%s is longer than %d characters", last(at), k.limit)
		case !k.text.MatchString(n.Value):
			r.found(n, at, "%s %s: %s", last(at), quote(n.Value), k.words)
		default:
			*dst = n.Value
		}
	}
}

func (r *reader) isText(n *yaml.Node, at string) bool {
	if n.Kind == yaml.ScalarNode && n.ShortTag() == "!!str" {
		return true
	}
	if n.Kind == yaml.ScalarNode && !isNull(n) && !strings.HasPrefix(n.Tag, "!!binary") {
		r.found(n, at, "%s must be text; write it in quotes: %s", last(at), strconv.Quote(n.Value))
		return false
	}
	r.wrong(n, at, "text")
	return false
}

// oneOf reads one of a few words.
func (r *reader) oneOf(dst *string, words ...string) setter {
	return func(n *yaml.Node, at string) {
		if !r.isText(n, at) {
			return
		}
		if !slices.Contains(words, n.Value) {
			r.found(n, at, "%s must be %s, not %s%s", last(at), strings.Join(words, " or "), quote(n.Value), maybe(n.Value, words))
			return
		}
		*dst = n.Value
	}
}

func (r *reader) duration(dst *string, least, most time.Duration) setter {
	return func(n *yaml.Node, at string) {
		if tag := n.ShortTag(); n.Kind == yaml.ScalarNode && (tag == "!!int" || tag == "!!float") {
			r.found(n, at, "%s needs a unit: write %ss, or 2m, or 1h", last(at), n.Value)
			return
		}
		var text string
		if r.matching(&text, durations)(n, at); text == "" {
			return
		}
		d, err := time.ParseDuration(text)
		if err != nil || d < least || d > most {
			r.found(n, at, "%s must be %s to %s, not %s", last(at), least, hours(most), text)
			return
		}
		*dst = text
	}
}

func hours(d time.Duration) string { return strconv.Itoa(int(d.Hours())) + "h" }

func (r *reader) integer(dst *int, least, most int) setter {
	return func(n *yaml.Node, at string) {
		var v int
		if n.Kind != yaml.ScalarNode || n.ShortTag() != "!!int" || n.Decode(&v) != nil {
			r.wrong(n, at, "a whole number")
			return
		}
		if v < least || v > most {
			r.found(n, at, "%s must be %d to %d, not %d", last(at), least, most, v)
			return
		}
		*dst = v
	}
}

func (r *reader) number(dst **float64) setter {
	return func(n *yaml.Node, at string) {
		var v float64
		tag := n.ShortTag()
		if n.Kind != yaml.ScalarNode || (tag != "!!int" && tag != "!!float") || n.Decode(&v) != nil || math.IsNaN(v) || math.IsInf(v, 0) {
			r.wrong(n, at, "a number")
			return
		}
		*dst = &v
	}
}

func (r *reader) boolean(dst *bool) setter {
	return func(n *yaml.Node, at string) {
		if n.Kind != yaml.ScalarNode || n.ShortTag() != "!!bool" || n.Decode(dst) != nil {
			r.wrong(n, at, "true or false")
		}
	}
}

// scalar reads text, a number or a truth value.
func (r *reader) scalar(dst *any) setter {
	return func(n *yaml.Node, at string) {
		var v any
		switch n.ShortTag() {
		case "!!str", "!!timestamp":
			v = n.Value
		case "!!int", "!!float", "!!bool":
			if n.Decode(&v) != nil {
				v = nil
			}
		}
		if f, ok := v.(float64); n.Kind != yaml.ScalarNode || v == nil || (ok && (math.IsNaN(f) || math.IsInf(f, 0))) {
			r.wrong(n, at, "text, a number, true or false")
			return
		}
		*dst = v
	}
}

func (r *reader) scalars(dst *[]any, limit int) setter {
	return func(n *yaml.Node, at string) {
		r.items(n, at, limit, func(n *yaml.Node, at string) {
			var v any
			r.scalar(&v)(n, at)
			*dst = append(*dst, v)
		})
	}
}

// given reads the values for the inputs of a schedule.
func (r *reader) given(dst *map[string]any) setter {
	return func(n *yaml.Node, at string) {
		*dst = map[string]any{}
		r.entries(n, at, 64, func(key, value *yaml.Node, at string) {
			var v any
			r.scalar(&v)(value, at)
			(*dst)[key.Value] = v
		})
	}
}

func (r *reader) labels(dst *map[string]string) setter {
	return r.texts(dst, labelName, labelValue, 32)
}

// texts reads a mapping of text to text.
func (r *reader) texts(dst *map[string]string, names, values kind, limit int) setter {
	return func(n *yaml.Node, at string) {
		*dst = map[string]string{}
		r.entries(n, at, limit, func(key, value *yaml.Node, at string) {
			if !names.text.MatchString(key.Value) {
				r.found(key, at, "name %s: %s", quote(key.Value), names.words)
				return
			}
			var text string
			r.matching(&text, values)(value, at)
			(*dst)[key.Value] = text
		})
	}
}

// names reads a list of text in which nothing is twice.
func (r *reader) names(dst *[]string, k kind, limit int) setter {
	return func(n *yaml.Node, at string) {
		*dst = []string{}
		r.items(n, at, limit, func(n *yaml.Node, at string) {
			var name string
			if r.matching(&name, k)(n, at); name != "" && slices.Contains(*dst, name) {
				r.found(n, at, "%s is listed twice", quote(name))
			}
			*dst = append(*dst, name)
		})
	}
}

func (r *reader) wrong(n *yaml.Node, at, want string) {
	r.found(n, at, "%s must be %s, not %s", last(at), want, nature(n))
}

func nature(n *yaml.Node) string {
	switch {
	case n.Kind == yaml.MappingNode:
		return "keys and values"
	case n.Kind == yaml.SequenceNode:
		return "a list"
	case isNull(n):
		return "empty"
	case strings.HasPrefix(n.Tag, "!") && !strings.HasPrefix(n.Tag, "!!"):
		return "a value with the tag " + n.Tag
	}
	return quote(n.Value)
}

// quote shows a value from the file, short and without control characters.
func quote(s string) string {
	if runes := []rune(s); len(runes) > 60 {
		s = string(runes[:60]) + "…"
	}
	if strings.ContainsFunc(s, func(c rune) bool { return !unicode.IsPrint(c) }) {
		return strconv.QuoteToASCII(s)
	}
	return strconv.Quote(s)
}

// said is what an error tells people.
func said(err error) string {
	if p, ok := problem.As(err); ok && p.Detail != "" {
		return p.Detail
	}
	return err.Error()
}

func join(at, key string) string {
	if at == "" {
		return key
	}
	return at + "." + key
}

// last is the last key of a path, or the document.
func last(at string) string {
	if at == "" {
		return "a definition"
	}
	return at[strings.LastIndexByte(at, '.')+1:]
}

func in(at string) string {
	if at == "" {
		return ""
	}
	return " in " + at
}
