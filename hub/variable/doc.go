// Package variable owns the variables of projects: plain named values in JSON that
// outlive runs, shared by all jobs of a project.
//
// It promises:
//   - A value is kept as its JSON was written, but for the space between: the digits
//     of a number are those that somebody wrote, beyond 2^53 too.
//   - Null is no value: a variable that is set to null is not there any more, and one
//     that is not there is null.
//   - [Store.CompareAndSet] and [Store.Increment] decide under the lock of the row, so
//     of many at once each sees what the one before has left. Sums are exact.
//   - Two values are equal if they are the same JSON: numbers by value (1, 1.0 and
//     1e0), objects whatever the order of their keys.
//
// It refuses to know who may do what, and what a value is for. Secrets are hub/secret's.
package variable
