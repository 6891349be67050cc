// Command bench measures Cronium against the goals of its performance page: floor
// and us in turn (A B A B …) in one run on one machine, so that a noisy machine is
// noisy for both.
//
//	go run ./hub/hubtest/bench              everything, in under six minutes
//	go run ./hub/hubtest/bench -quick       a smoke of about a minute, with few samples
//	go run ./hub/hubtest/bench -only NAME   lifecycle, single, follow, punctual, schedules, idle or memory
//
// A floor is what the parts can do: PostgreSQL alone, fork and exec alone, a bare
// call over the same wire. It promises:
//   - every number was measured in this run. What cannot be measured fails the
//     command and says why; a missed mark is a finding and does not;
//   - PostgreSQL is private and as durable as an installation's: fsync is on;
//   - it listens on loopback only, everything is bounded, and whatever it starts
//     has ended when it returns;
//   - a whole run, and only that, replaces docs/benchmarks/latest.json.
//
// The no-op lifecycle and the million schedules use a hub and agents in this
// process. Everything else uses the binaries, built from this tree, as an operator
// would start them.
package main
