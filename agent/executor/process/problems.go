package process

import "github.com/cronium/cronium/sdk/problem"

// The problems of starting and losing processes. Numbers instead of net/http's names,
// because this is part of the runner on a server, which must stay small.
var (
	ErrRunnerMissing = problem.New("runner_missing", 503,
		"The agent cannot find cronium-runner", "Install cronium-runner beside cronium-agent, or start the agent with --runner PATH.")
	ErrUser = problem.New("user_not_found", 422,
		"Scripts cannot run as this user", "Name an existing user, and start the agent as root.")
	ErrRootScripts = problem.New("root_scripts_refused", 422,
		"Scripts may not run as root", "Leave --run-as out, name another user, or add --allow-root-scripts.")
	ErrUsers = problem.New("script_users_exhausted", 503,
		"All users for scripts are taken", "Start the agent with a larger range of --script-users, or with fewer --slots.")
	ErrUserRange = problem.New("script_users_invalid", 422,
		"The range of users for scripts is invalid", "Give two numbers from 1000 to 4294967293, such as 61184-65519, and no fewer than there are slots.")
	ErrUnreachable = problem.New("scripts_closed_out", 422,
		"Scripts cannot reach their workspaces or cronium-runner", "Put the data directory and the runner where other users may pass through (chmod o+x the parents), or start the agent with --run-as.")
	ErrBounds = problem.New("limits_invalid", 422,
		"The limits of this host cannot be read", "Write them as memory=512MiB,cpus=1.5,processes=256,file_size=1GiB,workspace=10GiB; leave out what shall not be limited.")
	ErrRunnerDied = problem.New("runner_died", 503,
		"The script's runner was killed", "The host probably ran out of memory; see `dmesg` on it. What the script has done until then is unknown.")
)
