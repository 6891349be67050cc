package schema

import (
	"maps"
	"math"
	"regexp"
	"slices"
	"strings"

	"github.com/cronium/cronium/sdk/problem"
)

// The types of inputs.
const (
	String  = "string"
	Integer = "integer"
	Number  = "number"
	Boolean = "boolean"
)

const (
	maxInputs      = 100
	maxText        = 32 << 10 // bytes of one string
	maxTotal       = 64 << 10 // bytes of all values, as text
	maxPattern     = 1000
	maxEnum        = 200
	maxDescription = 1000
	minSecret      = 6
	maxExact       = 1 << 53 // integers beyond are not exact in JavaScript and in other readers of JSON
)

// Input describes one value that a job takes.
type Input struct {
	Type        string   `json:"type"`                  // string, integer, number or boolean
	Default     any      `json:"default,omitempty"`     // used when nothing is given
	Required    bool     `json:"required,omitempty"`    // something must be given, unless there is a default
	Description string   `json:"description,omitempty"` // for the form
	Enum        []any    `json:"enum,omitempty"`        // the only values allowed
	Secret      bool     `json:"secret,omitempty"`      // strings only: sealed at rest, masked in logs
	Minimum     *float64 `json:"minimum,omitempty"`     // of an integer or a number
	Maximum     *float64 `json:"maximum,omitempty"`
	Pattern     string   `json:"pattern,omitempty"`    // RE2, for the whole string
	MaxLength   int      `json:"max_length,omitempty"` // characters of a string
}

// Inputs are the inputs of a job by name.
type Inputs map[string]Input

var nameRE = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_-]{0,63}$`)

// Variable is the part of an environment variable's name that stands for an input.
func Variable(name string) string {
	return strings.ToUpper(strings.ReplaceAll(name, "-", "_"))
}

// Validate checks the definition. The error is a problem whose field begins with
// "inputs"; if several inputs are wrong it is the first by name.
func (in Inputs) Validate() error {
	if len(in) > maxInputs {
		return ErrDefinition.With("A job takes at most %d inputs, these are %d", maxInputs, len(in)).At("inputs")
	}
	variables := map[string]string{}
	for _, name := range slices.Sorted(maps.Keys(in)) {
		if !nameRE.MatchString(name) {
			return ErrDefinition.With("Input name %q must match [A-Za-z_][A-Za-z0-9_-]* and have at most 64 characters", cut(name)).At("inputs")
		}
		if other, taken := variables[Variable(name)]; taken {
			return ErrDefinition.With("Inputs %s and %s both become the variable CRONIUM_INPUT_%s", other, name, Variable(name)).At("inputs." + name)
		}
		variables[Variable(name)] = name
		if err := in[name].validate(); err != nil {
			return err.At("inputs." + name + "." + err.Field)
		}
	}
	return nil
}

func wrong(field, format string, args ...any) *problem.Problem {
	return ErrDefinition.With(format, args...).At(field)
}

func (i Input) validate() *problem.Problem {
	switch i.Type {
	case String, Integer, Number, Boolean:
	case "":
		return wrong("type", "Type is missing; it is one of string, integer, number, boolean")
	default:
		return wrong("type", "Type %q is not one of string, integer, number, boolean", cut(i.Type))
	}
	for _, check := range []func() *problem.Problem{i.validateText, i.validateRange, i.validateEnum, i.validateSecret} {
		if err := check(); err != nil {
			return err
		}
	}
	if i.Default == nil {
		return nil
	}
	if _, err := i.value(i.Default); err != nil {
		return wrong("default", "Default %s", err.Detail)
	}
	return nil
}

func (i Input) validateText() *problem.Problem {
	if len(i.Description) > maxDescription || !clean(i.Description) {
		return wrong("description", "Description is longer than %d bytes or holds a control character", maxDescription)
	}
	if i.Type != String && (i.Pattern != "" || i.MaxLength != 0) {
		return wrong("pattern", "Pattern and max_length are for strings, this is of type %s", i.Type)
	}
	if i.MaxLength < 0 || i.MaxLength > maxText {
		return wrong("max_length", "max_length %d is out of range 1–%d", i.MaxLength, maxText)
	}
	if len(i.Pattern) > maxPattern {
		return wrong("pattern", "Pattern is longer than %d bytes", maxPattern)
	}
	if _, err := i.regexp(); err != nil {
		return wrong("pattern", "Pattern is not a valid RE2 expression: %v", err)
	}
	return nil
}

func (i Input) validateRange() *problem.Problem {
	if i.Minimum == nil && i.Maximum == nil {
		return nil
	}
	if i.Type != Integer && i.Type != Number {
		return wrong("minimum", "minimum and maximum are for integers and numbers, this is of type %s", i.Type)
	}
	lowest, highest := i.bounds()
	if math.IsNaN(lowest) || math.IsNaN(highest) || lowest > highest {
		return wrong("minimum", "minimum %v is above maximum %v", lowest, highest)
	}
	return nil
}

func (i Input) bounds() (lowest, highest float64) {
	lowest, highest = math.Inf(-1), math.Inf(1)
	if i.Minimum != nil {
		lowest = *i.Minimum
	}
	if i.Maximum != nil {
		highest = *i.Maximum
	}
	return lowest, highest
}

func (i Input) validateEnum() *problem.Problem {
	if len(i.Enum) > maxEnum {
		return wrong("enum", "enum has %d values, at most %d are allowed", len(i.Enum), maxEnum)
	}
	bare := i
	bare.Enum = nil
	seen := map[any]bool{}
	for _, e := range i.Enum {
		v, err := bare.value(e)
		if err != nil {
			return wrong("enum", "enum value %s", err.Detail)
		}
		if seen[v] {
			return wrong("enum", "enum value %v appears twice", v)
		}
		seen[v] = true
	}
	return nil
}

func (i Input) validateSecret() *problem.Problem {
	switch {
	case !i.Secret:
		return nil
	case i.Type != String:
		return wrong("secret", "Only a string can be secret, this is of type %s", i.Type)
	case i.Default != nil:
		return wrong("default", "A secret cannot have a default: it would be readable in the definition")
	case len(i.Enum) > 0:
		return wrong("enum", "A secret cannot have an enum: it would be readable in the definition")
	}
	return nil
}

func (i Input) regexp() (*regexp.Regexp, error) {
	if i.Pattern == "" {
		return nil, nil
	}
	// Alone first: "a)|(b" would slip out of the anchors.
	if _, err := regexp.Compile(i.Pattern); err != nil {
		return nil, err
	}
	return regexp.Compile(`\A(?:` + i.Pattern + `)\z`)
}
