package artifact

import (
	"net/http"

	"github.com/cronium/cronium/sdk/problem"
)

// Problems of artifacts. Scripts see all but the last.
var (
	ErrNotFound = problem.New("artifact_not_found", http.StatusNotFound,
		"Artifact not found", "List the artifacts of the run, and check its id; it must be a run of the same project.")
	ErrName = problem.New("artifact_name_invalid", http.StatusUnprocessableEntity,
		"Name of the artifact is not valid", "Use 1 to 255 bytes of printable text without / and \\, no space at either end, and not . or ..")
	ErrTooLarge = problem.New("artifact_too_large", http.StatusRequestEntityTooLarge,
		"Artifact is too large", "Compress or split it, or ask the operator for a larger --artifact-mib of the hub.")
	ErrRunFull = problem.New("artifacts_too_large", http.StatusRequestEntityTooLarge,
		"Artifacts of the run are too large together", "Keep less of them, or ask the operator for a larger --artifacts-mib of the hub.")
	ErrTooMany = problem.New("too_many_artifacts", http.StatusConflict,
		"Run has too many artifacts", "Pack them into an archive, or ask the operator for a larger --artifacts-count of the hub.")
	ErrNoUpload = problem.New("artifact_put_gone", http.StatusConflict,
		"There is no such put any more", "Put the artifact again; a put that says nothing for five minutes is forgotten.")
	ErrChunk = problem.New("artifact_chunk_invalid", http.StatusConflict,
		"Chunk of the artifact is out of place", "Send all bytes once, in order, in chunks of as many bytes as the put's beginning has told.")
	ErrDamaged = problem.New("artifact_damaged", http.StatusUnprocessableEntity,
		"Artifact is not what was sent", "Put it again; if that does not help, something changes the bytes on their way.")
	ErrLimits = problem.New("artifact_limits_invalid", http.StatusUnprocessableEntity,
		"Limits of artifacts cannot be used", "Use at most 10240 for --artifact-mib, 102400 for --artifacts-mib and 1000 for --artifacts-count, at least 1 for each, and --artifact-mib no larger than --artifacts-mib.")
)
