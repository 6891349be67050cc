// Package job owns what can be run: a job's name, labels and state, and its
// versions, which never change once written.
//
//	put ─▶ active ⇄ paused      paused: schedules do not fire, people still may run it
//	         │ ▲      │
//	archive  ▼ │ put  ▼ archive
//	       archived
//
// It promises that a definition it accepted can be run: every text is bounded and
// free of NUL, names are safe in paths and environments, and nothing in it can
// change what the agent itself does. What it refuses it refuses with a problem that
// names the field. Putting a definition that is equal to the current one changes
// nothing, so `apply` may be repeated; putting an archived name brings that job back.
//
// It refuses to know when a job is due, how it runs and what became of it.
package job
