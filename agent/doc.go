// Package agent is the assembly of the program that runs on every host: the one
// place that knows all its rooms.
//
//	hub ══▶ uplink ──▶ supervisor ──▶ executor/process, executor/docker or executor/ssh
//	                                            │ starts, here or on a server
//	                                     cronium-runner ──▶ script
//	  ◀══════════ logstream ◀── segments on disk ◀── mask ◀────┘
//	hub ══▶ uplink ──▶ console ──▶ a person's shell, if the operator wants that
//
// An agent has a data directory: its identity (package uplink), its journal
// (package journal), versions that it was upgraded to (package upgrade), packages that
// scripts depend on (package environment) and three
// files of this package: `lock`, held while an agent runs, so that there is one per
// directory, `status.sock`, on which it tells how it is, and `drain.json`, which says
// whether it takes new attempts. It has no port; it dials out. It may die at any moment: scripts run
// on, and the next agent on the directory finds them.
package agent
