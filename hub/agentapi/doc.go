// Package agentapi is the door that agents knock at: it turns what they say on the
// wire into calls of the rooms below, and never the other way round.
//
// Who an agent is comes from the certificate of its connection; no message says
// it. Whatever else comes from an agent is hostile: lengths are bounded, ids are
// parsed, every claim about an attempt is compared with run, attempt, fence and
// agent by hub/run, and what is not the agent's is answered not_yours; the third
// time the session ends. A panic in a handler ends the session, not the hub.
//
// One value per session ([session]), one file per concern: hello, heartbeat,
// accept, report, credentials, runtime, upload, upgrade, renew, and enrol for newcomers. What a connection may
// call depends on the protocol it asked for in its handshake:
//
//	cronium-enrol/1   Enrol, for half a minute
//	cronium-renew/1   Renew, for half a minute
//	cronium-agent/1   Hello first, then Heartbeat, Accept, Report, Credentials, RuntimeCall, Renew
//	cronium-data/1    Upload, Download and RuntimeCall, with the epoch that Hello answered
//
// It promises:
//   - what is answered is committed: an agent may forget a result or a piece of
//     log as soon as it is acknowledged, and not before;
//   - every call may be repeated;
//   - no query per attempt: while one batch of a session is in the database, what
//     arrives waits for the next, so batches grow with the load and a lone call
//     waits for nobody;
//   - a session that says nothing for 45 s, or whose certificate ends, is closed.
//
// It refuses to know why an attempt is where it is.
package agentapi
