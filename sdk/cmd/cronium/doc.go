// Command cronium is the command line of a hub: it talks the public API through
// sdk/client and knows nothing else.
//
// Data goes to standard output and talk to standard error. On a terminal lists
// are tables with relative times; in a pipe they are separated by tabs, with whole
// values and UTC. --json has the shape of the API. The exit codes are in
// errors.go and are part of the interface.
//
// One file holds one noun. internal/screen writes, internal/login keeps the
// token.
package main
