// Package httpjob is what a runner starts in the place of a script when a job is an
// HTTP request: a program that asks once, prints the answer, and says by its exit
// code whether it was as expected.
//
// It promises:
//   - the body of the answer is on standard output, everything else on standard
//     error; of a body at most [maxShown] bytes are printed and [maxRead] read;
//   - no proxy but the job's own, no redirect unless the job allows some, no
//     credential to another host after one, and never from https to http;
//   - HTTP/1.1 or 2, certificates checked against the host's authorities.
//
// Deadline, cancelling, masking and the log are the runner's.
package httpjob
