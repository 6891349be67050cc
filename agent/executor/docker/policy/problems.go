package policy

import (
	"net/http"

	"github.com/cronium/cronium/sdk/problem"
)

// What is wrong with a policy, and what a policy refuses. A refusal has the status
// 403: the same job is refused again, so it is not tried again.
var (
	ErrInvalid = problem.New("docker_policy_invalid", http.StatusInternalServerError,
		"The policy for containers cannot be used", "Correct the file that the message names, then start the agent again.")
	ErrImage = problem.New("image_not_allowed", http.StatusForbidden,
		"The host does not allow this image", "Use an image that the policy allows, or ask the host's operator to add it to images in the file.")
	ErrNetwork = problem.New("network_not_allowed", http.StatusForbidden,
		"The host does not allow this network", "Use a network that the policy allows, or ask the host's operator to add it to networks in the file.")
	ErrMount = problem.New("mount_not_allowed", http.StatusForbidden,
		"The host does not offer this mount", "Use the name of a mount in the policy, or ask the host's operator to add it to mounts in the file.")
	ErrLimit = problem.New("container_limit_exceeded", http.StatusForbidden,
		"The job asks for more than the host allows", "Lower the limit in the job, or ask the host's operator to raise it in the file.")
)
