// Package authz says who may do what to which project. It is pure: an [Actor]
// carries everything that a decision needs, so nothing here asks a database.
//
// It promises that anything unknown (an action, a role, a project) is denied, and
// that two different refusals stay different: [Actor.Sees] is false for what the
// actor may not know of, which a door answers with "not found"; [Actor.Check]
// returns [ErrForbidden] for a verb that the actor's role lacks.
//
// It refuses to know how an actor proved who they are; see hub/identity.
//
//	            read*  run, cancel  edit jobs, schedules,  hosts,   tokens  consoles
//	                                variables, secrets**,  servers
//	                                use servers
//	owner         x         x               x                 x      own     open, watch, list
//	admin         x         x               x                 x      own     open, watch, list
//	editor        x         x               x                 -      own     -
//	operator      x         x               -                 -      own     -
//	viewer        x         -               -                 -      own     -
//	auditor       x         -               -                 -      own     list
//
// Using a server, which is to let a job run on it, is a right apart from editing
// jobs and apart from changing servers; whoever may run the job needs none of them.
//
// ** Of secrets everybody reads names at most. Whoever edits jobs can have a job read
// any secret of the project, so that right would be worth nothing without this one.
//
// An instance administrator may do everything everywhere.
package authz
