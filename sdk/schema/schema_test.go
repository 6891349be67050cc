package schema_test

import (
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/cronium/cronium/sdk/problem"
	"github.com/cronium/cronium/sdk/schema"
)

func number(v float64) *float64 { return &v }

var inputs = schema.Inputs{
	"path":   {Type: "string", Default: "/", MaxLength: 8, Pattern: "/.*"},
	"count":  {Type: "integer", Minimum: number(1), Maximum: number(9)},
	"rate":   {Type: "number", Default: 0.5},
	"force":  {Type: "boolean", Default: false},
	"level":  {Type: "string", Enum: []any{"low", "high"}},
	"token":  {Type: "string", Secret: true},
	"target": {Type: "string", Required: true},
}

func TestValuesAreReadAsTheInputsType(t *testing.T) {
	got, err := inputs.Resolve(map[string]any{"target": "x", "count": "5", "rate": "1e-1", "force": "TRUE", "level": "low"})
	want := map[string]any{"target": "x", "count": int64(5), "rate": 0.1, "force": true, "level": "low", "path": "/"}
	if err != nil || !cmp.Equal(got, want) {
		t.Fatalf("Resolve: %v\n%s", err, cmp.Diff(want, got))
	}
}

func TestValuesThatDoNotFitNameTheirInput(t *testing.T) {
	for name, given := range map[string]map[string]any{
		"inputs.target": {},
		"inputs.count":  {"target": "x", "count": 1.5},
		"inputs.rate":   {"target": "x", "rate": "Inf"},
		"inputs.force":  {"target": "x", "force": "yes"},
		"inputs.level":  {"target": "x", "level": "middle"},
		"inputs.path":   {"target": "x", "path": "var"},
		"inputs.token":  {"target": "x", "token": "a\x00b"},
		"inputs.cuont":  {"target": "x", "cuont": 1},
	} {
		_, err := inputs.Resolve(given)
		p, ok := problem.As(err)
		if !ok || !errors.Is(err, schema.ErrInput) || p.Field != name || p.Hint == "" {
			t.Errorf("Resolve(%v) = %v (field %q), want a hinted problem at %s", given, err, fieldOf(p), name)
		}
	}
	_, err := inputs.Resolve(map[string]any{"target": "x", "cuont": 1})
	if p, _ := problem.As(err); p.Hint != `Did you mean "count"?` {
		t.Errorf("hint for cuont = %q, want count", p.Hint)
	}
}

func TestNumbersOutOfRangeSayTheRange(t *testing.T) {
	_, err := inputs.Resolve(map[string]any{"target": "x", "count": 10})
	if p, ok := problem.As(err); !ok || p.Hint != "Choose a value from 1 to 9." {
		t.Fatalf("Resolve(count 10) = %v, want the range as hint", err)
	}
}

func TestDescriptionsThatCannotWorkAreRefused(t *testing.T) {
	for name, bad := range map[string]schema.Inputs{
		"type":              {"a": {Type: "object"}},
		"name":              {"A": {Type: "string"}},
		"same variable":     {"a-b": {Type: "string"}, "a_b": {Type: "string"}},
		"required, default": {"a": {Type: "string", Required: true, Default: "x"}},
		"secret default":    {"a": {Type: "string", Secret: true, Default: "x"}},
		"default misfits":   {"a": {Type: "integer", Default: "x"}},
		"pattern":           {"a": {Type: "string", Pattern: "(?=x)"}},
		"min above max":     {"a": {Type: "number", Minimum: number(2), Maximum: number(1)}},
		"enum misfits":      {"a": {Type: "integer", Enum: []any{"one"}}},
	} {
		if err := bad.Validate(); !errors.Is(err, schema.ErrDescription) {
			t.Errorf("%s: Validate = %v, want ErrDescription", name, err)
		}
	}
	if err := inputs.Validate(); err != nil {
		t.Errorf("Validate of good inputs = %v", err)
	}
}

func fieldOf(p *problem.Problem) string {
	if p == nil {
		return ""
	}
	return p.Field
}
