// Package call is the runtime API as a script sees it: a unix socket that takes
// one request in JSON per line and gives one answer per line.
//
//	{"call": "variable.get", "args": {"name": "x"}}
//	{"value": 42}      or      {"error": {"code": …, "title": …, "detail": …, "hint": …}}
//
// [Server] is the runner's side of that socket; [Main] is the client for shells,
// `cronium-runner call`. Calls that only the hub can answer wait in a [Relay] until
// an agent that is attached to the runner takes them away and brings an answer.
//
// Promises:
//   - Only a process of the attempt may call: one that descends from the runner, and
//     runs as the script's user or as root. The socket's mode says the same.
//   - A connection's requests are answered in their order; those of several
//     connections at once. At most 16 connections are served; others wait.
//   - 50 calls a second, 100 at once: what comes faster is delayed, never refused.
//   - A call for the hub has an id that is unique in the attempt. It is given to each
//     agent that attaches until one has answered, so the hub may see it twice and must
//     do it once. After 30 s it is answered with [ErrUnreachable].
//   - Of progress that is told faster than every 200 ms, what is overtaken is left out;
//     the last is always sent.
//
// It knows neither the hub nor what calls mean; the runner and the hub do. All calls
// are listed in docs/runtime-api.md.
package call
