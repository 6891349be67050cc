// Package server owns the machines that jobs reach over SSH: where they are, what
// opens them, which key they must show, and what the last look at them found.
//
//	create ─▶ unknown ──trust──▶ unknown ──probe──▶ reachable ⇄ unreachable, auth_failed
//	                                                    │
//	                              key_mismatch ◀── another key was shown
//	                                   └── trust(fingerprint) ──▶ unknown
//
//	archive: the credential is gone at once; restore within 30 days, with a new one;
//	then the row goes too
//
// It promises:
//   - nothing that opens a server is sent to a key that nobody has confirmed. The
//     first key is no exception: it is confirmed by its SHA-256 fingerprint, or was
//     announced when the server was added. After another key was shown nothing is
//     sent until somebody trusts a fingerprint again, even if the old key is back;
//   - a credential is sealed when it arrives, bound to its row, and never told to
//     people again. [Store.Credentials] alone opens one, for an agent;
//   - a way through jump servers is at most three of them long and never a circle;
//   - what a probe found is stored only if the server is still what was probed;
//   - a name is taken until the row is gone. History keeps names, so no history
//     needs the row; a server that another one is reached through stays.
//
// Whatever a server or an agent says is cleaned and cut before it is stored.
//
// It refuses to know how to connect, which agent to ask, and which jobs there are:
// the assembly gives it a function that lists those of a server.
package server
