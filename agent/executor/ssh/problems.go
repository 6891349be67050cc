package ssh

import (
	"net/http"

	"github.com/cronium/cronium/sdk/problem"
)

// The problems of reaching servers and of running there.
var (
	ErrServer = problem.New("server_invalid", http.StatusUnprocessableEntity,
		"The server's address or user is invalid", "Give the address as HOST:PORT and the name of a user of the server.")
	ErrUnreachable = problem.New("server_unreachable", http.StatusServiceUnavailable,
		"The server cannot be reached", "Check that the server is up and that the agent's host can reach its SSH port.")
	ErrPaused = problem.New("server_paused", http.StatusServiceUnavailable,
		"The server was not reachable several times in a row", "Wait until the time that is named, or test the connection to the server to see what is wrong.")
	ErrHostKey = problem.New("host_key_mismatch", http.StatusBadGateway,
		"The server's host key is not the one that was confirmed", "If the server was installed anew, confirm its new key; otherwise somebody may be between the agent and the server.")
	ErrUnconfirmed = problem.New("host_key_unconfirmed", http.StatusConflict,
		"The server's host key was not confirmed", "Compare the fingerprint with the server's own and confirm it.")
	ErrAuth = problem.New("auth_failed", http.StatusBadGateway,
		"The server does not accept the credential", "Check user, key and password, and that the public key is in ~/.ssh/authorized_keys there; then change the server's credential here.")
	ErrKey = problem.New("private_key_invalid", http.StatusUnprocessableEntity,
		"The private key cannot be used", "Give a key in OpenSSH or PEM form, and its passphrase if it has one.")
	ErrCredentials = problem.New("credentials_unavailable", http.StatusServiceUnavailable,
		"The agent has not got the server's credential", "Look whether the hub is reachable from the agent and the server still has a credential.")
	ErrShell = problem.New("server_shell_unusable", http.StatusBadGateway,
		"The server's shell does not work", "Give the user a POSIX shell, and check that its start-up files neither exit nor wait when there is no terminal.")
	ErrSystem = problem.New("server_unsupported", http.StatusUnprocessableEntity,
		"Scripts cannot run on this kind of server", "Use a server with Linux on amd64 or arm64.")
	ErrDirectory = problem.New("server_directory_unusable", http.StatusServiceUnavailable,
		"The server has no directory for us", "Let the user write to ~/.cache or /var/tmp there, on a disk with free space that is not mounted noexec.")
	ErrRunner = problem.New("server_runner_unusable", http.StatusServiceUnavailable,
		"The runner does not run on the server", "Check the free space on the server, and that cronium-runner-linux-ARCH lies beside the agent's cronium-runner.")
	ErrContainer = problem.New("server_without_containers", http.StatusUnprocessableEntity,
		"Containers do not run on servers", "Leave out the job's container, or run it on an agent's own host with Docker.")
	ErrTooLarge = problem.New("attempt_too_large", http.StatusUnprocessableEntity,
		"The script and its inputs are too large for a server", "Keep script, inputs and secrets below 4 MB together.")
	ErrNotStarted = problem.New("not_started", http.StatusServiceUnavailable,
		"The agent stopped before the script was started", "Nothing ran; the attempt is made again by itself.")
	ErrLost = problem.New("attempt_lost", http.StatusServiceUnavailable,
		"The server does not know the attempt any more", "Its directory was removed there. What the script has done is unknown; run it again if that is safe.")
	ErrSilent = problem.New("server_lost", http.StatusServiceUnavailable,
		"The server was not reachable any more", "What became of the script is unknown: look at the server, and run it again if that is safe.")
	ErrNonsense = problem.New("server_misbehaves", http.StatusBadGateway,
		"The server answers what it must not", "Somebody may have changed the runner on the server; look at the server.")
)
