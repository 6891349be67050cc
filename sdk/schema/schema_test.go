package schema

import (
	"encoding/json"
	"errors"
	"math"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/cronium/cronium/sdk/problem"
)

func f(v float64) *float64 { return &v }

func TestResolveConvertsTextAndKeepsTypes(t *testing.T) {
	in := Inputs{
		"path": {Type: String, Default: "/"}, "n": {Type: Integer, Minimum: f(1), Maximum: f(10)}, "ratio": {Type: Number},
		"dry": {Type: Boolean, Default: false}, "mode": {Type: String, Enum: []any{"fast", "slow"}}, "level": {Type: Integer, Enum: []any{1.0, 2.0}},
		"id": {Type: String, Pattern: "[a-z]+|[0-9]+", MaxLength: 8}, "empty": {Type: String},
	}
	if err := in.Validate(); err != nil {
		t.Fatalf("Validate: %v", err)
	}
	for _, c := range []struct {
		given, want map[string]any
	}{
		{nil, map[string]any{"path": "/", "dry": false}},
		{map[string]any{"n": "5", "dry": "TRUE", "ratio": "0.25", "level": "2"}, map[string]any{"path": "/", "n": int64(5), "dry": true, "ratio": 0.25, "level": int64(2)}},
		{map[string]any{"n": 5.0, "ratio": json.Number("1e3"), "dry": true}, map[string]any{"path": "/", "n": int64(5), "ratio": 1000.0, "dry": true}},
		{map[string]any{"n": "1e1", "path": ""}, map[string]any{"path": "", "n": int64(10), "dry": false}},
		{map[string]any{"mode": "fast", "id": "abc", "path": nil, "empty": ""}, map[string]any{"path": "/", "dry": false, "mode": "fast", "id": "abc", "empty": ""}},
	} {
		got, err := in.Resolve(c.given)
		if err != nil {
			t.Errorf("Resolve(%v): %v", c.given, err)
		} else if diff := cmp.Diff(c.want, got); diff != "" {
			t.Errorf("Resolve(%v): (-want +got)\n%s", c.given, diff)
		}
	}
}

func TestResolveRefusesWithTheNameOfTheInput(t *testing.T) {
	in := Inputs{
		"path": {Type: String, Required: true, MaxLength: 5}, "n": {Type: Integer, Minimum: f(1), Maximum: f(10)}, "x": {Type: Number},
		"dry": {Type: Boolean}, "mode": {Type: String, Enum: []any{"fast", "slow"}}, "id": {Type: String, Pattern: "[a-z]+"},
		"token": {Type: String, Secret: true, Pattern: "[a-z]+"},
	}
	if err := in.Validate(); err != nil {
		t.Fatalf("Validate: %v", err)
	}
	for _, c := range []struct {
		name   string
		value  any
		is     error
		detail string
	}{
		{"path", nil, ErrMissing, "Input path is required"},
		{"path", 5.0, ErrValue, "Input path is a number, but must be a string"},
		{"path", "a\x00b", ErrValue, "Input path contains a NUL byte at position 2"},
		{"path", "a\xff", ErrValue, "Input path is not valid UTF-8"},
		{"path", "äääääa", ErrValue, "Input path is 6 characters long, at most 5 are allowed"},
		{"n", "five", ErrValue, `Input n is "five", but must be an integer`},
		{"n", 1.5, ErrValue, `Input n is "1.5", but must be an integer`},
		{"n", "11", ErrValue, "Input n is 11, but must be at most 10"},
		{"n", "99999999999999999999", ErrValue, `Input n is "99999999999999999999", but must be an integer`},
		{"n", "0x5", ErrValue, `Input n is "0x5", but must be an integer`},
		{"n", "1/1", ErrValue, `Input n is "1/1", but must be an integer`},
		{"n", "1e400", ErrValue, `Input n is "1e400", but must be an integer`},
		{"n", []any{1}, ErrValue, "Input n is a list, but must be an integer"},
		{"x", "1e400", ErrValue, `Input x is "1e400", but must be a finite decimal number`},
		{"x", math.NaN(), ErrValue, `Input x is "NaN", but must be a finite decimal number`},
		{"dry", "maybe", ErrValue, `Input dry is "maybe", but must be true or false`},
		{"dry", 1.0, ErrValue, "Input dry is a number, but must be true or false"},
		{"mode", "warp", ErrValue, `Input mode is "warp", which is not one of fast, slow`},
		{"id", "abc\n", ErrValue, `Input id is "abc\n", which does not match the pattern [a-z]+`},
		{"token", "short", ErrSecretTooShort, "Input token cannot be masked reliably; at least 6 characters"},
		{"token", "LOUDSECRET", ErrValue, "Input token is a secret, which does not match the pattern [a-z]+"},
	} {
		given := map[string]any{"path": "/"}
		given[c.name] = c.value
		_, err := in.Resolve(given)
		p, ok := problem.As(err)
		if !ok || !errors.Is(err, c.is) || p.Detail != c.detail || p.Field != "inputs."+c.name {
			t.Errorf("%s=%v: %v, field %q; want %q", c.name, c.value, err, p.Field, c.detail)
		}
		if strings.Contains(err.Error(), "LOUDSECRET") {
			t.Errorf("%s: the message repeats a secret: %v", c.name, err)
		}
	}
}

