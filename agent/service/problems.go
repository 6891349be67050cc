package service

import (
	"net/http"

	"github.com/cronium/cronium/sdk/problem"
)

// Problems of the service.
var (
	ErrNoSystemd = problem.New("systemd_missing", http.StatusConflict,
		"systemd does not run on this host", "Let whatever starts programs here run `cronium-agent run --data-dir DIR`, and start it again when it ends.")
	ErrSystemctl = problem.New("systemctl_failed", http.StatusInternalServerError,
		"systemctl has failed", "Run this as root; look at: journalctl -u cronium-agent")
	ErrUnit = problem.New("unit_not_written", http.StatusInternalServerError,
		"The unit cannot be written or removed", "Run this as root.")
	ErrWord = problem.New("unit_word_invalid", http.StatusUnprocessableEntity,
		"This cannot stand in a unit", "Use letters, digits and . _ / @ + - only, and absolute paths.")
)
