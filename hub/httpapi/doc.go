// Package httpapi is the door people knock at: the public API under /api/v1, its
// WebSocket, the probes, the metrics and the dashboard's files.
//
// One table (routes.go) declares for every route who may use it, which permission
// it needs and where the project comes from, how large a body may be, which rate
// limits it and whether it changes anything. A route that leaves one of these
// open panics at construction, and there is no other way to mount a handler; a
// test compares the router with the table. In front of every handler stands the
// same guard (guard.go):
//
//	origin ─▶ rate of guessing ─▶ credentials ─▶ rate ─▶ permission ─▶ body ─▶ handler
//	 403           429               401         429     404 · 403   413·415·4xx
//
// It promises:
//   - every error is a [Problem] with a code, a hint and the request's id; it
//     never repeats a value, and what nobody has named is shown as internal and
//     logged once;
//   - a handler sees only valid UTF-8 JSON of bounded size and depth, without
//     duplicate keys or unknown fields;
//   - GET changes nothing, and another site's page cannot make a browser change
//     anything or open a socket;
//   - what is not the caller's project answers exactly as if it did not exist;
//   - the OpenAPI document (testdata/openapi.json) is what is served, and the
//     tests hold real answers against it;
//   - a socket's permissions are asked again every few seconds; a slow client
//     holds up only itself (socket.go), or its own shell (console_socket.go).
//
// It refuses to know how anything is done: a handler decodes, makes one call into
// a room and encodes. chi, huma and the WebSocket library are known here only.
package httpapi
