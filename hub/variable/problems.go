package variable

import (
	"net/http"

	"github.com/cronium/cronium/sdk/problem"
)

// Problems of variables.
var (
	ErrNotFound = problem.New("variable_not_found", http.StatusNotFound,
		"Variable not found", "Check the name and the project.")
	ErrName = problem.New("name_invalid", http.StatusUnprocessableEntity,
		"Name is not valid", "Use 1–128 letters, digits and _ . -, with a letter or _ first.")
	ErrValue = problem.New("value_invalid", http.StatusUnprocessableEntity,
		"Value is not JSON", "Write text in double quotes; numbers, true, false, lists and objects as they are.")
	ErrTooLarge = problem.New("value_too_large", http.StatusUnprocessableEntity,
		"Value is too large", "A variable holds 64 KiB of JSON; keep larger data in a file or a database.")
	ErrNotANumber = problem.New("variable_not_a_number", http.StatusConflict,
		"Variable is not a number", "Set it to a number first, or use another variable.")
	ErrTooMany = problem.New("too_many_variables", http.StatusConflict,
		"The project has too many variables", "Delete some, or keep many values in one variable as an object.")
)
