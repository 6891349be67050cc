// Package fleet owns agents: how they join, what proves who they are, which are
// connected, and what their hosts look like. Its tables are certificate_authorities,
// join_tokens, agents and agent_certificates.
//
//	join token ──Enrol──▶ agent, certificate 1 ──Renew──▶ certificate 2 ──▶ …
//	                        │ Admit                         │ Admit
//	                        ▼                               ▼
//	                      session, epoch 1 ──replaced by──▶ session, epoch 2
//
// It promises:
//   - A join token admits at most as many agents as it was made for, however many
//     ask at once, and its secret is not in the database.
//   - An agent is who its certificate says: issued by our agents' authority, not
//     revoked, and for this instance. A certificate lives 24 hours; the one before
//     ends when its successor is first used.
//   - At most one session of an agent is current; its epoch is the highest. A
//     second machine with the same identity is refused while the first answers.
//   - What a host says of itself is cleaned and cut before it is kept. Labels from
//     the join token, and os, arch and host, cannot be changed by the host.
//   - Revoking ends sessions on every replica within five seconds.
//   - An agent that drains gets nothing new, from whichever replica, a few seconds
//     after somebody said so in the hub or on its host, until somebody says that it
//     may again. The last word counts.
//   - What an agent becomes by an upgrade is vouched for by the key that it pinned
//     when it enrolled.
//
// It refuses to know what runs on an agent, and the messages of the protocol:
// hub/agentapi speaks those. All methods may be called concurrently. [Fleet.Run]
// must run for presence and revocation to work.
//
// Two authorities, one for hubs and one for agents, so that neither can play the
// other. Their keys are sealed by hub/secret. An agent trusts the hub's authority
// by the pin in its join token and nothing else, so the hub's own certificate may
// be made anew at every start.
package fleet
