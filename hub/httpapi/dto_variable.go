package httpapi

import (
	"encoding/json"
	"time"
)

// Variable is a named value of a project, which scripts read and change.
type Variable struct {
	Name      string          `json:"name"`
	Value     json.RawMessage `json:"value" doc:"Any JSON but null"`
	Text      string          `json:"text" doc:"The value as JSON text: numbers with all their digits, for readers that would round them"`
	Version   int64           `json:"version" doc:"Counts its changes"`
	CreatedAt time.Time       `json:"created_at"`
	UpdatedAt time.Time       `json:"updated_at"`
	UpdatedBy string          `json:"updated_by" doc:"Email of a person, or id of a run"`
}

// VariableRequest gives a variable a value.
type VariableRequest struct {
	Value json.RawMessage `json:"value" doc:"Any JSON but null, at most 64 KiB of it"`
}

// Secret is a secret of a project. Nobody reads its value here.
type Secret struct {
	Name      string      `json:"name"`
	Version   int64       `json:"version" doc:"Counts its values"`
	CreatedAt time.Time   `json:"created_at"`
	UpdatedAt time.Time   `json:"updated_at"`
	UpdatedBy string      `json:"updated_by"`
	LastRead  *SecretRead `json:"last_read,omitempty" doc:"By which run, in the last 90 days"`
}

// SecretRead is a reading of a secret by a script.
type SecretRead struct {
	Run     string    `json:"run" example:"r_0dk3c9p5v4s3p9j2n0q4c7g5f8"`
	Attempt int       `json:"attempt"`
	Job     string    `json:"job"`
	At      time.Time `json:"at"`
}

// SecretRequest gives a secret a value.
type SecretRequest struct {
	Value string `json:"value" minLength:"1" maxLength:"16384" doc:"6 characters to 16 KiB"`
}

// RunProgress is how far a run says it has come.
type RunProgress struct {
	Fraction *float64  `json:"fraction,omitempty" minimum:"0" maximum:"1" doc:"Absent: it does not know"`
	Text     string    `json:"text"`
	At       time.Time `json:"at"`
}
