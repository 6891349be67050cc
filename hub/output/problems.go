package output

import (
	"net/http"

	"github.com/cronium/cronium/sdk/problem"
)

// Problems of outputs.
var (
	ErrNone = problem.New("output_not_found", http.StatusNotFound,
		"The run has no output", "A script sets it with output.set of the runtime API.")
	ErrValue = problem.New("output_invalid", http.StatusUnprocessableEntity,
		"Output is not JSON", "Set it to text, a number, true, false, null, a list or an object.")
	ErrTooLarge = problem.New("output_too_large", http.StatusUnprocessableEntity,
		"Output is too large", "An output holds 1 MiB of JSON; print larger data, or store it elsewhere and put its place into the output.")
	ErrNotAnObject = problem.New("output_not_an_object", http.StatusConflict,
		"Output is not an object", "Set the output to an object before you set a member of it.")
	ErrTooMany = problem.New("too_many_output_keys", http.StatusUnprocessableEntity,
		"Output has too many members", "An output that is set member by member has at most 256 of them.")
	ErrKey = problem.New("output_key_invalid", http.StatusUnprocessableEntity,
		"Key is not valid", "Use 1 to 256 characters of text.")
	ErrProgress = problem.New("progress_invalid", http.StatusUnprocessableEntity,
		"Progress is not valid", "Give a fraction from 0 to 1 or null, and a text of at most 200 characters.")
)
