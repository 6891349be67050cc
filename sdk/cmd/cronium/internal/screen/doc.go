// Package screen is where the CLI writes: data to standard output, talk to
// standard error, and on a terminal one line of talk that comes and goes.
//
// It promises that nothing that came from a hub can drive the terminal: names are
// cleaned of every control character, log text of everything but colours. It
// does not know what is shown.
package screen
