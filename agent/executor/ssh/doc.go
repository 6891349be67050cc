// Package ssh runs attempts on servers that the agent reaches over SSH. A server
// needs an sshd, a POSIX shell with the usual commands, and a directory of its user
// in which programs may run; nothing is installed there but cronium-runner, by us.
//
//	payload ─▶ way (jump servers, then the server) ─▶ line ─▶ session ─▶ resident
//	                                                                       │ starts
//	entry: segments, exit ◀── frames, exit ◀── journal there ◀── runner ◀──┘
//
// A line is one server as one set of credentials opens it. It has at most one
// session: a connection whose one channel leads to our hands there (package
// resident), kept while there are attempts and some minutes longer. Lines share
// nothing: who may not open a server does not use another's connection to it.
//
// Promises:
//   - The server's journal decides whether an attempt runs, and is asked until it has
//     said so: nothing is started twice. The entry's `started` is written before the
//     server hears of the attempt, so it says "may run there", and an attempt that
//     turns out never to have started ends with that result. Errors before that
//     moment abandon it, as the contract says.
//   - The log there is copied frame by frame into the entry's segments, and continues
//     where they end, after whatever break; then the result is written, then both are
//     on this disk, and only then the server's copy is removed.
//   - Scripts run on without connection, agent and hub. We come back for as long as
//     the attempt may live, and [lostAfter] longer.
//   - The server's host key is the payload's, or nothing is sent. Credentials are in
//     memory only, asked for when needed, and in no argument list.
//   - A server that fails is left alone for a while ([ErrPaused]); a credential that is
//     refused is not offered again soon, so that no account is locked out.
//
// What a server says is hostile: bounded, checked, never executed and never shell
// text. What is left there after the last attempt: the runner, in
// ~/.cache/cronium or /var/tmp/cronium-UID. Without such a directory attempts are
// refused; there is no way to run them attached to a connection. A server whose
// systemd ends what users leave running (KillUserProcesses=yes) ends scripts with
// their connection, and says runner_died.
package ssh
