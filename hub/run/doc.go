// Package run owns what happened and what is about to: runs, the queue and the
// attempts, and the one transition table between their states.
//
//	          claim              accept               result
//	queued ──────────▶ assigned ──────────▶ running ──────────▶ succeeded
//	 │ ▲ ▲                │  │               │   ▲              failed
//	 │ │ └──handed back───┘  │         lease │   │ lease        timed_out
//	 │ │                     │       expired ▼   │ renewed      cancelled
//	 │ └──retry, not started─┼───────────  unknown ───────────▶ lost
//	 └─────cancel────────────┴─▶ cancelled
//
// A run that fans out has no attempt of its own, but a child for each of its
// targets: ordinary runs that are held in the queue until it is their turn.
//
//	parent  queued ── a target starts ──▶ running ── all have ended ──▶ succeeded, partial,
//	                                         │                          failed, cancelled
//	child   held ── let go ──▶ queued … as above
//
// It promises:
//   - A run has one final state, and it never changes. A result that comes after
//     the run went on without its attempt is kept with the attempt, marked late.
//   - At most one attempt of a run is live, and every write about it compares run,
//     attempt, fence and agent first. Fences come from one sequence, so a later
//     attempt always has the higher one.
//   - An attempt that was cancelled before it was accepted is never granted.
//   - A run is in run_queue exactly as long as it is not finished. The queue row is
//     the live attempt; when an attempt is over it is appended to attempts.
//   - A parent and its children are made in one transaction, and what is held is
//     never claimed. What is done about a parent follows from its children's rows
//     alone, under a lock on its own row: any hub may do it, after any accident, and
//     never two at once. A child that nobody takes in time is given up, so every
//     parent ends.
//   - Every method takes a batch and needs one or two round trips for it. All may be
//     called concurrently, by any number of hubs, and repeated after an error.
//   - Leases are measured by the database's clock and by no other.
//
// While a run is open its row in runs says only 'open'; agent, times and exit code
// are written once, at the end. That makes the end of a run one update that touches
// no index, and is why this package alone may read these tables.
//
// It refuses to know how a run is executed, what a job is, who is connected, and
// where logs are. Secret inputs pass through it sealed.
package run
