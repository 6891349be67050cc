package request

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"math/big"
	"net/http"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Answer is what came back.
type Answer struct {
	Status  int
	Headers http.Header
	Body    []byte
	Latency time.Duration // until the whole body was read
}

// Judge returns what of the expectations does not hold, a sentence each.
func (r Request) Judge(a Answer) []string {
	e := Expect{}
	if r.Expect != nil {
		e = *r.Expect
	}
	var failed []string
	fail := func(format string, args ...any) { failed = append(failed, fmt.Sprintf(format, args...)) }
	if len(e.Status) == 0 {
		e.Status = []string{"2xx"}
	}
	if !slices.ContainsFunc(e.Status, func(s string) bool { b, _ := statusRange(s); return b[0] <= a.Status && a.Status <= b[1] }) {
		fail("status is %d, want %s", a.Status, strings.Join(e.Status, " or "))
	}
	for _, name := range slices.Sorted(maps.Keys(e.Headers)) {
		if got := a.Headers.Get(name); got != e.Headers[name] {
			fail("header %s is %q, want %q", name, cut(got), e.Headers[name])
		}
	}
	if e.Contains != "" && !bytes.Contains(a.Body, []byte(e.Contains)) {
		fail("the body does not contain %q", cut(e.Contains))
	}
	if limit, err := time.ParseDuration(e.MaxLatency); err == nil && a.Latency > limit {
		fail("the answer took %s, at most %s is allowed", a.Latency.Round(time.Millisecond), limit)
	}
	return append(failed, judgeJSON(e.JSON, a.Body)...)
}

func judgeJSON(want map[string]any, body []byte) (failed []string) {
	if len(want) == 0 {
		return nil
	}
	document, err := decode(body)
	if err != nil {
		return []string{"the body is not JSON"}
	}
	for _, pointer := range slices.Sorted(maps.Keys(want)) {
		got, ok := lookUp(document, pointer)
		switch {
		case !ok:
			failed = append(failed, fmt.Sprintf("%s is not in the body", shown(pointer)))
		case !equal(got, want[pointer]):
			failed = append(failed, fmt.Sprintf("%s is %s, want %s", shown(pointer), text(got), text(want[pointer])))
		}
	}
	return failed
}

func shown(pointer string) string {
	if pointer == "" {
		return "the whole"
	}
	return pointer
}

func decode(body []byte) (v any, err error) {
	dec := json.NewDecoder(bytes.NewReader(body))
	dec.UseNumber()
	if err = dec.Decode(&v); err == nil && dec.More() {
		err = fmt.Errorf("more than one value")
	}
	return v, err
}

// lookUp follows a JSON pointer (RFC 6901).
func lookUp(v any, pointer string) (any, bool) {
	if pointer == "" {
		return v, true
	}
	for part := range strings.SplitSeq(pointer[1:], "/") {
		part = strings.ReplaceAll(strings.ReplaceAll(part, "~1", "/"), "~0", "~")
		switch container := v.(type) {
		case map[string]any:
			next, ok := container[part]
			if !ok {
				return nil, false
			}
			v = next
		case []any:
			i, err := strconv.Atoi(part)
			if err != nil || i < 0 || i >= len(container) || strconv.Itoa(i) != part {
				return nil, false
			}
			v = container[i]
		default:
			return nil, false
		}
	}
	return v, true
}

// equal compares as JSON does: 1 and 1.0 are one number.
func equal(a, b any) bool {
	return reflect.DeepEqual(canonical(a), canonical(b))
}

func canonical(v any) any {
	encoded, err := json.Marshal(v)
	if err != nil {
		return nil
	}
	if v, err = decode(encoded); err != nil {
		return nil
	}
	return exact(v)
}

// number is the one spelling of a number.
type number string

func exact(v any) any {
	switch v := v.(type) {
	case json.Number:
		// An exponent could ask for more digits than there is memory.
		if r, ok := new(big.Rat).SetString(v.String()); ok && !strings.ContainsAny(v.String(), "eE") {
			return number(r.RatString())
		}
		f, _ := v.Float64()
		if r := new(big.Rat).SetFloat64(f); r != nil {
			return number(r.RatString())
		}
		return number(v.String())
	case []any:
		for i := range v {
			v[i] = exact(v[i])
		}
	case map[string]any:
		for name := range v {
			v[name] = exact(v[name])
		}
	}
	return v
}

func text(v any) string {
	encoded, err := json.Marshal(v)
	if err != nil {
		return "not JSON"
	}
	return cut(string(encoded))
}
