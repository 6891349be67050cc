package schema

import (
	"net/http"

	"github.com/cronium/cronium/sdk/problem"
)

// Problems of inputs.
var (
	ErrDefinition = problem.New("invalid_input_definition", http.StatusUnprocessableEntity,
		"Input is not defined correctly", "Correct this input in the job's definition.")
	ErrUnknown = problem.New("unknown_input", http.StatusUnprocessableEntity,
		"Unknown input", "Use the inputs that the job defines.")
	ErrMissing = problem.New("missing_input", http.StatusUnprocessableEntity,
		"Input is required", "Give a value for it: -i NAME=VALUE.")
	ErrValue = problem.New("invalid_input", http.StatusUnprocessableEntity,
		"Input has a wrong value", "Give a value that the job's definition allows.")
	ErrTooLarge = problem.New("inputs_too_large", http.StatusUnprocessableEntity,
		"Inputs are too large", "Put large data into a file or a service and pass where it is.")
	ErrSecretTooShort = problem.New("secret_too_short", http.StatusUnprocessableEntity,
		"Secret is too short", "Use at least 6 characters; a shorter one cannot be masked in logs reliably.")
)
