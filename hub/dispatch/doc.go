// Package dispatch brings queued runs to agents: it claims for the agents that are
// connected to this replica and have room, makes the payloads, and sends them. It
// also says why runs wait, and passes on that somebody wants an attempt ended.
//
//	queue bell, agent bell, 1 s ──▶ claim (batch) ──▶ payloads ──▶ Assign ──▶ agent
//	                                    ▲                 │            │
//	                                    └───── release ◀──┴── failed ──┴── refused
//
// It promises:
//   - a claim is never more than an agent has room for, by what this replica gave
//     it and what its heartbeats say;
//   - what could not be sent, or was refused, is released; what was sent and lost
//     returns by its assignment lease. Nothing starts without the agent's Accept,
//     so none of this can start anything twice;
//   - work goes to the agents that have the least, label matching given;
//   - a run whose image its project does not allow ends here, as one that the agent
//     would have rejected;
//   - a run whose server is gone, archived or not trusted ends as failed, with that
//     reason; the payload of any other pins the server's host key;
//   - secret inputs are unsealed here, at the last moment, and travel apart from
//     the payload, which agents keep on disk;
//   - any number of replicas may do this at once, with no word between them.
//
// It refuses to know why a run exists and what becomes of it. One goroutine plans;
// one goroutine per agent with something to send, sends, so that a slow agent keeps
// nobody waiting.
package dispatch
