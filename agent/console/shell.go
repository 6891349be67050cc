package console

import "time"

// Bounds of what a console takes.
const (
	MaxData      = 64 << 10  // bytes in one message
	InputWindow  = 64 << 10  // bytes typed that the terminal has not taken
	OutputWindow = 256 << 10 // bytes printed that the hub has not taken
	MaxCols      = 1000
	MaxRows      = 500

	maxOpen     = 16                     // consoles of one agent
	resizeEvery = 100 * time.Millisecond // at most ten a second
)

// Size is that of a terminal, in characters.
type Size struct{ Cols, Rows int }

// clamp makes any size a possible one; nothing is 80 by 24.
func (s Size) clamp() Size {
	if s.Cols <= 0 || s.Rows <= 0 {
		return Size{80, 24}
	}
	return Size{min(s.Cols, MaxCols), min(s.Rows, MaxRows)}
}

// Request is a shell that somebody wants.
type Request struct {
	Size Size
	Term string // of terminfo; "xterm" if it cannot be one
}

// Exit is how a shell ended.
type Exit struct {
	Code   int
	Signal string // "KILL", when a signal ended it; the code is then 128 and its number
}

// Shells is a kind of shell. Open may be called concurrently.
type Shells interface {
	Open(r Request) (Shell, error)
}

// Shell is a running one. Each method may be called while others are; Read by one
// goroutine only, and Write by one only.
type Shell interface {
	// About is whom the shell runs as, and which one it is.
	About() (user, shell string)
	// Read returns what was printed. An error of any kind means that the shell has
	// ended and everything that it printed has been returned.
	Read(p []byte) (int, error)
	Write(p []byte) (int, error)
	Resize(s Size) error
	// Close ends the shell and everything begun in it, and makes Read and Write
	// return. It may be called often, and returns when that is done.
	Close()
	// Wait returns how the shell ended. Call it after Close.
	Wait() Exit
}
