// Package hubtest is a whole hub and agent in one test, returned as a client.
//
// [New] assembles both in the test's process, on a database of the test's own:
// fast, and what most tests want. [NewMachine] starts the built binaries with a
// private PostgreSQL, for tests that kill them.
package hubtest
