package secret

import (
	"net/http"

	"github.com/cronium/cronium/sdk/problem"
)

// Problems of sealed values.
var (
	ErrKeyFile = problem.New("secret.key_unusable", http.StatusInternalServerError,
		"The key file cannot be used", "Restore the file kek in the data directory from your backup; without it sealed values are lost.")
	ErrWrongKey = problem.New("secret.wrong_key", http.StatusInternalServerError,
		"Sealed with another key", "This hub's key file is not the one that sealed the value. Restore the kek that belongs to this database.")
	ErrDamaged = problem.New("secret.damaged", http.StatusInternalServerError,
		"Sealed value is damaged", "The stored value was changed or moved. Store the secret again, or restore the database.")

	ErrNotFound = problem.New("secret_not_found", http.StatusNotFound,
		"Secret not found", "Set it with `cronium secrets set NAME`, or correct the name.")
	ErrName = problem.New("name_invalid", http.StatusUnprocessableEntity,
		"Name is not valid", "Use 1–128 letters, digits and _ . -, with a letter or _ first.")
	ErrTooShort = problem.New("secret_too_short", http.StatusUnprocessableEntity,
		"Secret is too short", "It cannot be masked in logs; use at least 6 characters, or a variable if it is no secret.")
	ErrTooLarge = problem.New("secret_too_large", http.StatusUnprocessableEntity,
		"Secret is too large", "A secret holds 16 KiB. Encrypt larger data with a key, and store the key.")
	ErrTooMany = problem.New("too_many_secrets", http.StatusConflict,
		"The project has too many secrets", "Delete those that nothing reads any more.")
)
