package request

import (
	"net/http"

	"github.com/cronium/cronium/sdk/problem"
)

// Problems of requests.
var (
	ErrInvalid = problem.New("http_request_invalid", http.StatusUnprocessableEntity,
		"HTTP request is not valid", "Correct the field that the message names.")
	ErrInput = problem.New("http_input_unknown", http.StatusUnprocessableEntity,
		"Text names an input that the job does not have", "Add the input to spec.inputs, or correct its name; write it as ${{ inputs.NAME }}.")
	ErrValue = problem.New("http_input_unusable", http.StatusUnprocessableEntity,
		"The value of an input cannot stand there", "Give the input a value without line breaks, and a URL that begins with http:// or https://.")
)
