// Package console owns the shells that people have open on hosts: from the ticket
// that lets one in to the row that says how it ended. Its table is console_sessions.
//
//	ticket ──Redeem──▶ Begin ──▶ session ──(gRPC stream)──▶ agent/console ──▶ shell
//	 30 s, once                   │ ring of the last 256 KiB
//	                              ├── owner: reads, types, resizes; one at a time
//	                              └── watchers: read
//
//	      ┌──────────── attach, within 15 min ──────────┐
//	      ▼                                             │
//	  attached ──socket gone──▶ detached ───────────────┘
//	      │                        │
//	      └── exited, closed, idle, too_long, abandoned, not_permitted, signed_out,
//	          host_lost, hub_stopped ──▶ ended, with that reason in its row
//
// It promises:
//   - A session's id lets nobody in. Its owner comes back with a new ticket, and so
//     does a watcher; the owner is told of every watcher, by name.
//   - A ticket is 256 random bits, good for 30 seconds, once, for who asked (the
//     same login or token), and for one purpose. Only its hash is kept.
//   - Every byte that a shell prints has an offset. Who comes back says which byte
//     they want next, and gets it, unless more than 256 KiB came after it: then they
//     are told how many are missing. While its owner is there and slow, the shell
//     waits; while nobody is there it runs on.
//   - While a session lives, its owner's right to it is asked for every five
//     seconds; without it the session ends. A socket's own login is the door's
//     concern ([Attachment.Revoke]).
//   - Limits: five sessions of one user on all replicas, five watchers of one
//     session, 15 minutes without an owner; without a key pressed, and in all, what
//     [Limits] say. The owner is warned a minute before.
//   - Every session has its row before its shell exists, and rows are append-only: the
//     database refuses any change but the one that ends a session, and that once.
//
// It refuses to know sockets and HTTP, and what a shell does. A session lives in
// the memory of the replica that holds its agent's connection; another replica
// answers [ErrElsewhere]. What a replica that died left open is ended in the table
// by any other, when the agent has connected anew ([Console.Run]).
package console
