// Package hub is the assembly: the one place that knows every room. It turns a
// configuration into rooms, hands each what it needs, and runs the ones that run
// until the context ends or one of them cannot go on. Nobody imports it but the
// command, the tests and the benchmarks.
//
// # The house
//
//	browser / CLI / curl ──HTTP──▶ httpapi          agentapi ◀──mTLS, yamux, gRPC── agent
//	                                  │                 │
//	verbs              schedule   dispatch   probe   fleet   call   console
//	                                  │      │         │      │
//	nouns     project identity setting secret variable server job run output artifact runlog release
//	                                  │
//	floor                     postgres   bus   authz
//
// Arrows go down. A noun owns its tables, a verb makes something happen between
// nouns, a door turns bytes into calls. deps.txt is this as policy; a test holds
// every import against it.
//
// # Walk one: a schedule fires, and a line appears in a browser
//
//  1. schedule.FireDue locks due rows, computes the next fire (pure), writes the
//     ledger row and asks for a run, all in one transaction. (schedule, planned
//     time) is unique, so two hubs cannot fire twice.
//  2. run.Create writes the row, queued, with the job's version pinned.
//  3. bus rings "queue"; if the bell is lost, the poll finds the row.
//  4. dispatch claims a batch for each agent with free slots, with fences and
//     leases, opens sealed inputs only now, and has fleet sign what is to be run.
//  5. fleet holds the agent's live session.
//  6. proto/wire carries one gRPC call on a stream that the hub opens over the
//     connection that the agent dialled.
//  7. agent/uplink checks the signature and takes the assignment to
//     agent/supervisor: Accept, a compare-and-set on the hub; then the intent goes
//     to disk; then the executor starts the runner.
//  8. agent/runner checks the signature again, starts the script, masks what it prints and appends segments.
//  9. agent/logstream uploads; agentapi hands the chunks to runlog.Append, which is
//     idempotent by offset; the acknowledgement follows the commit; then a bell.
//  10. httpapi reads runlog from the reader's own cursor and writes to the
//     WebSocket; a slow browser waits alone.
//  11. Home: the runner's exit file becomes a result with a fence, run.Finish
//     compares and sets, and the run has its one outcome.
//
// # A script asks
//
// "$CRONIUM_RUNNER" call, or a helper, writes a line of JSON to the attempt's socket;
// agent/runner answers what it knows itself. What only the hub knows goes to the
// agent that is attached, over its control connection to agentapi, and to call, which
// looks whether that agent holds that attempt and it runs, and asks variable, secret
// or output in one transaction with the answer. A call that was sent twice, because an
// agent or a hub went away in between, is made once. A file is many calls, each with a
// chunk of it, over the agent's data connection to artifact.
//
// hubtest has each walk as a test of the same name.
package hub
