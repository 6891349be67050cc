// Package pgtest gives every test a database of its own: a clone of the migrated
// template in a private PostgreSQL that lives as long as the test binary.
//
// The server is started by the first test that asks. A small shell holds it: it
// reads from a pipe of which the test binary has the other end, so however the
// binary ends, also by kill -9, the shell sees the end of the pipe, stops
// PostgreSQL and removes its directory. No goroutine is left in the binary.
//
// A cluster with the template is kept in the user's cache directory
// (cronium/pgtest), under a name made of the migrations and the PostgreSQL
// version, because initdb takes seconds on a busy machine. It may be deleted at
// any time.
//
// Without PostgreSQL's binaries a test fails, with the line that installs them.
package pgtest
