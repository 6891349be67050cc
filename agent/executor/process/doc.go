// Package process runs attempts as processes of the agent's host: one
// cronium-runner each, in a session of its own, so that they survive the agent.
//
// What happens to an attempt is read off its directory, never asked for: inotify
// tells when to look, and once a second we look anyway. Only cancelling talks to
// the runner, over its socket. Everything else therefore works the same for an
// attempt that was started by this process, by an earlier one, or that ended while
// no agent ran.
//
// If a runner dies without a result (killed by hand or by the kernel), the
// processes that carry its workspace in their environment are killed and the
// attempt ends as an infrastructure failure. The package does not know the hub.
package process
