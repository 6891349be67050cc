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
)
