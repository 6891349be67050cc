// Package probe looks at servers: it chooses a connected agent that may reach one,
// asks it what it finds there, and has hub/server record the answer.
//
//	a person: Check ──▶ an agent of this replica? ──yes──▶ Probe ──▶ Record
//	                             │ no                        ▲
//	                             └──▶ due now ──▶ the replica that has one
//	the clock: every server whose key is trusted, every 5 min ± 10 %
//
// It is a room of its own, because it needs both fleet's live sessions and servers,
// and neither may know the other; dispatch, its neighbour, knows runs, and nothing
// here does.
//
// It promises:
//   - at most [Config.Limit] probes at a time on a replica, each at most 25 s;
//   - any number of replicas may do this at once: a server that is due is claimed by
//     one of them, and only by one that has an agent for it;
//   - an agent that fails or goes away says nothing about a server: its health stays.
//
// It refuses to know what a probe does and what its steps mean.
package probe