func TestUnknownInputSuggestsTheNearest(t *testing.T) {
	in := Inputs{"path": {Type: String}, "verbose": {Type: Boolean}}
	for given, hint := range map[string]string{
		"pth": `Did you mean "path"?`, "Verbos": `Did you mean "verbose"?`, "zzz": "This job takes: path, verbose.",
	} {
		_, err := in.Resolve(map[string]any{given: "x"})
		if p, _ := problem.As(err); !errors.Is(err, ErrUnknown) || p.Hint != hint {
			t.Errorf("%s: %v, hint %q; want %q", given, err, p.Hint, hint)
		}
	}
	if _, err := (Inputs{}).Resolve(map[string]any{"a": 1}); err == nil {
		t.Error("a job without inputs took one")
	}
}

func TestEveryWrongInputIsReported(t *testing.T) {
	in := Inputs{"a": {Type: Integer}, "b": {Type: Integer}, "c": {Type: String, Required: true}}
	_, err := in.Resolve(map[string]any{"a": "x", "b": "y", "d": 1})
	all, ok := err.(interface{ Unwrap() []error })
	if !ok || len(all.Unwrap()) != 4 {
		t.Fatalf("Resolve: %v, want four problems", err)
	}
}

func TestInputsTogetherAreBounded(t *testing.T) {
	in := Inputs{"a": {Type: String}, "b": {Type: String}, "c": {Type: String}}
	big := strings.Repeat("x", 30<<10)
	if _, err := in.Resolve(map[string]any{"a": big, "b": big, "c": big}); !errors.Is(err, ErrTooLarge) {
		t.Fatalf("90 KiB: %v, want %v", err, ErrTooLarge)
	}
}

func TestValidateRefusesDefinitionsThatCannotWork(t *testing.T) {
	for _, c := range []struct {
		in    Inputs
		field string
	}{
		{Inputs{"a": {}}, "inputs.a.type"},
		{Inputs{"a": {Type: "text"}}, "inputs.a.type"},
		{Inputs{"1a": {Type: String}}, "inputs"},
		{Inputs{"a b": {Type: String}}, "inputs"},
		{Inputs{"a-b": {Type: String}, "A_b": {Type: String}}, "inputs.a-b"},
		{Inputs{"a": {Type: Integer, Default: "x"}}, "inputs.a.default"},
		{Inputs{"a": {Type: Integer, Default: 11.0, Maximum: f(10)}}, "inputs.a.default"},
		{Inputs{"a": {Type: Integer, Minimum: f(2), Maximum: f(1)}}, "inputs.a.minimum"},
		{Inputs{"a": {Type: String, Minimum: f(2)}}, "inputs.a.minimum"},
		{Inputs{"a": {Type: String, Pattern: "("}}, "inputs.a.pattern"},
		{Inputs{"a": {Type: String, Pattern: "a)|(b"}}, "inputs.a.pattern"},
		{Inputs{"a": {Type: Boolean, Pattern: "a"}}, "inputs.a.pattern"},
		{Inputs{"a": {Type: String, MaxLength: -1}}, "inputs.a.max_length"},
		{Inputs{"a": {Type: Integer, Enum: []any{"x"}}}, "inputs.a.enum"},
		{Inputs{"a": {Type: Integer, Enum: []any{1.0, "1"}}}, "inputs.a.enum"},
		{Inputs{"a": {Type: Integer, Secret: true}}, "inputs.a.secret"},
		{Inputs{"a": {Type: String, Secret: true, Default: "geheim"}}, "inputs.a.default"},
		{Inputs{"a": {Type: String, Description: "a\x00"}}, "inputs.a.description"},
	} {
		err := c.in.Validate()
		if p, ok := problem.As(err); !ok || !errors.Is(err, ErrDefinition) || p.Field != c.field || p.Detail == "" {
			t.Errorf("Validate(%+v) = %v, want a problem at %s", c.in, err, c.field)
		}
	}
}

func TestSplitKeepsSecretsApart(t *testing.T) {
	in := Inputs{"a": {Type: String}, "token": {Type: String, Secret: true}}
	plain, secret := in.Split(map[string]any{"a": "1", "token": "geheim"})
	if len(plain) != 1 || plain["a"] != "1" || len(secret) != 1 || secret["token"] != "geheim" {
		t.Fatalf("Split = %v, %v", plain, secret)
	}
}

func FuzzResolveNeverPanicsAndFitsTheEnvironment(f *testing.F) {
	for _, s := range []string{"5", "1e3", "-0", "1e-9", "true", "\x00", "ä", "99999999999999999999999", "1_000", "0x1p-2", "NaN"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		for _, typ := range []string{String, Integer, Number, Boolean} {
			in := Inputs{"a": {Type: typ}}
			got, err := in.Resolve(map[string]any{"a": s})
			if err != nil {
				if p, ok := problem.As(err); !ok || p.Field != "inputs.a" {
					t.Fatalf("%s %q: %v", typ, s, err)
				}
				continue
			}
			text := Text(got["a"])
			if strings.ContainsRune(text, 0) {
				t.Fatalf("%s %q: NUL in %q", typ, s, text)
			}
			if again, err := in.Resolve(map[string]any{"a": text}); err != nil || again["a"] != got["a"] {
				t.Fatalf("%s %q: %v becomes %v through its text, %v", typ, s, got["a"], again["a"], err)
			}
		}
	})
}
