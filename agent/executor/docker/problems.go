package docker

import (
	"net/http"

	"github.com/cronium/cronium/sdk/problem"
)

// The problems of containers.
var (
	ErrEngine = problem.New("docker_unavailable", http.StatusServiceUnavailable,
		"The Docker engine does not answer", "Check that dockerd runs on the host and that the agent's user may use its socket.")
	ErrUserNS = problem.New("docker_userns_unsupported", http.StatusUnprocessableEntity,
		"The Docker engine remaps users", "Run dockerd without --userns-remap: the attempt's directory is shared with its container.")
	ErrImage = problem.New("image_unavailable", http.StatusUnprocessableEntity,
		"The image cannot be had", "Check the image's name and tag, and that the host may pull it; or load it on the host and set pull to never.")
	ErrDenied = problem.New("image_pull_denied", http.StatusUnprocessableEntity,
		"The registry does not give out the image", "Check the image's name; for a private one, the host's operator names user and password file under registries in docker.yaml.")
	ErrNoImage = problem.New("image_not_found", http.StatusUnprocessableEntity,
		"There is no image for the script's language", "Run `make images` with the host's engine as DOCKER_HOST, start the agent with --image LANGUAGE=REFERENCE, or name an image in the job.")
	ErrNetwork = problem.New("network_unavailable", http.StatusUnprocessableEntity,
		"The container's network cannot be used", "Use none, bridge, or a network that `docker network ls` shows on the host.")
	ErrContainer = problem.New("container_failed", http.StatusServiceUnavailable,
		"The container could not be started", "Look at the agent's log and at dockerd's on the host.")
	ErrRestarted = problem.New("docker_restarted", http.StatusServiceUnavailable,
		"The Docker engine was restarted while the script ran", "What the script has done until then is unknown. Set \"live-restore\": true in the engine's daemon.json, and scripts survive its restarts.")
	ErrRunnerDied = problem.New("runner_died", http.StatusServiceUnavailable,
		"The container ended without a result", "It was killed or removed by hand. What the script has done until then is unknown.")
)
