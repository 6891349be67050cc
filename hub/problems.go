package hub

import (
	"net/http"

	"github.com/cronium/cronium/sdk/problem"
)

var errAddress = problem.New("hub.address_in_use", http.StatusConflict,
	"Address cannot be used", "Stop what uses the address, or choose another.")
