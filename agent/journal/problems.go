package journal

import (
	"errors"

	"github.com/cronium/cronium/sdk/problem"
)

// The problems of a journal.
var (
	ErrFormat = problem.New("journal.format_unknown", 500,
		"The agent's journal has an unknown format", "It was written by a newer agent: install that version again, or a newer one.")
	ErrBroken = problem.New("journal.broken", 500,
		"The agent's journal cannot be read", "Restore the file from a backup, or remove it to begin a new journal; running attempts are then reported as lost.")
)

// ErrExists means that the attempt is in the journal already.
var ErrExists = errors.New("the attempt is in the journal already")

// ErrClaimed means that another process has created `started` first.
var ErrClaimed = errors.New("the attempt was started or abandoned already")
