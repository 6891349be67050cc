// Package output owns what a run says of itself while it runs: its output in JSON,
// its condition, and how far it has come.
//
// It promises that the output is kept as it was written, at most 1 MiB of it, and
// that what a later attempt of a run says replaces all that an earlier one said. Its
// writers take the caller's transaction and lock the run's one row, so of two at once
// the second sees what the first has left. A run that never said anything has no row.
//
// It refuses to know runs: who may speak for one is the caller's matter.
package output
