package definition

import (
	"fmt"
	"strings"
)

// Position is a place in a file. Line and Column count from 1; 0 is not known.
type Position struct {
	File         string
	Line, Column int
}

// String is file:line:column, as editors and terminals understand it.
func (p Position) String() string {
	switch {
	case p.Line == 0:
		return p.File
	case p.Column == 0:
		return fmt.Sprintf("%s:%d", p.File, p.Line)
	}
	return fmt.Sprintf("%s:%d:%d", p.File, p.Line, p.Column)
}

// Finding is one thing that is wrong.
type Finding struct {
	At      Position
	Path    string // spec.timeout; empty for the file as a whole
	Message string
}

// String is the position and what is wrong there.
func (f Finding) String() string { return f.At.String() + ": " + f.Message }

// Error is everything that is wrong with some files, in their order.
type Error struct {
	Findings []Finding
}

// Error lists the findings, one per line.
func (e *Error) Error() string {
	lines := make([]string, len(e.Findings))
	for i, f := range e.Findings {
		lines[i] = f.String()
	}
	return strings.Join(lines, "\n")
}
