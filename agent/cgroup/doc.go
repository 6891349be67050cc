// Package cgroup puts scripts into control groups of the kernel: one group per
// attempt in every hierarchy that the host offers, with what the attempt may use.
//
// There are three worlds, and [Host.String] says which one this is:
//
//   - v2, when the agent's own group is delegated to it and offers controllers. The
//     agent moves itself into the leaf [Leaf] first, because a group that hands out
//     controllers must have no processes of its own. A systemd unit has Delegate=yes,
//     and DelegateSubgroup=cronium-agent where systemd knows that.
//   - v1, when memory, cpu or pids are mounted as hierarchies of their own. A bare v2
//     hierarchy beside them has no limits to set, but kills groups in one stroke.
//   - none, with the reason. Then nothing is limited, and the caller must say so.
//
// Groups are made beside the agent's own, below it on v2, and are named after the
// agent's journal and the attempt, so a new agent finds them again. They hold
// scripts only: runners stay outside, so that no script takes its runner along. A
// script is in its groups from its first instruction: on v1 it is started by a
// thread that has gone there before ([Enter]), on v2 it is cloned into the group.
//
// All methods may be called concurrently. The package knows neither attempts nor
// the journal.
package cgroup
