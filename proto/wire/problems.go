package wire

import (
	"net/http"

	"github.com/cronium/cronium/sdk/problem"
)

// The catalogue.
var (
	ErrHubIdentityMismatch = problem.New("hub_identity_mismatch", http.StatusForbidden,
		"The hub is not the one expected",
		"Check the address. If the hub was set up anew, make a new join token there and enrol this host again.")
	ErrCertificateExpired = problem.New("certificate_expired", http.StatusForbidden,
		"Certificate expired",
		"Check the clocks of both machines. After more than seven days a host must be enrolled again.")
	ErrCertificateRevoked = problem.New("certificate_revoked", http.StatusForbidden,
		"Certificate refused by the hub",
		"The host was removed, or a newer certificate of it is in use. To use this host again, enrol it with a new join token.")
	ErrWrongInstance = problem.New("wrong_instance", http.StatusForbidden,
		"Certificate of another hub",
		"This data directory was enrolled with another hub. Use an empty data directory and a join token of this hub.")
	ErrNotAHub = problem.New("not_a_hub", http.StatusBadGateway,
		"No hub answers there",
		"Check that the address is the agents' address of the hub (port 8421 by default), not its web address.")
	ErrBusy = problem.New("hub_busy", http.StatusServiceUnavailable,
		"The hub takes no more connections now", "Nothing to do: the agent tries again.")
)
