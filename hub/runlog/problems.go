package runlog

import (
	"net/http"

	"github.com/cronium/cronium/sdk/problem"
)

// What can be wrong with a log.
var (
	ErrChunkInvalid = problem.New("log_chunk_invalid", http.StatusUnprocessableEntity,
		"Log chunk is not made of whole frames", "Upgrade the agent; if it is current, report this.")
	ErrCorrupt = problem.New("log_corrupt", http.StatusInternalServerError,
		"Stored log cannot be read", "Restore the database from a backup, or delete the run.")
)
