// Package supervisor leads attempts through their life on this host, one
// goroutine tree each.
//
//	assigned ─accept: granted─▶ starting ─▶ running ─▶ finished ─▶ (removed)
//	   │                                                  ▲
//	   └─cancelled, stale: forgotten      recovery ───────┘ or running
//
// Assigned attempts are in memory only: nothing starts until the hub has granted
// them, and a grant is valid for five seconds. Then the intent goes to disk, then
// the executor starts the runner. Everything after that is read off the journal,
// so [Supervisor.Recover] finds it again in a new process: what has a result is
// delivered, what runs is attached, what has an intent and no `started` is
// abandoned and reported as not started. No path of recovery launches anything.
//
// It knows no network. What the hub must be asked and told waits here: the uplink
// takes it ([Supervisor.Accepts], [Supervisor.Reports]) when [Supervisor.Bell]
// rings, and brings the answers back. After [Supervisor.NewSession] everything
// unanswered is asked and told again; all of it may be repeated without harm.
//
// While a script runs, its calls for the hub go through here too ([Config.Calls]).
//
// A result is kept until the hub has acknowledged it and its log is there too;
// then the attempt's directory is removed. All methods may be called concurrently.
package supervisor
