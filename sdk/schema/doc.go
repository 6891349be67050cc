// Package schema is the subset of JSON Schema in which the inputs of a job are
// described, and the one place that checks values against it: for the hub when a
// run is started, for the CLI and for plugins before they ask.
//
// Every refusal is a problem that names the input and says what would be right.
// Values are data: nothing here expands or executes them.
package schema
