// Package resident is the agent's hands on a server that it reaches over SSH: a
// process there, on one channel of the connection, that does what an agent does on
// its own host. It holds a journal on the server's disk and the executor of
// processes (package process), and serves both over its standard input and output
// (runner.v1.ResidentService).
//
//	agent ══ one SSH channel ══▶ resident ──starts──▶ cronium-runner ──▶ script
//	                                │                       │
//	                                └── journal, log, exit ◀┘
//
// Promises:
//   - An attempt is started at most once, whatever is repeated over however many
//     connections: the journal's `started` decides. [resident.Settle] decides that it
//     never is.
//   - Runners survive it. It holds nothing that the next one does not find on disk,
//     and several may be there at once: the one of a connection that is dead but not
//     known to be, and its successor.
//   - It ends with its input, or when it was not pinged for [patience].
//   - When it ends and no attempt is left, so is nothing in its directory.
//
// It is part of cronium-runner, so it knows neither SSH nor the hub, and must not
// import much.
package resident
