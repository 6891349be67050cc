package strictjson_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/cronium/cronium/hub/httpapi/internal/strictjson"
)

func TestWhatTheStandardLibraryForgivesIsFound(t *testing.T) {
	deep := strings.Repeat("[", 65) + strings.Repeat("]", 65)
	cases := []struct {
		name, body string
		kind       strictjson.Kind
		path, says string
	}{
		{"truncated", `{"a":1`, strictjson.Malformed, "", "ends early, at byte 6"},
		{"empty", ``, strictjson.Malformed, "", "ends early"},
		{"no comma", `{"a":1 "b":2}`, strictjson.Malformed, "", "at byte 7"},
		{"trailing value", `{} {}`, strictjson.Malformed, "", "text after the value"},
		{"trailing rubbish", `{}x`, strictjson.Malformed, "", "text after the value"},
		{"twice", `{"a":1,"a":2}`, strictjson.DuplicateKey, "a", `"a" appears twice`},
		{"twice inside", `{"x":[{"b":1},{"a":1,"a":2}]}`, strictjson.DuplicateKey, "x[1].a", "appears twice"},
		{"twice by escape", `{"a":1,"\u0061":2}`, strictjson.DuplicateKey, "a", "appears twice"},
		{"deep", deep, strictjson.TooComplex, "", "deeper than 64"},
		{"many", "[" + strings.Repeat("1,", 200_001) + "1]", strictjson.TooComplex, "", "More than"},
		{"not utf-8", "{\"a\":\"\xff\"}", strictjson.InvalidText, "", "at byte 6"},
		{"nul", `{"a":"x\u0000"}`, strictjson.InvalidText, "a", "NUL"},
		{"huge number", `{"a":1e400}`, strictjson.OutOfRange, "a", "too large"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			fault := strictjson.Check([]byte(c.body))
			if fault == nil || fault.Kind != c.kind || !strings.Contains(fault.Detail, c.says) {
				t.Fatalf("Check = %v, want %s saying %q", fault, c.kind, c.says)
			}
			if c.path != "" && fault.Path != c.path {
				t.Fatalf("Check found it at %q, want %q", fault.Path, c.path)
			}
		})
	}
}

func TestGoodDocumentsPass(t *testing.T) {
	for _, body := range []string{
		`{}`, `[]`, `1`, `"x"`, `null`, ` {"a":{"a":1},"b":[{"a":1},{"a":2}]} `,
		strings.Repeat("[", 64) + strings.Repeat("]", 64),
	} {
		if fault := strictjson.Check([]byte(body)); fault != nil {
			t.Errorf("Check(%s) = %v, want nil", body, fault)
		}
	}
}

func TestAFaultNeverRepeatsAValue(t *testing.T) {
	for _, body := range []string{
		`{"password":"hunter2","password":"hunter2"}`, `{"password":"hunter2`, `{"password":hunter2}`,
		`{"password":"hunter2"}hunter2`, `{"password":"hunter2\u0000"}`,
	} {
		if got := fmt.Sprintf("%v", strictjson.Check([]byte(body))); strings.Contains(got, "hunter2") {
			t.Errorf("Check(%s) = %s, which repeats the value", body, got)
		}
	}
}

func FuzzCheckAcceptsOnlyWhatDecodes(f *testing.F) {
	for _, seed := range []string{`{"a":[1,{"b":null}]}`, `{"a":1,"a":2}`, `[1,2`, `"\ud800"`, "{\"\xff\":1}"} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		if fault := strictjson.Check(body); fault != nil {
			return
		}
		var v any
		if err := json.Unmarshal(body, &v); err != nil {
			t.Fatalf("Check(%q) = nil, but it does not decode: %v", body, err)
		}
	})
}
