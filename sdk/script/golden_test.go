package script_test

import (
	"fmt"
	"os"
	"strings"
	"sync"
	"testing"
)

// exchange is one request of the golden conversation.
type exchange struct {
	request, answer string
	value           string // what the script gets; empty if the call fails
	more            bool   // it belongs to the same call as the one before
}

func readGolden(t *testing.T) []exchange {
	t.Helper()
	text, err := os.ReadFile("testdata/golden.txt")
	if err != nil {
		t.Fatal(err)
	}
	var all []exchange
	for line := range strings.Lines(string(text)) {
		mark, rest, _ := strings.Cut(strings.TrimSuffix(line, "\n"), " ")
		switch last := len(all) - 1; mark {
		case ">":
			all = append(all, exchange{request: canonical(t, []byte(rest))})
		case "+":
			all = append(all, exchange{request: canonical(t, []byte(rest)), more: true})
		case "<":
			all[last].answer = rest
			if v, ok := decode(t, []byte(rest)).(map[string]any)["value"]; ok {
				all[last].value = canonical(t, encode(v))
			}
		case "=":
			all[last].value = canonical(t, []byte(rest))
		case "#", "":
		default:
			t.Fatalf("golden.txt: what is %q?", line)
		}
	}
	return all
}

// outcomes are the calls of the script: what the last of their requests gives, or the
// one that is refused.
func outcomes(t *testing.T, all []exchange) []exchange {
	t.Helper()
	var calls []exchange
	for _, e := range all {
		switch last := len(calls) - 1; {
		case !e.more:
			calls = append(calls, e)
		case calls[last].failure(t) == nil:
			calls[last].answer, calls[last].value = e.answer, e.value
		}
	}
	return calls
}

// player plays the runner's part, in order, on however many connections.
type player struct {
	t    *testing.T
	mu   sync.Mutex
	next int
	all  []exchange
}

func (p *player) answer(line []byte) any {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.next == len(p.all) {
		p.t.Errorf("one request too many: %s", line)
		return hangUp{}
	}
	e := p.all[p.next]
	p.next++
	if got := canonical(p.t, line); got != e.request {
		p.t.Errorf("request %d is\n%s\nwant\n%s", p.next, got, e.request)
	}
	return decode(p.t, []byte(e.answer))
}

func (e exchange) failure(t *testing.T) map[string]any {
	problem, _ := decode(t, []byte(e.answer)).(map[string]any)["error"].(map[string]any)
	return problem
}

func TestAllLanguagesHaveTheGoldenConversation(t *testing.T) {
	for name, language := range map[string]string{"golden.py": "python", "golden.cjs": "js", "golden.mjs": "esm", "golden.sh": "bash"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			source, err := os.ReadFile("testdata/" + name)
			if err != nil {
				t.Fatal(err)
			}
			p := &player{t: t, all: readGolden(t)}
			h := newHost(t, p.answer)
			got := h.run(language, string(source))
			if got.code != 0 || got.err != "" || p.next != len(p.all) {
				t.Fatalf("%d of %d requests; it ended with %d: %s", p.next, len(p.all), got.code, got.err)
			}
			fields := strings.Split(strings.TrimSuffix(got.out, "\x00"), "\x00")
			if language == "bash" {
				compareRaw(t, fields, outcomes(t, p.all))
			} else {
				compareJSON(t, fields, outcomes(t, p.all))
			}
		})
	}
}

// compareJSON compares {"value": …} or {"error": …} of each step.
func compareJSON(t *testing.T, steps []string, all []exchange) {
	t.Helper()
	if len(steps) != len(all) {
		t.Fatalf("%d results for %d calls", len(steps), len(all))
	}
	for i, e := range all {
		want := `{"value":` + e.value + `}`
		if problem := e.failure(t); problem != nil {
			want = string(encode(map[string]any{"error": problem}))
		}
		if got := canonical(t, []byte(steps[i])); got != want {
			t.Errorf("%s gives the script\n%s\nwant\n%s", e.request, got, want)
		}
	}
}

// compareRaw compares status, output and errors of each step.
func compareRaw(t *testing.T, fields []string, all []exchange) {
	t.Helper()
	if len(fields) != 3*len(all) {
		t.Fatalf("%d fields for %d calls", len(fields), len(all))
	}
	for i, e := range all {
		status, out, errs := fields[3*i], fields[3*i+1], fields[3*i+2]
		wantStatus, want, wantErrs := "0", "", ""
		if problem := e.failure(t); problem != nil {
			wantStatus, wantErrs = "1", fmt.Sprintf("error: %s: %s\nhint: %s", problem["code"], problem["detail"], problem["hint"])
		} else {
			want, out = raw(t, e.value, out)
			if strings.Contains(e.request, "compare_and_set") && want == "false" {
				wantStatus = "3"
			}
		}
		if status != wantStatus || out != want || errs != wantErrs {
			t.Errorf("%s: status %s, output %q, errors %q; want %s, %q, %q", e.request, status, out, errs, wantStatus, want, wantErrs)
		}
	}
}

// raw is a JSON value as bash should print it; what it did print is made canonical
// if it should be JSON.
func raw(t *testing.T, value, printed string) (want, got string) {
	t.Helper()
	switch v := decode(t, []byte(value)).(type) {
	case nil:
		return "", printed
	case string:
		return v, printed
	default:
		return value, canonical(t, []byte(printed))
	}
}
