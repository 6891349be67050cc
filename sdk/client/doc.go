// Package client is the Go client of the hub's public API.
//
// It promises: every refusal of the hub is an [*AnswerError] around the
// [*problem.Problem] that the hub sent, so errors.Is and [problem.As] work on it;
// a hub that cannot be reached is [ErrUnreachable]; nothing is sent twice unless
// the hub said that it did not apply it (429); the token is sent to the hub's own
// address and nowhere else, so redirects are refused. A [Client] may be used
// by many goroutines at once.
//
// Following a log or a run survives the loss of the connection: a log resumes at
// the line number that was not final yet, so no line is lost or doubled, and
// where WebSockets do not pass it polls.
//
// It does not know definition files (see sdk/definition): a [Definition] is only
// its JSON.
package client
