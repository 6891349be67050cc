// Package agent is the assembly of the program that runs on every host: the one
// place that knows all its rooms.
//
//	hub ══▶ uplink ──▶ supervisor ──▶ executor/process or executor/docker
//	                                            │ starts
//	                                     cronium-runner ──▶ script
//	  ◀══════════ logstream ◀── segments on disk ◀── mask ◀────┘
//	hub ══▶ uplink ──▶ console ──▶ a person's shell, if the operator wants that
//
// An agent has a data directory: its identity (package uplink), its journal
// (package journal) and two files of this package: `lock`, held while an agent
// runs, so that there is one per directory, and `status.sock`, on which it tells
// how it is. It has no port; it dials out. It may die at any moment: scripts run
// on, and the next agent on the directory finds them.
package agent
