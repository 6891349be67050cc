package variable

import (
	"bytes"
	"encoding/json"
	"regexp"
	"time"
	"unicode/utf8"
)

const (
	maxValue     = 64 << 10 // bytes of JSON
	maxVariables = 10_000   // in a project
)

// Variable is a named value.
type Variable struct {
	Name      string
	Value     json.RawMessage
	Version   int64 // counts its changes
	CreatedAt time.Time
	UpdatedAt time.Time
	UpdatedBy string // email of a person, or the id of a run
}

// Page is one page of variables by name.
type Page struct {
	Variables []Variable
	Next      string // for Filter.After; empty: this is the last page
}

// Filter narrows List.
type Filter struct {
	Text  string // part of the name
	After string // the last name of the page before
	Limit int    // default 50, at most 500
}

var nameRE = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_.-]{0,127}$`)

func checkName(name string) error {
	if !nameRE.MatchString(name) {
		return ErrName.With("%.64q is not the name of a variable", name).At("name")
	}
	return nil
}

// compact checks a value and takes the space out of it.
func compact(value []byte) ([]byte, error) {
	var b bytes.Buffer
	if !utf8.Valid(value) {
		return nil, ErrValue.With("It is not UTF-8").At("value")
	}
	if err := json.Compact(&b, value); err != nil {
		return nil, ErrValue.With("%v", err).At("value")
	}
	if b.Len() > maxValue {
		return nil, ErrTooLarge.With("It has %d bytes of JSON, at most %d are allowed", b.Len(), maxValue).At("value")
	}
	return b.Bytes(), nil
}

func isNull(value []byte) bool { return string(value) == "null" }
