package environment

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"slices"
	"time"
)

// About says what an environment is.
type About struct {
	Language     string    `json:"language"`
	Interpreter  string    `json:"interpreter"`  // path, version and machine
	Dependencies []string  `json:"dependencies"` // as the job writes them
	Source       string    `json:"-"`            // where packages come from; may hold credentials
	Builds       bool      `json:"builds"`       // packages could run code when they were installed
	Bytes        int64     `json:"bytes"`        // on disk; set when it is whole
	BuiltAt      time.Time `json:"built_at"`     // set when it is whole
}

// format changes when environments of the same name would be different.
const format = 1

// Key is the name of the environment: equal for two that would hold the same.
func (a About) Key() string {
	text, err := json.Marshal([]any{format, a.Language, a.Interpreter, slices.Sorted(slices.Values(a.Dependencies)), a.Source, a.Builds})
	if err != nil {
		panic(err) // texts and numbers
	}
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:16])
}
