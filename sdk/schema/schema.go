package schema

import (
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"
)

// Limits of a description.
const (
	MaxInputs      = 100
	MaxTextBytes   = 64 << 10 // of one value
	maxPattern     = 1000
	maxDescription = 1000
)

// Input describes one parameter. The zero value of every field but Type asks for
// nothing.
type Input struct {
	Type        string   `json:"type"` // string, integer, number or boolean
	Default     any      `json:"default,omitempty"`
	Required    bool     `json:"required,omitempty"` // a value must be given; excludes Default
	Description string   `json:"description,omitempty"`
	Enum        []any    `json:"enum,omitempty"`
	Secret      bool     `json:"secret,omitempty"` // sealed, masked in logs, never shown again
	Minimum     *float64 `json:"minimum,omitempty"`
	Maximum     *float64 `json:"maximum,omitempty"`
	Pattern     string   `json:"pattern,omitempty"`    // RE2, must match the whole value
	MaxLength   int      `json:"max_length,omitempty"` // characters; 0 means up to 64 KiB
}

// Inputs are the parameters of a job by name.
type Inputs map[string]Input

var inputName = regexp.MustCompile(`^[a-z][a-z0-9_-]{0,63}$`)

// Validate says what is wrong with the description itself.
func (in Inputs) Validate() error {
	if len(in) > MaxInputs {
		return ErrDescription.With("%d inputs, at most %d", len(in), MaxInputs).At("inputs")
	}
	seen := map[string]string{}
	for _, name := range slices.Sorted(maps.Keys(in)) {
		field := "inputs." + name
		if !inputName.MatchString(name) {
			return ErrDescription.With("%q cannot name an input", clip(name)).At(field).
				Hinted("Start with a lower-case letter; go on with lower-case letters, digits, _ and -, 64 at most.")
		}
		if other, taken := seen[EnvName(name)]; taken {
			return ErrDescription.With("%q and %q would be the same environment variable %s", other, name, EnvName(name)).At(field)
		}
		seen[EnvName(name)] = name
		if err := in[name].validate(field); err != nil {
			return err
		}
	}
	return nil
}

// EnvName is the environment variable in which a script finds the input.
func EnvName(input string) string {
	return "CRONIUM_INPUT_" + strings.ToUpper(strings.ReplaceAll(input, "-", "_"))
}

func (i Input) validate(field string) error {
	switch {
	case !slices.Contains([]string{"string", "integer", "number", "boolean"}, i.Type):
		return ErrDescription.With("%q is no type", clip(i.Type)).At(field + ".type").Hinted("Use string, integer, number or boolean.")
	case i.Required && i.Default != nil:
		return ErrDescription.With("required and default exclude each other").At(field)
	case i.Secret && i.Default != nil:
		return ErrDescription.With("a default is kept in clear, so a secret cannot have one").At(field + ".default")
	case i.Type != "string" && (i.Pattern != "" || i.MaxLength != 0 || i.Secret):
		return ErrDescription.With("pattern, max_length and secret are for strings").At(field)
	case i.Type != "integer" && i.Type != "number" && (i.Minimum != nil || i.Maximum != nil):
		return ErrDescription.With("minimum and maximum are for numbers").At(field)
	case i.Minimum != nil && i.Maximum != nil && *i.Minimum > *i.Maximum:
		return ErrDescription.With("minimum is above maximum").At(field)
	case i.MaxLength < 0 || i.MaxLength > MaxTextBytes:
		return ErrDescription.With("max_length must be 0 to %d", MaxTextBytes).At(field + ".max_length")
	case len(i.Pattern) > maxPattern || len(i.Description) > maxDescription:
		return ErrDescription.With("pattern and description are at most %d characters", maxPattern).At(field)
	}
	if _, err := regexp.Compile(i.Pattern); err != nil {
		return ErrDescription.With("pattern: %v", err).At(field + ".pattern").Hinted("Write an RE2 expression, as Go and grep -E understand it (no look-around).")
	}
	bare := i
	bare.Enum = nil
	for n, value := range i.Enum {
		if _, err := bare.resolve(field, value); err != nil {
			return ErrDescription.With("enum value %d does not fit the input itself", n+1).At(field + ".enum")
		}
	}
	if i.Default != nil {
		if _, err := i.resolve(field, i.Default); err != nil {
			return ErrDescription.With("the default does not fit: %v", detail(err)).At(field + ".default")
		}
	}
	return nil
}

