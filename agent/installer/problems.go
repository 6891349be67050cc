package installer

import (
	"net/http"

	"github.com/cronium/cronium/sdk/problem"
)

// Problems of installing.
var (
	ErrOrder = problem.New("install_order_invalid", http.StatusUnprocessableEntity,
		"It cannot be installed", "Runners start this; give spec.dependencies to a job instead.")
	ErrWheelhouse = problem.New("wheelhouse_unreadable", http.StatusUnprocessableEntity,
		"The wheelhouse cannot be read", "Give the agent a directory with wheels (*.whl) and packed packages (*.tgz) that everybody may read.")
)
