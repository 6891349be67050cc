package bus

import (
	"net/http"

	"github.com/cronium/cronium/sdk/problem"
)

// Problems of the bus.
var (
	ErrValkeyURL = problem.New("bus.bad_valkey_url", http.StatusInternalServerError,
		"Valkey URL cannot be used", "Write --valkey-url as valkey://user:password@host:6379/0, valkeys:// for TLS, or unix:///path/to/socket.")
)
