package schema

import (
	"net/http"

	"github.com/cronium/cronium/sdk/problem"
)

// The problems of inputs.
var (
	ErrDescription = problem.New("invalid_input_description", http.StatusUnprocessableEntity,
		"Inputs are described wrongly", "See the JSON Schema of a definition file for what an input can say.")
	ErrInput = problem.New("invalid_input", http.StatusUnprocessableEntity,
		"Input does not fit", "Give a value that fits the job's description of the input.")
)
