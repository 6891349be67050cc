// Package console opens shells on this host for people: the agent's end of the web
// terminal and of `cronium console`.
//
//	hub ──open──▶ Serve ──▶ Shells.Open ──▶ shell on a terminal of its own
//	    ◀─opened─           ┌─ printer ◀── what it prints
//	    ◀─ data ────────────┘
//	    ── data ──▶ at most 64 KiB ──▶ typist ──▶ its keyboard
//
// It is off until the operator of the host says otherwise ([ErrOff]).
//
// It promises:
//   - A shell is a session and a terminal of its own, as a login shell of one user:
//     the one whom scripts run as, unless the operator names another. It has that
//     user's environment and nothing of the agent's.
//   - Nothing is lost and nothing piles up: at most [OutputWindow] bytes are on
//     their way to a hub that has not taken them, then the shell waits; at most
//     [InputWindow] bytes wait for a shell that does not read.
//   - What a shell printed arrives before its exit code.
//   - When a shell ends, or the hub hangs up or is lost, everything that was begun
//     in the console ends: SIGHUP, a second, then SIGKILL. When the agent is killed,
//     the kernel kills the shell with it; what the shell had in the background is
//     ended by the next agent. Work that shall go on is what jobs are for.
//
// It refuses to know who may open a shell: the hub decides that, and says who it
// was, for this host's log. [Shells] is the one thing that a second kind of shell
// has to be.
package console
