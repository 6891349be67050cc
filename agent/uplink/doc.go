// Package uplink is the agent's side of the line to the hub: who we are, how we
// came to be that, and a session that is always there again after a while.
//
// The identity lives in the data directory: agent.json (names and address),
// ca.pem (whom we trust) and credentials.pem (key and certificate, in one file so
// that they change together, mode 0600). [Enrol] makes it from a join token; the
// token's secret is sent only to a hub whose CA has the token's pin.
//
// A session begins with Hello, which reconciles what we hold with what the hub
// thinks. Then questions (Accept) and news (Report) go out as soon as there are
// any; what comes up while a call is on its way goes with the next one, so calls
// grow with the load and an idle line has no delay. Heartbeats keep the leases.
// The certificate is renewed at two thirds of its life, and an expired one over
// the renewal protocol. If a session ends, the next comes after a pause with full
// jitter, for ever: scripts do not need the hub to run.
//
// What scripts ask of the hub goes over the control connection, 32 calls at a time so
// that heartbeats find room beside them; while there is no session it waits for one,
// as long as the script does.
//
// Logs go over a second connection ([Uplink.OpenLog]) that exists only while there
// is something to send and belongs to the epoch of the session.
package uplink
