// Package upgrade makes an agent another version of itself, and itself again if
// that does not work.
//
//	installed ──order──▶ download, check, try ──▶ trial ──Welcome in time──▶ current
//	    ▲                       │                   │
//	    └────── not switched ◀──┘      ended, or no Welcome: the one before
//
// The program that the operator installed stays where it is and is what a
// supervisor starts. New versions lie in the data directory, in versions/VERSION,
// agent and runner together; the file upgrade.json says which of them is in use
// and which is on trial. The installed program, when it is started, counts the
// starts of a version on trial and becomes (execve: the process stays the same, and
// with it its children, the scripts) the version in use. If somebody installs
// another version, that one counts and the others are removed.
//
// It promises:
//   - nothing is started that the hub has not signed, for this agent, with a key
//     that was pinned at the enrolment, and whose SHA-256 is not the signed one;
//   - a version that does not tell its number is never switched to;
//   - a version that ends before the hub has answered its Hello, or does not get that
//     answer in time, is left for the one before, and the hub is told why.
//
// A new version that crashes outright, rather than ending with an error, needs a
// supervisor (systemd) to start the installed program again. It refuses to know how
// programs are fetched, and what else an agent does.
package upgrade
