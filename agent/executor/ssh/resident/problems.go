package resident

import (
	"github.com/cronium/cronium/sdk/problem"
)

// Why an attempt does not run on a server. Numbers instead of net/http's names: the
// runner is small without that.
var (
	ErrDisk = problem.New("server_disk_unusable", 503,
		"The server's disk does not take the attempt", "Free space in the home directory of the server's user, and check its permissions.")
	ErrInterrupted = problem.New("start_interrupted", 503,
		"The connection broke before the script was started", "Nothing ran; run the job again.")
)
