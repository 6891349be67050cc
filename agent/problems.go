package agent

import (
	"net/http"

	"github.com/cronium/cronium/sdk/problem"
)

// The problems of starting an agent and of asking how it is.
var (
	ErrInUse = problem.New("data_dir_in_use", http.StatusConflict,
		"Another agent uses this data directory", "Stop that agent, or give this one a --data-dir of its own.")
	ErrNotRunning = problem.New("agent_not_running", http.StatusServiceUnavailable,
		"No agent runs on this data directory", "Start it with `cronium-agent run --data-dir DIR`.")
	ErrSlots = problem.New("slots_invalid", http.StatusUnprocessableEntity,
		"The number of slots is invalid", "Give a number from 1 to 10000.")
	ErrImage = problem.New("default_image_invalid", http.StatusUnprocessableEntity,
		"The image of a language cannot be used", "Give bash, python or node and the reference of an image, such as --image python=registry.example/python:3.12.")
	ErrConsoleUser = problem.New("console_user_unsaid", http.StatusUnprocessableEntity,
		"Nobody said whom shells run as", "Name a user with --console-as; root only if that is really meant.")
	ErrDependencySource = problem.New("dependency_source_invalid", http.StatusUnprocessableEntity,
		"Packages cannot be taken from there", "Give --pip-index and --npm-registry, each an http or https address, or --wheelhouse, the absolute path of a directory; and --dependencies auto, on or off.")
	ErrDependencyLimits = problem.New("dependency_limits_invalid", http.StatusUnprocessableEntity,
		"The limits of installations cannot be read", "Write them as time=10m,size=2GiB,total=10GiB,unused=720h; sizes in whole MiB or GiB.")
	ErrBusy = problem.New("agent_busy", http.StatusConflict,
		"Attempts still run", "Wait longer, or cancel them in the hub.")
	ErrDataDir = problem.New("data_dir_unusable", http.StatusInternalServerError,
		"The data directory cannot be used", "Check that the directory exists, belongs to the agent's user and has free space.")
)
