package release

import (
	"net/http"

	"github.com/cronium/cronium/sdk/problem"
)

// Problems of the programs that a hub hands out.
var (
	ErrNone = problem.New("downloads_missing", http.StatusNotFound,
		"This hub has no programs to hand out",
		"Build them with `make release` and put bin/dist beside cronium-hub as dist, or name it with --downloads; or copy cronium-agent and cronium-runner to the host by hand.")
	ErrUnknown = problem.New("download_not_found", http.StatusNotFound,
		"No such download", "SHA256SUMS beside it lists what there is.")
	ErrPlatform = problem.New("platform_not_built", http.StatusUnprocessableEntity,
		"This hub has no programs for the host's platform", "Build them with `make release`; agents run on Linux, amd64 and arm64.")
)
