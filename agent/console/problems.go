package console

import (
	"net/http"

	"github.com/cronium/cronium/sdk/problem"
)

// The problems of opening a shell.
var (
	ErrOff = problem.New("console_off", http.StatusConflict,
		"The console of this host is off", "Start its agent with `cronium-agent run --console`.")
	ErrTooMany = problem.New("too_many_consoles", http.StatusTooManyRequests,
		"Too many consoles", "End one of them first.")
	ErrAccount = problem.New("console_user_unusable", http.StatusUnprocessableEntity,
		"Nobody can have a console as this user", "Give the user a login shell (`chsh -s /bin/bash USER`), or name another with --console-as.")
	ErrShell = problem.New("console_shell_failed", http.StatusServiceUnavailable,
		"The shell could not be started", "See the detail; the host may be out of processes, memory or terminals.")
	ErrProtocol = problem.New("console_protocol", http.StatusUnprocessableEntity,
		"The console was used against its protocol", "Upgrade the hub; if it is current, report this.")
)