// Resolve checks the values given and returns one for every input that has one:
// given, else its default. Text is read as the input's type ("5", "true"), because
// that is all a command line can say.
func (in Inputs) Resolve(given map[string]any) (map[string]any, error) {
	for _, name := range slices.Sorted(maps.Keys(given)) {
		if _, known := in[name]; !known {
			return nil, in.unknown(name)
		}
	}
	values := make(map[string]any, len(in))
	for _, name := range slices.Sorted(maps.Keys(in)) {
		input := in[name]
		value, ok := given[name]
		if !ok || value == nil {
			if input.Required {
				return nil, ErrInput.With("input %q is required", name).At("inputs." + name).Hinted("Give it a value: -i %s=VALUE.", name)
			}
			if value = input.Default; value == nil {
				continue
			}
		}
		resolved, err := input.resolve("inputs."+name, value)
		if err != nil {
			return nil, err
		}
		values[name] = resolved
	}
	return values, nil
}

// Secrets returns the names of the secret inputs, sorted.
func (in Inputs) Secrets() []string {
	var names []string
	for name, input := range in {
		if input.Secret {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

func (in Inputs) unknown(name string) error {
	names := slices.Sorted(maps.Keys(in))
	err := ErrInput.With("the job has no input %q", clip(name)).At("inputs." + clip(name))
	if near := Nearest(name, names); near != "" {
		return err.Hinted("Did you mean %q?", near)
	}
	if len(names) == 0 {
		return err.Hinted("This job takes no inputs.")
	}
	return err.Hinted("Its inputs are: %s.", strings.Join(names, ", "))
}

// Text is a resolved value as an environment variable holds it.
func Text(value any) string {
	switch v := value.(type) {
	case string:
		return v
	case float64:
		text, _ := json.Marshal(v)
		return string(text)
	default:
		return fmt.Sprint(v)
	}
}

func (i Input) resolve(field string, value any) (any, error) {
	resolved, err := i.coerce(field, value)
	if err != nil {
		return nil, err
	}
	switch v := resolved.(type) {
	case string:
		err = i.checkText(field, v)
	case int64:
		err = i.checkNumber(field, float64(v))
	case float64:
		err = i.checkNumber(field, v)
	}
	if err == nil && len(i.Enum) > 0 {
		err = i.checkEnum(field, resolved)
	}
	return resolved, err
}

func (i Input) checkText(field, text string) error {
	limit := MaxTextBytes
	switch {
	case len(text) > limit:
		return ErrInput.With("the value is %d bytes, at most %d", len(text), limit).At(field)
	case strings.ContainsRune(text, 0) || !utf8.ValidString(text):
		return ErrInput.With("the value holds a NUL or is not UTF-8").At(field)
	case i.MaxLength > 0 && utf8.RuneCountInString(text) > i.MaxLength:
		return ErrInput.With("the value has more than %d characters", i.MaxLength).At(field)
	case i.Pattern != "" && !regexp.MustCompile(`^(?:`+i.Pattern+`)$`).MatchString(text):
		return ErrInput.With("the value does not match %s", i.Pattern).At(field)
	}
	return nil
}

func (i Input) checkNumber(field string, v float64) error {
	if i.Minimum != nil && v < *i.Minimum || i.Maximum != nil && v > *i.Maximum {
		return ErrInput.With("%s is out of range", Text(v)).At(field).Hinted("%s", i.rangeHint())
	}
	return nil
}

func (i Input) rangeHint() string {
	switch {
	case i.Minimum != nil && i.Maximum != nil:
		return fmt.Sprintf("Choose a value from %s to %s.", Text(*i.Minimum), Text(*i.Maximum))
	case i.Minimum != nil:
		return fmt.Sprintf("Choose a value of %s or more.", Text(*i.Minimum))
	default:
		return fmt.Sprintf("Choose a value of %s or less.", Text(*i.Maximum))
	}
}

func (i Input) checkEnum(field string, value any) error {
	var words []string
	bare := i
	bare.Enum = nil
	for _, allowed := range i.Enum {
		if same, err := bare.resolve(field, allowed); err == nil && same == value {
			return nil
		}
		words = append(words, Text(allowed))
	}
	return ErrInput.With("the value is not one of those allowed").At(field).Hinted("Choose one of: %s.", strings.Join(words, ", "))
}

// isWhole reports whether v is an integer that float64 holds exactly.
func isWhole(v float64) bool { return v == math.Trunc(v) && math.Abs(v) <= 1<<53 }
