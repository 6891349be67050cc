// Package docker runs attempts in containers of the host's Docker engine: one
// container each, with cronium-runner as its first process and the attempt's
// directory mounted, so that everything else is as with a process (package local).
//
//	create ─▶ attach stdin ─▶ start ─▶ hand over secrets ─▶ runner claims `started`
//	                                                             │
//	remove ◀── container has ended ◀── runner writes `exit` ◀────┘
//
// Promises:
//   - A container's name is made of agent, run and attempt, so there is never a
//     second one for an attempt. Nothing but [Executor.Start] starts one.
//   - Containers survive the agent. A new one attaches by name; the engine's own
//     record of the container says whether the runner is still there.
//   - The image decides what is installed, and nothing else: all capabilities are
//     dropped, no privileges can be gained, the root file system is read-only, and
//     the script runs as an unprivileged user. The runner keeps the four
//     capabilities that it needs to become that user and to end its processes; an
//     agent that is not root has its containers run wholly as its own user.
//   - What runs is the image that was found, by its id: found under the name or digest
//     that the job gives, never by an id that looks like a name. Which one it was is
//     noted in the journal before anything starts.
//   - What the operator's policy (package policy) does not allow never starts.
//   - That the engine was restarted is told apart from what a script does. With
//     live-restore nobody notices.
//   - What is not accounted for is removed: every 30 s, containers of this agent
//     that are older than a minute and belong to no attempt are killed and removed.
//
// It refuses privileged containers, host namespaces, devices, mounts that the policy
// does not have, images' own users and entry points: no option for them exists. It
// does not know the hub.
package docker
