package upgrade

import (
	"net/http"

	"github.com/cronium/cronium/sdk/problem"
)

// Why a version is not switched to.
var (
	ErrChanged = problem.New("program_changed", http.StatusUnprocessableEntity,
		"The program is not the one that the hub has signed", "Ask for the upgrade again; if it stays so, build the hub's downloads again.")
	ErrNotRunnable = problem.New("program_not_runnable", http.StatusUnprocessableEntity,
		"The new program does not run on this host", "See whether it is built for this host, and whether its data directory is on a file system mounted noexec.")
)
